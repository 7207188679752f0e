//! `stage.docker`: parses the log format of Docker.

use super::Compile;
use crate::process::compile::Compiler;
use crate::process::extracted::{Extracted, Text};
use crate::process::json::{Kind, Piece, members, unescape};
use crate::process::label_cache::{Edit, Site};
use crate::process::names::{Reads, Slot};
use crate::process::record::{Record, Source};
use crate::process::step::{Cx, Flow, Step};
use bytes::Bytes;
use component::Error;
use smol_str::SmolStr;
use value::Block;

/// Parses lines of Docker: `{"log":"...","stream":"stdout","time":"..."}`.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {}

impl Compile for Config {
    fn reads(&self, _: &mut Reads) {}

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        let stage = Docker {
            slots: ["output", "stream", "timestamp"].map(|name| compiler.write(name)),
            site: compiler.label_site(),
            label: [SmolStr::new_static("stream")],
        };
        compiler.step("stage.docker", stage);
        Ok(())
    }
}

struct Docker {
    /// Output, stream, timestamp.
    slots: [Option<Slot>; 3],
    site: Site,
    label: [SmolStr; 1],
}

impl Step for Docker {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let Some(source) = record.source(None) else {
            return Flow::Next;
        };
        let mut found: [Option<Piece>; 3] = [const { None }; 3];
        let mut good = true;
        let outcome = members(&source.text, |key, escaped, piece| {
            let key = if escaped { unescape(key) } else { key.into() };
            let names: [&[u8]; 3] = [b"log", b"stream", b"time"];
            if let Some(at) = names.iter().position(|name| key.eq_ignore_ascii_case(name)) {
                match piece.kind {
                    Kind::String(_) => found[at] = Some(piece),
                    // Null leaves a field as it is.
                    Kind::Null => {}
                    _ => good = false,
                }
            }
        });
        let [log, stream, time] = found;
        let Some(log) = log.filter(|log| good && outcome == Ok(true) && !log.range.is_empty()) else {
            return Flow::Next;
        };
        let (log, log_value) = text(&source, Some(log));
        let (stream, stream_value) = text(&source, stream);
        let (time, time_value) = text(&source, time);
        let [output_slot, stream_slot, time_slot] = &self.slots;
        record.set_if(output_slot.as_ref(), log_value);
        record.set_if(stream_slot.as_ref(), stream_value);
        record.set_if(time_slot.as_ref(), time_value);
        if let Some(timestamp) = gotime::parse_rfc3339_nano(&time) {
            record.timestamp = timestamp;
        }
        record.labels = cx.tools.labels.apply(self.site, &record.labels, &self.label, |_| {
            Edit::Set(Text::Borrowed(&stream))
        });
        record.line = log;
        Flow::Next
    }
}

/// The text of a field, empty if it is not there, and the same as an extracted value.
fn text(source: &Source, piece: Option<Piece>) -> (Bytes, Extracted) {
    match piece {
        None => (Bytes::new(), Extracted::Text(Bytes::new())),
        Some(piece) if piece.kind == Kind::String(false) => {
            let value = source.piece(piece.range.start, piece.range.end);
            (source.text.slice(piece.range), value)
        }
        Some(piece) => {
            let text = Bytes::from(unescape(&source.text[piece.range]).into_owned());
            (text.clone(), Extracted::Text(text))
        }
    }
}
