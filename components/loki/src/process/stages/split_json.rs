//! `stage.split_json`: makes a record of each element of a JSON array.

use super::Compile;
use crate::process::compile::Compiler;
use crate::process::json::array;
use crate::process::names::{Reads, Slot};
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, RuleId, Step};
use component::Error;
use value::Block;

/// Makes a record of each element of a JSON array; its line is the element as it was written.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// Name of the extracted value to split instead of the line.
    #[arg(default)]
    pub source: Option<String>,
}

/// Rule under which records are dropped that are an empty array.
const EMPTY: &str = "split_json_empty";

impl Compile for Config {
    fn reads(&self, reads: &mut Reads) {
        if let Some(source) = &self.source {
            reads.name(source);
        }
    }

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        if self.source.as_deref() == Some("") {
            return Err(Error::about(
                "source",
                "must not be empty: leave it out to split the line",
            ));
        }
        let source = self.source.as_deref().map(|source| compiler.read(source));
        let empty = compiler.silent_rule(EMPTY);
        compiler.step("stage.split_json", SplitJson { source, empty });
        Ok(())
    }
}

struct SplitJson {
    source: Option<Slot>,
    empty: RuleId,
}

impl Step for SplitJson {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let Some(source) = record.source(self.source.as_ref()) else {
            return Flow::Next;
        };
        let mut elements = Vec::new();
        let outcome = array(&source.text, |piece| {
            // A string's range is what is between its quotes.
            let quote = usize::from(matches!(piece.kind, crate::process::json::Kind::String(_)));
            elements.push(piece.range.start - quote..piece.range.end + quote);
        });
        if outcome.is_err() {
            return Flow::Next;
        }
        let Some((last, others)) = elements.split_last() else {
            return Flow::Drop(self.empty);
        };
        for element in others {
            cx.emitted.push(record.sibling(source.text.slice(element.clone())));
        }
        // The last one goes on as the record that came, with all that it stands for.
        record.line = source.text.slice(last.clone());
        Flow::Next
    }
}
