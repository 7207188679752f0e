//! Clients that push and repeat what was not answered with success.

use super::PushOptions;
use super::signal::Signal;
use super::tally::Bits;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Records of a request.
const TOGETHER: u64 = 20;
/// Pause before a request is sent again.
const AGAIN: Duration = Duration::from_millis(50);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

struct Shared {
    accepted: Vec<Mutex<Bits>>,
    done: AtomicUsize,
    refused: AtomicU64,
    stop: AtomicBool,
}

pub(super) struct Clients {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Clients {
    pub(super) fn start(options: &PushOptions, port: u16, records: u64) -> Clients {
        let shared = Arc::new(Shared {
            accepted: (0..options.clients).map(|_| Mutex::new(Bits::new(records))).collect(),
            done: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        let pause = Duration::from_secs_f64((TOGETHER * options.clients as u64) as f64 / options.rate as f64);
        let threads = (0..options.clients)
            .map(|client| {
                let (shared, signal) = (shared.clone(), options.signal);
                thread::spawn(move || push(&shared, signal, port, client, records, pause))
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
        let all = self.shared.accepted.iter();
        all.map(|bits| bits.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .collect()
    }

    /// Answers that asked to come again.
    pub(super) fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
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

fn push(shared: &Shared, signal: Signal, port: u16, client: usize, records: u64, pause: Duration) {
    let mut next = Instant::now();
    let mut from = 0;
    while from < records {
        let to = (from + TOGETHER).min(records);
        let body = signal.body(client, from..to);
        loop {
            if shared.stop.load(Ordering::Relaxed) {
                return;
            }
            match post(port, signal.path(), signal.headers(), &body) {
                Ok(status) if (200..300).contains(&status) => break,
                Ok(_) => {
                    shared.refused.fetch_add(1, Ordering::Relaxed);
                }
                // The program is not there at the moment.
                Err(_) => {}
            }
            thread::sleep(AGAIN);
        }
        {
            let mut accepted = shared.accepted[client].lock().unwrap_or_else(PoisonError::into_inner);
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

/// The status of the answer.
fn post(port: u16, path: &str, headers: &str, body: &[u8]) -> io::Result<u16> {
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
    let status = text.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "that is no answer"))
}
