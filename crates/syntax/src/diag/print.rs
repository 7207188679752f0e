use super::{Diagnostic, Severity};
use crate::source::Position;
use std::fmt::Write;

/// Prints diagnostics for people: header, excerpt of the text with the place marked, hint.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    /// Use terminal colours.
    pub color: bool,
    /// Lines of the text shown before and after the place.
    pub context: u32,
}

impl Default for Printer {
    fn default() -> Printer {
        Printer {
            color: false,
            context: 1,
        }
    }
}

const TAB: usize = 4;

impl Printer {
    /// Prints the diagnostics, an empty line between them. `text_of` gives the text of a file by its name; without one the excerpt
    /// is left out.
    pub fn print<'a, T>(&self, diags: &[Diagnostic], text_of: impl Fn(&str) -> Option<&'a T>) -> String
    where
        T: AsRef<[u8]> + ?Sized + 'a,
    {
        let mut out = String::new();
        // Lines of the file of the last diagnostic: most reports are about one file.
        let mut lines: (&str, Option<Vec<&[u8]>>) = ("", None);
        for (i, diag) in diags.iter().enumerate() {
            if i > 0 {
                out.push('\n');
            }
            self.header(diag, &mut out);
            if i == 0 || *lines.0 != *diag.file {
                let text = text_of(&diag.file);
                lines = (
                    &diag.file,
                    text.map(|text| text.as_ref().split(|b| *b == b'\n').collect()),
                );
            }
            if let (true, Some(lines)) = (diag.start.is_valid(), &lines.1) {
                self.excerpt(diag, lines, &mut out);
            }
            if let Some(hint) = &diag.hint {
                out.push_str("  hint: ");
                out.push_str(hint);
                out.push('\n');
            }
            for instance in diag.trace.instances().iter().rev() {
                out.push_str("  in ");
                out.push_str(instance);
                out.push('\n');
            }
        }
        out
    }

    fn header(&self, diag: &Diagnostic, out: &mut String) {
        let (severity, color) = match diag.severity {
            Severity::Error => ("Error: ", 31),
            Severity::Warning => ("Warning: ", 33),
        };
        let written = if self.color {
            writeln!(out, "\x1b[{color};1m{severity}\x1b[0m\x1b[1m{diag}\x1b[0m")
        } else {
            writeln!(out, "{severity}{diag}")
        };
        written.expect("writing to a string does not fail");
    }

    fn excerpt(&self, diag: &Diagnostic, lines: &[&[u8]], out: &mut String) {
        let range = Range {
            start: diag.start,
            end: if diag.end.is_valid() { diag.end } else { diag.start },
        };
        let first = range.start.line.saturating_sub(self.context).max(1);
        let last = range.end.line.saturating_add(self.context).min(lines.len() as u32);
        let width = last.to_string().len();

        out.push('\n');
        for number in first..=last {
            let line = lines[number as usize - 1];
            write!(out, "{number:>width$} | ").expect("writing to a string does not fail");
            if range.multiline() {
                out.push_str(if range.contains(number, 0) { "| " } else { "  " });
            }
            for (_, c) in chars(line) {
                match c {
                    '\r' => {}
                    '\t' | '\x0b' => out.push_str(&" ".repeat(TAB)),
                    c => out.push(c),
                }
            }
            out.push('\n');

            let margin = match (range.multiline(), number == range.start.line, number == range.end.line) {
                (false, true, _) => " | ",
                (true, true, _) => " |  _",
                (true, _, true) => " | |_",
                _ => continue,
            };
            out.push_str(&" ".repeat(width));
            out.push_str(margin);
            range.mark(number, line, out);
            out.push('\n');
        }
    }
}

/// A range of positions, both ends included.
struct Range {
    start: Position,
    end: Position,
}

impl Range {
    fn multiline(&self) -> bool {
        self.end.line > self.start.line
    }

    fn contains(&self, line: u32, column: u32) -> bool {
        if line == self.start.line {
            column >= self.start.column
        } else if line == self.end.line {
            column <= self.end.column
        } else {
            self.start.line < line && line < self.end.line
        }
    }

    /// Underlines the part of a line that is in the range.
    fn mark(&self, number: u32, line: &[u8], out: &mut String) {
        let blank = if self.multiline() { "_" } else { " " };
        for (offset, c) in chars(line) {
            let column = offset as u32 + 1;
            if number == self.end.line && column > self.end.column {
                break;
            }
            match c {
                '\t' | '\x0b' => out.push_str(&blank.repeat(TAB)),
                _ if self.contains(number, column) => out.push('^'),
                _ => out.push_str(blank),
            }
        }
    }
}

/// Offsets and characters of a line; a byte that is not UTF-8 is one replacement character.
fn chars(line: &[u8]) -> impl Iterator<Item = (usize, char)> {
    let mut base = 0;
    line.utf8_chunks().flat_map(move |chunk| {
        let start = base;
        base += chunk.valid().len() + chunk.invalid().len();
        let invalid = start + chunk.valid().len();
        let valid = chunk.valid().char_indices().map(move |(i, c)| (start + i, c));
        valid.chain((invalid..base).map(|i| (i, char::REPLACEMENT_CHARACTER)))
    })
}
