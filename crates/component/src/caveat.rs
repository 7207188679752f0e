//! What a component makes of the promise that records arrive, as its arguments say it, for `invar validate --guarantees`.

/// What a [`Caveat`] does to the promise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The promise holds; this is worth knowing about it.
    Note,
    /// A rule of the configuration drops records. They are counted, and the promise holds for the others.
    Drops,
    /// Records may be lost, and what is lost no rule has asked for by name.
    BestEffort,
}

/// A fact about a component with certain arguments. Without any, what it has taken responsibility for arrives at least once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caveat {
    /// What it does to the promise.
    pub effect: Effect,
    /// The fact, so that it may follow the component's name: `gives up after 3 attempts`. Holds no secret.
    pub text: String,
    /// The block that it comes from, named as the ledger's examples name blocks: `endpoint#0/queue_config#0`; empty for the component's own.
    pub block: String,
    /// The argument of that block that it comes from; empty if the whole block is meant.
    pub argument: &'static str,
}

impl Caveat {
    fn new(effect: Effect, text: impl Into<String>) -> Self {
        Caveat {
            effect,
            text: text.into(),
            block: String::new(),
            argument: "",
        }
    }

    /// Worth knowing.
    pub fn note(text: impl Into<String>) -> Self {
        Caveat::new(Effect::Note, text)
    }

    /// A rule that drops records.
    pub fn drops(text: impl Into<String>) -> Self {
        Caveat::new(Effect::Drops, text)
    }

    /// Why records may be lost.
    pub fn best_effort(text: impl Into<String>) -> Self {
        Caveat::new(Effect::BestEffort, text)
    }

    /// The same, with the block and the argument that it comes from.
    pub fn at(mut self, block: impl Into<String>, argument: &'static str) -> Self {
        self.block = block.into();
        self.argument = argument;
        self
    }
}
