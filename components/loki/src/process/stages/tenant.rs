//! `stage.tenant`: sets the tenant of a record.

use super::Compile;
use crate::process::compile::Compiler;
use crate::process::extracted::Text;
use crate::process::label_cache::{Edit, Site};
use crate::process::names::{Reads, Slot};
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, Step};
use component::Error;
use smol_str::SmolStr;
use value::Block;

/// Sets the tenant of a record, from a label, an extracted value or a constant.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// Name of the label.
    #[arg(default)]
    pub label: String,
    /// Name of the extracted value.
    #[arg(default)]
    pub source: String,
    /// The tenant.
    #[arg(default)]
    pub value: String,
}

impl Compile for Config {
    fn reads(&self, reads: &mut Reads) {
        if !self.source.is_empty() {
            reads.name(&self.source);
        }
    }

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        let from = match [self.label.as_str(), self.source.as_str(), self.value.as_str()] {
            [label, "", ""] if !label.is_empty() => From::Label(SmolStr::new(label)),
            ["", source, ""] if !source.is_empty() => From::Extracted(compiler.read(source)),
            ["", "", value] if !value.is_empty() => From::Value(SmolStr::new(value)),
            _ => return Err(Error::new("exactly one of label, source and value is required")),
        };
        let site = compiler.label_site();
        let tenant = [SmolStr::new_static("__tenant_id__")];
        compiler.step("stage.tenant", Tenant { from, site, tenant });
        Ok(())
    }
}

enum From {
    Label(SmolStr),
    Extracted(Slot),
    Value(SmolStr),
}

struct Tenant {
    from: From,
    site: Site,
    /// Name of the label that `loki.write` takes the tenant from.
    tenant: [SmolStr; 1],
}

impl Step for Tenant {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let labels = cx.tools.labels.apply(self.site, &record.labels, &self.tenant, |_| {
            let tenant = match &self.from {
                From::Label(name) => record.labels.get(name).map(|value| Text::Borrowed(value.as_bytes())),
                From::Extracted(slot) => record.text(slot),
                From::Value(value) => Some(Text::Borrowed(value.as_bytes())),
            };
            tenant.filter(|tenant| !tenant.is_empty()).map_or(Edit::Keep, Edit::Set)
        });
        record.labels = labels;
        Flow::Next
    }
}
