//! One who looks: a bounded buffer between the pipelines and a reader.

use crate::LiveDebugging;
use crate::query::Query;
use crate::record::{Moment, Record};
use crate::walk::{Place, walk};
use host::Clock;
use serde_json::Value as Json;
use signals::{Seen, Tap, Watching};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::sync::mpsc;
use value::Value;

/// Records that wait for a reader; more are counted and not shown.
const BUFFER: usize = 1000;
/// Bytes of the texts of these, likewise.
const BUFFER_BYTES: usize = 1 << 20;

/// What a reader gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A record.
    Record(Box<Record>),
    /// So many records are not shown, because they came faster than they were read.
    Missed(u64),
}

/// The side of the pipelines.
pub(crate) struct Shared {
    query: Query,
    clock: Arc<dyn Clock>,
    sender: mpsc::Sender<Box<Record>>,
    missed: AtomicU64,
    /// Bytes that wait.
    waiting: AtomicUsize,
}

impl Shared {
    pub(crate) fn query(&self) -> &Query {
        &self.query
    }

    fn miss(&self, records: u64) {
        self.missed.fetch_add(records, Ordering::Relaxed);
    }

    /// Shows a record, if it is asked for.
    fn show(&self, record: Record) {
        if !self.query.wants(&record) {
            return;
        }
        self.send(record);
    }

    fn send(&self, mut record: Record) {
        record.conceal();
        let size = record.size();
        // A little too much by those who come at the same moment does no harm.
        let room = self.waiting.load(Ordering::Relaxed) + size <= BUFFER_BYTES;
        if room {
            self.waiting.fetch_add(size, Ordering::Relaxed);
        }
        if !room || self.sender.try_send(Box::new(record)).is_err() {
            if room {
                self.waiting.fetch_sub(size, Ordering::Relaxed);
            }
            self.miss(1);
        }
    }

    /// Whether there is room for another record.
    fn has_room(&self) -> bool {
        self.sender.capacity() > 0 && self.waiting.load(Ordering::Relaxed) < BUFFER_BYTES
    }

    fn is_picked(&self) -> bool {
        self.query.sample >= 1.0 || fastrand::f64() < self.query.sample
    }

    /// Something happened in a stage of a component.
    pub(crate) fn stage(&self, component: &str, stage: &str, event: &Value) {
        if !self.is_picked() {
            return;
        }
        if !self.has_room() {
            return self.miss(1);
        }
        let json = eval::to_plain_json(event)
            .ok()
            .and_then(|text| serde_json::from_str::<Json>(&text).ok());
        let Some(Json::Object(mut members)) = json else { return };
        let (moment, name) = match stage {
            "out" => (Moment::Out, None),
            "dropped" => (Moment::Dropped, None),
            stage => (Moment::Stage, Some(stage.to_owned())),
        };
        let mut record = Record::new(self.clock.now(), component, "", moment, "logs");
        record.stage = name;
        record.before = members.remove("before");
        if let Some(Json::String(line)) = members.get("line") {
            record.line = Some(line.clone());
        }
        if let Some(Json::Object(labels)) = members.get("labels") {
            record.labels = labels
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect();
        }
        record.changed = Some(Json::Object(members));
        // What a stage changed is only a part of the record: a filter for the rest would hide it.
        self.send(record);
    }
}

impl Tap for Shared {
    fn wants(&self, from: &str, to: &str) -> bool {
        self.query.pattern.matches(from, to)
    }

    fn passes(&self, from: &str, to: &str, records: Seen<'_>) {
        if !self.has_room() {
            return self.miss(records.records());
        }
        let place = Place {
            at: self.clock.now(),
            from,
            to,
        };
        let total = records.records();
        let mut looked = 0;
        let mut pick = || {
            looked += 1;
            self.is_picked()
        };
        let mut show = |record| {
            self.show(record);
            self.has_room()
        };
        walk(place, records, &mut pick, &mut show);
        if looked < total && !self.has_room() {
            self.miss(total - looked);
        }
    }
}

/// The reader's side. The pipelines are looked at until it is dropped.
pub struct Stream {
    shared: Option<Arc<Shared>>,
    service: Arc<LiveDebugging>,
    receiver: mpsc::Receiver<Box<Record>>,
    watching: Option<Watching>,
}

impl Stream {
    pub(crate) fn new(service: &Arc<LiveDebugging>, query: Query, clock: Arc<dyn Clock>) -> Stream {
        let (sender, receiver) = mpsc::channel(BUFFER);
        let shared = Arc::new(Shared {
            query,
            clock,
            sender,
            missed: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
        });
        Stream {
            watching: Some(service.ledger().watch(shared.clone())),
            shared: Some(shared),
            service: service.clone(),
            receiver,
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.shared.as_ref().expect("it is taken when the stream is dropped")
    }

    /// The next records, as many as there are; waits for the first.
    pub async fn next(&mut self) -> Vec<Item> {
        let mut records = Vec::new();
        self.receiver.recv_many(&mut records, BUFFER).await;
        let size = records.iter().map(|record| record.size()).sum();
        self.shared().waiting.fetch_sub(size, Ordering::Relaxed);
        let mut items: Vec<Item> = records.into_iter().map(Item::Record).collect();
        let missed = self.shared().missed.swap(0, Ordering::Relaxed);
        if missed > 0 {
            items.push(Item::Missed(missed));
        }
        items
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.watching = None;
        if self.shared.take().is_some_and(|shared| shared.query.before_after) {
            self.service.closed();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{LiveDebugging, Query};
    use signals::{Entry, Labels, Ledger, LogStream, Seen, Tap};
    use std::sync::Arc;

    fn service() -> Arc<LiveDebugging> {
        LiveDebugging::new(&Ledger::default(), Arc::new(host::SystemClock))
    }

    #[tokio::test]
    async fn long_records_take_no_more_memory_than_short_ones() {
        let mut stream = service().open(Query::default());
        let entries = (0..900).map(|_| Entry::new(1, vec![b'x'; 1 << 20])).collect();
        let labels = Labels::empty();
        let logs = vec![LogStream { labels, entries }];
        let shared = stream.shared().clone();
        shared.passes("a", "b", Seen::Logs(&logs));
        assert!(stream.next().await.len() < 100, "of sixteen KiB each");
        shared.passes("a", "b", Seen::Logs(&logs));
        assert!(stream.next().await.len() > 50, "there is room again");
    }
}
