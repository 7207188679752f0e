//! `stage.labels`: makes extracted values labels.

use super::Compile;
use crate::process::compile::Compiler;
use crate::process::extracted::Text;
use crate::process::label_cache::{Edit, Site};
use crate::process::names::{Reads, Slot};
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, Step};
use component::Error;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use value::{Block, Seg};

/// Makes extracted values, or structured metadata, labels.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// Names of labels, each with the name of its source; empty for the same name.
    #[arg]
    pub values: BTreeMap<String, Option<String>>,
    /// Where sources are looked up: `extracted` or `structured_metadata`.
    #[arg(default = "extracted".to_owned())]
    pub source_type: String,
}

/// Pairs of a name and its source, which is the same name if it is empty.
pub(super) fn sources(values: &BTreeMap<String, Option<String>>) -> impl Iterator<Item = (&str, &str)> {
    values.iter().map(|(name, source)| {
        let source = source.as_deref().filter(|source| !source.is_empty());
        (name.as_str(), source.unwrap_or(name))
    })
}

impl Compile for Config {
    fn reads(&self, reads: &mut Reads) {
        if self.source_type == "extracted" {
            sources(&self.values).for_each(|(_, source)| reads.name(source));
        }
    }

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        if self.values.is_empty() {
            return Err(Error::about("values", "must not be empty: name at least one label"));
        }
        if self.values.contains_key("") {
            return Err(Error::about("values", "a label name must not be empty").at([Seg::Field(String::new())]));
        }
        let site = compiler.label_site();
        let names = self.values.keys().map(SmolStr::new).collect();
        match self.source_type.as_str() {
            "extracted" => {
                let sources = sources(&self.values).map(|(_, source)| compiler.read(source)).collect();
                compiler.step("stage.labels", FromExtracted { site, names, sources });
            }
            "structured_metadata" => {
                let sources = sources(&self.values).map(|(_, source)| SmolStr::new(source)).collect();
                compiler.step("stage.labels", FromMetadata { site, names, sources });
            }
            other => {
                let message = format!("must be \"extracted\" or \"structured_metadata\", not {other:?}");
                return Err(Error::about("source_type", message));
            }
        }
        Ok(())
    }
}

struct FromExtracted {
    site: Site,
    names: Vec<SmolStr>,
    sources: Vec<Slot>,
}

impl Step for FromExtracted {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let labels = cx.tools.labels.apply(self.site, &record.labels, &self.names, |i| {
            record.text(&self.sources[i]).map_or(Edit::Keep, Edit::Set)
        });
        record.labels = labels;
        Flow::Next
    }
}

struct FromMetadata {
    site: Site,
    names: Vec<SmolStr>,
    sources: Vec<SmolStr>,
}

impl Step for FromMetadata {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let labels = cx.tools.labels.apply(self.site, &record.labels, &self.names, |i| {
            let value = record.metadata.get(&self.sources[i]);
            value.map_or(Edit::Keep, |value| Edit::Set(Text::Borrowed(value.as_bytes())))
        });
        record.labels = labels;
        Flow::Next
    }
}
