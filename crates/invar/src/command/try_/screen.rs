//! The live tail: one line of the screen for each entry, which nothing in a log can break out of.

use jiff::tz::TimeZone;
use memstore::{LiveBatch, LiveEntry};
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};

/// Characters of a line that are shown.
const MAX_CHARS: usize = 500;
/// Characters of a file's name that are shown.
const NAME_CHARS: usize = 24;
/// Width of the longest usual level.
const LEVEL_CHARS: usize = 5;

/// Renders entries.
pub struct Screen {
    color: bool,
    zone: TimeZone,
    /// Entries shown so far.
    pub shown: u64,
    /// Entries not shown because they came faster than they could be written.
    pub skipped: u64,
}

impl Screen {
    /// A screen for standard output: in colour on a terminal, unless `NO_COLOR` is set.
    pub fn of_stdout() -> Self {
        let color = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Screen::new(color, TimeZone::system())
    }

    fn new(color: bool, zone: TimeZone) -> Self {
        Screen {
            color,
            zone,
            shown: 0,
            skipped: 0,
        }
    }

    /// The text of a batch by time, and counts it. A push has its lines by stream, and so has the batch.
    pub fn render(&mut self, batch: &mut LiveBatch) -> String {
        let mut out = String::new();
        batch.entries.sort_by_key(|entry| entry.timestamp);
        for entry in &batch.entries {
            self.line(&mut out, entry);
        }
        self.shown += batch.entries.len() as u64;
        if batch.dropped > 0 {
            self.skipped += batch.dropped;
            let lines = if batch.dropped == 1 { "line" } else { "lines" };
            let text = format!(
                "... {} {lines} not shown: they came too fast for this screen. The store has them.",
                batch.dropped
            );
            out.push_str(&self.paint("2", &text));
            out.push('\n');
        }
        out
    }

    fn line(&self, out: &mut String, entry: &LiveEntry) {
        let label = |name: &str| {
            entry
                .labels
                .iter()
                .find(|(n, _)| n == name)
                .map_or("", |(_, value)| value.as_str())
        };
        let level = label("level");
        let name = pad(
            &keep_end(
                &escape(short_name(label("filename")).as_bytes(), usize::MAX),
                NAME_CHARS,
            ),
            NAME_CHARS,
        );
        let color = match level {
            "error" | "critical" | "alert" | "emerg" | "fatal" | "panic" => "31",
            "warn" => "33",
            "debug" | "trace" => "2",
            _ => "32",
        };
        let shown = if level.is_empty() {
            "-".to_owned()
        } else {
            escape(level.as_bytes(), 12)
        };
        let _ = writeln!(
            out,
            "{} {} {} {}",
            self.paint("2", &self.time(entry.timestamp)),
            self.paint("36", &name),
            self.paint(if level.is_empty() { "2" } else { color }, &pad(&shown, LEVEL_CHARS)),
            escape(&entry.line, MAX_CHARS),
        );
    }

    fn time(&self, nanos: i64) -> String {
        match jiff::Timestamp::from_nanosecond(i128::from(nanos)) {
            Ok(time) => self.zone.to_datetime(time).strftime("%H:%M:%S").to_string(),
            Err(_) => "??:??:??".to_owned(),
        }
    }

