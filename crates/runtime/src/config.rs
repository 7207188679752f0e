//! Blocks of the configuration that are not components: `logging`, `http`.

use component::{BuildError, Change, Stability};
use std::sync::Arc;
use value::{Block, Body, Schema};

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
        }
    }

    /// Checks a block, or its absence.
    pub fn prepare(&self, body: Option<&Body>) -> Result<Change, BuildError> {
        (self.prepare)(body)
    }
}
