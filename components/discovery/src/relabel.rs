//! `discovery.relabel`: changes the labels of targets by Prometheus' relabelling rules, or drops targets.

use component::prelude::*;
use component::{RelabelRule, RelabelRules, Target};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The component.
pub const COMPONENT: Registration = Registration::of::<Relabel>("discovery.relabel", Stability::GenerallyAvailable);

/// Changes the labels of targets, or drops targets, by rules that run in their order.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Arguments {
    /// The targets.
    #[arg]
    pub targets: Vec<Target>,
    /// The rules.
    #[arg(name = "rule", block, many)]
    pub rules: Vec<RelabelRule>,
}

/// What others may refer to.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Exports {
    /// The targets that are left, with their new labels.
    #[arg]
    pub output: Vec<Target>,
    /// The rules, for `relabel_rules` of other components.
    #[arg]
    pub rules: RelabelRules,
}

/// What the rules made of each target. A target is looked up where it was before, then anywhere.
struct Results {
    /// As they are exported.
    exported: RelabelRules,
    /// As they are applied.
    rules: RelabelRules,
    /// Each target and what became of it; `None` if it was dropped.
    known: Vec<(Target, Option<Target>)>,
}

impl Results {
    fn new(rules: Vec<RelabelRule>) -> Result<Self> {
        Ok(Results {
            exported: RelabelRules::new(rules.clone())?,
            rules: RelabelRules::for_targets(rules)?,
            known: Vec::new(),
        })
    }

    /// The results for these targets. Rules run only over targets that were not there before.
    fn next(&self, targets: Vec<Target>) -> Results {
        let (mut scratch, mut index, mut at) = (self.rules.scratch(), None, 0);
        let mut next = Vec::with_capacity(targets.len());
        for target in targets {
            let found = match self.known.get(at) {
                Some((before, _)) if before.same(&target) => Some(at),
                _ => {
                    let index = index.get_or_insert_with(|| Index::of(&self.known));
                    index.find(&self.known, &target)
                }
            };
            let result = match found {
                Some(found) => {
                    at = found + 1;
                    self.known[found].1.clone()
                }
                None => {
                    at += 1;
                    let mut labels = target.edit();
                    let keep = self.rules.apply(&mut labels, &mut scratch);
                    // As it was, if nothing changed: then whoever compares it compares pointers.
                    keep.then(|| match labels.iter().eq(target.iter()) {
                        true => target.clone(),
                        false => target.edited(labels),
                    })
                }
            };
            next.push((target, result));
        }
        Results {
            exported: self.exported.clone(),
            rules: self.rules.clone(),
            known: next,
        }
    }

    fn exports(&self) -> Exports {
        Exports {
            output: self.known.iter().filter_map(|(_, result)| result.clone()).collect(),
            rules: self.exported.clone(),
        }
    }
}

/// Where each target is, by the hash of its parts. Of targets whose hashes are equal only one is found.
struct Index(HashMap<u64, usize>);

impl Index {
    fn of(known: &[(Target, Option<Target>)]) -> Self {
        let hashes = known.iter().enumerate();
        Index(hashes.map(|(at, (target, _))| (target.parts_hash(), at)).collect())
    }

    fn find(&self, known: &[(Target, Option<Target>)], target: &Target) -> Option<usize> {
        let at = *self.0.get(&target.parts_hash())?;
        (known[at].0 == *target).then_some(at)
    }
}

/// A `discovery.relabel`.
pub struct Relabel {
    cx: Context<Exports>,
    results: Mutex<Results>,
}

impl Relabel {
    fn results(&self) -> MutexGuard<'_, Results> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Component for Relabel {
    type Arguments = Arguments;
    type Exports = Exports;

    fn check(args: &Arguments, _: &Known<'_>) -> Vec<Error> {
        let rules = args.rules.iter().enumerate().flat_map(|(number, rule)| {
            let problems = rule.problems().into_iter();
            problems.map(move |error| error.inside("rule", number))
        });
        rules.collect()
    }

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        let results = Results::new(args.rules)?.next(args.targets);
        cx.export(results.exports());
        Ok(Relabel {
            cx: cx.clone(),
            results: Mutex::new(results),
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        let results = {
            let results = self.results();
            match results.exported.blocks() == args.rules {
                true => results.next(args.targets),
                false => Results::new(args.rules)?.next(args.targets),
            }
        };
        let exports = results.exports();
        Ok(Change::new(move || {
            *self.results() = results;
            self.cx.export(exports);
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use component::RelabelAction;
    use signals::Labels;

    fn target(group: &Labels, address: &str) -> Target {
        Target::new(group.clone(), Labels::from_pairs([("__address__", address)]))
    }

    fn rule(change: impl FnOnce(&mut RelabelRule)) -> RelabelRule {
        let mut rule = RelabelRule::defaults();
        change(&mut rule);
        rule
    }

    fn rules() -> Vec<RelabelRule> {
        vec![
            rule(|rule| {
                rule.source_labels = vec!["__address__".to_owned()];
                rule.regex = "drop.*".to_owned();
                rule.action = RelabelAction::Drop;
            }),
            rule(|rule| {
                rule.source_labels = vec!["__address__".to_owned()];
                rule.regex = "(b.*)".to_owned();
                rule.target_label = "host".to_owned();
            }),
        ]
    }

    #[test]
    fn unchanged_targets_and_groups_are_the_same_allocations() {
        let group = Labels::from_pairs([("job", "x")]);
        let targets = vec![target(&group, "a"), target(&group, "drop"), target(&group, "b")];
        let results = Results::new(rules()).unwrap().next(targets.clone());
        let output = results.exports().output;
        assert_eq!(output.len(), 2);
        assert!(output[0].same(&targets[0]));
        assert!(output[1].group().same(&group));
        assert_eq!(output[1].get("host").map(|value| value.as_str()), Some("b"));
    }

    #[test]
    fn rules_run_only_over_targets_that_are_new() {
        let group = Labels::from_pairs([("job", "x")]);
        let targets: Vec<Target> = ["b1", "b2", "b3", "b4"]
            .iter()
            .map(|address| target(&group, address))
            .collect();
        let first = Results::new(rules()).unwrap().next(targets.clone());
        let again = |targets: Vec<Target>| first.next(targets).exports().output;
        let before = first.exports().output;
        // One in the middle goes, one comes, and the order of the others changes.
        let changed = vec![
            targets[3].clone(),
            targets[0].clone(),
            target(&group, "b9"),
            targets[2].clone(),
        ];
        let output = again(changed);
        assert!(output[0].same(&before[3]) && output[1].same(&before[0]) && output[3].same(&before[2]));
        assert_eq!(output[2].get("host").map(|value| value.as_str()), Some("b9"));
        // Equal, though not the same.
        assert!(again(vec![target(&group, "b2")])[0].same(&before[1]));
    }

    #[test]
    fn names_may_be_any_text_as_in_alloy() {
        let rules = vec![rule(|rule| {
            rule.target_label = "a.b-é".to_owned();
            rule.replacement = "x".to_owned();
        })];
        let output = Results::new(rules)
            .unwrap()
            .next(vec![target(&Labels::empty(), "a")])
            .exports()
            .output;
        assert_eq!(output[0].get("a.b-é").map(|value| value.as_str()), Some("x"));
    }
}
