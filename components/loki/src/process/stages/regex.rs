//! `stage.regex`: extracts the named groups of a regular expression.

use super::{Compile, expression};
use crate::process::compile::Compiler;
use crate::process::extracted::Text;
use crate::process::label_cache::{Edit, Site};
use crate::process::names::{Reads, Slot};
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, Step};
use component::Error;
use goregex::{Locations, Regex};
use smol_str::SmolStr;
use value::Block;

/// Extracts the named groups of a regular expression from its first match.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// The expression, in Go's syntax.
    #[arg]
    pub expression: String,
    /// Name of the extracted value to match instead of the line.
    #[arg(default)]
    pub source: Option<String>,
    /// Make the groups labels too.
    #[arg(default)]
    pub labels_from_groups: bool,
}

impl Compile for Config {
    fn reads(&self, reads: &mut Reads) {
        if let Some(source) = &self.source {
            reads.name(source);
        }
    }

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        if self.expression.is_empty() {
            return Err(Error::about("expression", "must not be empty"));
        }
        if self.source.as_deref() == Some("") {
            return Err(Error::about(
                "source",
                "must not be empty: leave it out to match the line",
            ));
        }
        let regex = expression("expression", &self.expression)?;
        let mut groups: Vec<(usize, SmolStr)> = Vec::new();
        for (group, name) in regex.group_names().iter().enumerate() {
            if let Some(name) = name {
                // Of several groups of one name the last counts.
                groups.retain(|(_, known)| known != name);
                groups.push((group, SmolStr::new(name)));
            }
        }
        let slots = groups
            .iter()
            .filter_map(|(group, name)| Some((*group, compiler.write(name)?)))
            .collect();
        let locations = regex.capture_locations();
        let labels = self.labels_from_groups.then(|| GroupLabels {
            site: compiler.label_site(),
            groups: groups.iter().map(|(group, _)| *group).collect(),
            names: groups.into_iter().map(|(_, name)| name).collect(),
        });
        let stage = RegexStage {
            source: self.source.as_deref().map(|source| compiler.read(source)),
            regex,
            slots,
            labels,
            room: compiler.room(move || locations.clone()),
        };
        compiler.step("stage.regex", stage);
        Ok(())
    }
}

struct GroupLabels {
    site: Site,
    groups: Vec<usize>,
    names: Vec<SmolStr>,
}

struct RegexStage {
    source: Option<Slot>,
    regex: Regex,
    slots: Vec<(usize, Slot)>,
    labels: Option<GroupLabels>,
    room: usize,
}

impl Step for RegexStage {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        if self.slots.is_empty() && self.labels.is_none() {
            return Flow::Next;
        }
        let Some(source) = record.source(self.source.as_ref()) else {
            return Flow::Next;
        };
        let locations = cx.tools.rooms[self.room]
            .downcast_mut::<Locations>()
            .expect("the compiler made the room for this stage");
        if self.regex.captures(locations, &source.text).is_none() {
            return Flow::Next;
        }
        for (group, slot) in &self.slots {
            let piece = locations.get(*group).unwrap_or_default();
            record.set(slot, source.piece(piece.start, piece.end));
        }
        if let Some(groups) = &self.labels {
            record.labels = cx.tools.labels.apply(groups.site, &record.labels, &groups.names, |i| {
                let piece = locations.get(groups.groups[i]).unwrap_or_default();
                Edit::Set(Text::Borrowed(&source.text[piece]))
            });
        }
        Flow::Next
    }
}
