//! How components were doing: the last changes of each.

use component::Health;
use serde::Serialize;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often components are asked.
pub(crate) const EVERY: Duration = Duration::from_secs(5);
/// Changes of a component that are remembered.
const REMEMBERED: usize = 20;

/// A change of health.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    state: &'static str,
    message: String,
    at: String,
}

/// The changes of all components that run.
#[derive(Default)]
pub(crate) struct HealthHistory(Mutex<HashMap<String, VecDeque<Change>>>);

impl HealthHistory {
    /// Notes how components are doing now; forgets those that are not among them.
    pub(crate) fn sample(&self, now: &[(String, String, Health)]) {
        let mut history = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *history);
        for (id, _, health) in now {
            let mut changes = before.remove(id).unwrap_or_default();
            let last = changes.back();
            let same = last.is_some_and(|last| last.state == health.state.as_str() && last.message == health.message);
            if !same {
                changes.push_back(Change {
                    state: health.state.as_str(),
                    message: health.message.clone(),
                    at: gotime::format_rfc3339_nano(health.updated),
                });
            }
            while changes.len() > REMEMBERED {
                changes.pop_front();
            }
            history.insert(id.clone(), changes);
        }
    }

    /// The changes of one component, the newest last.
    pub(crate) fn of(&self, id: &str) -> Vec<Change> {
        let history = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        history
            .get(id)
            .map(|changes| changes.iter().cloned().collect())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use component::HealthState;

    #[test]
    fn changes_are_kept_and_what_is_gone_is_forgotten() {
        let history = HealthHistory::default();
        let health = |state, message: &str, at| ("a".to_owned(), String::new(), Health::new(state, message, at));
        history.sample(&[health(HealthState::Healthy, "runs", 0)]);
        history.sample(&[health(HealthState::Healthy, "runs", 1)]);
        history.sample(&[health(HealthState::Unhealthy, "fails", 2)]);
        let states: Vec<&str> = history.of("a").iter().map(|change| change.state).collect();
        assert_eq!(states, ["healthy", "unhealthy"]);
        assert_eq!(history.of("a")[1].at, "1970-01-01T00:00:00.000000002Z");
        history.sample(&[]);
        assert!(history.of("a").is_empty());
    }
}
