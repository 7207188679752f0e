//! Names of extracted values, resolved when a pipeline is compiled.

use smol_str::SmolStr;
use std::collections::{BTreeSet, HashMap};

/// What the stages of a pipeline read, collected before any of them is compiled: what nobody reads is not extracted.
#[derive(Debug, Default)]
pub struct Reads {
    names: BTreeSet<SmolStr>,
    all: bool,
}

impl Reads {
    /// Some stage reads this name.
    pub fn name(&mut self, name: &str) {
        self.names.insert(SmolStr::new(name));
    }

    /// Some stage reads names that are only known at run time.
    pub fn all(&mut self) {
        self.all = true;
    }
}

/// A name with its place in the records of its pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Index into the record's values.
    pub at: usize,
    /// The name.
    pub name: SmolStr,
}

/// All names with a place.
#[derive(Debug, Default)]
pub struct Names {
    slots: Vec<SmolStr>,
    by_name: HashMap<SmolStr, usize, foldhash::fast::FixedState>,
    reads: Reads,
}

impl Names {
    /// Names for stages that read `reads`.
    pub fn new(reads: Reads) -> Self {
        Names {
            reads,
            ..Names::default()
        }
    }

    /// The place of a name that a stage reads, or both reads and writes.
    pub fn read(&mut self, name: &str) -> Slot {
        let at = match self.by_name.get(name) {
            Some(at) => *at,
            None => {
                let at = self.slots.len();
                self.slots.push(SmolStr::new(name));
                self.by_name.insert(SmolStr::new(name), at);
                at
            }
        };
        Slot {
            at,
            name: self.slots[at].clone(),
        }
    }

    /// The place of a name that a stage writes, if anyone reads it.
    pub fn write(&mut self, name: &str) -> Option<Slot> {
        (self.reads.all || self.reads.names.contains(name)).then(|| self.read(name))
    }

    /// Whether values whose names are only known at run time are of use to anyone.
    pub fn all_are_read(&self) -> bool {
        self.reads.all
    }

    /// The place of a name, if it has one.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Names by their places.
    pub fn slots(&self) -> &[SmolStr] {
        &self.slots
    }
}
