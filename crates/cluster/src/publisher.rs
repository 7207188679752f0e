//! Tells others of positions, for the case that this process vanishes.

use crate::bounded::{About, Bounded};
use crate::copies::Told;
use crate::service::{POSITIONS_PATH, Shared};
use bytes::Bytes;
use component::Published;
use net::{HeaderMap, HeaderValue, PathAndQuery, StatusCode};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// Positions in one request.
pub(crate) const MAX_POSITIONS: usize = 256;
/// Bytes of the longest request.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// Bytes of the longest position with what belongs to it.
const MAX_ONE: usize = 256 << 10;
/// Positions that wait for one member.
const QUEUE: usize = 100_000;
/// Bytes of all that wait.
const QUEUE_BYTES: usize = 32 << 20;
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often one member is asked in a row before what waits for it is dropped.
const ATTEMPTS: u32 = 5;
/// Pause after the first failure; doubles.
const PAUSE: Duration = Duration::from_millis(200);

/// A position that waits, as it is sent.
struct Waiting {
    hash: u64,
    data: Bytes,
}

/// What waits, by where it goes. Where something waits there is a task that sends it.
pub(crate) struct Publisher {
    /// When this process started.
    generation: u64,
    counter: AtomicU64,
    queues: Mutex<HashMap<SocketAddr, Bounded<Waiting>>>,
}

impl Publisher {
    pub(crate) fn new(generation: u64) -> Self {
        Publisher {
            generation,
            counter: AtomicU64::new(0),
            queues: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, Bounded<Waiting>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn encode(&self, me: &str, component: &str, position: Published) -> Result<Waiting, String> {
        let value: Box<RawValue> = serde_json::from_slice(&position.value).map_err(|error| error.to_string())?;
        let told = Told {
            component: component.to_owned(),
            key: position.key,
            hash: position.hash,
            publisher: me.to_owned(),
            generation: self.generation,
            counter: self.counter.fetch_add(1, Ordering::Relaxed),
            value,
        };
        let data = serde_json::to_vec(&told).map_err(|error| error.to_string())?;
        match data.len() {
            0..MAX_ONE => Ok(Waiting {
                hash: told.hash,
                data: data.into(),
            }),
            length => Err(format!("it has {length} bytes")),
        }
    }

    /// The next request to a member: its body and what is in it. Without one the task of its queue has ended.
    fn next(&self, to: SocketAddr, shared: &Shared) -> Option<Vec<(About, Waiting)>> {
        let mut queues = self.lock();
        let queue = queues.get_mut(&to)?;
        let mut batch = Vec::new();
        let mut bytes = 2;
        // Whoever is not there any more is told nothing.
        let there = shared.seen.load().is_there(to);
        while there && batch.len() < MAX_POSITIONS {
            let Some((_, first)) = queue.first() else { break };
            // What passed to another member meanwhile is that one's to tell.
            let ours = shared.is_owner(first.hash);
            let length = first.data.len() + 1;
            if ours && bytes + length > MAX_BYTES {
                break;
            }
            match queue.pop() {
                Some(taken) if ours => {
                    bytes += length;
                    batch.push(taken);
                }
                _ => {}
            }
        }
        if batch.is_empty() {
            queues.remove(&to);
            return None;
        }
        Some(batch)
    }

    /// Puts back what was not delivered, as far as there is nothing newer.
    fn put_back(&self, to: SocketAddr, batch: Vec<(About, Waiting)>) {
        let mut queues = self.lock();
        let Some(queue) = queues.get_mut(&to) else { return };
        for (about, waiting) in batch {
            if queue.get(&about).is_none() {
                let bytes = waiting.data.len();
                queue.put(about, waiting, bytes);
            }
        }
    }
}

/// Queues positions for those who would be next.
pub(crate) fn publish(shared: &Arc<Shared>, component: &str, positions: Vec<Published>) {
    let seen = shared.seen.load();
    let publisher = &shared.publisher;
    let mut queues = publisher.lock();
    let mut bytes: usize = queues.values().map(Bounded::bytes).sum();
    for position in positions {
        let Some(to) = seen.next_owner(position.hash) else {
            continue;
        };
        let about: About = Arc::new((component.to_owned(), position.key.clone()));
        let waiting = match publisher.encode(&seen.me, component, position) {
            Ok(waiting) => waiting,
            Err(error) => {
                tracing::warn!(
                    service = "cluster",
                    component,
                    key = about.1,
                    err = error,
                    "a position cannot be told"
                );
                continue;
            }
        };
        let queue = queues.entry(to).or_insert_with(|| {
            tokio::spawn(work(shared.clone(), to));
            Bounded::new(QUEUE, QUEUE_BYTES)
        });
        if bytes > QUEUE_BYTES && queue.get(&about).is_none() {
            continue;
        }
        let before = queue.bytes();
        let length = waiting.data.len();
        queue.put(about, waiting, length);
        bytes = bytes + queue.bytes() - before;
    }
}

/// Sends what waits for one member, until nothing does.
async fn work(shared: Arc<Shared>, to: SocketAddr) {
    let mut failures = 0;
    while let Some(batch) = shared.publisher.next(to, &shared) {
        match deliver(&shared, to, &batch).await {
            Ok(()) => failures = 0,
            Err(error) => {
                tracing::debug!(service = "cluster", peer = %to, err = error, "positions were not told");
                failures += 1;
                if failures >= ATTEMPTS {
                    shared.publisher.lock().remove(&to);
                    return;
                }
                shared.publisher.put_back(to, batch);
                tokio::time::sleep(PAUSE * (1 << failures)).await;
            }
        }
    }
}

async fn deliver(shared: &Arc<Shared>, to: SocketAddr, batch: &[(About, Waiting)]) -> Result<(), String> {
    let mut body = Vec::with_capacity(batch.iter().map(|(_, waiting)| waiting.data.len() + 1).sum::<usize>() + 2);
    for (_, waiting) in batch {
        body.push(if body.is_empty() { b'[' } else { b',' });
        body.extend_from_slice(&waiting.data);
    }
    body.push(b']');
    let channel = shared.outgoing.channel(to).map_err(|error| error.to_string())?;
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    shared.outgoing.sign(&mut headers);
    let path = PathAndQuery::from_static(POSITIONS_PATH);
    let body = Bytes::from(body);
    match timeout(PATIENCE, channel.call(path, headers, body.into(), 1024)).await {
        Ok(Ok(reply)) if reply.status == StatusCode::NO_CONTENT => Ok(()),
        Ok(Ok(reply)) => Err(format!(
            "it answers {}: {}",
            reply.status,
            String::from_utf8_lossy(&reply.body)
        )),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("it does not answer".to_owned()),
    }
}
