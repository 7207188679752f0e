//! `stage.pattern`: extracts values by a pattern of literals and captures.

use super::Compile;
use crate::process::compile::Compiler;
use crate::process::extracted::Text;
use crate::process::label_cache::{Edit, Site};
use crate::process::names::{Reads, Slot};
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, Step};
use component::Error;
use memchr::memmem::Finder;
use smol_str::SmolStr;
use std::ops::Range;
use value::Block;

/// Extracts values by a pattern such as `<ip> - <user> [<_>] "<method> <path>`.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// Text with captures `<name>`; `<_>` skips.
    #[arg]
    pub pattern: String,
    /// Name of the extracted value to match instead of the line.
    #[arg(default)]
    pub source: Option<String>,
    /// Make the captures labels too.
    #[arg(default)]
    pub labels_from_groups: bool,
}

/// A capture, and the literal behind it.
struct Capture {
    /// Empty for `<_>`.
    name: SmolStr,
    /// `None` at the end of the pattern.
    until: Option<Finder<'static>>,
}

/// The literal in front of the first capture, and the captures.
fn parse(pattern: &str) -> Result<(Vec<u8>, Vec<Capture>), String> {
    let mut first = Vec::new();
    let mut captures: Vec<(SmolStr, Vec<u8>)> = Vec::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if let Some((name, tail)) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>'))
            && is_name(name)
        {
            if captures.last().is_some_and(|(_, literal)| literal.is_empty()) {
                return Err(format!(
                    "<{name}> follows another capture directly; put text between them"
                ));
            }
            if name != "_" && captures.iter().any(|(known, _)| known == name) {
                return Err(format!("<{name}> is there twice"));
            }
            captures.push((SmolStr::new(if name == "_" { "" } else { name }), Vec::new()));
            rest = tail;
            continue;
        }
        let literal = captures.last_mut().map_or(&mut first, |(_, literal)| literal);
        literal.extend_from_slice(&rest.as_bytes()[..c.len_utf8()]);
        rest = &rest[c.len_utf8()..];
    }
    if captures.iter().all(|(name, _)| name.is_empty()) {
        return Err("at least one named capture is required, such as <name>".to_owned());
    }
    let captures = captures.into_iter().map(|(name, literal)| Capture {
        name,
        until: (!literal.is_empty()).then(|| Finder::new(&literal).into_owned()),
    });
    Ok((first, captures.collect()))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

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
                "must not be empty: leave it out to match the line",
            ));
        }
        let (first, captures) = parse(&self.pattern).map_err(|error| Error::about("pattern", error.to_string()))?;
        let named: Vec<usize> = (0..captures.len()).filter(|i| !captures[*i].name.is_empty()).collect();
        let stage = Pattern {
            source: self.source.as_deref().map(|source| compiler.read(source)),
            slots: named
                .iter()
                .filter_map(|i| Some((*i, compiler.write(&captures[*i].name)?)))
                .collect(),
            site: compiler.label_site(),
            names: named.iter().map(|i| captures[*i].name.clone()).collect(),
            named,
            labels: self.labels_from_groups,
            first,
            captures,
            room: compiler.room(Vec::<Range<usize>>::new),
        };
        compiler.step("stage.pattern", stage);
        Ok(())
    }
}

struct Pattern {
    source: Option<Slot>,
    first: Vec<u8>,
    captures: Vec<Capture>,
    slots: Vec<(usize, Slot)>,
    labels: bool,
    site: Site,
    named: Vec<usize>,
    names: Vec<SmolStr>,
    room: usize,
}

impl Pattern {
    /// The captures that the text fills, from the first one on.
    fn find(&self, text: &[u8], found: &mut Vec<Range<usize>>) {
        found.clear();
        if !text.starts_with(&self.first) {
            return;
        }
        let mut at = self.first.len();
        for capture in &self.captures {
            // Behind the text's end there is nothing to capture, not even an empty text.
            if at >= text.len() {
                return;
            }
            match capture.until.as_ref().map(|until| (until, until.find(&text[at..]))) {
                Some((until, Some(length))) => {
                    found.push(at..at + length);
                    at += length + until.needle().len();
                }
                // What should follow is not there: the rest is the capture's, and the last one's.
                Some((_, None)) | None => {
                    found.push(at..text.len());
                    return;
                }
            }
        }
    }
}

impl Step for Pattern {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let Some(source) = record.source(self.source.as_ref()) else {
            return Flow::Next;
        };
        let found = cx.tools.rooms[self.room]
            .downcast_mut::<Vec<Range<usize>>>()
            .expect("the compiler made the room for this stage");
        self.find(&source.text, found);
        for (capture, slot) in &self.slots {
            if let Some(range) = found.get(*capture) {
                record.set(slot, source.piece(range.start, range.end));
            }
        }
        if self.labels && !found.is_empty() {
            record.labels = cx.tools.labels.apply(self.site, &record.labels, &self.names, |i| {
                let range = found.get(self.named[i]);
                range.map_or(Edit::Keep, |range| {
                    Edit::Set(Text::Borrowed(&source.text[range.clone()]))
                })
            });
        }
        Flow::Next
    }
}
