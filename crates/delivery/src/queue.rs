//! The component's queue on disk: requests that a destination did not take in time, ready to be sent.
//!
//! One log for all endpoints, each with a cursor of its own. It is opened, and its folder made, when the first request is stored; while
//! every endpoint takes its requests nothing touches the disk.

use crate::protocol::stable_hash;
use bytes::{Buf, Bytes};
use component::{QueuePolicy, QueueSync};
use hashbrown::HashMap;
use host::{Clock, Fs, RealFs};
use net::Body;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use wal::{Append, Durability, OnFull, Options, Reader, RealDisk, Targets, Trim, Wal};

/// Records that are a tenant and the body of a push.
pub(crate) const PUSH: u16 = 1;

/// The queue. Its calls block.
pub(crate) struct Queue {
    dir: PathBuf,
    policy: QueuePolicy,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Records were settled that the saved cursors do not know of.
    touched: AtomicBool,
    opened: Notify,
}

#[derive(Default)]
struct State {
    log: Option<Wal>,
    /// The endpoints of the configuration and the cursor of each. All of them exist once the log is open.
    cursors: BTreeMap<String, String>,
    /// Cursors whose backlog is in the ledger.
    accounted: BTreeSet<String>,
    /// When the queue is full, entries that wait for longer than this make room.
    give_up: Option<Duration>,
    /// By cursor.
    parts: BTreeMap<String, Parts>,
    closed: bool,
}

/// What is left of records that were settled in part, by their number.
pub(crate) type Parts = HashMap<u64, Rest>;

/// What is left of a record.
#[derive(Default)]
pub(crate) struct Rest {
    /// Requests that have its entries without those that have their fate.
    pub(crate) bodies: Vec<Bytes>,
    /// The ledger knows that the others have their fate. After a start it does not: the whole record came into it.
    pub(crate) counted: bool,
}

/// A request to store.
pub(crate) struct Stored<'a> {
    pub(crate) keys: &'a [u64],
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) tenant: &'a str,
    pub(crate) body: &'a Body,
}

