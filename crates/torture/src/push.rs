//! Clients that push, while the program is killed and its destination is down: what was answered with success must have arrived.

mod clients;
mod grpc;
mod signal;
mod tally;
mod verdict;

pub use signal::Signal;
pub use verdict::PushVerdict;

use crate::child::{Balance, Child, Start, free_port};
use clients::Clients;
use signal::Source;
use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tally::Tally;

/// How often everything is looked at.
const TICK: Duration = Duration::from_millis(50);

/// What arrived so shortly before a kill may come again: the program had not written down that it had; and so may what a destination had not read.
const UNSAVED: Duration = Duration::from_secs(2);

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
    /// How many times more is pushed than the destination takes meanwhile; it takes any number if this is not above 1.
    pub overload: f64,
    /// Bound for the program's memory, in bytes.
    pub memory_limit: Option<u64>,
    /// How long after the end nothing new may arrive before the rest counts as lost.
    pub patience: Duration,
    /// Chooses when things happen.
    pub seed: u64,
    /// Set to give up.
    pub stop: Arc<AtomicBool>,
}

impl PushOptions {
    fn source(&self) -> Source {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Memory is used up by what waits, and each client waits for one answer: under overload requests are as large as those of busy senders.
        let (together, padding) = match (self.overload > 1.0, self.signal) {
            (false, _) => (20, 0),
            (true, Signal::Metrics) => (5000, 0),
            (true, Signal::Otlp | Signal::OtlpGrpc) => (1000, 512),
        };
        Source {
            signal: self.signal,
            together,
            padding,
            begin: i64::try_from(now.as_millis()).unwrap_or(i64::MAX),
        }
    }

    /// Bytes a second that a destination takes under overload.
    fn pace(&self, source: Source) -> Option<u64> {
        let bytes = source.body(0, 0..source.together).len() as f64 / source.together as f64;
        (self.overload > 1.0).then(|| (bytes * self.rate as f64 / self.overload) as u64)
    }
}

/// Arrivals lately, and how many of them may come again.
#[derive(Default)]
struct Repeatable {
    recent: VecDeque<(Instant, u64)>,
    /// Time and arrivals of kills after which not all has been counted.
    kills: VecDeque<(Instant, u64)>,
    count: u64,
}

impl Repeatable {
    /// So many records have arrived, all in all.
    fn look(&mut self, arrivals: u64) {
        self.recent.push_back((Instant::now(), arrivals));
        while self.recent.get(1).is_some_and(|(at, _)| at.elapsed() > UNSAVED) {
            self.recent.pop_front();
        }
        while let Some((_, before)) = self.kills.pop_front_if(|(at, _)| at.elapsed() > UNSAVED) {
            self.count += arrivals - before;
        }
    }

    fn killed(&mut self) {
        let newest = self.recent.back().map_or(0, |(_, arrivals)| *arrivals);
        let oldest = self.recent.front().map_or(0, |(_, arrivals)| *arrivals);
        self.count += newest - oldest;
        self.kills.push_back((Instant::now(), newest));
    }

    fn end(mut self, arrivals: u64) -> u64 {
        self.count += self.kills.drain(..).map(|(_, before)| arrivals - before).sum::<u64>();
        self.count
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
    if options.overload > 1.0 && options.outage > 0.0 {
        return Err("a destination is either slow or down".to_owned());
    }
    let source = options.source();
    let dir = tempfile::Builder::new()
        .prefix("invar-torture-")
        .tempdir()
        .map_err(|error| format!("cannot make a temporary folder: {error}"))?;
    let runtime = testkit::runtime().map_err(|error| format!("cannot start the destination: {error}"))?;
    let per_client = options.records.div_ceil(options.clients as u64);
    let tally = Arc::new(Tally::new(options.clients, per_client));
    let sink = source.sink(&runtime, tally.clone())?;
    sink.set_pace(options.pace(source));
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
    let clients = Clients::start(options, source, port, per_client);
    let (mut killed, mut peak, mut quiet) = (0, 0, Instant::now());
    let (mut last, mut repeatable) = (0, Repeatable::default());
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
            repeatable.killed();
            child = start.spawn()?;
        }
        let received = tally.received();
        repeatable.look(received + tally.duplicates());
        if clients.are_done() && kills.is_empty() {
            sink.set_pace(None);
        }
        if received != last || !clients.are_done() || !kills.is_empty() {
            (last, quiet) = (received, Instant::now());
        }
        let all = clients.are_done() && kills.is_empty() && tally.lost(&clients.accepted()) == 0;
        if all || quiet.elapsed() >= options.patience {
            break;
        }
    }
    let accepted = clients.accepted();
    let balance = balance(&child);
    let unanswered = clients.unanswered() * source.together;
    let verdict = PushVerdict {
        signal: options.signal,
        accepted: accepted.iter().map(|bits| bits.count()).sum(),
        received: tally.received(),
        lost: tally.lost(&accepted),
        duplicates: tally.duplicates(),
        repeatable: repeatable.end(tally.received() + tally.duplicates()) + unanswered,
        out_of_order: tally.out_of_order(),
        altered: tally.altered(),
        refused: clients.refused(),
        odd: clients.odd(),
        kills: killed,
        peak_rss: child.peak_rss().max(peak),
        memory_limit: options.memory_limit,
        balance,
        duration: begin.elapsed(),
    };
    Ok(verdict)
}

/// What the ledger says in the end. Fates are counted after answers, so it is asked until nothing is on its way, for a while.
fn balance(child: &Child) -> Option<Balance> {
    let begin = Instant::now();
    loop {
        let balance = child.balance();
        let settled = balance.as_ref().is_some_and(|balance| balance.in_flight == 0);
        if settled || begin.elapsed() > SETTLED {
            return balance;
        }
        sleep(TICK);
    }
}
