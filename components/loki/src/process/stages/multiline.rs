//! `stage.multiline`: joins lines to records.

use super::{Compile, expression};
use crate::process::compile::Compiler;
use crate::process::names::Reads;
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, Step};
use component::Error;
use goregex::Regex;
use std::time::Duration;
use value::{Block, GoDuration};

/// Joins lines to records, each stream for itself. A record starts with a line that matches and ends before the next one.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// Matches first lines.
    #[arg]
    pub firstline: String,
    /// Most lines of a record; 0 for any number.
    #[arg(default = 128)]
    pub max_lines: u64,
    /// A record is passed on when its stream was quiet for so long.
    #[arg(default = GoDuration::seconds(3))]
    pub max_wait_time: GoDuration,
    /// Remove line breaks at the end of each line.
    #[arg(default = true)]
    pub trim_newlines: bool,
}

impl Compile for Config {
    fn reads(&self, _: &mut Reads) {}

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        if self.firstline.is_empty() {
            return Err(Error::about("firstline", "must not be empty"));
        }
        if self.max_wait_time.0 <= 0 {
            return Err(Error::about("max_wait_time", "must be more than 0s"));
        }
        let stage = Multiline {
            first: expression("firstline", &self.firstline)?,
            max_lines: self.max_lines,
            wait: self.max_wait_time.as_std(),
            trim: self.trim_newlines,
            blocks: compiler.holds(None),
        };
        compiler.step("stage.multiline", stage);
        Ok(())
    }
}

struct Multiline {
    first: Regex,
    max_lines: u64,
    wait: Duration,
    trim: bool,
    blocks: usize,
}

impl Step for Multiline {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let deadline = cx.deadline(self.wait);
        let blocks = &mut cx.held[self.blocks];
        let labels = record.labels.clone();
        let line = record.line.clone();
        let text = if self.trim { trim(&line) } else { &line };
        if self.first.is_match(&line) {
            if let Some(mut before) = blocks.remove(&labels)
                && before.lines > 0
            {
                cx.emitted.push(before.emit());
            }
            blocks.open(cx.accept, record, text, deadline);
        } else {
            let Some(block) = blocks.get(&labels) else {
                // No record of this stream has started yet.
                return Flow::Next;
            };
            block.absorb(cx.accept, record);
            if block.lines > 0 {
                block.text.push(b'\n');
            }
            block.text.extend_from_slice(text);
            block.lines += 1;
            block.deadline = deadline;
            blocks.touch(&labels);
        }
        if self.max_lines > 0
            && let Some(block) = blocks.get(&labels)
            && block.lines >= self.max_lines
        {
            // What follows goes on with the labels and the time of the same first line.
            cx.emitted.push(block.emit());
        }
        Flow::Taken
    }
}

fn trim(line: &[u8]) -> &[u8] {
    let end = line
        .iter()
        .rposition(|byte| !matches!(byte, b'\r' | b'\n'))
        .map_or(0, |last| last + 1);
    &line[..end]
}
