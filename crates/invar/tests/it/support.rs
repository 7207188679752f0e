//! Starts the real program on a configuration and talks to it.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

/// How long a test waits for something that should happen soon; generous, since CI machines stall.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Tests that keep all cores busy: those in which times matter have the machine to themselves.
static LOAD: RwLock<()> = RwLock::new(());

/// No other test that loads the machine runs meanwhile.
pub fn alone() -> RwLockWriteGuard<'static, ()> {
    LOAD.write().unwrap_or_else(PoisonError::into_inner)
}

/// Others that load the machine may run, but for those that want to be alone.
pub fn among_others() -> RwLockReadGuard<'static, ()> {
    LOAD.read().unwrap_or_else(PoisonError::into_inner)
}

/// The binary under test.
pub fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_invar")
}

/// Runs a command to its end with this standard input.
pub fn invar(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(binary())
        .args(arguments)
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("standard input is piped");
    let input = input.to_owned();
    // The child may end without reading.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().expect("the binary ends");
    writer.join().expect("the writer does not panic");
    output
}

/// Standard output and error as text, and the exit code.
pub fn texts(output: &Output) -> (String, String, i32) {
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
        output.status.code().unwrap_or(-1),
    )
}

/// A port on loopback that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .expect("loopback has ports")
        .local_addr()
        .expect("it is bound")
        .port()
}

/// A running `invar run`. Killed when it goes out of scope.
pub struct Running {
    child: Child,
    /// Port of its HTTP server.
    pub port: u16,
    log: PathBuf,
}

impl Running {
    /// Starts the program on a configuration file, with its state and log in `dir`, and waits until it is ready.
    pub fn start(dir: &Path, config: &Path, arguments: &[&str]) -> Running {
        let running = Running::spawn(dir, config, arguments);
        running.wait_ready();
        running
    }

    /// Starts the program without waiting.
    pub fn spawn(dir: &Path, config: &Path, arguments: &[&str]) -> Running {
        let port = free_port();
        let log = dir.join("invar.log");
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .expect("the log can be written");
        let child = Command::new(binary())
            .arg("run")
            .arg(config)
            .arg(format!("--storage.path={}", dir.join("state").display()))
            .arg(format!("--server.http.listen-addr=127.0.0.1:{port}"))
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("the binary starts");
        Running { child, port, log }
    }

    /// Waits until `/-/ready` answers 200.
    pub fn wait_ready(&self) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.get("/-/ready").is_some_and(|answer| answer.status == 200) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("not ready after {PATIENCE:?}:\n{}", self.log());
    }

    /// The same where the server wants credentials.
    pub fn wait_ready_as(&self, user: &str, password: &str) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if exchange_as(self.port, "/-/ready", user, password).is_some_and(|answer| answer.status == 200) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("not ready after {PATIENCE:?}:\n{}", self.log());
    }

    /// What it wrote to standard error so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Port of its HTTP server.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// GETs a path; `None` if nothing answers.
    pub fn get(&self, path: &str) -> Option<Answer> {
        request(self.port, "GET", path)
    }

    /// POSTs an empty body to a path.
    pub fn post(&self, path: &str) -> Option<Answer> {
        request(self.port, "POST", path)
    }

    /// The value of a metric by its name and labels as they are printed, such as `x{a="b"}`; labels that every component has
    /// are left out of the comparison.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let text = self.get("/metrics")?.body;
        text.lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
            .find(|line| {
                labels
                    .iter()
                    .all(|(label, value)| line.contains(&format!("{label}=\"{value}\"")))
            })?
            .rsplit(' ')
            .next()?
            .parse()
            .ok()
    }

    /// Peak resident memory so far, in bytes.
    pub fn peak_rss(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// Resident memory now, in bytes.
    pub fn rss(&self) -> u64 {
        self.status("VmRSS:")
    }

    fn status(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let kib = status.lines().find_map(|line| {
            line.strip_prefix(field)?
                .trim()
                .strip_suffix(" kB")?
                .trim()
                .parse::<u64>()
                .ok()
        });
        kib.unwrap_or(0) * 1024
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process can be waited for");
    }

    /// Sends a signal by its name, such as `HUP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.pid().to_string())
            .status();
        assert!(status.expect("kill starts").success());
    }

    /// SIGTERM, and the exit code.
    pub fn stop(mut self) -> i32 {
        self.signal("TERM");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the process can be waited for") {
                return status.code().unwrap_or(-1);
            }
            assert!(
                Instant::now() < deadline,
                "still running {PATIENCE:?} after SIGTERM:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the program:\n{}", self.log());
        }
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// One HTTP/1.1 request on a connection of its own.
pub fn request(port: u16, method: &str, path: &str) -> Option<Answer> {
    exchange(port, method, path, "", "")
}

/// The same with a body, which is answered.
pub fn request_with(port: u16, method: &str, path: &str, content_type: &str, body: &str) -> Answer {
    exchange(port, method, path, &format!("Content-Type: {content_type}\r\n"), body).expect("there is an answer")
}

/// An HTTP answer of any bytes.
pub struct Bytes {
    pub status: u16,
    pub body: Vec<u8>,
}

/// A GET request with basic authentication.
pub fn exchange_as(port: u16, path: &str, user: &str, password: &str) -> Option<Bytes> {
    let url = format!("http://127.0.0.1:{port}{path}");
    let output = Command::new("curl")
        .args([
            "-sS",
            "-u",
            &format!("{user}:{password}"),
            "-w",
            "%{stderr}%{http_code}",
            &url,
        ])
        .output()
        .expect("curl is there");
    let status = String::from_utf8_lossy(&output.stderr).trim().parse().ok()?;
    Some(Bytes {
        status,
        body: output.stdout,
    })
}

fn exchange(port: u16, method: &str, path: &str, headers: &str, body: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\nConnection: close\r\n");
    stream.write_all(format!("{head}{headers}\r\n{body}").as_bytes()).ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let body = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        unchunk(body)
    } else {
        body.to_owned()
    };
    Some(Answer { status, body })
}

fn unchunk(mut text: &str) -> String {
    let mut body = String::new();
    while let Some((size, rest)) = text.split_once("\r\n") {
        let Ok(size) = usize::from_str_radix(size.trim(), 16) else {
            break;
        };
        if size == 0 || rest.len() < size {
            break;
        }
        body.push_str(&rest[..size]);
        text = rest[size..].trim_start_matches("\r\n");
    }
    body
}

/// Waits until `done` answers true.
pub fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
