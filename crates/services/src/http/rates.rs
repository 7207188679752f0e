//! How much comes to the destinations of sinks, and leaves for them.

use signals::EdgeSnapshot;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Bytes a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Flow {
    /// That a sink took for a destination.
    pub(crate) entered: f64,
    /// That were delivered, or given up.
    pub(crate) left: f64,
}

#[derive(Clone, Copy)]
struct Counters {
    at: i64,
    entered: u64,
    left: u64,
}

/// The rates of the last interval between two samples, by the destination's half of the edge.
#[derive(Default)]
pub(crate) struct Rates(Mutex<HashMap<String, (Counters, Option<Flow>)>>);

impl Rates {
    /// Notes the counters as they are `now`, in nanoseconds since the Unix epoch.
    pub(crate) fn sample(&self, now: i64, snapshot: &[EdgeSnapshot]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for edge in snapshot.iter().filter(|edge| edge.to.contains('#')) {
            let counters = Counters {
                at: now,
                entered: edge.entered.bytes,
                left: edge.settled().bytes,
            };
            let flow = known.get(&edge.to).and_then(|(before, _)| {
                let seconds = (now - before.at) as f64 / 1e9;
                let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
                (seconds > 0.0).then(|| Flow {
                    entered: rate(counters.entered, before.entered),
                    left: rate(counters.left, before.left),
                })
            });
            known.insert(edge.to.clone(), (counters, flow));
        }
    }

    /// The rates of a destination, once there were two samples.
    pub(crate) fn of(&self, to: &str) -> Option<Flow> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(to)?.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signals::{Amount, Ledger};

    #[test]
    fn rates_are_differences() {
        let ledger = Ledger::default();
        let edge = ledger.edge("w", "w#d");
        let rates = Rates::default();
        rates.sample(0, &ledger.snapshot());
        assert_eq!(rates.of("w#d"), None);
        edge.enter(Amount { items: 1, bytes: 1000 });
        edge.deliver(Amount { items: 1, bytes: 400 });
        rates.sample(10_000_000_000, &ledger.snapshot());
        assert_eq!(
            rates.of("w#d"),
            Some(Flow {
                entered: 100.0,
                left: 40.0
            })
        );
    }
}
