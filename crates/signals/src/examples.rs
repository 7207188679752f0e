//! Examples of records that did not arrive: for each rule and reason the last few, redacted.

use crate::labels::Labels;
use crate::ledger::Fate;
use crate::redact::redact;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// Examples that are kept of one rule at one place.
const KEPT: usize = 16;
/// Rules and places of which examples are kept; the one that was silent for longest makes room.
const PLACES: usize = 512;
/// Characters of a line that an example shows.
const LINE: usize = 240;
/// Nanoseconds between two examples of the same rule.
const EVERY: i64 = 1_000_000_000;

/// A record that did not arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// When, in nanoseconds since the Unix epoch.
    pub at: i64,
    /// Global id of the component that decided it.
    pub component: Arc<str>,
    /// What became of the record.
    pub fate: Fate,
    /// The rule or reason, as the ledger counts it.
    pub reason: Arc<str>,
    /// The block inside the component's that holds the rule, as [`Examples::note`] explains; empty for the component as a whole.
    pub place: Arc<str>,
    /// The record's labels.
    pub labels: Labels,
    /// The beginning of its line; what looks like a secret is replaced.
    pub line: String,
    /// More about the reason: what a destination answered.
    pub message: String,
}

type Key = (Arc<str>, Fate, Arc<str>, Arc<str>);

/// A bounded memory of examples. Clones share it.
#[derive(Clone, Default)]
pub struct Examples(Arc<Mutex<BTreeMap<Key, VecDeque<Example>>>>);

/// Says when the next example of one rule is due, at the price of one load where it is asked for each record.
#[derive(Debug)]
pub struct Due(AtomicI64);

impl Default for Due {
    fn default() -> Self {
        Due(AtomicI64::new(i64::MIN))
    }
}

impl Due {
    /// Whether an example is wanted at `now`; if so it is not for the next second.
    pub fn take(&self, now: i64) -> bool {
        let due = self.0.load(Ordering::Relaxed);
        now >= due
            && self
                .0
                .compare_exchange(due, now.saturating_add(EVERY), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Examples {
    /// Keeps an example. `line` is shortened and redacted here. `place` names the block inside the component's that holds the
    /// rule: names of blocks, each with its number among its namesakes from 0, from the outside in:
    /// `stage.match#1/stage.drop#0`.
    #[allow(clippy::too_many_arguments)]
    pub fn note(
        &self,
        at: i64,
        component: &Arc<str>,
        fate: Fate,
        reason: &Arc<str>,
        place: &Arc<str>,
        labels: &Labels,
        line: &[u8],
        message: &str,
    ) {
        let text = String::from_utf8_lossy(&line[..line.len().min(4 * LINE)]);
        let cut: String = text.chars().take(LINE).collect();
        let mut shown = redact(&cut);
        if cut.len() < line.len() {
            shown.push('…');
        }
        let example = Example {
            at,
            component: component.clone(),
            fate,
            reason: reason.clone(),
            place: place.clone(),
            labels: labels.clone(),
            line: shown,
            message: redact(message),
        };
        let key = (component.clone(), fate, reason.clone(), place.clone());
        let mut kept = lock(&self.0);
        if !kept.contains_key(&key)
            && kept.len() >= PLACES
            && let Some(oldest) = kept
                .iter()
                .min_by_key(|(_, examples)| examples.back().map_or(i64::MIN, |example| example.at))
                .map(|(key, _)| key.clone())
        {
            kept.remove(&oldest);
        }
        let examples = kept.entry(key).or_default();
        if examples.len() >= KEPT {
            examples.pop_front();
        }
        examples.push_back(example);
    }

    /// All examples, by component, fate, reason and place, the oldest first.
    pub fn all(&self) -> Vec<Example> {
        lock(&self.0).values().flatten().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(examples: &Examples, at: i64, reason: &str, line: &[u8]) {
        let name = |text: &str| -> Arc<str> { Arc::from(text) };
        examples.note(
            at,
            &name("loki.process.a"),
            Fate::Filtered,
            &name(reason),
            &name("stage.drop#0"),
            &Labels::from_pairs([("job", "a")]),
            line,
            "",
        );
    }

    #[test]
    fn the_last_few_of_each_rule_are_kept() {
        let examples = Examples::default();
        for at in 0..100 {
            note(&examples, at, "noisy", b"x");
        }
        note(&examples, 7, "quiet", b"y");
        let all = examples.all();
        assert_eq!(all.len(), KEPT + 1);
        assert_eq!(all[0].at, 100 - KEPT as i64);
        for rule in 0..2 * PLACES {
            note(&examples, 1_000 + rule as i64, &format!("rule {rule}"), b"x");
        }
        assert_eq!(examples.all().len(), PLACES);
    }

    #[test]
    fn lines_are_cut_and_redacted() {
        let examples = Examples::default();
        note(
            &examples,
            0,
            "noisy",
            format!("password=hunter2 {}", "é".repeat(500)).as_bytes(),
        );
        let line = &examples.all()[0].line;
        assert!(line.starts_with("password=<redacted> é"), "{line}");
        assert!(line.ends_with('…') && line.chars().count() < 300);
    }

    #[test]
    fn one_example_a_second_is_due() {
        let due = Due::default();
        assert!(due.take(5));
        assert!(!due.take(6));
        assert!(due.take(5 + EVERY));
    }
}
