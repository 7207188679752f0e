//! `stage.output`: replaces the line with an extracted value.

use super::Compile;
use crate::process::compile::Compiler;
use crate::process::names::{Reads, Slot};
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, Step};
use component::Error;
use value::Block;

/// Replaces the line with an extracted value.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// Name of the extracted value. If there is none, or it is null, the line stays.
    #[arg]
    pub source: String,
}

impl Compile for Config {
    fn reads(&self, reads: &mut Reads) {
        reads.name(&self.source);
    }

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        if self.source.is_empty() {
            return Err(Error::about("source", "must not be empty: name an extracted value"));
        }
        let source = compiler.read(&self.source);
        compiler.step("stage.output", Output { source });
        Ok(())
    }
}

struct Output {
    source: Slot,
}

impl Step for Output {
    fn run(&self, record: &mut Record, _: &mut Cx<'_>) -> Flow {
        if let Some(line) = record.bytes(&self.source) {
            record.line = line;
        }
        Flow::Next
    }
}
