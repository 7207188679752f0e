//! What one endpoint has in the queue on disk.
//!
//! A request that is not delivered within `worker::attempt::SPILL_AFTER` is appended to the queue and accepted from there. From then on
//! what comes of the same streams goes behind it into the queue, so that the order within a stream is kept; other streams go straight to
//! the endpoint as before. The [lane](crate::lane) sends the records of the queue, several at a time as long as the endpoint keeps up,
//! never two of one stream at once.

use crate::endpoint::Endpoint;
use crate::lane::Lane;
use crate::protocol::Protocol;
use crate::queue::{Queue, Stored};
use crate::request::Request;
use crate::shard::Order;
use crate::transport::Outcome;
use hashbrown::{HashMap, HashSet};
use net::Body;
use signals::{Amount, Edge, Fate};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use wal::{Reader, Record};

/// Pause after the queue could not be read.
pub(crate) const TROUBLE: Duration = Duration::from_secs(2);
/// The backlog of an endpoint.
pub(crate) struct Backlog {
    queue: Arc<Queue>,
    edge: Arc<Edge>,
    cursor: OnceLock<String>,
    state: Mutex<State>,
    wake: Notify,
    /// Held while a request is stored whose attempt still runs, until that is noted.
    gate: tokio::sync::Mutex<()>,
    /// The endpoint did not take what was sent last.
    down: AtomicBool,
}

#[derive(Default)]
struct State {
    /// Streams that have records in the queue, and how many.
    streams: HashMap<u64, u32>,
    /// Attempts that were on their way when their request was stored, by the record's number.
    racing: HashMap<u64, JoinHandle<Outcome>>,
    /// Requests that are being stored.
    storing: usize,
    /// Requests that were stored.
    stored: u64,
}

impl Backlog {
    pub(crate) fn new(queue: Arc<Queue>, edge: Arc<Edge>) -> Arc<Backlog> {
        Arc::new(Backlog {
            queue,
            edge,
            cursor: OnceLock::new(),
            state: Mutex::default(),
            wake: Notify::new(),
            gate: tokio::sync::Mutex::new(()),
            down: AtomicBool::new(false),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether requests can be stored.
    pub(crate) fn is_enabled(&self) -> bool {
        self.queue.is_enabled()
    }

    /// The cursor, once [`start`](Backlog::start) was called.
    pub(crate) fn cursor(&self) -> Option<&str> {
        self.cursor.get().map(String::as_str)
    }

    /// Whether a stream has something in the queue.
    pub(crate) fn holds(&self, stream: u64) -> bool {
        self.lock().streams.contains_key(&stream)
    }

    /// Whether nothing is in the queue.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().streams.is_empty()
    }

    /// Whether the endpoint did not take what was sent last, so that nothing else need be tried.
    pub(crate) fn is_down(&self) -> bool {
        self.down.load(Ordering::Relaxed)
    }

    /// The endpoint did not take a request, or takes them again.
    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
    }

    /// Learns what is in the queue. Called once, before anything is stored.
    pub(crate) async fn start(self: &Arc<Self>, own: &str, predecessor: Option<&str>, all: Vec<String>) {
        if !self.is_enabled() {
            return;
        }
        if !self.queue.exists() {
            // Nothing is read, so no thread is needed for it.
            let _ = self.cursor.set(self.queue.claim(own, predecessor, &all));
            return;
        }
        let backlog = self.clone();
        let (own, predecessor) = (own.to_owned(), predecessor.map(str::to_owned));
        blocking(move || {
            let cursor = backlog.queue.claim(&own, predecessor.as_deref(), &all);
            let _ = backlog.cursor.set(cursor.clone());
            if !backlog.queue.exists() {
                return;
            }
            let reader = match backlog.queue.reader(&cursor) {
                Ok(reader) => reader,
                Err(error) => {
                    tracing::error!(endpoint = own, error = %error, "the queue on disk cannot be read; what it holds waits there");
                    return;
                }
            };
            let mut amount = Amount::default();
            let mut streams: HashMap<u64, u32> = HashMap::new();
            let walked = reader.backlog(0, |entry| {
                amount += Amount {
                    items: u64::from(entry.items),
                    bytes: entry.bytes,
                };
                for key in &entry.keys {
                    *streams.entry(*key).or_default() += 1;
                }
                true
            });
            if let Err(error) = walked {
                tracing::error!(endpoint = own, error = %error, "a part of the queue on disk cannot be read");
            }
            if backlog.queue.account(&cursor) {
                backlog.edge.enter(amount);
            }
            if amount.items > 0 {
                tracing::info!(endpoint = own, entries = amount.items, "entries that wait in the queue on disk are sent");
            }
            backlog.lock().streams = streams;
        })
        .await;
        self.wake.notify_one();
    }

    /// Stores a request whose body is at hand; `racing` is an attempt to send it that still runs.
    pub(crate) async fn store<P: Protocol>(
        &self,
        request: &Request<P>,
        body: Body,
        racing: Option<JoinHandle<Outcome>>,
    ) -> Result<(), (wal::Error, Option<JoinHandle<Outcome>>)> {
        let Some(cursor) = self.cursor.get().cloned() else {
            return Err((wal::Error::Closed, racing));
        };
        let gate = match racing {
            Some(_) => Some(self.gate.lock().await),
            None => None,
        };
        let keys: Vec<u64> = request.streams().collect::<HashSet<u64>>().into_iter().collect();
        let storing = self.storing(&keys);
        let (queue, tenant) = (self.queue.clone(), request.tenant.clone());
        let (entries, bytes) = (request.entries(), request.bytes());
        let kept = keys.clone();
        let stored = blocking(move || {
            queue.account(&cursor);
            queue.append(
                &cursor,
                &Stored {
                    keys: &keys,
                    entries,
                    bytes,
                    tenant: &tenant,
                    body: &body,
                },
            )
        })
        .await;
        let result = match stored {
            Ok(number) => {
                if let Some(racing) = racing {
                    self.lock().racing.insert(number, racing);
                }
                Ok(())
            }
            Err(error) => {
                self.forget(&kept);
                Err((error, racing))
            }
        };
        if result.is_ok() {
            self.lock().stored += 1;
        }
        drop(storing);
        drop(gate);
        self.wake.notify_one();
        result
    }

    fn storing(&self, keys: &[u64]) -> Storing<'_> {
        let mut state = self.lock();
        state.storing += 1;
        for key in keys {
            *state.streams.entry(*key).or_default() += 1;
        }
        Storing(self)
    }

