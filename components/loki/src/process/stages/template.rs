//! `stage.template`: writes an extracted value by a template.

use super::Compile;
use crate::process::compile::Compiler;
use crate::process::extracted::Extracted;
use crate::process::names::{Reads, Slot};
use crate::process::record::Record;
use crate::process::render::{self, Rendering};
use crate::process::step::{Cx, Flow, Step};
use component::Error;
use value::Block;

/// Writes an extracted value by a template of Go. An empty result removes the value.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// Name of the extracted value.
    #[arg]
    pub source: String,
    /// The template. Fields are the extracted values, `.Value` is that of `source` and `.Entry` the line.
    #[arg]
    pub template: String,
}

impl Compile for Config {
    fn reads(&self, reads: &mut Reads) {
        render::reads(&self.template, reads);
        // `.Value`, for which the analysis of the template knows no better name.
        reads.name(&self.source);
    }

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        let rendering = Rendering::compile("template", &self.template, compiler);
        let rendering = compiler.note(rendering);
        if self.source.is_empty() {
            return Err(Error::about("source", "must not be empty: name an extracted value"));
        }
        let Some(rendering) = rendering else { return Ok(()) };
        // It may be written by this stage alone and still be read: by itself.
        let source = compiler.read(&self.source);
        compiler.write(&self.source);
        compiler.step("stage.template", TemplateStage { source, rendering });
        Ok(())
    }
}

struct TemplateStage {
    source: Slot,
    rendering: Rendering,
}

impl Step for TemplateStage {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let text = {
            let value = record.text(&self.source);
            self.rendering
                .render(record, cx.names, value.as_deref(), Some(&record.line))
        };
        match text {
            None => {}
            Some(text) if text.is_empty() => record.set(&self.source, Extracted::Removed),
            Some(text) => record.set(&self.source, Extracted::Text(text.into())),
        }
        Flow::Next
    }
}
