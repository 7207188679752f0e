//! What is wrong with an endpoint, for health and for the log.

use crate::endpoint::Endpoint;
use crate::protocol::Protocol;
use component::{Health, HealthState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How often the log repeats that something is still wrong.
const REMIND: Duration = Duration::from_secs(60);

/// What keeps the shards of an endpoint from delivering.
pub(crate) struct Troubles {
    shards: Mutex<Vec<Option<Trouble>>>,
    reminded: Mutex<Reminded>,
    /// What entries are called.
    entries: &'static str,
}

#[derive(Default)]
struct Reminded {
    trouble: Option<Instant>,
    /// The log knows of a trouble and not of its end.
    told: bool,
    rejected: Option<Instant>,
    rejected_since: u64,
    store: Option<Instant>,
}

#[derive(Clone)]
struct Trouble {
    /// Nanoseconds since the Unix epoch.
    since: i64,
    message: String,
    failures: u32,
    /// It takes a person to end it.
    hold: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether `last` is long enough ago; if so it is now.
fn due(last: &mut Option<Instant>) -> bool {
    let due = last.is_none_or(|last| last.elapsed() >= REMIND);
    if due {
        *last = Some(Instant::now());
    }
    due
}

impl Troubles {
    pub(crate) fn new(shards: usize, entries: &'static str) -> Self {
        Troubles {
            shards: Mutex::new(vec![None; shards]),
            reminded: Mutex::default(),
            entries,
        }
    }

    /// An attempt of a shard failed and will be repeated after `pause`.
    pub(crate) fn failed(&self, endpoint: &str, shard: usize, message: &str, hold: bool, pause: Duration, now: i64) {
        {
            let mut shards = lock(&self.shards);
            let Some(slot) = shards.get_mut(shard) else { return };
            let trouble = slot.get_or_insert_with(|| Trouble {
                since: now,
                message: String::new(),
                failures: 0,
                hold,
            });
            trouble.message = message.to_owned();
            trouble.failures += 1;
            trouble.hold = hold;
        }
        let tell = {
            let mut reminded = lock(&self.reminded);
            let due = due(&mut reminded.trouble);
            reminded.told |= due;
            due
        };
        if tell {
            tracing::warn!(endpoint, retry_in = ?pause, "the endpoint {message}; {} are kept and sent again", self.entries);
        }
    }

    /// A shard has an answer that is about entries.
    pub(crate) fn over(&self, endpoint: &str, shard: usize) {
        let ended = lock(&self.shards).get_mut(shard).and_then(Option::take);
        let Some(trouble) = ended else { return };
        let told = std::mem::take(&mut lock(&self.reminded).told);
        if told {
            tracing::info!(
                endpoint,
                failures = trouble.failures,
                "the endpoint takes {} again",
                self.entries
            );
        }
    }

    /// From now on somebody else tries what a shard could not deliver.
    pub(crate) fn moved(&self, from: usize, to: usize) {
        let mut shards = lock(&self.shards);
        let Some(trouble) = shards.get_mut(from).and_then(Option::take) else {
            return;
        };
        if let Some(slot) = shards.get_mut(to)
            && slot.is_none()
        {
            *slot = Some(trouble);
        }
    }

    /// The queue on disk does not take entries.
    pub(crate) fn store_failed(&self, endpoint: &str, error: &str) {
        if due(&mut lock(&self.reminded).store) {
            tracing::error!(
                endpoint,
                error,
                "the queue on disk does not take {}; their sources wait",
                self.entries
            );
        }
    }

    /// Entries were refused for good.
    pub(crate) fn rejected(&self, endpoint: &str, message: &str, entries: u64) {
        let dropped = {
            let mut reminded = lock(&self.reminded);
            reminded.rejected_since += entries;
            due(&mut reminded.rejected).then(|| std::mem::take(&mut reminded.rejected_since))
        };
        if let Some(entries) = dropped {
            tracing::error!(
                endpoint,
                entries,
                "{} are dropped, the endpoint {message}",
                self.entries
            );
        }
    }

    /// Since when and why, if the endpoint does not do its job. A single failed attempt is everyday life.
    fn worst(&self) -> Option<(i64, String, bool)> {
        let shards = lock(&self.shards);
        let visible = shards
            .iter()
            .flatten()
            .filter(|trouble| trouble.hold || trouble.failures > 1);
        visible
            .min_by_key(|trouble| (!trouble.hold, trouble.since))
            .map(|trouble| (trouble.since, trouble.message.clone(), trouble.hold))
    }
}

/// The health of a component with these endpoints; `None` if there is nothing to say. A destination that is down or overloaded is
/// not the collector's illness, which a restart would cure: the message says so and the state stays healthy. What takes a
/// person to mend, such as a wrong password, is unhealthy.
pub(crate) fn health<P: Protocol>(endpoints: &[Arc<Endpoint<P>>]) -> Option<Health> {
    let mut messages = Vec::new();
    let mut first = i64::MAX;
    let mut state = HealthState::Healthy;
    for endpoint in endpoints {
        if let Some((since, message, hold)) = endpoint.troubles().worst() {
            if hold {
                state = HealthState::Unhealthy;
            }
            first = first.min(since);
            let since = gotime::format_rfc3339_nano(since - since.rem_euclid(1_000_000_000));
            messages.push(format!("endpoint {:?} {message} (since {since})", endpoint.title()));
        }
    }
    (!messages.is_empty()).then(|| Health::new(state, messages.join("; "), first))
}