    /// Waits until something was stored, or may be read.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// The queue that holds it.
    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// The way to the endpoint in the ledger.
    pub(crate) fn edge(&self) -> &Arc<Edge> {
        &self.edge
    }

    /// The next record of a reader. A record whose attempt still runs is noted before it is read. Also says how many were stored before.
    pub(crate) async fn read(&self, reader: &Reader) -> (u64, Result<Option<Record>, wal::Error>) {
        let gate = self.gate.lock().await;
        let stored = self.lock().stored;
        let reader = reader.clone();
        let next = blocking(move || reader.next()).await;
        drop(gate);
        (stored, next)
    }

    /// Whether an attempt to send a record is on its way since before it was stored.
    pub(crate) fn is_racing(&self, number: u64) -> bool {
        self.lock().racing.contains_key(&number)
    }

    /// That attempt, once.
    pub(crate) fn take_racing(&self, number: u64) -> Option<JoinHandle<Outcome>> {
        self.lock().racing.remove(&number)
    }

    /// The last record whose attempt is on its way.
    pub(crate) fn last_racing(&self) -> Option<u64> {
        self.lock().racing.keys().max().copied()
    }

    /// Nothing is left to read, and nothing was stored since `stored` was asked for: what the streams still count went without being
    /// read, because it was too old or damaged.
    pub(crate) fn drained(&self, stored: u64) {
        let mut state = self.lock();
        if state.storing == 0 && state.stored == stored {
            state.streams.clear();
            drop(state);
            self.set_down(false);
        }
    }

    pub(crate) fn forget(&self, keys: &[u64]) {
        let mut state = self.lock();
        for key in keys {
            if let Some(count) = state.streams.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    state.streams.remove(key);
                }
            }
        }
    }

    /// Counts what left the queue without being sent: too old, trimmed, damaged. `before` is what was counted so far.
    pub(crate) fn count_losses(&self, before: &mut wal::Fates, now: &wal::Fates) {
        let pairs = [
            ("age", before.expired_age, now.expired_age),
            ("size", before.expired_size, now.expired_size),
            ("queue_full", before.trimmed, now.trimmed),
            ("damaged", before.damaged, now.damaged),
        ];
        for (reason, before, now) in pairs {
            let lost = Amount {
                items: now.items.saturating_sub(before.items),
                bytes: now.bytes.saturating_sub(before.bytes),
            };
            self.edge.settle(Fate::Expired, reason, lost);
        }
        *before = *now;
    }

    /// Sends what is in the queue until it is ordered to stop. What is not sent stays there.
    pub(crate) async fn run<P: Protocol>(self: Arc<Self>, endpoint: Arc<Endpoint<P>>) {
        let mut orders = endpoint.orders();
        while self.is_empty() {
            tokio::select! {
                () = self.wake.notified() => {}
                _ = orders.wait_for(|order| *order >= Order::Drain) => return,
            }
        }
        let (queue, cursor) = (self.queue.clone(), self.cursor.get().cloned().unwrap_or_default());
        let reader = loop {
            let (queue, cursor) = (queue.clone(), cursor.clone());
            match blocking(move || queue.reader(&cursor).map(|reader| (reader, queue.take_parts(&cursor)))).await {
                Ok(reader) => break reader,
                Err(error) => {
                    tracing::error!(endpoint = endpoint.title(), error = %error, "the queue on disk cannot be read")
                }
            }
            tokio::select! {
                () = tokio::time::sleep(TROUBLE) => {}
                _ = orders.wait_for(|order| *order >= Order::Drain) => return,
            }
        };
        Lane::new(self, endpoint, cursor, reader, orders).run().await;
    }
}

/// While a request is being stored.
struct Storing<'a>(&'a Backlog);

impl Drop for Storing<'_> {
    fn drop(&mut self) {
        self.0.lock().storing -= 1;
    }
}

/// Runs what blocks on a thread for that. Fails only if it panics, and then so does this.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going away; nobody is left to be told.
            Err(_) => std::future::pending().await,
        },
    }
}
