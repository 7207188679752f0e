//! `stage.label_drop`: removes labels.

use super::Compile;
use crate::process::compile::Compiler;
use crate::process::label_cache::{Edit, Site};
use crate::process::names::Reads;
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, Step};
use component::Error;
use smol_str::SmolStr;
use value::Block;

/// Removes labels.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// Names of the labels; at least one.
    #[arg]
    pub values: Vec<String>,
}

impl Compile for Config {
    fn reads(&self, _: &mut Reads) {}

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        if self.values.is_empty() {
            return Err(Error::about("values", "must not be empty: name the labels to remove"));
        }
        let site = compiler.label_site();
        let names = self.values.iter().map(SmolStr::new).collect();
        compiler.step("stage.label_drop", LabelDrop { site, names });
        Ok(())
    }
}

struct LabelDrop {
    site: Site,
    names: Vec<SmolStr>,
}

impl Step for LabelDrop {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        record.labels = cx
            .tools
            .labels
            .apply(self.site, &record.labels, &self.names, |_| Edit::Remove);
        Flow::Next
    }
}
