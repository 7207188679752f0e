//! The log while a bundle is being made.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};

/// Bytes of lines that are kept.
const MAX: usize = 16 << 20;

/// A log that can be listened to.
pub trait LogCapture: Send + Sync + 'static {
    /// From now on, until what comes back is dropped, every line of any level goes to `into` too, whatever level is printed.
    fn capture(&self, into: Arc<LogBuffer>) -> Box<dyn Send>;
}

/// The latest lines of a log.
#[derive(Default)]
pub struct LogBuffer(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    lines: VecDeque<Box<str>>,
    bytes: usize,
    dropped: u64,
}

impl LogBuffer {
    /// Keeps a line, with or without the line break at its end. If there is no room for it, the oldest make it.
    pub fn push(&self, line: &str) {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if line.len() >= MAX {
            kept.dropped += 1;
            return;
        }
        kept.bytes += line.len() + 1;
        kept.lines.push_back(line.into());
        while kept.bytes > MAX
            && let Some(oldest) = kept.lines.pop_front()
        {
            kept.bytes -= oldest.len() + 1;
            kept.dropped += 1;
        }
    }

    /// The lines; the first says how many are missing, if any are.
    pub(super) fn take(&self) -> String {
        let kept = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut text = String::with_capacity(kept.bytes + 128);
        if kept.dropped > 0 {
            text.push_str(&format!("({} lines did not fit and are missing)\n", kept.dropped));
        }
        for line in kept.lines {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_lines_make_room() {
        let buffer = LogBuffer::default();
        let line = "x".repeat(MAX / 4);
        for number in 0..6 {
            buffer.push(&format!("{number}{line}\n"));
        }
        buffer.push(&"y".repeat(MAX));
        let text = buffer.take();
        let first: Vec<&str> = text.lines().map(|line| &line[..line.len().min(60)]).collect();
        assert_eq!(first.len(), 4, "three lines of a little more than a quarter fit");
        assert_eq!(first[0], "(4 lines did not fit and are missing)");
        assert!(first[1].starts_with("3x") && first[3].starts_with("5x"));
        assert!(text.len() <= MAX + 128);
        assert_eq!(buffer.take(), "");
    }
}
