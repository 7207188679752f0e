//! `stage.label_keep`: removes all labels but some.

use super::Compile;
use crate::process::compile::Compiler;
use crate::process::names::Reads;
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, Step};
use component::Error;
use signals::Labels;
use smol_str::SmolStr;
use value::Block;

/// Removes all labels but some, internal ones (`__*`) too.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// Names of the labels that stay; at least one.
    #[arg]
    pub values: Vec<String>,
}

impl Compile for Config {
    fn reads(&self, _: &mut Reads) {}

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        if self.values.is_empty() {
            return Err(Error::about("values", "must not be empty: name the labels to keep"));
        }
        let room = compiler.room(|| None::<Last>);
        let keep = self.values.iter().map(SmolStr::new).collect();
        compiler.step("stage.label_keep", LabelKeep { room, keep });
        Ok(())
    }
}

/// The labels of the record before, and what was made of them.
type Last = (Labels, Labels);

struct LabelKeep {
    room: usize,
    keep: Vec<SmolStr>,
}

impl Step for LabelKeep {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let last = cx.tools.room::<Option<Last>>(self.room);
        record.labels = match last {
            Some((before, after)) if before.same(&record.labels) => after.clone(),
            _ => {
                let mut edit = record.labels.edit();
                edit.retain(|name, _| self.keep.iter().any(|keep| keep == name));
                let after = edit.build();
                *last = Some((record.labels.clone(), after.clone()));
                after
            }
        };
        Flow::Next
    }
}
