//! `stage.structured_metadata`: makes extracted values and labels structured metadata.

use super::{Compile, expression, labels};
use crate::process::compile::Compiler;
use crate::process::label_cache::{Edit, Site};
use crate::process::names::{Reads, Slot};
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, Step};
use component::Error;
use goregex::Regex;
use signals::Metadata;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use value::{Block, Seg};

/// Makes extracted values and labels structured metadata; labels are moved.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// Names of structured metadata, each with the name of its source; empty for the same name.
    #[arg(default)]
    pub values: BTreeMap<String, Option<String>>,
    /// All extracted values and labels whose names match, anywhere in the name.
    #[arg(default)]
    pub regex: String,
}

impl Compile for Config {
    fn reads(&self, reads: &mut Reads) {
        labels::sources(&self.values).for_each(|(_, source)| reads.name(source));
        if !self.regex.is_empty() {
            reads.all();
        }
    }

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        if self.values.is_empty() && self.regex.is_empty() {
            return Err(Error::new("values or regex is required"));
        }
        if self.values.contains_key("") {
            return Err(Error::about("values", "a name must not be empty").at([Seg::Field(String::new())]));
        }
        let regex = if self.regex.is_empty() {
            None
        } else {
            Some(expression("regex", &self.regex)?)
        };
        let values: Vec<(SmolStr, Slot)> = labels::sources(&self.values)
            .map(|(name, source)| (SmolStr::new(name), compiler.read(source)))
            .collect();
        let moved = values.iter().map(|(_, source)| source.name.clone()).collect();
        let (site, regex_site) = (compiler.label_site(), compiler.label_site());
        compiler.step(
            "stage.structured_metadata",
            StructuredMetadata {
                values,
                moved,
                regex,
                site,
                regex_site,
            },
        );
        Ok(())
    }
}

struct StructuredMetadata {
    values: Vec<(SmolStr, Slot)>,
    /// Names of labels that move.
    moved: Vec<SmolStr>,
    regex: Option<Regex>,
    site: Site,
    regex_site: Site,
}

fn put(metadata: &mut Metadata, name: &SmolStr, value: SmolStr) {
    let pairs = metadata.edit();
    match pairs.iter_mut().find(|pair| pair.0 == *name) {
        Some(pair) => pair.1 = value,
        None => pairs.push((name.clone(), value)),
    }
}

/// Structured metadata is text on the wire: bytes that are not UTF-8 become U+FFFD.
fn text(value: &[u8]) -> SmolStr {
    SmolStr::new(String::from_utf8_lossy(value))
}

impl Step for StructuredMetadata {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        // In this order, later ones win: extracted by name, extracted by expression, labels by name, labels by expression.
        let mut metadata = std::mem::take(&mut record.metadata);
        for (name, source) in &self.values {
            if let Some(value) = record.text(source) {
                put(&mut metadata, name, text(&value));
            }
        }
        if let Some(regex) = &self.regex {
            for (name, value) in record.all(cx.names) {
                if regex.is_match(name.as_bytes())
                    && let Some(value) = value.text()
                {
                    put(&mut metadata, &SmolStr::new(name), text(&value));
                }
            }
        }
        let mut moves = false;
        for (name, source) in &self.values {
            if let Some(value) = record.labels.get(&source.name) {
                put(&mut metadata, name, value.clone());
                moves = true;
            }
        }
        if moves {
            record.labels = cx
                .tools
                .labels
                .apply(self.site, &record.labels, &self.moved, |_| Edit::Remove);
        }
        if let Some(regex) = &self.regex {
            let matching: Vec<SmolStr> = record
                .labels
                .iter()
                .map(|(name, _)| name)
                .filter(|name| regex.is_match(name.as_bytes()))
                .cloned()
                .collect();
            for name in &matching {
                if let Some(value) = record.labels.get(name) {
                    put(&mut metadata, name, value.clone());
                }
            }
            record.labels = cx
                .tools
                .labels
                .apply(self.regex_site, &record.labels, &matching, |_| Edit::Remove);
        }
        record.metadata = metadata;
        Flow::Next
    }
}
