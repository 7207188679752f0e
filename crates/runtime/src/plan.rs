//! What a reload will do, as data.
//!
//! [`plan`] compares what runs with what the new configuration says and has no effects. The controller executes its steps, `invar
//! plan` prints them, and tests compare them.

use crate::graph::Graph;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// What planning needs to know of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodePlan {
    /// Id within its controller.
    pub id: String,
    /// What it is made of, such as the component's name. A node that changes it is another node.
    pub kind: String,
    /// Its block, without layout and comments. Equal text over equal exports means equal arguments.
    pub text: String,
    /// Whether its value is known when it is evaluated, as that of an argument of a module is; a component tells of changed exports
    /// by itself.
    pub transparent: bool,
}

/// A graph with what planning needs to know of its nodes.
#[derive(Clone, Debug, Default)]
pub struct GraphPlan {
    /// Ids and edges.
    pub graph: Graph,
    /// One for each id.
    pub nodes: Vec<NodePlan>,
}

/// One step of a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Is built and started.
    Start(String),
    /// Exists and gets a new block, or refers to something that starts anew, so it is evaluated again.
    Update(String),
    /// Exists and stays as it is.
    Keep(String),
    /// Is stopped and forgotten.
    Stop(String),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Start(id) => write!(f, "start {id}"),
            Step::Update(id) => write!(f, "update {id}"),
            Step::Keep(id) => write!(f, "keep {id}"),
            Step::Stop(id) => write!(f, "stop {id}"),
        }
    }
}

/// What becomes of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is new, or another kind of node than the one that had its id.
    Start,
    /// It is evaluated again.
    Update,
    /// Nothing that it is made of has changed.
    Keep,
}

/// The rule by which nodes change: a node with the same kind and text stays as it is unless something that it refers to is new.
pub fn verdict(kinds: Option<(&str, &str)>, same_text: bool, renewed: bool) -> Verdict {
    match kinds {
        Some((was, is)) if was == is => match same_text && !renewed {
            true => Verdict::Keep,
            false => Verdict::Update,
        },
        _ => Verdict::Start,
    }
}

/// The steps from `old` to `new`, in the order in which they take effect: stops from dependants to dependencies, then every node
/// of the new graph from dependencies to dependants. `new` has no cycle (its loader reports those).
pub fn plan(old: &GraphPlan, new: &GraphPlan) -> Vec<Step> {
    let before: HashMap<&str, &NodePlan> = old.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let after: HashMap<&str, &NodePlan> = new.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let survives = |id: &str| {
        before
            .get(id)
            .is_some_and(|was| after.get(id).is_some_and(|is| is.kind == was.kind))
    };
    let mut steps: Vec<Step> = old
        .graph
        .leaves_first()
        .unwrap_or_default()
        .into_iter()
        .rev()
        .filter(|id| !survives(id))
        .map(Step::Stop)
        .collect();
    let mut fresh: HashSet<String> = HashSet::new();
    for id in new.graph.leaves_first().unwrap_or_default() {
        let (was, is) = (before.get(id.as_str()), after[id.as_str()]);
        let kinds = was.map(|was| (was.kind.as_str(), is.kind.as_str()));
        let same_text = was.is_some_and(|was| was.text == is.text);
        let dependencies = new.graph.dependencies(&id);
        let renewed = dependencies.iter().any(|dependency| fresh.contains(*dependency));
        let verdict = verdict(kinds, same_text, renewed);
        // What has no life of its own passes on what it is made of.
        if verdict == Verdict::Start || (verdict == Verdict::Update && is.transparent) {
            fresh.insert(id.clone());
        }
        steps.push(match verdict {
            Verdict::Start => Step::Start(id),
            Verdict::Update => Step::Update(id),
            Verdict::Keep => Step::Keep(id),
        });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `"a: b c"` is node `a`, of kind `a`'s first fragment, with references to `b` and `c`; `"a = x: b"` gives it text `x`.
    fn config(lines: &[&str]) -> GraphPlan {
        let mut made = GraphPlan::default();
        let mut edges = Vec::new();
        for line in lines {
            let (head, references) = line.split_once(':').unwrap_or((line, ""));
            let (id, text) = head.split_once('=').unwrap_or((head, ""));
            let id = id.trim();
            made.graph.add(id);
            made.nodes.push(NodePlan {
                id: id.to_owned(),
                kind: id.split('.').next().unwrap_or_default().to_owned(),
                text: format!("{}|{references}", text.trim()),
                transparent: id.starts_with("argument"),
            });
            edges.extend(references.split_whitespace().map(|to| (id.to_owned(), to.to_owned())));
        }
        for (from, to) in edges {
            made.graph.connect(&from, &to);
        }
        made
    }

    fn check(old: &[&str], new: &[&str], expected: &[&str]) {
        let steps: Vec<String> = plan(&config(old), &config(new)).iter().map(Step::to_string).collect();
        assert_eq!(steps, expected);
    }

    #[test]
    fn the_first_load_starts_from_leaves_to_roots() {
        check(
            &[],
            &["source: process", "process: write", "write"],
            &["start write", "start process", "start source"],
        );
    }

    #[test]
    fn an_equal_configuration_changes_nothing() {
        let same = ["source: process", "process: write", "write"];
        check(&same, &same, &["keep write", "keep process", "keep source"]);
    }

    #[test]
    fn a_changed_block_updates_that_node_alone() {
        check(
            &["source: process", "process = 1: write", "write"],
            &["source: process", "process = 2: write", "write"],
            &["keep write", "update process", "keep source"],
        );
    }

    #[test]
    fn a_removed_chain_stops_from_source_to_sink() {
        check(
            &["source: process", "process: write", "write", "other"],
            &["other"],
            &["stop source", "stop process", "stop write", "keep other"],
        );
    }

    #[test]
    fn a_renamed_sink_is_another_node_and_its_dependant_is_evaluated_again() {
        check(
            &["source: write.a", "write.a"],
            &["source: write.b", "write.b"],
            &["stop write.a", "start write.b", "update source"],
        );
    }

    #[test]
    fn a_changed_argument_of_a_module_reaches_what_uses_it() {
        check(
            &["s: argument.to", "argument.to: w1", "w1", "w2"],
            &["s: argument.to", "argument.to: w2", "w1", "w2"],
            &["keep w1", "keep w2", "update argument.to", "update s"],
        );
    }

    #[test]
    fn adding_a_branch_updates_only_what_refers_to_it() {
        check(
            &["s: p", "p: w1", "w1"],
            &["s: p", "p: w1 w2", "w1", "w2"],
            &["keep w1", "start w2", "update p", "keep s"],
        );
    }
}
