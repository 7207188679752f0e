//! `stage.sampling`: keeps a share of the records.

use super::Compile;
use crate::process::compile::Compiler;
use crate::process::names::Reads;
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, RuleId, Step};
use component::Error;
use value::Block;

/// Keeps each record with the same probability.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// The probability, 0 to 1.
    #[arg]
    pub rate: f64,
    /// Name of the rule in metrics.
    #[arg(default = "sampling_stage".to_owned())]
    pub drop_counter_reason: String,
}

impl Compile for Config {
    fn reads(&self, _: &mut Reads) {}

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        if !(0.0..=1.0).contains(&self.rate) {
            return Err(Error::about(
                "rate",
                format!("must be between 0 and 1, not {}", self.rate),
            ));
        }
        let rule = compiler.rule(&self.drop_counter_reason);
        // Seen at 0 from the start, so that a rate over time has a beginning.
        let _ = compiler.metrics().dropped.with(&[&self.drop_counter_reason]);
        let rate = self.rate;
        compiler.step("stage.sampling", Sampling { rate, rule });
        Ok(())
    }
}

struct Sampling {
    rate: f64,
    rule: RuleId,
}

impl Step for Sampling {
    fn run(&self, _: &mut Record, cx: &mut Cx<'_>) -> Flow {
        if cx.host.random.unit() < self.rate {
            Flow::Next
        } else {
            Flow::Drop(self.rule)
        }
    }
}