impl Queue {
    /// A queue in `dir`, which need not be there.
    pub(crate) fn new(dir: PathBuf, policy: QueuePolicy, clock: Arc<dyn Clock>) -> Arc<Queue> {
        Arc::new(Queue {
            dir,
            policy,
            clock,
            state: Mutex::default(),
            touched: AtomicBool::new(false),
            opened: Notify::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is a queue at all.
    pub(crate) fn is_enabled(&self) -> bool {
        self.policy.max_bytes > 0
    }

    /// Waits until the log is opened, if it is not.
    pub(crate) async fn opened(&self) {
        self.opened.notified().await;
    }

    /// Whether the log is open.
    pub(crate) fn is_open(&self) -> bool {
        self.lock().log.is_some()
    }

    /// Whether something was stored, now or before the last start.
    pub(crate) fn exists(&self) -> bool {
        self.is_enabled() && (self.lock().log.is_some() || self.dir.is_dir())
    }

    /// When the queue is full, entries that wait for longer than this make room; if nothing is said, sources wait.
    pub(crate) fn set_give_up(&self, give_up: Option<Duration>) {
        self.lock().give_up = give_up;
    }

    /// The cursor of an endpoint from now on: its own; or that of the endpoint whose place it takes; or, if it is new, one that was left
    /// behind by an endpoint which the configuration, whose endpoints are `all`, does not have any more.
    pub(crate) fn claim(&self, own: &str, predecessor: Option<&str>, all: &[String]) -> String {
        // What cannot be opened now is said at the first append.
        let log = if self.exists() { self.open().ok() } else { None };
        let mut state = self.lock();
        let there = log.map(|log| log.cursors()).unwrap_or_default();
        let free = |state: &State, name: &str| {
            !state.cursors.values().any(|taken| taken == name) && (name == own || !all.iter().any(|one| one == name))
        };
        let cursor = if there.iter().any(|name| name == own) && free(&state, own) {
            own.to_owned()
        } else if let Some(before) = predecessor.filter(|before| free(&state, before)) {
            before.to_owned()
        } else if let Some(orphan) = there.iter().find(|name| free(&state, name)) {
            tracing::info!(
                endpoint = own,
                cursor = orphan.as_str(),
                "the endpoint takes over what is queued for another"
            );
            orphan.clone()
        } else {
            own.to_owned()
        };
        state.cursors.insert(own.to_owned(), cursor.clone());
        cursor
    }

    /// The endpoint is gone; its cursor stays.
    pub(crate) fn release(&self, own: &str) {
        self.lock().cursors.remove(own);
    }

    /// Whether the backlog of a cursor has to be brought into the ledger; false from the second call on.
    pub(crate) fn account(&self, cursor: &str) -> bool {
        self.lock().accounted.insert(cursor.to_owned())
    }

    /// The log, opened if it is not.
    pub(crate) fn open(&self) -> Result<Wal, wal::Error> {
        let mut state = self.lock();
        if let Some(log) = &state.log {
            return Ok(log.clone());
        }
        if state.closed || !self.is_enabled() {
            return Err(wal::Error::Closed);
        }
        let options = Options {
            max_bytes: self.policy.max_bytes,
            on_full: OnFull::Refuse,
            durability: match self.policy.sync {
                QueueSync::Always => Durability::Always,
                QueueSync::Every(interval) => Durability::Every(interval),
                QueueSync::Never => Durability::Never,
            },
            ..Options::default()
        };
        let log = Wal::open(Arc::new(RealDisk), self.clock.clone(), &self.dir, options)?;
        for cursor in state.cursors.values() {
            log.cursor(cursor)?;
        }
        state.log = Some(log.clone());
        drop(state);
        self.opened.notify_one();
        Ok(log)
    }

    /// Appends a request for one endpoint. It is durable, as far as the policy asks, when this returns its number.
    pub(crate) fn append(&self, cursor: &str, stored: &Stored<'_>) -> Result<u64, wal::Error> {
        let log = self.open()?;
        let tenant = stored.tenant.as_bytes();
        let length = u16::try_from(tenant.len()).map_err(|_| wal::Error::Invalid("the tenant's name is too long"))?;
        let length = length.to_le_bytes();
        let mut payload: Vec<&[u8]> = vec![&length, tenant];
        payload.extend(stored.body.pieces().map(|piece| &piece[..]));
        let append = Append {
            kind: PUSH,
            items: u32::try_from(stored.entries).unwrap_or(u32::MAX),
            bytes: stored.bytes,
            targets: Targets::Named(&[cursor]),
            keys: stored.keys,
            payload: &payload,
        };
        match log.append(&append) {
            Err(wal::Error::Full { .. }) => {
                let give_up = self.lock().give_up;
                let Some(after) = give_up else {
                    return log.append(&append);
                };
                let after = i64::try_from(after.as_nanos()).unwrap_or(i64::MAX);
                log.trim(Trim {
                    cursor: None,
                    before_seq: None,
                    before_time: Some(self.clock.now().saturating_sub(after)),
                })?;
                log.append(&append)
            }
            other => other,
        }
    }

    /// Reads what one endpoint has not taken, from the beginning.
    pub(crate) fn reader(&self, cursor: &str) -> Result<Reader, wal::Error> {
        let reader = self.open()?.cursor(cursor)?;
        reader.rewind();
        Ok(reader)
    }

    fn parts_path(&self, cursor: &str) -> PathBuf {
        self.dir.join(format!("parts-{:016x}", stable_hash(cursor.as_bytes())))
    }

    /// Notes what is left of records that were settled in part when their endpoint stopped, so that nothing is sent twice.
    pub(crate) fn save_parts(&self, cursor: &str, parts: Parts) {
        self.lock().parts.insert(cursor.to_owned(), parts);
    }

    /// What [`save_parts`](Queue::save_parts) has noted, once.
    pub(crate) fn take_parts(&self, cursor: &str) -> Parts {
        if let Some(parts) = self.lock().parts.remove(cursor) {
            return parts;
        }
        let path = self.parts_path(cursor);
        let Ok(content) = RealFs.read(&path) else {
            return Parts::new();
        };
        // What cannot be removed would be taken for the rest of another record after the next start.
        if RealFs.remove_file(&path).is_err() {
            return Parts::new();
        }
        read_parts(content.into())
    }

    /// Writes what is left of interrupted records for the next start.
    fn write_parts(&self, parts: BTreeMap<String, Parts>) {
        for (cursor, parts) in parts {
            let mut content = Vec::new();
            for (number, rest) in parts {
                for body in rest.bodies {
                    content.extend_from_slice(&number.to_le_bytes());
                    content.extend_from_slice(&(body.len() as u64).to_le_bytes());
                    content.extend_from_slice(&body);
                }
            }
            if let Err(error) = RealFs.write_atomic(&self.parts_path(&cursor), &content, 0o600) {
                tracing::error!(error = %error, "a request was interrupted; its entries may be sent again after the next start");
            }
        }
    }

    /// Cursors that no endpoint of the configuration has.
    pub(crate) fn orphans(&self) -> Vec<String> {
        let state = self.lock();
        let Some(log) = &state.log else { return Vec::new() };
        let mut names = log.cursors();
        names.retain(|name| !state.cursors.values().any(|cursor| cursor == name));
        names
    }

    /// Forgets an endpoint and what it has not taken.
    pub(crate) fn remove(&self, cursor: &str) {
        let mut state = self.lock();
        state.accounted.remove(cursor);
        if let Some(log) = &state.log {
            // If it cannot be saved now, the cursor is found and removed again at the next start.
            let _ = log.remove_cursor(cursor);
        }
    }

    /// A record was settled.
    pub(crate) fn touch(&self) {
        self.touched.store(true, Ordering::Relaxed);
    }

    /// Whether records were settled since the last call.
    pub(crate) fn take_touched(&self) -> bool {
        self.touched.swap(false, Ordering::Relaxed)
    }

    /// What has to be done from time to time.
    pub(crate) fn maintain(&self) -> Option<wal::Stats> {
        let log = self.lock().log.clone()?;
        if let Err(error) = log.maintain() {
            tracing::warn!(error = %error, "the queue's cursors cannot be saved; after a crash more entries would be sent again");
        }
        for damage in log.take_damage() {
            tracing::error!(damage = %damage, "the queue on disk is damaged; see \"invar queue verify\"");
        }
        Some(log.stats())
    }

    /// Makes everything durable and gives the log up.
    pub(crate) fn close(&self) {
        let (log, parts) = {
            let mut state = self.lock();
            state.closed = true;
            (state.log.take(), std::mem::take(&mut state.parts))
        };
        self.write_parts(parts);
        if let Some(log) = log
            && let Err(error) = log.close()
        {
            tracing::error!(error = %error, "the queue could not be closed; entries may be sent again after the next start");
        }
    }
}

/// Each body is preceded by the record's number and its own length, little-endian.
fn read_parts(mut content: Bytes) -> Parts {
    let number = |content: &mut Bytes| {
        let word: [u8; 8] = content.get(..8)?.try_into().ok()?;
        content.advance(8);
        Some(u64::from_le_bytes(word))
    };
    let mut parts = Parts::new();
    while let Some(record) = number(&mut content)
        && let Some(length) = number(&mut content).and_then(|length| usize::try_from(length).ok())
        && length <= content.len()
    {
        let rest = parts.entry(record).or_default();
        rest.bodies.push(content.split_to(length));
    }
    parts
}

/// Tenant and body of a record.
pub(crate) fn open_payload(payload: &Bytes) -> Option<(Arc<str>, Bytes)> {
    let length = usize::from(u16::from_le_bytes(payload.get(..2)?.try_into().ok()?));
    let tenant = std::str::from_utf8(payload.get(2..2 + length)?).ok()?;
    Some((Arc::from(tenant), payload.slice(2 + length..)))
}
