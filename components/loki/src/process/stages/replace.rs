//! `stage.replace`: replaces the groups of a regular expression.

use super::{Compile, expression};
use crate::process::compile::Compiler;
use crate::process::extracted::Extracted;
use crate::process::names::{Reads, Slot};
use crate::process::record::Record;
use crate::process::render::{self, Rendering};
use crate::process::step::{Cx, Flow, Step};
use component::Error;
use goregex::Regex;
use smol_str::SmolStr;
use value::Block;

/// Replaces the text of the groups of a regular expression, in all matches.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// The expression, in Go's syntax. Only its groups are replaced.
    #[arg]
    pub expression: String,
    /// Name of the extracted value to change instead of the line.
    #[arg(default)]
    pub source: String,
    /// A template of Go for the new text; `.Value` is the text of the group.
    #[arg(default)]
    pub replace: String,
}

impl Compile for Config {
    fn reads(&self, reads: &mut Reads) {
        if !self.source.is_empty() {
            reads.name(&self.source);
        }
        render::reads(&self.replace, reads);
    }

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        let rendering = Rendering::compile("replace", &self.replace, compiler);
        let rendering = compiler.note(rendering);
        if self.expression.is_empty() {
            return Err(Error::about("expression", "must not be empty"));
        }
        let regex = expression("expression", &self.expression)?;
        let named = regex.group_names().iter().enumerate();
        let named: Vec<(usize, SmolStr)> = named
            .filter_map(|(group, name)| Some((group, SmolStr::new(name.as_deref()?))))
            .collect();
        let named = named
            .into_iter()
            .filter_map(|(group, name)| Some((group, compiler.write(&name)?)))
            .collect();
        let source = (!self.source.is_empty()).then(|| compiler.read(&self.source));
        if source.is_some() {
            compiler.write(&self.source);
        }
        let Some(rendering) = rendering else { return Ok(()) };
        let stage = Replace {
            regex,
            source,
            rendering,
            named,
        };
        compiler.step("stage.replace", stage);
        Ok(())
    }
}

struct Replace {
    regex: Regex,
    source: Option<Slot>,
    rendering: Rendering,
    /// Named groups whose new text is extracted.
    named: Vec<(usize, Slot)>,
}

impl Step for Replace {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let Some(source) = record.source(self.source.as_ref()) else {
            return Flow::Next;
        };
        let text = &source.text;
        let mut result = Vec::new();
        let mut copied = 0;
        let mut matches = 0;
        let mut failed = false;
        let mut extracted: Vec<(usize, Vec<u8>)> = Vec::new();
        self.regex.for_each_match(text, |groups| {
            for group in 1..self.regex.group_names().len() {
                let Some(range) = groups.get(group).filter(|_| !failed) else {
                    continue;
                };
                let Some(new) = self
                    .rendering
                    .render(record, cx.names, Some(&text[range.clone()]), None)
                else {
                    failed = true;
                    continue;
                };
                // A group within a group that was replaced already has no text of its own any more.
                if copied <= range.start {
                    result.extend_from_slice(&text[copied..range.start]);
                    result.extend_from_slice(&new);
                    copied = range.end;
                }
                if matches == 0 {
                    extracted.push((group, new));
                }
            }
            matches += 1;
        });
        if matches == 0 || failed {
            return Flow::Next;
        }
        result.extend_from_slice(&text[copied..]);
        match &self.source {
            Some(slot) => record.set(slot, Extracted::Text(result.into())),
            None => record.line = result.into(),
        }
        for (group, new) in extracted {
            for (named, slot) in &self.named {
                if *named == group {
                    record.set(slot, Extracted::Text(new.clone().into()));
                }
            }
        }
        Flow::Next
    }
}
