//! Writes tokens, the blanks between them and the comments that stand between them.

use super::layout::{Layout, Stop};
use crate::ast::{CommentGroup, Expr};
use crate::scanner::comment_text;
use crate::source::Source;
use crate::token::Span;

/// Blank space that is written before the next token, unless a comment comes first and replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    Blank,
    /// The stop before `=`, by which consecutive statements are aligned.
    Align,
    Newline,
    /// A newline that ends the alignment.
    Break,
    Indent,
    Unindent,
    /// What a comment replaced.
    Nothing,
}

/// A place in the source: exact where a token has a place of its own, else counted on from the last token that had.
#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    line: u64,
}

const END: Place = Place {
    offset: u64::MAX,
    line: u64::MAX,
};

/// The state of one formatting run.
pub(super) struct Writer<'a> {
    layout: Layout,
    source: Option<&'a Source>,
    comments: std::iter::Peekable<std::slice::Iter<'a, CommentGroup>>,
    pub(super) secret: &'a dyn Fn(&Expr) -> bool,
    gaps: Vec<Gap>,
    indent: usize,
    place: Place,
    /// Source line of the end of the token or comment written last.
    last_line: u64,
    /// Nothing was written to the current line yet.
    line_start: bool,
    /// The last token is a number and nothing follows it yet: a point would become part of it.
    after_number: bool,
    /// The last token can end a statement: a newline after it would.
    after_value: bool,
}

