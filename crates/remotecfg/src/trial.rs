//! The grace period of a new configuration: whether its components are well.

use crate::graph::Ill;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;
use value::Body;

/// How often in a row a component has to be seen ill: one that is so for a moment has done no harm.
const LOOKS: u32 = 3;
/// Pause between two looks, if the grace period leaves time for it.
const PAUSE: Duration = Duration::from_secs(1);
/// How many components are named when several are ill.
const NAMED: usize = 3;

/// A configuration whose components are looked at.
pub(crate) struct Trial {
    started: Instant,
    grace: Duration,
    next: Instant,
    /// What was ill before, with its arguments.
    ill_before: HashMap<String, Body>,
    seen: HashMap<String, u32>,
}

/// What comes of a look.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is too early to say.
    Wait,
    /// The grace period is over.
    Well,
    /// Components are ill: what is said of them.
    Ill(String),
}

impl Trial {
    /// The trial of a configuration that was loaded just now; `before` is what was ill before that.
    pub(crate) fn new(grace: Duration, before: Vec<Ill>) -> Self {
        let mut trial = Trial {
            started: Instant::now(),
            grace,
            next: Instant::now(),
            ill_before: before.into_iter().map(|node| (node.id, node.arguments)).collect(),
            seen: HashMap::new(),
        };
        trial.pause();
        trial
    }

    /// Begins anew, with all that is known.
    pub(crate) fn again(&mut self) {
        self.started = Instant::now();
        self.seen.clear();
        self.pause();
    }

    /// The trial of what was loaded in place of what was on this one: what was ill before is what was so before both.
    pub(crate) fn following(mut self) -> Trial {
        self.again();
        self
    }

    /// When to look.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    fn end(&self) -> Instant {
        self.started + self.grace
    }

    fn pause(&mut self) {
        let pause = PAUSE.min(self.grace / (2 * LOOKS));
        self.next = (Instant::now() + pause).min(self.end());
    }

    /// Looks at what is ill.
    pub(crate) fn look(&mut self, ill: &[Ill]) -> Verdict {
        let counts = |node: &&Ill| {
            let before = self.ill_before.get(&node.id);
            !before.is_some_and(|arguments| arguments.same(&node.arguments))
        };
        let ill: Vec<&Ill> = ill.iter().filter(counts).collect();
        let seen = ill.iter().map(|node| {
            let times = self.seen.get(&node.id).copied().unwrap_or_default();
            (node.id.clone(), times + 1)
        });
        self.seen = seen.collect();
        let over = Instant::now() >= self.end();
        let sure = self.seen.values().any(|times| *times >= LOOKS);
        match ill.as_slice() {
            [] if over => Verdict::Well,
            [_, ..] if over || sure => Verdict::Ill(describe(&ill)),
            _ => {
                self.pause();
                Verdict::Wait
            }
        }
    }
}

fn describe(ill: &[&Ill]) -> String {
    let named = ill.iter().take(NAMED).map(|node| {
        let state = node.health.state.as_str();
        format!("component {} is {state}: {}", node.id, node.health.message)
    });
    let mut named: Vec<String> = named.collect();
    if let more @ 1.. = ill.len().saturating_sub(NAMED) {
        named.push(format!("and {more} more"));
    }
    named.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use component::{Health, HealthState};
    use value::{Item, Place, Value};

    const GRACE: Duration = Duration::from_secs(30);

    fn ill(argument: i64) -> Vec<Ill> {
        let item = Item::Attr {
            name: "a".to_owned(),
            value: Ok(Some(Value::int(argument))),
            place: Place(0),
        };
        vec![Ill {
            id: "a".to_owned(),
            health: Health::new(HealthState::Unhealthy, "broken", 0),
            arguments: Body {
                label: String::new(),
                items: vec![item],
            },
        }]
    }

    fn ill_if(condition: bool) -> Vec<Ill> {
        if condition { ill(1) } else { Vec::new() }
    }

    async fn run(trial: &mut Trial, mut ill: impl FnMut(u64) -> Vec<Ill>) -> (u64, Verdict) {
        let start = Instant::now();
        loop {
            tokio::time::sleep_until(trial.next()).await;
            let second = start.elapsed().as_secs();
            match trial.look(&ill(second)) {
                Verdict::Wait => {}
                verdict => return (second, verdict),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn components_that_stay_ill_end_it_and_those_that_recover_do_not() {
        let trial = || Trial::new(GRACE, Vec::new());
        assert_eq!(run(&mut trial(), |_| Vec::new()).await, (30, Verdict::Well));
        let text = "component a is unhealthy: broken".to_owned();
        assert_eq!(
            run(&mut trial(), |second| ill_if(second >= 5)).await,
            (7, Verdict::Ill(text.clone()))
        );
        assert_eq!(
            run(&mut trial(), |second| ill_if(second % 3 > 0)).await,
            (30, Verdict::Well)
        );
        // What is ill in the end counts, however short.
        assert_eq!(
            run(&mut trial(), |second| ill_if(second >= 29)).await,
            (30, Verdict::Ill(text))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_ill_with_the_same_arguments_does_not_count() {
        let mut trial = Trial::new(GRACE, ill(1));
        assert_eq!(run(&mut trial, |_| ill(1)).await, (30, Verdict::Well));
        let mut trial = Trial::new(GRACE, ill(1));
        assert_eq!(run(&mut trial, |_| ill(2)).await.0, 3);
        trial.again();
        assert_eq!(run(&mut trial, |_| ill(1)).await, (30, Verdict::Well));
    }
}