    /// `text` in a colour, given as parameters of the terminal's SGR sequence.
    pub fn paint(&self, sgr: &str, text: &str) -> String {
        if self.color {
            format!("\x1b[{sgr}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Writes to standard output; false if nobody reads it any more.
pub fn write(text: &str) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// The end of a path that tells files apart: the last name, with that of its folder unless that is where all logs are.
fn short_name(path: &str) -> &str {
    let path = path.strip_prefix("/var/log/").unwrap_or(path);
    let mut parts = path.rmatch_indices('/');
    match parts.nth(1) {
        Some((at, _)) => &path[at + 1..],
        None => path.strip_prefix('/').unwrap_or(path),
    }
}

fn keep_end(text: &str, chars: usize) -> String {
    let count = text.chars().count();
    if count <= chars {
        return text.to_owned();
    }
    "…".chars().chain(text.chars().skip(count + 1 - chars)).collect()
}

fn pad(text: &str, chars: usize) -> String {
    format!("{text:<chars$}")
}

/// Text that is safe on a terminal and stays on one line. Colours are left out; tabs become spaces; every other control
/// character, and whatever changes the direction of text, is shown as an escape, as are bytes that are not UTF-8. What is
/// longer than `max` characters ends in an ellipsis.
pub fn escape(bytes: &[u8], max: usize) -> String {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let mut out = String::new();
    let mut left = max;
    // What one character of a line becomes is kept whole, so that an escape is never cut.
    let mut put = |piece: &str| match left.checked_sub(piece.chars().count()) {
        Some(rest) => {
            left = rest;
            out.push_str(piece);
            true
        }
        None => {
            out.push('…');
            false
        }
    };
    for chunk in bytes.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(c) = rest.chars().next() {
            if let Some(length) = color_length(rest) {
                rest = &rest[length..];
                continue;
            }
            rest = &rest[c.len_utf8()..];
            let fits = match c {
                '\t' => put("    "),
                '\n' => put("\\n"),
                '\r' => put("\\r"),
                c if c.is_ascii_control() => put(&format!("\\x{:02x}", c as u32)),
                c if is_unsafe(c) => put(&format!("\\u{{{:x}}}", c as u32)),
                c => put(c.encode_utf8(&mut [0; 4])),
            };
            if !fits {
                return out;
            }
        }
        for byte in chunk.invalid() {
            if !put(&format!("\\x{byte:02x}")) {
                return out;
            }
        }
    }
    out
}

/// Length in bytes of a sequence at the start that sets colours and nothing else: `ESC [ 1;31 m`.
fn color_length(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters.find(|c: char| !matches!(c, '0'..='9' | ';' | ':'))?;
    parameters[end..].starts_with('m').then_some(2 + end + 1)
}

/// C1 controls, which some terminals obey; marks that reorder text; separators that break lines; tags and fillers
/// that cannot be seen.
fn is_unsafe(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{9f}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn check(line: &[u8], expect: &str) {
        assert_eq!(escape(line, 20), expect, "{}", line.escape_ascii());
    }

    #[test]
    fn nothing_in_a_line_reaches_the_terminal_as_a_command() {
        check(b"plain", "plain");
        check("Größe ✓".as_bytes(), "Größe ✓");
        check(b"a\tb\r\n", "a    b");
        check(b"a\rb\nc", "a\\rb\\nc");
        check(b"\x1b[31mred\x1b[0m", "red");
        check(b"\x1b[2J\x1b[H", "\\x1b[2J\\x1b[H");
        check(b"\x1b]0;title\x07", "\\x1b]0;title\\x07");
        check(b"\x1b[31", "\\x1b[31");
        check("\u{9b}2J".as_bytes(), "\\u{9b}2J");
        check(b"\x9b2J", "\\x9b2J");
        check("\u{202e}evil".as_bytes(), "\\u{202e}evil");
        check(b"\0\x08\x7f", "\\x00\\x08\\x7f");
        check(b"\xff\xfe", "\\xff\\xfe");
        // Two sequences that one removal would join to a third.
        check(b"\x1b\x1b[0m[2J", "\\x1b[2J");
        check(b"12345678901234567890", "12345678901234567890");
        check(b"123456789012345678901", "12345678901234567890…");
        check(b"1234567890123456789\x1b", "1234567890123456789…");
    }

    #[test]
    fn every_byte_gives_printable_text() {
        for seed in 0..2000u64 {
            let mut random = fastrand::Rng::with_seed(seed);
            let bytes: Vec<u8> = (0..random.usize(..40))
                .map(|_| {
                    *random
                        .choice(b"\x1b[]0;m2J\x07\n\r\t\x9b\xc2\x80\xe2\xaea\x00")
                        .unwrap_or(&0)
                })
                .collect();
            let text = escape(&bytes, 30);
            assert!(
                text.chars().all(|c| !c.is_control() && !is_unsafe(c)),
                "seed {seed}: {text:?}"
            );
            assert!(text.chars().count() <= 31, "seed {seed}: {text:?}");
        }
    }

    #[test]
    fn names_tell_files_apart() {
        assert_eq!(short_name("/var/log/syslog"), "syslog");
        assert_eq!(short_name("/var/log/nginx/access.log"), "nginx/access.log");
        assert_eq!(short_name("/var/log/pods/ns_a_b/web/0.log"), "web/0.log");
        assert_eq!(short_name("/srv/app/x.log"), "app/x.log");
        assert_eq!(short_name("/x.log"), "x.log");
        assert_eq!(short_name(""), "");
        assert_eq!(keep_end("abcdef", 4), "…def");
    }

    fn batch(labels: &[(&str, &str)], line: &str) -> LiveBatch {
        let labels = labels.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        LiveBatch {
            entries: vec![LiveEntry {
                tenant: "".into(),
                labels: Arc::new(labels),
                timestamp: 3_723_000_000_000,
                line: line.to_owned().into(),
                metadata: Vec::new(),
            }],
            dropped: 0,
            dropped_first: Vec::new(),
        }
    }

    #[test]
    fn a_batch_is_shown_by_time() {
        let mut both = batch(&[("level", "warn")], "second");
        both.entries.extend(batch(&[("level", "info")], "first").entries);
        both.entries[1].timestamp -= 1;
        let text = Screen::new(false, TimeZone::UTC).render(&mut both);
        let order: Vec<&str> = text.lines().filter_map(|line| line.rsplit(' ').next()).collect();
        assert_eq!(order, ["first", "second"]);
    }

    #[test]
    fn an_entry_is_one_line() {
        let mut plain = Screen::new(false, TimeZone::UTC);
        let text = plain.render(&mut batch(&[("filename", "/var/log/a.log"), ("level", "warn")], "x\ny"));
        assert_eq!(text, "01:02:03 a.log                    warn  x\\ny\n");
        let text = plain.render(&mut batch(
            &[("filename", "/a/\x1b[2J/a-name-that-is-too-long.log")],
            "x",
        ));
        assert_eq!(text, "01:02:03 …me-that-is-too-long.log -     x\n");
        let mut many = batch(&[], "x");
        many.dropped = 3;
        let text = plain.render(&mut many);
        assert!(
            text.ends_with("... 3 lines not shown: they came too fast for this screen. The store has them.\n"),
            "{text}"
        );
        assert_eq!((plain.shown, plain.skipped), (3, 3));
        let text = Screen::new(true, TimeZone::UTC).render(&mut batch(&[("level", "error")], "x"));
        assert!(text.contains("\x1b[31merror\x1b[0m x\n"), "{text}");
    }
}
