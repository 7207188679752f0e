//! file -> json + timestamp + labels + drop -> Loki push.

use super::peers::{Peer, Setup};
use super::program::Program;
use crate::process::{Usage, usage};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fs;
use std::io::{BufWriter, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[derive(Args)]
pub struct Options {
    /// Bytes of lines to generate: 2GiB, 200MiB.
    #[arg(long, default_value = "2GiB", value_parser = size)]
    size: u64,
    /// Number of files that they are spread over.
    #[arg(long, default_value_t = 4)]
    files: u32,
    /// Another program to measure on the same load: NAME=BINARY. May be given several times.
    #[arg(long = "peer", value_name = "NAME=BINARY")]
    peers: Vec<Peer>,
    /// An Invar binary to measure instead of building one.
    #[arg(long, value_name = "BINARY")]
    binary: Option<PathBuf>,
    /// Measure Invar once more while somebody watches all edges by live debugging.
    #[arg(long)]
    tap: bool,
    /// Folder for input and state; kept afterwards. A temporary one by default.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Give up on a program after this many seconds.
    #[arg(long, default_value_t = 1800)]
    timeout: u64,
}

fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        other => return Err(format!("unknown unit {other:?}; use KiB, MiB or GiB")),
    };
    digits
        .parse::<u64>()
        .map(|n| n * unit)
        .map_err(|error| error.to_string())
}

/// Name of the run that somebody watches.
const TAPPED: &str = "invar tapped";

/// What was written for the programs to read.
struct Input {
    bytes: u64,
    lines: u64,
    /// Lines that the drop stage does not match.
    kept: u64,
}

pub fn run(options: &Options) -> Result<()> {
    let own = std::env::temp_dir().join(format!("invar-bench-{}", std::process::id()));
    let dir = options.dir.clone().unwrap_or_else(|| own.clone());
    fs::create_dir_all(&dir)?;
    let outcome = measure_all(options, &dir);
    if options.dir.is_none() {
        fs::remove_dir_all(&own).context("cannot remove the temporary folder")?;
    }
    outcome
}

fn measure_all(options: &Options, dir: &Path) -> Result<()> {
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => super::release_binary()?,
    };
    let input = generate(&dir.join("input"), options.size, options.files)?;
    println!(
        "input: {:.0} MiB, {} lines, {} after the drop stage, {} files",
        mib(input.bytes),
        input.lines,
        input.kept,
        options.files
    );
    println!(
        "{:<14} {:>9} {:>9} {:>12} {:>11} {:>10} {:>10} {:>9} {:>8}",
        "program", "wall s", "cpu s", "lines/cpu-s", "MiB/cpu-s", "peak MiB", "idle MiB", "ready ms", "lines"
    );
    let invar = Peer {
        name: "invar".to_owned(),
        binary,
    };
    let tapped = options.tap.then(|| Peer {
        name: TAPPED.to_owned(),
        binary: invar.binary.clone(),
    });
    let mut baseline = None;
    for peer in std::iter::once(&invar).chain(&tapped).chain(&options.peers) {
        let result = measure(peer, dir, &input, Duration::from_secs(options.timeout))?;
        let per_cpu = mib(input.bytes) / result.usage.cpu;
        println!(
            "{:<14} {:>9.2} {:>9.2} {:>12.0} {:>11.1} {:>10.1} {:>10.1} {:>9.0} {:>8}",
            peer.name,
            result.wall.as_secs_f64(),
            result.usage.cpu,
            input.lines as f64 / result.usage.cpu,
            per_cpu,
            mib(result.usage.peak_rss),
            mib(result.idle_rss),
            result.ready.as_secs_f64() * 1000.0,
            if result.lines == input.kept {
                "all".to_owned()
            } else {
                result.lines.to_string()
            },
        );
        match baseline {
            None => baseline = Some(per_cpu),
            Some(invar) => println!(
                "{:<14} invar does {:.2} times as much per CPU-second",
                "",
                invar / per_cpu
            ),
        }
    }
    Ok(())
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1 << 20) as f64
}

