//! Following new entries: one bounded queue a subscriber, filled while an entry is stored.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use lokipush::{Entry, Labels};
use tokio::sync::Notify;

use crate::selector::Selector;

/// Bytes of lines and metadata that wait for one subscriber; what comes beyond is dropped for it and counted.
const QUEUE_BYTES: usize = 4 << 20;
/// Entries that wait for one subscriber.
const QUEUE_ENTRIES: usize = 20_000;
/// How many of the dropped entries are named.
const DROPPED_NAMED: usize = 10;

/// One entry as a subscriber sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveEntry {
    /// Who sent it; empty without `X-Scope-OrgID`.
    pub tenant: Arc<str>,
    /// The labels of its stream.
    pub labels: Arc<Labels>,
    /// Nanoseconds since 1970.
    pub timestamp: i64,
    /// The line; any bytes.
    pub line: Bytes,
    /// Structured metadata.
    pub metadata: Vec<(String, String)>,
}

/// What has arrived since the last look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveBatch {
    /// The entries in the order in which they were stored.
    pub entries: Vec<LiveEntry>,
    /// How many were dropped because the subscriber was too slow.
    pub dropped: u64,
    /// Labels and timestamp (nanoseconds since 1970) of the first of them.
    pub dropped_first: Vec<(Arc<Labels>, i64)>,
}

/// Receives entries from the moment it was made. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Subscription(pub(crate) Arc<Subscriber>);

impl Subscription {
    /// Waits for entries; `None` when the store is gone and everything was received. Cancel safe.
    pub async fn recv(&mut self) -> Option<LiveBatch> {
        loop {
            if let Some(batch) = self.try_recv() {
                return Some(batch);
            }
            if self.0.queue().closed {
                return None;
            }
            // A notification between the check and here is kept by `Notify`.
            self.0.arrived.notified().await;
        }
    }

    /// What has arrived, without waiting.
    pub fn try_recv(&mut self) -> Option<LiveBatch> {
        let mut queue = self.0.queue();
        if queue.entries.is_empty() && queue.dropped == 0 {
            return None;
        }
        queue.bytes = 0;
        Some(LiveBatch {
            entries: std::mem::take(&mut queue.entries).into(),
            dropped: std::mem::take(&mut queue.dropped),
            dropped_first: std::mem::take(&mut queue.dropped_first),
        })
    }
}

/// The store's end of a subscription.
#[derive(Debug)]
pub(crate) struct Subscriber {
    /// `None`: all of them.
    pub tenant: Option<String>,
    /// `None`: everything.
    pub selector: Option<Selector>,
    queue: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<LiveEntry>,
    bytes: usize,
    dropped: u64,
    dropped_first: Vec<(Arc<Labels>, i64)>,
    closed: bool,
}

impl Subscriber {
    pub(crate) fn new(tenant: Option<String>, selector: Option<Selector>) -> Arc<Self> {
        Arc::new(Subscriber {
            tenant,
            selector,
            queue: Mutex::default(),
            arrived: Notify::new(),
        })
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Every change of a queue is complete when the lock is released.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wants_stream(&self, tenant: &str, labels: &Labels) -> bool {
        self.tenant.as_deref().is_none_or(|wanted| wanted == tenant)
            && self
                .selector
                .as_ref()
                .is_none_or(|selector| selector.matches_labels(labels))
    }

    pub(crate) fn offer(&self, tenant: &Arc<str>, labels: &Arc<Labels>, entry: &Entry<'_>) {
        if self
            .selector
            .as_ref()
            .is_some_and(|selector| !selector.matches_line(&entry.line))
        {
            return;
        }
        let cost = crate::chunk::Chunk::cost(entry);
        let mut queue = self.queue();
        let full = queue.entries.len() >= QUEUE_ENTRIES || queue.bytes + cost > QUEUE_BYTES;
        if full && !queue.entries.is_empty() {
            queue.dropped += 1;
            if queue.dropped_first.len() < DROPPED_NAMED {
                queue.dropped_first.push((labels.clone(), entry.timestamp));
            }
        } else {
            queue.bytes += cost;
            queue.entries.push_back(LiveEntry {
                tenant: tenant.clone(),
                labels: labels.clone(),
                timestamp: entry.timestamp,
                line: Bytes::copy_from_slice(&entry.line),
                metadata: entry
                    .metadata
                    .iter()
                    .map(|(n, v)| (n.to_string(), v.to_string()))
                    .collect(),
            });
        }
        drop(queue);
        self.arrived.notify_one();
    }

    pub(crate) fn close(&self) {
        self.queue().closed = true;
        self.arrived.notify_one();
    }
}
