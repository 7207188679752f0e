//! What a mechanism has found.

use crate::group::Group;
use component::{Health, HealthState, Target};
use host::Host;
use signals::Labels;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The groups of one run of a mechanism, by source. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Board(Arc<Inner>);

struct Inner {
    host: Host,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    groups: BTreeMap<String, Kept>,
    /// Whether there is a first result.
    ready: bool,
    dirty: bool,
    trouble: Option<Health>,
}

struct Kept {
    labels: Labels,
    targets: Vec<Target>,
}

impl Board {
    pub(crate) fn new(host: Host) -> Self {
        Board(Arc::new(Inner {
            host,
            state: Mutex::default(),
            changed: Notify::new(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notify(&self, state: &State) {
        if state.ready && state.dirty {
            self.0.changed.notify_one();
        }
    }

    /// Adds a group, or replaces the one from the same source.
    pub(crate) fn set(&self, group: Group) {
        let mut state = self.state();
        state.put(group);
        self.notify(&state);
    }

    /// Removes the group from a source.
    #[cfg_attr(
        not(feature = "kubernetes"),
        allow(dead_code, reason = "the others replace all groups")
    )]
    pub(crate) fn remove(&self, source: &str) {
        let mut state = self.state();
        state.dirty |= state.groups.remove(source).is_some();
        self.notify(&state);
    }

    /// Replaces all groups: those from other sources go. This is a result.
    pub(crate) fn replace(&self, groups: Vec<Group>) {
        let mut state = self.state();
        let sources: std::collections::HashSet<&str> = groups.iter().map(|group| group.source.as_str()).collect();
        let before = state.groups.len();
        state.groups.retain(|source, _| sources.contains(source.as_str()));
        state.dirty |= state.groups.len() != before;
        for group in groups {
            state.put(group);
        }
        state.finish();
        self.notify(&state);
    }

    /// What was set so far is a first result.
    pub(crate) fn ready(&self) {
        let mut state = self.state();
        state.finish();
        self.notify(&state);
    }

    /// It does not work now; what was found stays.
    pub(crate) fn failed(&self, what: impl Into<String>) {
        let now = self.0.host.clock.now();
        self.state().trouble = Some(Health::new(HealthState::Unhealthy, what, now));
    }

    /// It works.
    pub(crate) fn fine(&self) {
        self.state().trouble = None;
    }

    /// What does not work.
    pub(crate) fn trouble(&self) -> Option<Health> {
        self.state().trouble.clone()
    }

    /// Waits for something that was not exported yet, and gives all targets: groups sorted by source, targets as the mechanism has them.
    pub(crate) async fn changed(&self) -> Vec<Target> {
        loop {
            {
                let mut state = self.state();
                if state.ready && state.dirty {
                    state.dirty = false;
                    return state
                        .groups
                        .values()
                        .flat_map(|group| group.targets.iter().cloned())
                        .collect();
                }
            }
            self.0.changed.notified().await;
        }
    }
}

impl State {
    fn finish(&mut self) {
        // No targets are a result too.
        self.dirty |= !self.ready;
        self.ready = true;
    }

    /// Takes over what is the same from the group that was there, so that comparing what is exported compares pointers.
    fn put(&mut self, group: Group) {
        let Some(was) = self.groups.get_mut(&group.source) else {
            let labels = group.labels;
            let target = |own: Labels| Target::new(labels.clone(), own);
            let targets = group.targets.into_iter().map(target).collect();
            self.groups.insert(group.source, Kept { labels, targets });
            self.dirty = true;
            return;
        };
        let labels = match was.labels == group.labels {
            true => was.labels.clone(),
            false => group.labels,
        };
        let mut same = labels.same(&was.labels) && group.targets.len() == was.targets.len();
        let target =
            |(number, own): (usize, Labels)| match was.targets.get(number).filter(|before| *before.own() == own) {
                Some(before) if before.group().same(&labels) => before.clone(),
                Some(before) => Target::new(labels.clone(), before.own().clone()),
                None => {
                    same = false;
                    Target::new(labels.clone(), own)
                }
            };
        let targets = group.targets.into_iter().enumerate().map(target).collect();
        *was = Kept { labels, targets };
        self.dirty |= !same;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(source: &str, label: &str, addresses: &[&str]) -> Group {
        Group {
            source: source.to_owned(),
            labels: Labels::from_pairs([("l", label)]),
            targets: addresses
                .iter()
                .map(|address| Labels::from_pairs([("a", *address)]))
                .collect(),
        }
    }

    fn now(board: &Board) -> Option<String> {
        let mut changed = std::pin::pin!(board.changed());
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match changed.as_mut().poll(&mut cx) {
            std::task::Poll::Ready(targets) => {
                let one = |target: &Target| format!("{}{}", target.get("a").unwrap(), target.get("l").unwrap());
                Some(targets.iter().map(one).collect::<Vec<_>>().join(" "))
            }
            std::task::Poll::Pending => None,
        }
    }

    #[test]
    fn only_changes_are_news_and_nothing_is_before_the_first_result() {
        let board = Board::new(Host::real());
        board.set(group("b", "1", &["x", "y"]));
        assert_eq!(now(&board), None);
        board.ready();
        assert_eq!(now(&board).as_deref(), Some("x1 y1"));
        board.set(group("b", "1", &["x", "y"]));
        board.remove("none");
        assert_eq!(now(&board), None);
        board.set(group("a", "2", &["z"]));
        assert_eq!(now(&board).as_deref(), Some("z2 x1 y1"));
        board.set(group("b", "3", &["x", "y"]));
        assert_eq!(now(&board).as_deref(), Some("z2 x3 y3"));
        board.replace(vec![group("a", "2", &["z"])]);
        assert_eq!(now(&board).as_deref(), Some("z2"));
        board.replace(vec![group("a", "2", &["z"])]);
        assert_eq!(now(&board), None);
        board.set(group("a", "2", &[]));
        assert_eq!(now(&board).as_deref(), Some(""));
    }

    #[test]
    fn what_stays_the_same_is_the_same_allocation() {
        let board = Board::new(Host::real());
        board.set(group("a", "1", &["x", "y"]));
        let before = board.state().groups["a"].targets.clone();
        board.set(group("a", "1", &["x", "z"]));
        let after = board.state().groups["a"].targets.clone();
        assert!(before[0].same(&after[0]));
        assert!(before[1].group().same(after[1].group()));
    }
}
