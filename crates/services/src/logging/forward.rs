//! Lines on their way to `write_to`: a bounded queue that never makes the one who logs wait.

use super::record::Severity;
use arc_swap::ArcSwap;
use bytes::Bytes;
use signals::{Budget, Courier, Entry, FanOut, Labels, Ledger, LogBatch, LogStream, Receiver};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Id under which the log appears as a sender in the ledger.
pub(crate) const OWNER: &str = "logging";
/// Bytes of lines that may wait; what comes beyond is counted and not forwarded.
const MAX_WAITING: usize = 1 << 20;
/// Bytes of lines in one batch.
const MAX_BATCH: usize = 256 << 10;
/// Batches on the way at once.
const WINDOW: usize = 4;
/// How often it is looked up which components are behind `write_to`.
const LOOK_UP: Duration = Duration::from_secs(1);
/// How long lines may take to arrive after everything was told to stop.
const DRAIN: Duration = Duration::from_secs(1);
/// Warnings and errors that a component behind `write_to` may have forwarded at once, and again a second each.
const BURST: f64 = 10.0;

/// Lines that were not forwarded, by reason. They were all written to the log itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotForwarded {
    /// The queue was full.
    pub queue_full: u64,
    /// They came from a component that carries the log itself, so forwarding them would make new ones.
    pub own: u64,
    /// The receivers refused them for good, or did not take them before the end.
    pub refused: u64,
}

struct Line {
    timestamp: i64,
    text: Bytes,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<Line>,
    bytes: usize,
}

/// How much a component behind `write_to` may have forwarded.
struct Allowance {
    left: f64,
    since: Instant,
}

pub(crate) struct Forwarder {
    out: Arc<FanOut>,
    ledger: Ledger,
    budget: Budget,
    /// Whether there is any receiver.
    active: AtomicBool,
    /// Components that lines pass on their way.
    behind: ArcSwap<HashSet<String>>,
    allowances: Mutex<HashMap<String, Allowance>>,
    queue: Mutex<Queue>,
    wake: Notify,
    queue_full: AtomicU64,
    own: AtomicU64,
    refused: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Forwarder {
    pub(crate) fn new(ledger: Ledger, budget: Budget) -> Self {
        Forwarder {
            out: Arc::new(FanOut::new(&ledger, OWNER)),
            ledger,
            budget,
            active: AtomicBool::new(false),
            behind: ArcSwap::default(),
            allowances: Mutex::default(),
            queue: Mutex::default(),
            wake: Notify::new(),
            queue_full: AtomicU64::new(0),
            own: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    pub(crate) fn set(&self, receivers: Vec<Receiver>) {
        self.active.store(!receivers.is_empty(), Ordering::Release);
        self.out.set(receivers);
        self.look_behind();
    }

    pub(crate) fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    pub(crate) fn not_forwarded(&self) -> NotForwarded {
        NotForwarded {
            queue_full: self.queue_full.load(Ordering::Relaxed),
            own: self.own.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    /// Queues a line, or counts why not. Never waits.
    pub(crate) fn push(&self, timestamp: i64, severity: Severity, component: Option<&str>, text: &str) {
        if let Some(id) = component
            && self.behind.load().contains(id)
            && !(severity >= Severity::Warn && self.is_allowed(id))
        {
            self.own.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut queue = lock(&self.queue);
        if queue.bytes + text.len() > MAX_WAITING {
            self.queue_full.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.bytes += text.len();
        queue.lines.push_back(Line {
            timestamp,
            text: Bytes::copy_from_slice(text.as_bytes()),
        });
        drop(queue);
        self.wake.notify_one();
    }

    fn is_allowed(&self, component: &str) -> bool {
        let now = Instant::now();
        let mut allowances = lock(&self.allowances);
        let allowance = allowances.entry(component.to_owned()).or_insert(Allowance {
            left: BURST,
            since: now,
        });
        let earned = now.saturating_duration_since(allowance.since).as_secs_f64();
        allowance.left = (allowance.left + earned).min(BURST);
        allowance.since = now;
        let allowed = allowance.left >= 1.0;
        if allowed {
            allowance.left -= 1.0;
        }
        allowed
    }

    /// Follows the edges of the ledger from the receivers on.
    fn look_behind(&self) {
        let mut found: HashSet<String> = self.out.receivers().iter().map(|id| id.to_string()).collect();
        if !found.is_empty() {
            let edges = self.ledger.snapshot();
            let mut open: Vec<String> = found.iter().cloned().collect();
            while let Some(from) = open.pop() {
                for edge in edges.iter().filter(|edge| edge.from == from && !edge.to.is_empty()) {
                    if found.insert(edge.to.clone()) {
                        open.push(edge.to.clone());
                    }
                }
            }
        }
        lock(&self.allowances).retain(|id, _| found.contains(id));
        if **self.behind.load() != found {
            self.behind.store(Arc::new(found));
        }
    }

    fn take(&self) -> Vec<Line> {
        let mut queue = lock(&self.queue);
        let mut taken = Vec::new();
        let mut bytes = 0;
        while bytes < MAX_BATCH
            && let Some(line) = queue.lines.pop_front()
        {
            bytes += line.text.len();
            taken.push(line);
        }
        queue.bytes -= bytes;
        taken
    }

    /// Sends lines until `stop`, then for a moment what is left.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        let labels = Labels::from_pairs([("component", "alloy")]);
        let mut courier: Courier<u64> = Courier::new(self.out.clone(), WINDOW);
        let mut looked = Instant::now();
        let mut deadline: Option<Instant> = None;
        let mut on_the_way = 0;
        loop {
            while courier.has_room() {
                let lines = self.take();
                if lines.is_empty() {
                    break;
                }
                if looked.elapsed() >= LOOK_UP {
                    self.look_behind();
                    looked = Instant::now();
                }
                let entries: Vec<Entry> = lines
                    .into_iter()
                    .map(|line| Entry::new(line.timestamp, line.text))
                    .collect();
                let count = entries.len() as u64;
                let bytes = entries.iter().map(Entry::size).sum();
                let stream = LogStream {
                    labels: labels.clone(),
                    entries,
                };
                // What waits here is bounded by the queue and the window; waiting for room could wait for itself.
                let batch = LogBatch::new(vec![stream], self.budget.force(bytes));
                on_the_way += count;
                courier.send(batch, count).await;
            }
            if deadline.is_some() && courier.is_empty() {
                return;
            }
            let end = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => stop.cancelled().await,
                }
            };
            tokio::select! {
                landed = courier.landed(), if !courier.is_empty() => {
                    on_the_way -= landed.tag;
                    if landed.outcome.is_err() {
                        self.refused.fetch_add(landed.tag, Ordering::Relaxed);
                    }
                }
                () = self.wake.notified() => {}
                () = end => match deadline {
                    Some(_) => break,
                    None => deadline = Some(Instant::now() + DRAIN),
                },
            }
        }
        let left = on_the_way + lock(&self.queue).lines.len() as u64;
        self.refused.fetch_add(left, Ordering::Relaxed);
    }
}
