//! The program under test as a process.

use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long an HTTP answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How the program is started.
#[derive(Clone, Debug)]
pub struct Start {
    /// The program.
    pub program: PathBuf,
    /// Configuration: a file or a folder.
    pub config: PathBuf,
    /// Folder for its state.
    pub storage: PathBuf,
    /// File that its log is appended to.
    pub log: PathBuf,
    /// Bound for its memory, in bytes.
    pub memory_limit: Option<u64>,
}

/// A running program; killed when it goes out of scope.
pub struct Child {
    process: std::process::Child,
    port: u16,
    /// When it was started.
    pub started: Instant,
}

/// What the ledger says of the records that went in.
#[derive(Clone, Debug, Default)]
pub struct Balance {
    /// Those on their way.
    pub in_flight: u64,
    /// Those without a fate.
    pub lost: u64,
    /// Edges on which more got a fate than went in, or something is lost.
    pub unbalanced: Vec<String>,
}

impl Start {
    /// Starts the program without waiting until it is ready.
    pub fn spawn(&self) -> Result<Child, String> {
        let port = free_port()?;
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .map_err(|error| format!("cannot write {:?}: {error}", self.log.display().to_string()))?;
        let mut command = Command::new(&self.program);
        command
            .arg("run")
            .arg(&self.config)
            .arg(format!("--storage.path={}", self.storage.display()))
            .arg(format!("--server.http.listen-addr=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if let Some(limit) = self.memory_limit {
            command.arg(format!("--memory-limit={limit}B"));
        }
        let process = command
            .spawn()
            .map_err(|error| format!("cannot start {:?}: {error}", self.program.display().to_string()))?;
        Ok(Child {
            process,
            port,
            started: Instant::now(),
        })
    }

    /// The last lines of its log.
    pub fn last_words(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[text.len().saturating_sub(4096)..]).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }
}

impl Child {
    /// How it ended, if it did.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, String> {
        self.process
            .try_wait()
            .map_err(|error| format!("cannot watch the program: {error}"))
    }

    /// `kill -9`; resident memory at its peak before.
    pub fn kill(mut self) -> u64 {
        let peak = self.peak_rss();
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
        peak
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        if let Some(pid) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// What `/proc/PID/status` says under a name; none once it has ended.
    fn status(&self, name: &str) -> Option<String> {
        let path = Path::new("/proc").join(self.process.id().to_string()).join("status");
        let status = fs::read_to_string(path).ok()?;
        let mut values = status
            .lines()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        values.next().map(|value| value.trim().to_owned())
    }

    /// Whether it has come so far that it answers SIGTERM. Before, no program can do anything but end.
    pub fn answers_sigterm(&self) -> bool {
        let caught = self.status("SigCgt");
        let mask = caught.and_then(|mask| u64::from_str_radix(&mask, 16).ok());
        mask.is_some_and(|mask| mask >> (Signal::TERM.as_raw() - 1) & 1 == 1)
    }

    /// Resident memory at its peak so far, in bytes; 0 once it has ended.
    pub fn peak_rss(&self) -> u64 {
        let peak = self.status("VmHWM");
        let kib = peak.and_then(|peak| peak.strip_suffix(" kB")?.trim().parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    }

    /// Records that were refused for good, by the ledger, over all edges that lead from a `loki.write` to an endpoint: given up or kept as
    /// dead letters.
    pub fn rejected(&self) -> Option<u64> {
        let body = body(get(self.port, "/api/v0/invar/ledger")?)?;
        let page: serde_json::Value = serde_json::from_str(&body).ok()?;
        let mut sum = 0;
        for edge in page["edges"].as_array()? {
            let to_endpoint = edge["to"]
                .as_str()
                .is_some_and(|to| to.starts_with("loki.write.") && to.contains('#'));
            if !to_endpoint {
                continue;
            }
            for fate in ["rejected", "dead_lettered"] {
                let reasons = edge[fate].as_object().into_iter().flat_map(|reasons| reasons.values());
                sum += reasons.map(|amount| amount["items"].as_u64().unwrap_or(0)).sum::<u64>();
            }
        }
        Some(sum)
    }

    /// The ledger, over all edges.
    pub fn balance(&self) -> Option<Balance> {
        let body = body(get(self.port, "/api/v0/invar/ledger")?)?;
        let page: serde_json::Value = serde_json::from_str(&body).ok()?;
        let mut balance = Balance::default();
        for edge in page["edges"].as_array()? {
            balance.in_flight += edge["in_flight"]["items"].as_u64()?;
            balance.lost += edge["lost"]["items"].as_u64()?;
            if !edge["balanced"].as_bool()? {
                let name = |end: &str| edge[end].as_str().unwrap_or_default().to_owned();
                balance.unbalanced.push(format!("{} -> {}", name("from"), name("to")));
            }
        }
        Some(balance)
    }

    /// Sum of a metric over its labels.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let text = body(get(self.port, "/metrics")?)?;
        let values = text
            .lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        Some(values.sum())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port on loopback that was free a moment ago.
pub fn free_port() -> Result<u16, String> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|addr| addr.port())
        .map_err(|error| format!("loopback has no free port: {error}"))
}

fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    // HTTP/1.0: the answer is not chunked and ends with the connection.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn body(answer: String) -> Option<String> {
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}
