//! `stage.match`: stages for records with certain labels or lines only, or the end of them.

use super::{Compile, Stage};
use crate::process::compile::Compiler;
use crate::process::names::Reads;
use crate::process::pipeline::selects;
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, RuleId, Step};
use component::Error;
use logql::{Dialect, Selector};
use value::Block;

/// Sends matching records through stages of their own, or drops them. All records keep their order.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// Selector of labels, with line filters: `{app="web"} |= "error"`.
    #[arg]
    pub selector: String,
    /// The stages.
    #[arg(enum_block, name = "stage")]
    pub stages: Vec<Stage>,
    /// `keep` or `drop`.
    #[arg(default = "keep".to_owned())]
    pub action: String,
    /// Has no effect.
    #[arg(default)]
    pub pipeline_name: String,
    /// Name of the rule in metrics.
    #[arg(default = "match_stage".to_owned())]
    pub drop_counter_reason: String,
}

impl Compile for Config {
    fn reads(&self, reads: &mut Reads) {
        for stage in &self.stages {
            stage.reads(reads);
        }
    }

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        let selector = Selector::parse(&self.selector, Dialect::Process)
            .map_err(|error| Error::about("selector", error.to_string()));
        let selector = compiler.note(selector);
        match self.action.as_str() {
            "keep" if self.stages.is_empty() => {
                return Err(Error::new(
                    "action = \"keep\" needs at least one stage for the records that match",
                ));
            }
            "keep" => compiler.nested(selector, &self.stages),
            "drop" if !self.stages.is_empty() => {
                return Err(Error::about("action", "is \"drop\" and takes no stages"));
            }
            "drop" => {
                let rule = compiler.rule(&self.drop_counter_reason);
                if let Some(selector) = selector {
                    compiler.step("stage.match", MatchDrop { selector, rule });
                }
            }
            other => {
                // The stages in it may be wrong, too.
                compiler.nested(selector, &self.stages);
                let message = format!("must be \"keep\" or \"drop\", not {other:?}");
                return Err(Error::about("action", message));
            }
        }
        Ok(())
    }
}

struct MatchDrop {
    selector: Selector,
    rule: RuleId,
}

impl Step for MatchDrop {
    fn run(&self, record: &mut Record, _: &mut Cx<'_>) -> Flow {
        if selects(&self.selector, record) {
            Flow::Drop(self.rule)
        } else {
            Flow::Next
        }
    }
}
