//! What the counters of the ledger were some time ago.

use signals::{Amount, EdgeSnapshot, Fate};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often the counters are looked at.
pub(crate) const EVERY: Duration = Duration::from_secs(10);
/// Nanoseconds that are remembered.
const REMEMBERED: i64 = 3_600_000_000_000;

/// Sender, receiver, fate, reason.
type Key = (String, String, Fate, String);

/// Counters of what did not arrive, over the last hour. A change costs one entry, a counter that stands still nothing.
pub(crate) struct History {
    begins: i64,
    counters: Mutex<BTreeMap<Key, VecDeque<(i64, Amount)>>>,
}

impl History {
    /// A history that begins `now`, in nanoseconds since the Unix epoch, with counters at zero.
    pub(crate) fn new(now: i64) -> Self {
        History {
            begins: now,
            counters: Mutex::default(),
        }
    }

    /// When it begins.
    pub(crate) fn begins(&self) -> i64 {
        self.begins
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, VecDeque<(i64, Amount)>>> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the counters as they are `now`.
    pub(crate) fn sample(&self, now: i64, snapshot: &[EdgeSnapshot]) {
        let mut counters = self.lock();
        for edge in snapshot {
            for fate in Fate::ALL {
                for (reason, amount) in edge.named(fate) {
                    let key = (edge.from.clone(), edge.to.clone(), fate, reason.clone());
                    let samples = counters.entry(key).or_default();
                    if samples.back().is_none_or(|(_, last)| last != amount) {
                        samples.push_back((now, *amount));
                    }
                    // The last one before the hour tells how it began.
                    while samples.get(1).is_some_and(|(at, _)| now - at > REMEMBERED) {
                        samples.pop_front();
                    }
                }
            }
        }
    }

    /// A counter at a time, to within [`EVERY`]; zero before the first sample.
    pub(crate) fn at(&self, time: i64, from: &str, to: &str, fate: Fate, reason: &str) -> Amount {
        let key = (from.to_owned(), to.to_owned(), fate, reason.to_owned());
        let counters = self.lock();
        let samples = counters.get(&key).into_iter().flatten();
        samples
            .take_while(|(at, _)| *at <= time)
            .last()
            .map_or(Amount::default(), |(_, amount)| *amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signals::Ledger;

    #[test]
    fn counters_are_known_for_an_hour() {
        let ledger = Ledger::default();
        let history = History::new(0);
        let minute = 60_000_000_000;
        for at in 0..180 {
            ledger.edge("a", "b").settle(Fate::Filtered, "x", Amount::one(1));
            history.sample(at * minute, &ledger.snapshot());
        }
        let at = |minutes: i64| history.at(minutes * minute, "a", "b", Fate::Filtered, "x").items;
        assert_eq!(at(179), 180);
        assert_eq!(at(150), 151);
        assert_eq!(at(118), 119);
        assert_eq!(at(60), 0, "forgotten");
        assert_eq!(history.lock().values().map(VecDeque::len).max(), Some(62));
    }
}
