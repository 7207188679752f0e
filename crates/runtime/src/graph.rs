//! A directed acyclic graph of nodes by their ids. Knows nothing of what a node is.
//!
//! An edge points from a dependant to its dependency, as a reference does.

use std::collections::{BTreeSet, HashMap};

/// A cycle: the ids along it, each refers to the next and the last to the first. One id for a self reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle(pub Vec<String>);

/// Nodes in the order in which they were added, and their dependencies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    ids: Vec<String>,
    index: HashMap<String, usize>,
    /// Dependencies of each node, in the order of its references.
    down: Vec<Vec<usize>>,
    /// Dependants of each node.
    up: Vec<Vec<usize>>,
}

impl Graph {
    /// Adds a node; false if its id is taken.
    pub fn add(&mut self, id: &str) -> bool {
        if self.index.contains_key(id) {
            return false;
        }
        self.index.insert(id.to_owned(), self.ids.len());
        self.ids.push(id.to_owned());
        self.down.push(Vec::new());
        self.up.push(Vec::new());
        true
    }

    /// Adds an edge between nodes that are there. Doubled edges collapse.
    pub fn connect(&mut self, from: &str, to: &str) {
        if let (Some(&from), Some(&to)) = (self.index.get(from), self.index.get(to))
            && !self.down[from].contains(&to)
        {
            self.down[from].push(to);
            self.up[to].push(from);
        }
    }

    /// Whether there is such a node.
    pub fn contains(&self, id: &str) -> bool {
        self.index.contains_key(id)
    }

    /// All ids in the order in which they were added.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(String::as_str)
    }

    /// Direct dependencies of a node.
    pub fn dependencies(&self, id: &str) -> Vec<&str> {
        self.neighbours(id, &self.down)
    }

    /// Direct dependants of a node.
    pub fn dependants(&self, id: &str) -> Vec<&str> {
        self.neighbours(id, &self.up)
    }

    fn neighbours<'a>(&'a self, id: &str, edges: &'a [Vec<usize>]) -> Vec<&'a str> {
        match self.index.get(id) {
            Some(&at) => edges[at].iter().map(|&to| self.ids[to].as_str()).collect(),
            None => Vec::new(),
        }
    }

    /// Ids with every dependency before its dependants; otherwise in the order in which they were added. `Err` lists one
    /// cycle of each group of nodes that depend on each other.
    pub fn leaves_first(&self) -> Result<Vec<String>, Vec<Cycle>> {
        let mut missing: Vec<usize> = self.down.iter().map(Vec::len).collect();
        let mut ready: BTreeSet<usize> = (0..self.ids.len()).filter(|&i| missing[i] == 0).collect();
        let mut order = Vec::with_capacity(self.ids.len());
        while let Some(next) = ready.pop_first() {
            order.push(self.ids[next].clone());
            for &dependant in &self.up[next] {
                missing[dependant] -= 1;
                if missing[dependant] == 0 {
                    ready.insert(dependant);
                }
            }
        }
        if order.len() == self.ids.len() {
            Ok(order)
        } else {
            Err(self.cycles(&missing))
        }
    }

    /// One cycle through each group, found among the nodes that never became ready.
    fn cycles(&self, missing: &[usize]) -> Vec<Cycle> {
        let mut cycles = Vec::new();
        let mut done = vec![false; self.ids.len()];
        for start in (0..self.ids.len()).filter(|&i| missing[i] > 0) {
            // Every stuck node has a stuck dependency, so following those comes back to where the path has been.
            let mut path = Vec::new();
            let mut at = start;
            while !done[at] && !path.contains(&at) {
                path.push(at);
                match self.down[at].iter().find(|&&to| missing[to] > 0) {
                    Some(&to) => at = to,
                    None => break,
                }
            }
            if let Some(begin) = path.iter().position(|&i| i == at)
                && !done[at]
            {
                cycles.push(Cycle(path[begin..].iter().map(|&i| self.ids[i].clone()).collect()));
            }
            for i in path {
                done[i] = true;
            }
        }
        cycles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &str)]) -> Graph {
        let mut graph = Graph::default();
        for (from, to) in edges {
            graph.add(from);
            graph.add(to);
        }
        for (from, to) in edges {
            graph.connect(from, to);
        }
        graph
    }

    #[test]
    fn dependencies_come_first_and_the_rest_keeps_its_order() {
        let graph = graph(&[("source", "process"), ("process", "write"), ("other", "write")]);
        assert_eq!(graph.leaves_first().unwrap(), ["write", "process", "source", "other"]);
        assert_eq!(graph.dependants("write"), ["process", "other"]);
        assert_eq!(graph.dependencies("source"), ["process"]);
    }

    #[test]
    fn cycles_are_named_along_their_path() {
        let cycles = graph(&[("x", "a"), ("a", "b"), ("b", "c"), ("c", "a"), ("s", "s")])
            .leaves_first()
            .unwrap_err();
        assert_eq!(
            cycles,
            [Cycle(vec!["a".into(), "b".into(), "c".into()]), Cycle(vec!["s".into()])]
        );
    }
}
