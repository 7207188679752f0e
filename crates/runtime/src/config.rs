//! Blocks of the configuration that are not components: `logging`, `http`.

use component::{BuildError, Caveat, Change, Stability};
use std::sync::Arc;
use value::{Block, Body, DecodeError, Schema};

/// A block at the top level that configures a part of the program. There is one of each, whether the block is written or not.
#[derive(Clone)]
pub struct ConfigBlock {
    /// Name of the block.
    pub name: &'static str,
    /// How settled it is.
    pub stability: Stability,
    /// What it takes.
    pub schema: fn() -> &'static Schema,
    prepare: Arc<dyn Fn(Option<&Body>) -> Result<Change, BuildError> + Send + Sync>,
    caveats: Arc<dyn Fn(&Body) -> Result<Vec<Caveat>, DecodeError> + Send + Sync>,
}

impl ConfigBlock {
    /// A block whose decoded content `prepare` checks and turns into a change that cannot fail. Without the block in the
    /// configuration it gets the defaults.
    pub fn new<A: Block>(
        name: &'static str,
        stability: Stability,
        prepare: impl Fn(A) -> component::Result<Change> + Send + Sync + 'static,
    ) -> Self {
        ConfigBlock {
            name,
            stability,
            schema: A::schema,
            prepare: Arc::new(move |body| {
                let args = match body {
                    Some(body) => value::decode::<A>(body)?,
                    None => A::defaults(),
                };
                Ok(prepare(args)?)
            }),
            caveats: Arc::new(|_| Ok(Vec::new())),
        }
    }

    /// The same block, with what it makes of the promise that records arrive; see [`component::Component::caveats`].
    pub fn with_caveats<A: Block>(mut self, caveats: fn(&A) -> Vec<Caveat>) -> Self {
        self.caveats = Arc::new(move |body| Ok(caveats(&value::decode(body)?)));
        self
    }

    /// What a block, in which attributes may be unknown, makes of the promise that records arrive.
    pub fn caveats(&self, body: &Body) -> Result<Vec<Caveat>, DecodeError> {
        (self.caveats)(body)
    }

    /// Checks a block, or its absence.
    pub fn prepare(&self, body: Option<&Body>) -> Result<Change, BuildError> {
        (self.prepare)(body)
    }
}
