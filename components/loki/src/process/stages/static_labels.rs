//! `stage.static_labels`: sets labels to constants.

use super::Compile;
use crate::process::compile::Compiler;
use crate::process::extracted::Text;
use crate::process::label_cache::{Edit, Site};
use crate::process::names::Reads;
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, Step};
use component::Error;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use value::{Block, Seg};

/// Sets labels to constants.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// Values by label name. Empty ones are ignored.
    #[arg]
    pub values: BTreeMap<String, Option<String>>,
}

impl Compile for Config {
    fn reads(&self, _: &mut Reads) {}

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        let mut names = Vec::new();
        let mut values = Vec::new();
        for (name, value) in &self.values {
            if name.is_empty() {
                return Err(Error::about("values", "a label name must not be empty").at([Seg::Field(name.clone())]));
            }
            if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
                names.push(SmolStr::new(name));
                values.push(SmolStr::new(value));
            }
        }
        let site = compiler.label_site();
        compiler.step("stage.static_labels", StaticLabels { site, names, values });
        Ok(())
    }
}

struct StaticLabels {
    site: Site,
    names: Vec<SmolStr>,
    values: Vec<SmolStr>,
}

impl Step for StaticLabels {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        record.labels = cx.tools.labels.apply(self.site, &record.labels, &self.names, |i| {
            Edit::Set(Text::Borrowed(self.values[i].as_bytes()))
        });
        Flow::Next
    }
}
