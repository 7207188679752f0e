//! Go's `fmt.Sprintf`, with all of its ways to say that a verb and an argument do not fit.

mod case;
mod float;
mod printer;
mod quote;

pub use crate::value::GoValue;
pub use case::{to_lower, to_upper};
pub use float::format_float;
pub use quote::{is_print, quote, quote_ascii, quote_char};

use printer::{Flags, Printer};

/// Widths and precisions beyond this are ignored, as in Go.
const MAX_NUMBER: i64 = 1_000_000;

/// Formats by Go's verbs. Invalid UTF-8 from the arguments becomes U+FFFD; [`sprintf_bytes`] keeps it.
///
/// ```
/// use gotemplate::fmt::{GoValue, sprintf};
/// assert_eq!(sprintf("%05.1f %q %d", &[1.25.into(), "x".into(), "y".into()]), "001.2 \"x\" %!d(string=y)");
/// ```
pub fn sprintf(format: &str, args: &[GoValue]) -> String {
    let bytes = sprintf_bytes(format.as_bytes(), args);
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The text of one value under `%v`. (Go's `Sprint`.)
pub fn to_text(value: &GoValue) -> String {
    sprintf("%v", std::slice::from_ref(value))
}

/// Go's `Sprint`: spaces between neighbours neither of which is a string.
pub fn sprint(args: &[GoValue]) -> String {
    let mut out = String::new();
    for (index, arg) in args.iter().enumerate() {
        let is_text = |value: &GoValue| matches!(value, GoValue::Str(_));
        if index > 0 && !is_text(arg) && !is_text(&args[index - 1]) {
            out.push(' ');
        }
        out.push_str(&to_text(arg));
    }
    out
}

/// Go's `Sprintln`: spaces between all, a line feed at the end.
pub fn sprintln(args: &[GoValue]) -> String {
    let mut out = args.iter().map(to_text).collect::<Vec<_>>().join(" ");
    out.push('\n');
    out
}

/// [`sprintf`] on bytes.
pub fn sprintf_bytes(format: &[u8], args: &[GoValue]) -> Vec<u8> {
    sprintf_within(format, args, usize::MAX).unwrap_or_default()
}

/// [`sprintf_bytes`] if the result has at most `max` bytes: a short format can ask for a very long one.
pub fn sprintf_within(format: &[u8], args: &[GoValue], max: usize) -> Option<Vec<u8>> {
    let mut state = State {
        format,
        at: 0,
        args,
        next: 0,
        good_index: true,
        after_index: false,
        reordered: false,
    };
    let mut printer = Printer::new(max);
    state.run(&mut printer);
    (!printer.is_full()).then_some(printer.out)
}

struct State<'a> {
    format: &'a [u8],
    at: usize,
    args: &'a [GoValue],
    /// The argument that the next verb takes.
    next: usize,
    /// Whether the argument index of the current verb makes sense.
    good_index: bool,
    /// Whether an index has just been read.
    after_index: bool,
    reordered: bool,
}

impl State<'_> {
    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    fn run(&mut self, printer: &mut Printer) {
        while self.at < self.format.len() && !printer.is_full() {
            let rest = &self.format[self.at..];
            let literal = rest.iter().position(|&byte| byte == b'%').unwrap_or(rest.len());
            printer.out.extend_from_slice(&rest[..literal]);
            self.at += literal + 1;
            if literal < rest.len() {
                self.verb(printer);
            }
        }
        if !self.reordered && self.next < self.args.len() {
            printer.flags = Flags::default();
            printer.out.extend_from_slice(b"%!(EXTRA ");
            for (index, arg) in self.args[self.next..].iter().enumerate() {
                if index > 0 {
                    printer.out.extend_from_slice(b", ");
                }
                if !matches!(arg, GoValue::Nil) {
                    printer.out.extend_from_slice(arg.type_name().as_bytes());
                    printer.out.push(b'=');
                }
                printer.value(arg, 'v');
            }
            printer.out.push(b')');
        }
    }

    /// One verb; the percent sign has been read.
    fn verb(&mut self, printer: &mut Printer) {
        let mut flags = Flags::default();
        self.good_index = true;
        self.after_index = false;
        while let Some(byte) = self.peek() {
            match byte {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = true,
                b'+' => flags.plus = true,
                b'-' => flags.minus = true,
                b' ' => flags.space = true,
                _ => break,
            }
            self.at += 1;
        }
        self.index();
        if self.peek() == Some(b'*') {
            self.at += 1;
            flags.width = self.number_argument();
            match flags.width {
                None => printer.out.extend_from_slice(b"%!(BADWIDTH)"),
                Some(width) if width < 0 => {
                    flags.width = Some(-width);
                    flags.minus = true;
                    flags.zero = false;
                }
                Some(_) => {}
            }
            self.after_index = false;
        } else {
            flags.width = self.number(self.format.len());
            if self.after_index && flags.width.is_some() {
                self.good_index = false;
            }
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.after_index {
                self.good_index = false;
            }
            self.index();
            if self.peek() == Some(b'*') {
                self.at += 1;
                flags.precision = self.number_argument().filter(|&precision| precision >= 0);
                if flags.precision.is_none() {
                    printer.out.extend_from_slice(b"%!(BADPREC)");
                }
                self.after_index = false;
            } else {
                flags.precision = Some(self.number(self.format.len()).unwrap_or(0));
            }
        }
        if !self.after_index {
            self.index();
        }
        let Some(verb) = self.verb_char() else {
            printer.out.extend_from_slice(b"%!(NOVERB)");
            return;
        };
        let mut buffer = [0; 4];
        let shown = verb.encode_utf8(&mut buffer).as_bytes();
        if verb == '%' {
            printer.out.push(b'%');
        } else if !self.good_index {
            printer.out.extend_from_slice(b"%!");
            printer.out.extend_from_slice(shown);
            printer.out.extend_from_slice(b"(BADINDEX)");
        } else if let Some(arg) = self.args.get(self.next) {
            self.next += 1;
            if verb == 'v' {
                flags.sharp_v = std::mem::take(&mut flags.sharp);
                flags.plus = false;
            }
            printer.flags = flags;
            printer.argument(arg, verb);
        } else {
            printer.out.extend_from_slice(b"%!");
            printer.out.extend_from_slice(shown);
            printer.out.extend_from_slice(b"(MISSING)");
        }
    }

    fn verb_char(&mut self) -> Option<char> {
        let rest = &self.format[self.at.min(self.format.len())..];
        let chunk = rest.utf8_chunks().next()?;
        match chunk.valid().chars().next() {
            Some(c) => {
                self.at += c.len_utf8();
                Some(c)
            }
            None => {
                self.at += 1;
                Some(char::REPLACEMENT_CHARACTER)
            }
        }
    }

    /// Digits up to `end`. A number that is too large swallows the rest of the format.
    fn number(&mut self, end: usize) -> Option<i64> {
        let mut value: Option<i64> = None;
        while let Some(digit) = self.peek().filter(|byte| byte.is_ascii_digit() && self.at < end) {
            let number = value.unwrap_or(0) * 10 + i64::from(digit - b'0');
            if number > MAX_NUMBER {
                self.at = end;
                return None;
            }
            value = Some(number);
            self.at += 1;
        }
        value
    }

    /// The argument for a `*`.
    fn number_argument(&mut self) -> Option<i64> {
        let arg = self.args.get(self.next)?;
        self.next += 1;
        let number = match arg {
            GoValue::Int(number) => *number,
            GoValue::Uint(number) => i64::try_from(*number).ok()?,
            _ => return None,
        };
        (-MAX_NUMBER..=MAX_NUMBER).contains(&number).then_some(number)
    }

    /// `[n]`
    fn index(&mut self) {
        self.after_index = false;
        if self.peek() != Some(b'[') {
            return;
        }
        self.reordered = true;
        let rest = &self.format[self.at..];
        let close = if rest.len() < 3 {
            None
        } else {
            rest.iter().position(|&byte| byte == b']')
        };
        let Some(close) = close.map(|close| self.at + close) else {
            self.good_index = false;
            self.at += 1;
            return;
        };
        self.at += 1;
        let number = self.number(close);
        let whole = self.at == close;
        self.at = close + 1;
        let index = number
            .filter(|_| whole)
            .and_then(|number| usize::try_from(number - 1).ok());
        // An index of which the text is right, but not the number, counts as one.
        self.after_index = whole && number.is_some();
        match index.filter(|&index| index < self.args.len()) {
            Some(index) => self.next = index,
            None => self.good_index = false,
        }
    }
}

#[cfg(test)]
mod tests;
