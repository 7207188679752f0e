//! The lines that are written: each names its file and its number and says by a checksum that it is whole.

use std::io::Write;

/// What a line number begins with.
const MARK: &[u8] = b"torture-";
/// `torture-FFF-NNNNNNNNNN-CCCCCCCC`
const TOKEN: usize = 8 + 3 + 1 + 10 + 1 + 8;
/// Most files: three digits.
pub const MOST_FILES: u32 = 1000;
/// Most lines of a file: ten digits.
pub const MOST_LINES: u64 = 10_000_000_000;
/// What stands in a line that the destination refuses.
pub const REFUSED: &str = "unacceptable";

/// The form in which applications write lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `key=value key="more values"`
    Logfmt,
    /// An object.
    Json,
    /// What a container runtime writes around the line of an application.
    Cri,
    /// What Docker's json-file driver writes around it.
    Docker,
}

/// All lines of a run; the same seed and start give the same lines.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    /// Makes lines of this run differ from those of others.
    pub seed: u64,
    /// The form.
    pub form: Form,
    /// Time of the first line, in seconds since 1970.
    pub start: i64,
    /// One line of so many holds [`REFUSED`].
    pub refuse: Option<u64>,
}

/// A line number that was found in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// The file.
    pub file: u32,
    /// The number within the file, from 0.
    pub line: u64,
}

/// Scatters the bits of a number (the finaliser of SplitMix64).
fn scatter(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl Lines {
    fn hash(&self, number: Number) -> u64 {
        scatter(
            self.seed
                .wrapping_add(scatter(number.line.wrapping_add(u64::from(number.file) << 40))),
        )
    }

    /// Whether the destination refuses this line.
    pub fn is_refused(&self, line: u64) -> bool {
        self.refuse.is_some_and(|every| line % every == every / 2)
    }

    /// Appends a line with its line break.
    pub fn write(&self, number: Number, out: &mut Vec<u8>) {
        let hash = self.hash(number);
        let level = ["info", "info", "warn", "info", "debug", "info", "error", "info"][(number.line % 8) as usize];
        let service = ["checkout", "cart", "search", "payments"][(hash >> 32) as usize % 4];
        let refused = if self.is_refused(number.line) { REFUSED } else { "ok" };
        let (file, line, check) = (number.file, number.line, hash as u32);
        let token = format!("torture-{file:03}-{line:010}-{check:08x}");
        let path = hash % 100_000;
        let took = hash % 997;
        let time = || {
            // Many lines share a second, as in a busy log.
            jiff::Timestamp::from_second(self.start + (line / 1024) as i64)
                .map(|time| time.to_string())
                .unwrap_or_default()
        };
        // Writing to memory cannot fail.
        let _ = match self.form {
            Form::Logfmt => writeln!(
                out,
                "level={level} service={service} msg=\"request {token} done\" path=/api/v1/items/{path} outcome={refused} took={took}ms trace={hash:016x}"
            ),
            Form::Json => writeln!(
                out,
                "{{\"time\":\"{time}\",\"ts\":\"{time}\",\"timestamp\":\"{time}\",\"level\":\"{level}\",\"service\":\"{service}\",\"msg\":\"request {token} done\",\"message\":\"request {token} done\",\"path\":\"/api/v1/items/{path}\",\"outcome\":\"{refused}\",\"status\":200,\"duration_ms\":{took},\"trace_id\":\"{hash:016x}\"}}",
                time = time(),
            ),
            Form::Cri => writeln!(
                out,
                "{} stdout F level={level} service={service} msg=\"request {token} done\" path=/api/v1/items/{path} outcome={refused} took={took}ms",
                time(),
            ),
            Form::Docker => writeln!(
                out,
                "{{\"log\":\"level={level} service={service} msg=\\\"request {token} done\\\" path=/api/v1/items/{path} outcome={refused} took={took}ms\\n\",\"stream\":\"stdout\",\"time\":\"{}\"}}",
                time(),
            ),
        };
    }

    /// Calls `see` with every whole number in `text`, and says how many are broken: cut off, or not those of this run.
    pub fn find(&self, mut text: &[u8], mut see: impl FnMut(Number)) -> u64 {
        let mut broken = 0;
        while let Some(at) = position(text) {
            match self.parse(&text[at..]) {
                Some(number) => {
                    see(number);
                    text = &text[at + TOKEN..];
                }
                None => {
                    broken += 1;
                    text = &text[at + MARK.len()..];
                }
            }
        }
        broken
    }

    fn parse(&self, text: &[u8]) -> Option<Number> {
        let token = std::str::from_utf8(text.get(..TOKEN)?).ok()?;
        let mut parts = token.split('-').skip(1);
        let file = parts.next()?.parse().ok()?;
        let line = parts.next()?.parse().ok()?;
        let check = u32::from_str_radix(parts.next()?, 16).ok()?;
        let number = Number { file, line };
        (self.hash(number) as u32 == check).then_some(number)
    }
}

fn position(text: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, MARK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(form: Form) -> Lines {
        Lines {
            seed: 7,
            form,
            start: 1_700_000_000,
            refuse: Some(10),
        }
    }

    #[test]
    fn every_form_holds_its_number() {
        for form in [Form::Logfmt, Form::Json, Form::Cri, Form::Docker] {
            let number = Number { file: 12, line: 3456 };
            let mut text = Vec::new();
            lines(form).write(number, &mut text);
            let mut found = Vec::new();
            assert_eq!(lines(form).find(&text, |number| found.push(number)), 0);
            found.dedup();
            assert_eq!(found, [number], "{}", String::from_utf8_lossy(&text));
            assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 1);
        }
    }

    #[test]
    fn a_changed_or_cut_number_is_broken() {
        let mut text = Vec::new();
        lines(Form::Logfmt).write(Number { file: 1, line: 2 }, &mut text);
        let at = position(&text).unwrap();
        let mut changed = text.clone();
        changed[at + 20] = b'9';
        assert_eq!(lines(Form::Logfmt).find(&changed, |_| panic!("it is broken")), 1);
        assert_eq!(
            lines(Form::Logfmt).find(&text[..at + 20], |_| panic!("it is cut off")),
            1
        );
        assert_eq!(lines(Form::Logfmt).find(b"something else", |_| panic!("none")), 0);
    }

    #[test]
    fn one_line_of_so_many_is_refused() {
        let refused = (0..100).filter(|line| lines(Form::Logfmt).is_refused(*line)).count();
        assert_eq!(refused, 10);
    }
}
