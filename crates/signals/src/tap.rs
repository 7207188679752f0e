//! Looking at records as they pass, without being part of the pipeline.

use crate::ledger::Edge;
use crate::logs::Logs;
use crate::metrics::Metrics;
use crate::otlp::Otlp;
use arc_swap::ArcSwapOption;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Records of a batch, as a [`Tap`] sees them.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// Log records.
    Logs(&'a Logs),
    /// Samples.
    Metrics(&'a Metrics),
    /// OTLP requests.
    Otlp(&'a Otlp),
}

impl Seen<'_> {
    /// Number of records.
    pub fn records(self) -> u64 {
        match self {
            Seen::Logs(logs) => logs.iter().map(|stream| stream.entries.len() as u64).sum(),
            Seen::Metrics(metrics) => metrics.records(),
            Seen::Otlp(otlp) => otlp.records,
        }
    }
}

/// Somebody who looks at edges of the graph.
///
/// It is called where records pass, so it copies what it wants and returns: it never waits.
pub trait Tap: Send + Sync + 'static {
    /// Whether it looks at the edge between two components, by their global ids. Asked once for each edge, of those made later too.
    fn wants(&self, from: &str, to: &str) -> bool;
    /// A batch is offered on such an edge. What the receiver refuses and is offered again comes again.
    fn passes(&self, from: &str, to: &str, records: Seen<'_>);
}

type Listeners = Vec<(u64, Arc<dyn Tap>)>;

/// Those who look at one edge.
#[derive(Default)]
pub(crate) struct EdgeTaps {
    /// Whether there are any: all that a batch costs while nobody looks.
    any: AtomicBool,
    listeners: ArcSwapOption<Listeners>,
}

impl EdgeTaps {
    pub(crate) fn show<'a>(&self, from: &str, to: &str, records: impl FnOnce() -> Option<Seen<'a>>) {
        if !self.any.load(Ordering::Relaxed) {
            return;
        }
        let Some(listeners) = self.listeners.load_full() else {
            return;
        };
        let Some(records) = records() else { return };
        for (_, tap) in listeners.iter() {
            tap.passes(from, to, records);
        }
    }

    /// Sets who looks at an edge, from all who look at some.
    fn choose(&self, from: &str, to: &str, all: &Listeners) {
        let chosen: Listeners = all.iter().filter(|(_, tap)| tap.wants(from, to)).cloned().collect();
        let any = !chosen.is_empty();
        self.listeners.store(any.then(|| Arc::new(chosen)));
        self.any.store(any, Ordering::Relaxed);
    }
}

/// All who look.
#[derive(Default)]
pub(crate) struct Taps {
    next: AtomicU64,
    all: Mutex<Listeners>,
}

impl Taps {
    fn lock(&self) -> MutexGuard<'_, Listeners> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, tap: Arc<dyn Tap>) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.lock().push((number, tap));
        number
    }

    pub(crate) fn remove(&self, number: u64) {
        self.lock().retain(|(other, _)| *other != number);
    }

    /// Brings edges up to date.
    pub(crate) fn choose<'e>(&self, edges: impl IntoIterator<Item = &'e Arc<Edge>>) {
        let all = self.lock();
        for edge in edges {
            edge.taps().choose(edge.from(), edge.to(), &all);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Entry, FanOut, Labels, Ledger, LogBatch, LogStream, Permit, Receiver, Seen, Sink, Tap};
    use std::sync::{Arc, Mutex};

    struct Seer {
        to: &'static str,
        seen: Mutex<Vec<String>>,
    }

    impl Tap for Seer {
        fn wants(&self, _: &str, to: &str) -> bool {
            to == self.to
        }

        fn passes(&self, from: &str, to: &str, records: Seen<'_>) {
            let Seen::Logs(logs) = records else {
                panic!("logs were sent")
            };
            let line = String::from_utf8_lossy(&logs[0].entries[0].line).into_owned();
            self.seen.lock().unwrap().push(format!("{from}->{to}: {line}"));
        }
    }

    struct Takes;

    impl Sink for Takes {
        fn accept(self: Arc<Self>, batch: LogBatch) -> crate::Accepting {
            let (_, mut custody) = batch.into_parts();
            custody.deliver_rest();
            Box::pin(std::future::ready(Ok(())))
        }
    }

    fn batch(line: &'static str) -> LogBatch {
        let entries = vec![Entry::new(1, line)];
        let labels = Labels::empty();
        LogBatch::new(vec![LogStream { labels, entries }], Permit::none())
    }

    fn receiver(owner: &str) -> Receiver {
        Receiver {
            owner: Arc::from(owner),
            sink: Arc::new(Takes),
        }
    }

    #[tokio::test]
    async fn taps_see_the_edges_they_want_also_those_made_later() {
        let ledger = Ledger::default();
        let early = FanOut::new(&ledger, "a");
        early.set(vec![receiver("b"), receiver("c")]);
        let seer = Arc::new(Seer {
            to: "b",
            seen: Mutex::default(),
        });
        early.accept(batch("before")).await.unwrap();
        let watching = ledger.watch(seer.clone());
        let late = FanOut::new(&ledger, "z");
        late.set(vec![receiver("b")]);
        early.accept(batch("one")).await.unwrap();
        late.accept(batch("two")).await.unwrap();
        drop(watching);
        early.accept(batch("after")).await.unwrap();
        assert_eq!(*seer.seen.lock().unwrap(), ["a->b: one", "z->b: two"]);
    }
}
