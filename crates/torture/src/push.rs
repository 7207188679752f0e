//! Clients that push, while the program is killed and its destination is down: what was answered with success must have arrived.

mod clients;
mod signal;
mod tally;

pub use signal::Signal;

use crate::child::{Child, Start, free_port};
use clients::Clients;
use serde_json::json;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tally::Tally;

/// How often everything is looked at.
const TICK: Duration = Duration::from_millis(50);

/// How long fates may be missing after everything has arrived.
const SETTLED: Duration = Duration::from_secs(20);

/// A run.
#[derive(Clone, Debug)]
pub struct PushOptions {
    /// The program; it is started with `run`.
    pub program: PathBuf,
    /// What is pushed.
    pub signal: Signal,
    /// Clients that push at a time.
    pub clients: usize,
    /// Records, all clients together.
    pub records: u64,
    /// Records a second, all clients together.
    pub rate: u64,
    /// How often the program is killed.
    pub kill9: u32,
    /// Share of the time in which the destination answers with status 503, from 0 to 1.
    pub outage: f64,
    /// Bound for the program's memory, in bytes.
    pub memory_limit: Option<u64>,
    /// How long after the end nothing new may arrive before the rest counts as lost.
    pub patience: Duration,
    /// Chooses when things happen.
    pub seed: u64,
    /// Set to give up.
    pub stop: Arc<AtomicBool>,
}

/// What became of the records.
#[derive(Clone, Debug)]
pub struct PushVerdict {
    signal: Signal,
    /// Records of requests that were answered with success.
    pub accepted: u64,
    /// Different ones that arrived.
    pub received: u64,
    /// Accepted and not received.
    pub lost: u64,
    /// Arrived again.
    pub duplicates: u64,
    /// Answers that asked to come again.
    pub refused: u64,
    /// How often the program was killed.
    pub kills: u32,
    /// Resident memory at its peak, in bytes.
    pub peak_rss: u64,
    /// Records without a fate in the ledger of the last process; none if it did not answer.
    pub ledger_lost: Option<u64>,
}

impl PushVerdict {
    /// Whether nothing was lost.
    pub fn passed(&self) -> bool {
        self.lost == 0 && self.ledger_lost == Some(0) && self.accepted > 0
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut out = String::new();
        let mib = self.peak_rss as f64 / (1 << 20) as f64;
        let ledger = self
            .ledger_lost
            .map_or_else(|| "no answer".to_owned(), |lost| lost.to_string());
        for (name, value) in [
            ("accepted", self.accepted.to_string()),
            ("received", self.received.to_string()),
            ("lost", self.lost.to_string()),
            ("without a fate", ledger),
            ("duplicated", self.duplicates.to_string()),
            ("answers to come again", self.refused.to_string()),
            ("kills", self.kills.to_string()),
            ("peak memory", format!("{mib:.1} MiB")),
        ] {
            let _ = writeln!(out, "{name:<24}{value}");
        }
        out
    }

    /// For programs.
    pub fn json(&self) -> serde_json::Value {
        json!({
            "signal": self.signal.as_str(),
            "accepted": self.accepted,
            "received": self.received,
            "lost": self.lost,
            "ledger_lost": self.ledger_lost,
            "duplicated": self.duplicates,
            "refused": self.refused,
            "kills": self.kills,
            "peak_rss": self.peak_rss,
            "passed": self.passed(),
        })
    }
}

/// Does the harm.
///
/// # Errors
/// The program cannot be started, or the run was given up.
pub fn run(options: &PushOptions) -> Result<PushVerdict, String> {
    if options.records == 0 || options.rate == 0 || options.clients == 0 {
        return Err("there must be records, clients and a rate above 0".to_owned());
    }
    let dir = tempfile::Builder::new()
        .prefix("invar-torture-")
        .tempdir()
        .map_err(|error| format!("cannot make a temporary folder: {error}"))?;
    let runtime = testkit::runtime().map_err(|error| format!("cannot start the destination: {error}"))?;
    let per_client = options.records.div_ceil(options.clients as u64);
    let tally = Arc::new(Tally::new(options.clients, per_client));
    let sink = options.signal.sink(&runtime, tally.clone())?;
    let port = free_port()?;
    let config = dir.path().join("config.alloy");
    fs::write(&config, options.signal.config(port, &sink.addr().to_string()))
        .map_err(|error| format!("cannot write the configuration: {error}"))?;
    let start = Start {
        program: options.program.clone(),
        config,
        storage: dir.path().join("state"),
        log: dir.path().join("log"),
        memory_limit: options.memory_limit,
    };
    let mut random = fastrand::Rng::with_seed(options.seed);
    let length = Duration::from_secs_f64(options.records as f64 / options.rate as f64);
    let mut kills: Vec<Duration> = (0..options.kill9).map(|_| length.mul_f64(random.f64())).collect();
    kills.sort();
    // The destination is down in the middle, once.
    let down_from = length.mul_f64((1.0 - options.outage) / 2.0);
    let down_to = down_from + length.mul_f64(options.outage);

    let mut child = start.spawn()?;
    let begin = Instant::now();
    let clients = Clients::start(options, port, per_client);
    let (mut killed, mut peak, mut quiet) = (0, 0, Instant::now());
    let mut last = 0;
    loop {
        sleep(TICK);
        if options.stop.load(Ordering::Relaxed) {
            clients.stop();
            return Err("interrupted".to_owned());
        }
        let now = begin.elapsed();
        sink.set_down(options.outage > 0.0 && (down_from..down_to).contains(&now));
        if let Some(status) = child.ended()? {
            clients.stop();
            return Err(format!("the program ended with {status}:\n{}", start.last_words()));
        }
        if kills.first().is_some_and(|at| *at <= now) {
            kills.remove(0);
            killed += 1;
            peak = child.kill().max(peak);
            child = start.spawn()?;
        }
        let received = tally.received();
        if received != last || !clients.are_done() || !kills.is_empty() {
            (last, quiet) = (received, Instant::now());
        }
        let all = clients.are_done() && kills.is_empty() && tally.lost(&clients.accepted()) == 0;
        if all || quiet.elapsed() >= options.patience {
            break;
        }
    }
    let accepted = clients.accepted();
    let ledger_lost = ledger_lost(&child);
    Ok(PushVerdict {
        signal: options.signal,
        accepted: accepted.iter().map(|bits| bits.count()).sum(),
        received: tally.received(),
        lost: tally.lost(&accepted),
        duplicates: tally.duplicates(),
        refused: clients.refused(),
        kills: killed,
        peak_rss: child.peak_rss().max(peak),
        ledger_lost,
    })
}

/// Records that the ledger calls lost. Fates are counted after answers, so it is asked until nothing is on its way, for a while.
fn ledger_lost(child: &Child) -> Option<u64> {
    let begin = Instant::now();
    loop {
        match child.balance() {
            Some((_, lost)) if lost > 0 => return Some(lost),
            Some((0, lost)) => return Some(lost),
            // What is still on its way after all has arrived has no fate.
            Some((in_flight, _)) if begin.elapsed() > SETTLED => return Some(in_flight),
            None if begin.elapsed() > SETTLED => return None,
            _ => sleep(TICK),
        }
    }
}
