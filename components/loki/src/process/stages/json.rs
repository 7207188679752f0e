//! `stage.json`: extracts values from JSON.

use super::{Compile, expression};
use crate::process::compile::Compiler;
use crate::process::extracted::Extracted;
use crate::process::jmes::Expression;
use crate::process::json::{Kind, Path, Piece, compact, members, number, unescape};
use crate::process::names::{Reads, Slot};
use crate::process::record::{Record, Source};
use crate::process::step::{Cx, Flow, RuleId, Step};
use component::Error;
use goregex::Regex;
use std::collections::BTreeMap;
use value::{Block, Seg};

/// Extracts values from JSON.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// JMESPath expressions by the name of the extracted value; an empty one stands for the key of the same name. A value that
    /// is not there is extracted as null.
    #[arg(default)]
    pub expressions: BTreeMap<String, String>,
    /// Extract all outermost keys that match, anywhere in the key.
    #[arg(default)]
    pub regex: String,
    /// Name of the extracted value to parse instead of the line.
    #[arg(default)]
    pub source: Option<String>,
    /// Drop what is not a JSON object.
    #[arg(default)]
    pub drop_malformed: bool,
}

/// Rule under which malformed lines are dropped.
const MALFORMED: &str = "json_malformed";

impl Compile for Config {
    fn reads(&self, reads: &mut Reads) {
        if let Some(source) = &self.source {
            reads.name(source);
        }
    }

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        if self.expressions.is_empty() && self.regex.is_empty() {
            return Err(Error::new("expressions or regex is required"));
        }
        if self.source.as_deref() == Some("") {
            return Err(Error::about(
                "source",
                "must not be empty: leave it out to parse the line",
            ));
        }
        let mut stage = Json {
            source: self.source.as_deref().map(|source| compiler.read(source)),
            keys: Vec::new(),
            queries: Vec::new(),
            regex: match self.regex.as_str() {
                "" => None,
                pattern => compiler.note(expression("regex", pattern)),
            },
            malformed: self.drop_malformed.then(|| compiler.silent_rule(MALFORMED)),
            room: compiler.room(Room::default),
        };
        for (name, expression) in &self.expressions {
            let expression = if expression.is_empty() { name } else { expression };
            let path = Path::parse(expression);
            let query = match path {
                Some(_) => None,
                None => {
                    let query = Expression::compile(expression).map_err(|error| {
                        let at = Seg::Field(name.clone());
                        Error::about("expressions", format!("is not JMESPath: {error}")).at([at])
                    });
                    compiler.note(query)
                }
            };
            // Compiled even if nobody reads the value, so that a bad expression is an error all the same.
            let Some(slot) = compiler.write(name) else { continue };
            match (path, query) {
                (Some(path), _) => stage.keys.push((path, slot)),
                (None, Some(query)) => stage.queries.push((query, slot)),
                (None, None) => {}
            }
        }
        compiler.step("stage.json", stage);
        Ok(())
    }
}

struct Json {
    source: Option<Slot>,
    keys: Vec<(Path, Slot)>,
    queries: Vec<(Expression, Slot)>,
    regex: Option<Regex>,
    malformed: Option<RuleId>,
    room: usize,
}

#[derive(Default)]
struct Room {
    found: Vec<Option<Piece>>,
    matched: Vec<(Vec<u8>, Piece)>,
}

impl Step for Json {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let Some(source) = record.source(self.source.as_ref()) else {
            return Flow::Next;
        };
        let text = &source.text;
        let room = cx.tools.room::<Room>(self.room);
        room.found.clear();
        room.found.resize(self.keys.len(), None);
        room.matched.clear();
        let outcome = members(text, |key, escaped, piece| {
            let key = if escaped { unescape(key) } else { key.into() };
            for ((path, _), found) in self.keys.iter().zip(&mut room.found) {
                if path.key == *key {
                    *found = Some(piece.clone());
                }
            }
            if let Some(regex) = &self.regex
                && regex.is_match(&key)
            {
                room.matched.push((key.into_owned(), piece));
            }
        });
        if outcome.is_err() {
            return self.malformed.map_or(Flow::Next, Flow::Drop);
        }
        for ((path, slot), found) in self.keys.iter().zip(&mut room.found) {
            let piece = found.take().and_then(|piece| {
                if path.is_key() {
                    Some(piece)
                } else {
                    path.follow(text, piece)
                }
            });
            record.set(slot, piece.map_or(Extracted::Null, |piece| extracted(&source, piece)));
        }
        if !self.queries.is_empty() {
            let document = Expression::document(text);
            for (query, slot) in &self.queries {
                if let Some(value) = document.as_ref().and_then(|document| query.search(document)) {
                    record.set(slot, value);
                }
            }
        }
        for (key, piece) in room.matched.drain(..) {
            // A label or an extracted value has a name that is text; a key that is not can have none.
            if let Ok(name) = std::str::from_utf8(&key) {
                record.set_named(cx.names, name, extracted(&source, piece));
            }
        }
        Flow::Next
    }
}

/// A value of the document as an extracted value: containers as compact JSON.
fn extracted(source: &Source, piece: Piece) -> Extracted {
    let range = piece.range;
    match piece.kind {
        Kind::Null => Extracted::Null,
        Kind::True => Extracted::Bool(true),
        Kind::False => Extracted::Bool(false),
        Kind::Number => Extracted::Number(number(&source.text[range])),
        Kind::String(false) => source.piece(range.start, range.end),
        Kind::String(true) => Extracted::Text(unescape(&source.text[range]).into_owned().into()),
        Kind::Container => Extracted::Text(compact(&source.text[range]).into()),
    }
}
