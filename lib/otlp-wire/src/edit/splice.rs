//! A copy of a message with changes, made from ranges of it.

use crate::level::close;

/// A message of the source that is being read.
struct Frame {
    /// Where its field begins in the source, and its length, and its content; and where that ends.
    tag: usize,
    len: usize,
    content: usize,
    end: usize,
    /// Where its field and its length stand in the copy, if it is begun there.
    copy: Option<(usize, usize)>,
}

/// Copies what was passed over only when something changes; with no change there is no copy.
pub(super) struct Splice<'a> {
    src: &'a [u8],
    /// Up to where the source is copied, or left out.
    copied: usize,
    frames: Vec<Frame>,
    /// How many of them are begun in the copy.
    begun: usize,
    out: Vec<u8>,
    changed: bool,
}

impl<'a> Splice<'a> {
    pub(super) fn new(src: &'a [u8]) -> Self {
        Splice {
            src,
            copied: 0,
            frames: Vec::new(),
            begun: 0,
            out: Vec::new(),
            changed: false,
        }
    }

    /// Begins a message of so many bytes, whose field is `tag..end`.
    #[inline]
    pub(super) fn enter(&mut self, tag: usize, len: usize, end: usize) {
        // The tag could be longer than it has to be.
        let after_tag = crate::wire::tag(self.src, tag).map_or(tag, |(_, _, after)| after);
        self.frames.push(Frame {
            tag,
            len: after_tag,
            content: end - len,
            end,
            copy: None,
        });
    }

    /// Ends the innermost message.
    #[inline]
    pub(super) fn leave(&mut self) {
        if let Some(frame) = self.frames.last()
            && let Some((_, len)) = frame.copy
        {
            let (end, reserved) = (frame.end, frame.content - frame.len);
            self.copy(end);
            close(&mut self.out, len, reserved);
            self.begun -= 1;
        }
        self.frames.pop();
    }

    /// Ends the innermost message and leaves it out.
    pub(super) fn leave_out(&mut self) {
        let Some(frame) = self.frames.pop() else { return };
        if let Some((tag, _)) = frame.copy {
            self.out.truncate(tag);
            self.begun -= 1;
            self.copied = frame.end;
        } else {
            self.skip(frame.tag, frame.end);
        }
    }

    /// Leaves out a range.
    pub(super) fn skip(&mut self, start: usize, end: usize) {
        self.copy(start);
        self.copied = end;
    }

    /// Copies up to `to`, and returns what more can be written to.
    pub(super) fn copy(&mut self, to: usize) -> &mut Vec<u8> {
        if !self.changed {
            self.changed = true;
            // Most edits add a little to every record.
            self.out.reserve(self.src.len() + self.src.len() / 4);
        }
        let (from, base) = (self.copied, self.out.len());
        self.out.extend_from_slice(&self.src[from..to]);
        // Messages that were entered meanwhile begin in what was just copied.
        for frame in &mut self.frames[self.begun..] {
            frame.copy = Some((base + frame.tag - from, base + frame.len - from));
        }
        self.begun = self.frames.len();
        self.copied = to;
        &mut self.out
    }

    /// The copy; `None` if nothing changed.
    pub(super) fn finish(mut self) -> Option<Vec<u8>> {
        if !self.changed {
            return None;
        }
        self.copy(self.src.len());
        Some(self.out)
    }
}
