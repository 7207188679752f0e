//! `stage.cri`: parses the log format of container runtimes and joins partial lines.

use super::Compile;
use crate::process::compile::Compiler;
use crate::process::extracted::Text;
use crate::process::label_cache::{Edit, Site};
use crate::process::names::{Reads, Slot};
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, Step};
use component::Error;
use promtext::Counter;
use smol_str::SmolStr;
use std::ops::Range;
use std::time::Duration;
use value::Block;

/// Parses lines of container runtimes, `TIME stdout|stderr P|F CONTENT`, and joins partial lines (P).
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// When so many streams have partial lines, all of them are passed on as they are.
    #[arg(default = 100)]
    pub max_partial_lines: i64,
    /// Longest joined line in bytes, if `max_partial_line_size_truncate` is set.
    #[arg(default)]
    pub max_partial_line_size: u64,
    /// Cut joined lines at `max_partial_line_size`.
    #[arg(default)]
    pub max_partial_line_size_truncate: bool,
}

/// A partial line whose rest does not come is passed on after so long.
const IDLE: Duration = Duration::from_secs(60);

impl Compile for Config {
    fn reads(&self, _: &mut Reads) {}

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        let max_partial = match usize::try_from(self.max_partial_lines) {
            Ok(max) if max > 0 => max,
            _ => return Err(Error::about("max_partial_lines", "must be more than 0")),
        };
        let registered = |error: promtext::RegisterError| Error::caused("cannot register metrics", error);
        let flushed = compiler.metrics().cri_flushed().map_err(registered)?;
        let stage = Cri {
            slots: ["time", "stream", "flags", "content"].map(|name| compiler.write(name)),
            site: compiler.label_site(),
            label: [SmolStr::new_static("stream")],
            max_partial,
            max_size: match usize::try_from(self.max_partial_line_size) {
                Ok(size) if self.max_partial_line_size_truncate && size > 0 => size,
                _ => usize::MAX,
            },
            truncated: compiler.metrics().cri_truncated().map_err(registered)?,
            blocks: compiler.holds(Some(flushed.clone())),
            flushed,
        };
        compiler.step("stage.cri", stage);
        Ok(())
    }
}

struct Cri {
    /// Time, stream, flags, content.
    slots: [Option<Slot>; 4],
    site: Site,
    label: [SmolStr; 1],
    max_partial: usize,
    max_size: usize,
    truncated: Counter,
    flushed: Counter,
    blocks: usize,
}

impl Step for Cri {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let Some(source) = record.source(None) else {
            return Flow::Next;
        };
        let Some(parsed) = parse(&source.text) else {
            return Flow::Next;
        };
        let line = &source.text;
        let stream = &line[parsed.stream.clone()];
        record.labels = cx.tools.labels.apply(self.site, &record.labels, &self.label, |_| {
            Edit::Set(Text::Borrowed(stream))
        });
        let flag: &'static [u8] = if parsed.partial { b"P" } else { b"F" };
        let piece = |range: &Range<usize>| source.piece(range.start, range.end);
        let [time, stream, flags, content] = &self.slots;
        record.set_if(time.as_ref(), piece(&parsed.time));
        record.set_if(stream.as_ref(), piece(&parsed.stream));
        record.set_if(flags.as_ref(), crate::process::extracted::Extracted::Text(flag.into()));
        record.set_if(content.as_ref(), piece(&parsed.content));
        if let Some(timestamp) = gotime::parse_rfc3339_nano(&line[parsed.time]) {
            record.timestamp = timestamp;
        }
        record.line = line.slice(parsed.content);
        if parsed.partial {
            self.partial(record, cx)
        } else {
            self.full(record, cx)
        }
    }
}

impl Cri {
    fn partial(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let deadline = cx.deadline(IDLE);
        let blocks = &mut cx.held[self.blocks];
        if blocks.len() >= self.max_partial {
            for mut block in blocks.drain() {
                self.flushed.inc();
                cx.emitted.push(block.emit());
            }
        }
        let labels = record.labels.clone();
        let line = record.line.clone();
        match blocks.get(&labels) {
            Some(block) => {
                block.absorb(cx.accept, record);
                block.text.extend_from_slice(&line);
                block.deadline = deadline;
                // Should the rest never come, the latest piece says when the line was.
                block.take_record(record);
                blocks.touch(&labels);
            }
            None => blocks.open(cx.accept, record, &line, deadline),
        }
        if let Some(block) = blocks.get(&labels)
            && block.text.len() > self.max_size
        {
            block.text.truncate(self.max_size);
            self.truncated.inc();
        }
        Flow::Taken
    }

    fn full(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let blocks = &mut cx.held[self.blocks];
        // The common case has nothing buffered and does not look.
        if blocks.len() == 0 {
            return Flow::Next;
        }
        if let Some(mut block) = blocks.remove(&record.labels) {
            block.text.extend_from_slice(&record.line);
            if block.text.len() > self.max_size {
                block.text.truncate(self.max_size);
                self.truncated.inc();
            }
            let mut joined = block.emit();
            record.own += joined.own;
            record.parts.append(&mut joined.parts);
            record.line = joined.line;
        }
        Flow::Next
    }
}

#[derive(Debug, PartialEq)]
struct Parsed {
    time: Range<usize>,
    stream: Range<usize>,
    partial: bool,
    content: Range<usize>,
}

/// The parts of a line; `None` if it is not of this format. The flag may be missing, then the line is a full one.
fn parse(line: &[u8]) -> Option<Parsed> {
    let time = memchr::memchr(b' ', line)?;
    let stream = time + 1;
    let rest = &line[stream..];
    if time == 0 || !(rest.starts_with(b"stdout") || rest.starts_with(b"stderr")) {
        return None;
    }
    let end = stream + 6;
    let mut at = end;
    at += usize::from(line.get(at) == Some(&b' '));
    let flag = line.get(at).copied().filter(|byte| matches!(byte, b'F' | b'P'));
    if flag.is_some() {
        at += 1;
    }
    at += usize::from(flag.is_some() && line.get(at) == Some(&b' '));
    Some(Parsed {
        time: 0..time,
        stream: stream..end,
        partial: flag == Some(b'P'),
        content: at..line.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_apart() {
        for (line, expected) in [
            ("t stdout F hello", Some((false, "hello"))),
            ("t stderr P hel", Some((true, "hel"))),
            ("t stdout F  hello", Some((false, " hello"))),
            ("t stdout hello", Some((false, "hello"))),
            ("t stdout F:tag hello", Some((false, ":tag hello"))),
            ("t stdout Foo bar", Some((false, "oo bar"))),
            ("t stdout F", Some((false, ""))),
            ("t stdout", Some((false, ""))),
            ("t stdin F hello", None),
            ("t\tstdout F hello", None),
            ("stdout F hello", None),
            (" stdout F hello", None),
            ("", None),
        ] {
            let found = parse(line.as_bytes()).map(|parsed| (parsed.partial, &line[parsed.content]));
            assert_eq!(found, expected, "{line}");
        }
    }
}
