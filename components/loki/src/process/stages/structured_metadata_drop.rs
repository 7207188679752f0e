//! `stage.structured_metadata_drop`: removes structured metadata.

use super::Compile;
use crate::process::compile::Compiler;
use crate::process::names::Reads;
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, Step};
use component::Error;
use signals::Metadata;
use value::Block;

/// Removes structured metadata.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// Names to remove; at least one.
    #[arg]
    pub values: Vec<String>,
}

impl Compile for Config {
    fn reads(&self, _: &mut Reads) {}

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        if self.values.is_empty() {
            return Err(Error::about(
                "values",
                "must not be empty: name the structured metadata to remove",
            ));
        }
        compiler.step("stage.structured_metadata_drop", MetadataDrop(self.values.clone()));
        Ok(())
    }
}

struct MetadataDrop(Vec<String>);

impl Step for MetadataDrop {
    fn run(&self, record: &mut Record, _: &mut Cx<'_>) -> Flow {
        let dropped = |name: &str| self.0.iter().any(|value| value == name);
        if record.metadata.pairs().iter().any(|(name, _)| dropped(name)) {
            let pairs = record.metadata.edit();
            pairs.retain(|(name, _)| !dropped(name));
            if pairs.is_empty() {
                record.metadata = Metadata::EMPTY;
            }
        }
        Flow::Next
    }
}
