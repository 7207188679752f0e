//! `stage.pack`: moves labels into the line.

use super::Compile;
use crate::process::compile::Compiler;
use crate::process::json::quote;
use crate::process::label_cache::{Edit, Site};
use crate::process::names::{Reads, Slot};
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, Step};
use component::Error;
use smol_str::SmolStr;
use std::collections::BTreeSet;
use value::Block;

/// Makes the line a JSON object of labels, extracted values and the line itself (`_entry`). The labels are removed.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// Names of labels and extracted values.
    #[arg]
    pub labels: Vec<String>,
    /// Set the time of the record to now, so that records which were packed together are in order.
    #[arg(default = true)]
    pub ingest_timestamp: bool,
}

impl Compile for Config {
    fn reads(&self, reads: &mut Reads) {
        for label in &self.labels {
            reads.name(label);
        }
    }

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        let sorted: BTreeSet<&String> = self.labels.iter().collect();
        let stage = Pack {
            slots: sorted.iter().map(|name| compiler.read(name)).collect(),
            names: sorted.iter().map(SmolStr::new).collect(),
            ingest_timestamp: self.ingest_timestamp,
            site: compiler.label_site(),
        };
        compiler.step("stage.pack", stage);
        Ok(())
    }
}

struct Pack {
    slots: Vec<Slot>,
    names: Vec<SmolStr>,
    ingest_timestamp: bool,
    site: Site,
}

impl Step for Pack {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let mut line = Vec::with_capacity(record.line.len() + 64);
        line.push(b'{');
        for slot in &self.slots {
            if let Some(text) = record.text(slot) {
                quote(slot.name.as_bytes(), &mut line);
                line.push(b':');
                quote(&text, &mut line);
                line.push(b',');
            }
        }
        line.extend_from_slice(b"\"_entry\":");
        quote(&record.line, &mut line);
        line.push(b'}');
        let labels = cx.tools.labels.apply(self.site, &record.labels, &self.names, |i| {
            if record.text(&self.slots[i]).is_some() {
                Edit::Remove
            } else {
                Edit::Keep
            }
        });
        record.labels = labels;
        record.line = line.into();
        if self.ingest_timestamp {
            record.timestamp = cx.host.clock.now();
        }
        Flow::Next
    }
}