/// Lines of about 200 bytes as an application writes them; one in eight is of level debug.
fn generate(dir: &Path, size: u64, files: u32) -> Result<Input> {
    fs::create_dir_all(dir)?;
    let mut input = Input {
        bytes: 0,
        lines: 0,
        kept: 0,
    };
    let levels = ["info", "info", "warn", "info", "debug", "info", "error", "info"];
    let services = ["checkout", "cart", "search", "payments"];
    let mut line = String::new();
    for file in 0..files {
        let mut out = BufWriter::with_capacity(1 << 20, fs::File::create(dir.join(format!("app-{file}.log")))?);
        let target = size / u64::from(files);
        let mut written = 0;
        let mut n: u64 = 0;
        while written < target {
            use std::fmt::Write as _;
            n += 1;
            let level = levels[(n % 8) as usize];
            line.clear();
            // A multiplication by a large odd number scatters the digits, so that lines differ as real ones do.
            let id = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            writeln!(
                line,
                "{{\"ts\":\"2026-11-23T{:02}:{:02}:{:02}.{:09}Z\",\"level\":\"{level}\",\"service\":\"{}\",\"msg\":\"request done\",\"trace_id\":\"{id:016x}\",\"path\":\"/api/v1/items/{}\",\"status\":{},\"duration_ms\":{}}}",
                n / 3_600_000 % 24,
                n / 60_000 % 60,
                n / 1000 % 60,
                n % 1000 * 1_000_000 + id % 1_000_000,
                services[(id % 4) as usize],
                id % 100_000,
                200 + id % 5 * 100 / 4,
                id % 997,
            )?;
            out.write_all(line.as_bytes())?;
            written += line.len() as u64;
            input.lines += 1;
            input.kept += u64::from(level != "debug");
        }
        out.flush()?;
        input.bytes += written;
    }
    Ok(input)
}

struct Measured {
    wall: Duration,
    usage: Usage,
    lines: u64,
    idle_rss: u64,
    ready: Duration,
}

fn measure(peer: &Peer, dir: &Path, input: &Input, timeout: Duration) -> Result<Measured> {
    let dir = dir.join(&peer.name);
    if dir.exists() {
        // Positions of an earlier run would leave nothing to read.
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(&dir)?;
    let (idle_rss, ready) = idle(peer, &dir)?;
    let port = super::free_port()?;
    let sink = Command::new(std::env::current_exe()?)
        .args(["sink", &format!("127.0.0.1:{port}")])
        .stdout(Stdio::null())
        .spawn()
        .context("cannot start the sink")?;
    let _sink = Program::from(sink);
    wait_for_port(port)?;
    let setup = Setup {
        dir: &dir,
        pattern: dir
            .parent()
            .context("the folder has a parent")?
            .join("input/*.log")
            .display()
            .to_string(),
        sink: format!("http://127.0.0.1:{port}"),
        http_port: super::free_port()?,
    };
    let started = Instant::now();
    let mut program = peer.start(&setup)?;
    let pid = program.id();
    if peer.name == TAPPED {
        let port = setup.http_port;
        std::thread::spawn(move || watch(port));
    }
    let mut last = Usage::default();
    loop {
        std::thread::sleep(Duration::from_millis(100));
        if let Some(status) = program.ended()? {
            bail!("{} ended with {status}; see {}", peer.name, dir.join("log").display());
        }
        last = usage(pid).unwrap_or(last);
        let lines = count(port)?;
        if lines >= input.kept {
            return Ok(Measured {
                wall: started.elapsed(),
                usage: last,
                lines,
                idle_rss,
                ready,
            });
        }
        if started.elapsed() > timeout {
            bail!("{}: {lines} of {} lines after {timeout:?}", peer.name, input.kept);
        }
    }
}

/// Reads what live debugging shows of all edges, until the program ends.
fn watch(port: u16) {
    let Ok(mut stream) = wait_for_port(port).and_then(|()| Ok(TcpStream::connect(("127.0.0.1", port))?)) else {
        return;
    };
    let request = "GET /api/v0/invar/tap HTTP/1.1\r\nHost: localhost\r\n\r\n";
    if stream.write_all(request.as_bytes()).is_ok() {
        // It is only for the program's CPU time that this is done.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    }
}

/// Resident memory of the program with the same pipeline and nothing to read, five seconds after its start; and the time until
/// its HTTP server said that it is ready.
fn idle(peer: &Peer, dir: &Path) -> Result<(u64, Duration)> {
    let dir = dir.join("idle");
    fs::create_dir_all(&dir)?;
    let setup = Setup {
        dir: &dir,
        pattern: dir.join("nothing/*.log").display().to_string(),
        sink: "http://127.0.0.1:9".to_owned(),
        http_port: super::free_port()?,
    };
    let started = Instant::now();
    let program = peer.start(&setup)?;
    let mut ready = Duration::ZERO;
    while started.elapsed() < Duration::from_secs(5) {
        if ready.is_zero() && get(setup.http_port, "/-/ready").is_ok_and(|answer| answer.contains(" 200 ")) {
            ready = started.elapsed();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok((usage(program.id())?.rss, ready))
}

fn wait_for_port(port: u16) -> Result<()> {
    for _ in 0..500 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    bail!("nothing listens on port {port}")
}

/// Lines that the sink has counted.
fn count(port: u16) -> Result<u64> {
    let answer = get(port, "/stats")?;
    let body = answer.rsplit("\r\n\r\n").next().unwrap_or_default();
    let stats: serde_json::Value = serde_json::from_str(body).with_context(|| format!("the sink answered {body:?}"))?;
    stats["entries"]
        .as_u64()
        .with_context(|| format!("no number of entries in {body:?}"))
}

fn get(port: u16, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
