//! Clients that push and repeat what was not answered with success.

use super::PushOptions;
use super::grpc::Channel;
use super::signal::{Signal, Source};
use super::tally::Bits;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Pause before a request is sent again.
const AGAIN: Duration = Duration::from_millis(50);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer to a push.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Success: the records are the program's.
    Taken,
    /// The client may come again, and was told so as its protocol has it.
    Later,
    /// Nothing that a client can do the right thing with.
    Odd(String),
}

struct Shared {
    accepted: Vec<Mutex<Bits>>,
    done: AtomicUsize,
    refused: AtomicU64,
    unanswered: AtomicU64,
    odd: Mutex<BTreeMap<String, u64>>,
    stop: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) struct Clients {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Clients {
    pub(super) fn start(options: &PushOptions, source: Source, port: u16, records: u64) -> Clients {
        let shared = Arc::new(Shared {
            accepted: (0..options.clients).map(|_| Mutex::new(Bits::new(records))).collect(),
            done: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
            odd: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let together = (source.together * options.clients as u64) as f64;
        let pause = Duration::from_secs_f64(together / options.rate as f64);
        let threads = (0..options.clients)
            .map(|client| {
                let shared = shared.clone();
                thread::spawn(move || push(&shared, source, port, client, records, pause))
            })
            .collect();
        Clients { shared, threads }
    }

    /// Whether all requests were answered with success.
    pub(super) fn are_done(&self) -> bool {
        self.shared.done.load(Ordering::Acquire) == self.threads.len()
    }

    /// Records of requests that were answered with success.
    pub(super) fn accepted(&self) -> Vec<Bits> {
        self.shared.accepted.iter().map(|bits| lock(bits).clone()).collect()
    }

    /// Answers that asked to come again.
    pub(super) fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Requests that may have been taken, for all that their clients know.
    pub(super) fn unanswered(&self) -> u64 {
        self.shared.unanswered.load(Ordering::Relaxed)
    }

    /// Answers that neither took the records nor asked to come again, and how often each came.
    pub(super) fn odd(&self) -> BTreeMap<String, u64> {
        lock(&self.shared.odd).clone()
    }

    /// Ends without waiting for the rest.
    pub(super) fn stop(self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            // One that panicked has nothing more to do.
            let _ = thread.join();
        }
    }
}

fn push(shared: &Shared, source: Source, port: u16, client: usize, records: u64, pause: Duration) {
    let mut next = Instant::now();
    let mut channel = None;
    let mut from = 0;
    while from < records {
        let to = (from + source.together).min(records);
        let body = source.body(client, from..to);
        loop {
            if shared.stop.load(Ordering::Relaxed) {
                return;
            }
            let answer = match source.signal {
                Signal::OtlpGrpc => call(&mut channel, port, source.signal.path(), &body),
                signal => post(port, signal.path(), signal.headers(), &body),
            };
            match answer {
                Ok(Answer::Taken) => break,
                Ok(Answer::Later) => {
                    shared.refused.fetch_add(1, Ordering::Relaxed);
                }
                Ok(Answer::Odd(what)) => *lock(&shared.odd).entry(what).or_default() += 1,
                // The program is not there at the moment.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => {
                    shared.unanswered.fetch_add(1, Ordering::Relaxed);
                }
            }
            thread::sleep(AGAIN);
        }
        {
            let mut accepted = lock(&shared.accepted[client]);
            (from..to).for_each(|number| {
                accepted.add(number);
            });
        }
        from = to;
        next += pause;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    shared.done.fetch_add(1, Ordering::Release);
}

fn call(channel: &mut Option<Channel>, port: u16, path: &str, body: &[u8]) -> io::Result<Answer> {
    let channel = match channel {
        Some(channel) => channel,
        None => channel.insert(Channel::new(port)?),
    };
    channel.call(path, body, PATIENCE)
}

/// One request of HTTP/1.1 on a connection of its own.
fn post(port: u16, path: &str, headers: &str, body: &[u8]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer);
    let head = text.split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase();
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    let status: u16 = status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "that is no answer"))?;
    let when = head.lines().any(|line| line.starts_with("retry-after:"));
    Ok(match status {
        200..300 => Answer::Taken,
        429 | 503 if when => Answer::Later,
        429 | 503 => Answer::Odd(format!("status {status} without Retry-After")),
        _ => Answer::Odd(format!("status {status}")),
    })
}
