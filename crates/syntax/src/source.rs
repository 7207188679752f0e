//! Source texts and positions in them.

use crate::token::Span;
use std::fmt;
use std::sync::Arc;

/// A place in a text. The default value means "no position".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Line, counted from 1; 0 means that there is no position.
    pub line: u32,
    /// Column in bytes, counted from 1.
    pub column: u32,
    /// Offset in bytes, counted from 0.
    pub offset: u32,
}

impl Position {
    /// Whether this is a place at all.
    pub fn is_valid(&self) -> bool {
        self.line > 0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_valid() {
            write!(f, "{}:{}", self.line, self.column)
        } else {
            f.write_str("-")
        }
    }
}

/// A named text with an index of its lines. Cheap to clone.
#[derive(Clone)]
pub struct Source {
    name: Arc<str>,
    text: Arc<[u8]>,
    /// Offset of the first byte of each line.
    lines: Arc<[u32]>,
}

impl Source {
    /// Longest text that offsets can address, in bytes.
    pub const MAX_LEN: usize = u32::MAX as usize - 1;

    /// Indexes `text`. Bytes past [`Source::MAX_LEN`] are cut off (the parser reports it).
    pub fn new(name: &str, text: &[u8]) -> Source {
        let text = &text[..text.len().min(Source::MAX_LEN)];
        let starts = text
            .iter()
            .enumerate()
            .filter(|(_, b)| **b == b'\n')
            .map(|(i, _)| i as u32 + 1);
        let lines = std::iter::once(0).chain(starts).collect();
        Source {
            name: name.into(),
            text: text.into(),
            lines,
        }
    }

    /// The name given to the text; file name, module label or empty.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The bytes.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The bytes of a range; parts outside the text are left out.
    pub fn slice(&self, span: Span) -> &[u8] {
        let end = (span.end as usize).min(self.text.len());
        &self.text[(span.start as usize).min(end)..end]
    }

    /// The line of an offset, counted from 1.
    pub fn line(&self, offset: u32) -> u32 {
        self.lines.partition_point(|start| *start <= offset) as u32
    }

    /// The position of an offset.
    pub fn position(&self, offset: u32) -> Position {
        let line = self.line(offset);
        Position {
            line,
            column: offset - self.lines[line as usize - 1] + 1,
            offset,
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({:?}, {} bytes)", self.name, self.text.len())
    }
}