impl<'a> Writer<'a> {
    /// A writer of a tree that was parsed from `source`; without one, everything stands on one line.
    pub(super) fn new(
        source: Option<&'a Source>,
        comments: &'a [CommentGroup],
        secret: &'a dyn Fn(&Expr) -> bool,
    ) -> Writer<'a> {
        Writer {
            layout: Layout::default(),
            source,
            comments: comments.iter().peekable(),
            secret,
            gaps: Vec::new(),
            indent: 0,
            place: Place { offset: 0, line: 1 },
            last_line: 0,
            line_start: true,
            after_number: false,
            after_value: false,
        }
    }

    /// Writes the comments that are left and gives the text.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.comment_before(END) {
            self.write_comments(END);
        }
        self.layout.finish()
    }

    pub(super) fn gap(&mut self, gap: Gap) {
        self.gaps.push(gap);
        self.after_number = false;
    }

    /// The source line of an offset.
    pub(super) fn line(&self, offset: u32) -> u64 {
        self.source.map_or(1, |source| u64::from(source.line(offset)))
    }

    /// States where the next token stands.
    pub(super) fn seek(&mut self, offset: u32) {
        self.place = Place {
            offset: u64::from(offset),
            line: self.line(offset),
        };
    }

    /// Writes an operator or punctuation.
    pub(super) fn symbol(&mut self, text: &str) {
        self.write(text, |layout, text| layout.push(text));
        self.after_value = matches!(text, ")" | "]" | "}");
    }

    /// Writes a name or a literal without blanks in it.
    pub(super) fn word(&mut self, text: &str) {
        self.write(text, |layout, text| layout.push(text));
    }

    /// Writes text after a token with no comment between them.
    pub(super) fn glued(&mut self, text: &str) {
        if self.after_number && text == "." {
            self.gaps.push(Gap::Blank);
        }
        self.write_gaps(self.gaps.len());
        self.write_text(self.place, text, |layout, text| layout.push(text));
        self.after_number = false;
        self.after_value = true;
    }

    /// Writes a number literal.
    pub(super) fn number(&mut self, text: &str) {
        self.word(text);
        self.after_number = true;
    }

    /// Writes a string literal byte for byte. Its lines are lines of the layout; what they hold is not looked at.
    pub(super) fn string(&mut self, text: &str) {
        self.write(text, |layout, text| {
            for (i, line) in text.split('\n').enumerate() {
                if i > 0 {
                    layout.newline();
                }
                layout.push_verbatim(line);
            }
        });
    }

    fn write(&mut self, text: &str, push: impl FnOnce(&mut Layout, &str)) {
        let at = self.place;
        if self.comment_before(at) && self.comments_fit(at) {
            self.write_comments(at);
        } else {
            self.write_gaps(self.gaps.len());
        }
        self.write_text(at, text, push);
        self.after_number = false;
        self.after_value = true;
    }

    fn write_text(&mut self, at: Place, text: &str, push: impl FnOnce(&mut Layout, &str)) {
        self.start_line();
        push(&mut self.layout, text);
        let newlines = text.bytes().filter(|b| *b == b'\n').count() as u64;
        self.place = Place {
            offset: at.offset + text.len() as u64,
            line: at.line + newlines,
        };
        self.last_line = self.place.line;
    }

    fn start_line(&mut self) {
        if self.line_start {
            for _ in 0..self.indent {
                self.layout.stop(Stop::Hard);
            }
            self.place.offset += self.indent as u64;
            self.line_start = false;
        }
    }

    /// Writes a blank or a stop between tokens, or newlines.
    fn write_blank(&mut self, gap: Gap) {
        self.start_line();
        match gap {
            Gap::Blank => self.layout.push(" "),
            Gap::Align => self.layout.stop(Stop::Soft),
            _ => return self.write_newlines(gap, 1),
        }
        self.place.offset += 1;
    }

    fn write_newlines(&mut self, gap: Gap, count: u64) {
        self.start_line();
        for _ in 0..count {
            if gap == Gap::Break {
                self.layout.break_run()
            } else {
                self.layout.newline()
            }
        }
        self.place = Place {
            offset: self.place.offset + count,
            line: self.place.line + count,
        };
        self.line_start = true;
    }

    /// Writes the first `count` pending gaps.
    fn write_gaps(&mut self, count: usize) {
        let rest = self.gaps.split_off(count);
        for gap in std::mem::replace(&mut self.gaps, rest) {
            match gap {
                Gap::Indent => self.indent += 1,
                Gap::Unindent => self.indent = self.indent.saturating_sub(1),
                Gap::Nothing => {}
                gap => self.write_blank(gap),
            }
        }
    }

    fn comment_before(&mut self, next: Place) -> bool {
        self.comments
            .peek()
            .is_some_and(|group| u64::from(group.0[0].start) <= next.offset)
    }

    /// Whether the comments before `next` may be written here. Within an expression they may not if they bring a newline after a
    /// token that can end a statement; the places of punctuation are estimated, so that comments may come that late. They are
    /// then written as soon as a newline does no harm, at the end of the statement at the latest.
    fn comments_fit(&self, next: Place) -> bool {
        if !self.after_value || self.gaps.iter().any(|gap| matches!(gap, Gap::Newline | Gap::Break)) {
            return true;
        }
        let mut line = self.last_line;
        let mut groups = self
            .comments
            .clone()
            .take_while(|group| u64::from(group.0[0].start) <= next.offset);
        let on_line = groups.by_ref().flat_map(|group| &group.0).all(|span| {
            let fits = self.line(span.start) <= line
                && self.source.is_some_and(|source| source.slice(*span).starts_with(b"/*"))
                && self.line(span.start) == self.line(span.last());
            line = self.line(span.start);
            fits
        });
        on_line && next.line <= line
    }

    /// Whether the next comment starts before an offset or on the same line.
    pub(super) fn comment_up_to_line_of(&mut self, offset: u32) -> bool {
        let next = self.comments.peek().map(|group| group.0[0].start);
        next.is_some_and(|start| start < offset || self.line(start) == self.line(offset))
    }

    /// Drops the comments that start inside of a range.
    pub(super) fn skip_comments(&mut self, span: Span) {
        while self.comments.next_if(|group| group.0[0].start < span.end).is_some() {}
    }

    /// Writes the comments before `next` and the blank space around them.
    fn write_comments(&mut self, next: Place) {
        let Some(source) = self.source else {
            return;
        };
        let mut last = Span::default();
        while self.comment_before(next) {
            for &span in self.comments.next().into_iter().flat_map(|group| &group.0) {
                let at = Place {
                    offset: u64::from(span.start),
                    line: self.line(span.start),
                };
                self.before_comment(at, next);
                let text = comment_text(source.slice(span));
                self.write_text(at, &text, |layout, text| layout.push_verbatim(text));
                last = span;
            }
        }
        if next.offset != END.offset {
            let block = source.slice(last).starts_with(b"/*");
            self.after_comments(next, block, block && self.line(last.last()) == next.line);
        }
    }

    fn before_comment(&mut self, at: Place, next: Place) {
        if self.layout.is_empty() {
            return;
        }
        if at.line <= self.last_line {
            // Before code a single blank; at the end of a line the comments of consecutive lines are aligned.
            self.start_line();
            if at.line == next.line {
                self.layout.push(" ")
            } else {
                self.layout.stop(Stop::Hard)
            }
            self.place.offset += 1;
            return;
        }
        // Indentation that was asked for before the line break applies to the comment, the rest to what follows it.
        let indents = self
            .gaps
            .iter()
            .position(|gap| !matches!(gap, Gap::Indent | Gap::Unindent));
        if let Some(count) = indents {
            self.gaps[count] = Gap::Nothing;
            self.write_gaps(count);
        }
        let newlines = at.line.saturating_sub(self.last_line);
        if newlines > 0 {
            self.write_newlines(Gap::Break, newlines.min(2));
        }
    }

    fn after_comments(&mut self, next: Place, block: bool, same_line: bool) {
        if same_line {
            self.write_blank(Gap::Blank);
        }
        // The place of punctuation is estimated and may be on the line of a line comment that stands before it.
        let newlines = next.line.saturating_sub(self.last_line).max(u64::from(!block));
        let newline = if self.gaps.contains(&Gap::Break) {
            Gap::Break
        } else {
            Gap::Newline
        };
        self.gaps.retain(|gap| matches!(gap, Gap::Indent | Gap::Unindent));
        self.write_gaps(self.gaps.len());
        if newlines > 0 {
            self.write_newlines(newline, newlines.min(2));
        }
    }
}
