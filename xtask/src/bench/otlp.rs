//! Requests of OTLP: received, put together, given an attribute, sent on.

mod config;

use super::peers::Peer;
use super::program::{self, Program};
use crate::process::{Usage, usage};
use anyhow::{Context, Result, bail};
use clap::Args;
use otlp_wire::Signal;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::time::{Duration, Instant};
use testkit::otlp_peers::{Coding, Load, LoadOptions, OtlpSink, Sent, SinkOptions, Transport};

/// The attribute that is inserted.
const ATTRIBUTE: &str = "bench.cluster";
/// How many times more is offered than the destination takes, with `--overload`.
const OVERLOAD: f64 = 10.0;
/// Seconds before the measured ones.
const WARM_UP: Duration = Duration::from_secs(2);
/// How long what was accepted may take to arrive in the end.
const PATIENCE: Duration = Duration::from_secs(300);

#[derive(Args)]
pub struct Options {
    /// What is sent: `logs`, `traces`, `metrics`.
    #[arg(long, value_delimiter = ',', default_value = "logs", value_parser = signal)]
    signal: Vec<Signal>,
    /// What it comes and goes over: `grpc`, `http`.
    #[arg(long, value_delimiter = ',', default_value = "grpc,http")]
    transport: Vec<Transport>,
    /// How it is compressed both ways: `none`, `gzip`, `zstd`.
    #[arg(long, value_delimiter = ',', default_value = "none,gzip,zstd")]
    compression: Vec<Coding>,
    /// Whether each record gets an attribute: `off`, `on`.
    #[arg(long, value_delimiter = ',', default_value = "off,on")]
    edit: Vec<Edit>,
    /// Log records, spans or data points of a request.
    #[arg(long, default_value_t = 1000)]
    records: usize,
    /// Connections over HTTP/2; over HTTP/1.1 there is one for each request that may be without an answer.
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Requests without an answer that each of them may have.
    #[arg(long, default_value_t = 12)]
    in_flight: usize,
    /// Seconds that are measured of each combination.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How often each combination is measured, each time with a new process.
    #[arg(long, default_value_t = 1)]
    repeat: usize,
    /// Offers ten times more than the destination takes, which is so many records a second; afterwards everything that was accepted has to arrive.
    #[arg(long, value_name = "RECORDS", num_args = 0..=1, default_missing_value = "20000")]
    overload: Option<u64>,
    /// Passed on to Invar.
    #[arg(long, value_name = "SIZE")]
    memory_limit: Option<String>,
    /// An Invar binary to measure instead of building one.
    #[arg(long, value_name = "BINARY")]
    binary: Option<PathBuf>,
    /// Another program, as NAME=BINARY: names that begin with `otelcol` are started as an OpenTelemetry Collector, others as Invar.
    #[arg(long = "peer", value_name = "NAME=BINARY")]
    peers: Vec<Peer>,
}

/// Whether records get an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edit {
    Off,
    On,
}

impl FromStr for Edit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Edit::Off),
            "on" => Ok(Edit::On),
            _ => Err(format!("{text:?} is neither \"off\" nor \"on\"")),
        }
    }
}

fn signal(text: &str) -> Result<Signal, String> {
    Signal::named(text).ok_or_else(|| format!("{text:?} is none of \"logs\", \"metrics\" and \"traces\""))
}

/// What is measured with one process.
#[derive(Clone, Copy)]
struct Case {
    signal: Signal,
    transport: Transport,
    coding: Coding,
    edit: Edit,
}

pub fn run(options: &Options) -> Result<()> {
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => super::release_binary()?,
    };
    // The program under test has cores of its own as far as there are any; only its CPU time counts.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let dir = std::env::temp_dir().join(format!("invar-bench-otlp-{}", std::process::id()));
    let bytes = testkit::otlp_peers::request(options.signal[0], options.records, 0).len();
    println!(
        "requests of {} records, {} bytes a record, {} in flight",
        options.records,
        bytes / options.records.max(1),
        options.connections * options.in_flight
    );
    println!(
        "{:<12} {:<8} {:<6} {:<6} {:<5} {:>12} {:>8} {:>6} {:>14} {:>12} {:>9} {:>9} {:>8}",
        "program",
        "signal",
        "over",
        "coding",
        "edit",
        "records",
        "cpu s",
        "sys %",
        "records/cpu s",
        "records/s",
        "RSS MiB",
        "peak MiB",
        "B/record"
    );
    let invar = Peer {
        name: "invar".to_owned(),
        binary,
    };
    for case in cases(options) {
        for peer in std::iter::once(&invar).chain(&options.peers) {
            for _ in 0..options.repeat {
                fs::create_dir_all(&dir)?;
                let outcome = runtime.block_on(measure(peer, &dir, case, options));
                let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
                fs::remove_dir_all(&dir).context("cannot remove the temporary folder")?;
                outcome.with_context(|| format!("{} says:\n{log}", peer.name))?;
            }
        }
    }
    Ok(())
}

fn cases(options: &Options) -> Vec<Case> {
    let mut cases = Vec::new();
    for &signal in &options.signal {
        for &transport in &options.transport {
            for &coding in &options.compression {
                for &edit in &options.edit {
                    cases.push(Case {
                        signal,
                        transport,
                        coding,
                        edit,
                    });
                }
            }
        }
    }
    cases
}

async fn measure(peer: &Peer, dir: &Path, case: Case, options: &Options) -> Result<()> {
    let sink = OtlpSink::start(SinkOptions {
        check_every: 64,
        attribute: Some(match case.edit {
            Edit::On => ATTRIBUTE,
            Edit::Off => "code.line",
        }),
    })
    .await?;
    sink.set_rate(options.overload);
    let (mut program, addr) = start(peer, dir, case, sink.addr(), options)?;
    ready(&mut program, addr).await?;
    let rate = options
        .overload
        .map(|records| records as f64 * OVERLOAD / options.records as f64);
    let load = Load::start(LoadOptions {
        addr,
        signal: case.signal,
        transport: case.transport,
        coding: case.coding,
        records: options.records,
        connections: options.connections,
        // As many senders as it takes to offer that much to somebody who does not answer.
        in_flight: if rate.is_some() { 64 } else { options.in_flight },
        rate,
    })
    .await?;
    tokio::time::sleep(WARM_UP).await;
    let pid = program.id();
    let (before, records, bytes) = (usage(pid)?, sink.records(), sink.requests().1);
    let started = Instant::now();
    tokio::time::sleep(Duration::from_secs(options.seconds)).await;
    let (after, took) = (usage(pid)?, started.elapsed());
    let (records, bytes) = (sink.records() - records, sink.requests().1 - bytes);
    report(peer, case, (&before, &after), (records, bytes), took);
    sink.set_rate(None);
    let sent = load.stop().await;
    arrive(&sent, &sink, pid, options).await
}

fn report(peer: &Peer, case: Case, usage: (&Usage, &Usage), (records, bytes): (u64, u64), took: Duration) {
    let (before, after) = usage;
    let (cpu, system) = (after.cpu - before.cpu, after.system - before.system);
    let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
    println!(
        "{:<12} {:<8} {:<6} {:<6} {:<5} {:>12} {:>8.2} {:>6.0} {:>14.0} {:>12.0} {:>9.1} {:>9.1} {:>8.1}",
        peer.name,
        case.signal.name(),
        case.transport.as_str(),
        case.coding.as_str(),
        match case.edit {
            Edit::On => "on",
            Edit::Off => "off",
        },
        records,
        cpu,
        100.0 * system / cpu.max(0.01),
        records as f64 / cpu.max(0.01),
        records as f64 / took.as_secs_f64(),
        mib(after.rss),
        mib(after.peak_rss),
        bytes as f64 / records.max(1) as f64,
    );
}

/// Waits until what was accepted is there, and compares.
async fn arrive(sent: &Sent, sink: &OtlpSink, pid: u32, options: &Options) -> Result<()> {
    let started = Instant::now();
    while sink.records() < sent.records && started.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let there = started.elapsed();
    // What came too often comes now.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let received = sink.records();
    if let Some(why) = &sent.failed {
        bail!("a request failed: {why}");
    }
    if let Some(why) = sink.wrong() {
        bail!("the destination got what it should not have got: {why}");
    }
    if received < sent.records {
        bail!("{} records were accepted, and {received} came", sent.records);
    }
    if options.overload.is_none() && (received, sent.refused) != (sent.records, 0) {
        bail!(
            "{} records were accepted, {received} came, {} requests were refused",
            sent.records,
            sent.refused
        );
    }
    if let Some(rate) = options.overload {
        let accepted = sent.records / options.records as u64;
        // Senders that wait for answers may not get to offer as much as they are to.
        let offered = (accepted + sent.refused) as f64 * options.records as f64;
        let offered = offered / (WARM_UP.as_secs() + options.seconds) as f64 / rate as f64;
        println!(
            "{:<12} {offered:.1} times as much offered; {accepted} requests accepted, {} refused; all of their records came, the last {:.1} s after the end of the overload, and {} records that no request was told of; peak RSS {:.1} MiB",
            "",
            sent.refused,
            there.as_secs_f64(),
            received - sent.records,
            usage(pid)?.peak_rss as f64 / (1 << 20) as f64
        );
    }
    Ok(())
}

/// Starts a program; and where it listens.
fn start(peer: &Peer, dir: &Path, case: Case, sink: SocketAddr, options: &Options) -> Result<(Program, SocketAddr)> {
    let addr = SocketAddr::from(([127, 0, 0, 1], super::free_port()?));
    let mut command = Command::new(&peer.binary);
    if peer.name.starts_with("otelcol") {
        let config = dir.join("config.yaml");
        fs::write(&config, config::collector(case, addr, sink))?;
        command.arg(format!("--config={}", config.display()));
    } else {
        let config = dir.join("config.alloy");
        fs::write(&config, config::alloy(case, addr, sink))?;
        command = program::invar(&peer.binary, &config, dir, super::free_port()?);
        if let Some(limit) = &options.memory_limit {
            command.arg(format!("--memory-limit={limit}"));
        }
    }
    Ok((Program::spawn(command, dir)?, addr))
}

async fn ready(program: &mut Program, addr: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while tokio::net::TcpStream::connect(addr).await.is_err() {
        if Instant::now() > deadline || program.ended()?.is_some() {
            bail!("nobody listens on {addr}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
