//! One argument under one verb.

use super::float::format_float;
use super::quote;
use crate::value::GoValue;

#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) plus: bool,
    pub(super) minus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    /// `%#v`: Go syntax.
    pub(super) sharp_v: bool,
    pub(super) width: Option<i64>,
    pub(super) precision: Option<i64>,
}

pub(super) struct Printer {
    pub(super) out: Vec<u8>,
    pub(super) flags: Flags,
    /// Length in bytes after which nothing more is written.
    max: usize,
}

impl Printer {
    pub(super) fn new(max: usize) -> Printer {
        Printer {
            out: Vec::new(),
            flags: Flags::default(),
            max,
        }
    }

    /// Whether there is too much already.
    pub(super) fn is_full(&self) -> bool {
        self.out.len() > self.max
    }

    /// An argument of the call.
    pub(super) fn argument(&mut self, value: &GoValue, verb: char) {
        match (value, verb) {
            (value, 'T') => self.text(value.type_name().as_bytes()),
            (GoValue::Nil, 'v') => self.pad(b"<nil>"),
            (GoValue::Nil, _) => self.bad_verb(value, verb),
            _ => self.value(value, verb),
        }
    }

    /// An argument or an element of one.
    pub(super) fn value(&mut self, value: &GoValue, verb: char) {
        match value {
            _ if self.is_full() => {}
            GoValue::Nil if self.flags.sharp_v => self.out.extend_from_slice(b"interface {}(nil)"),
            GoValue::Nil => self.out.extend_from_slice(b"<nil>"),
            GoValue::Bool(flag) => match verb {
                't' | 'v' => self.pad(if *flag { b"true" } else { b"false" }),
                _ => self.bad_verb(value, verb),
            },
            GoValue::Int(number) => self.integer(value, number.unsigned_abs(), *number < 0, verb),
            GoValue::Uint(number) if verb == 'v' && self.flags.sharp_v => {
                let sharp = std::mem::replace(&mut self.flags.sharp, true);
                self.digits(*number, 16, false, verb, false);
                self.flags.sharp = sharp;
            }
            GoValue::Uint(number) => self.integer(value, *number, false, verb),
            GoValue::Float(number) => match verb {
                'v' => self.float(*number, 'g', None),
                'g' | 'G' => self.float(*number, verb, None),
                'f' | 'F' => self.float(*number, 'f', Some(6)),
                'e' | 'E' => self.float(*number, verb, Some(6)),
                _ => self.bad_verb(value, verb),
            },
            GoValue::Str(text) => match verb {
                'v' if self.flags.sharp_v => self.quoted(text),
                'v' | 's' => self.text(text),
                'x' | 'X' => self.hex(text, verb == 'X'),
                'q' => self.quoted(text),
                _ => self.bad_verb(value, verb),
            },
            GoValue::List(items) => {
                let (open, separator, close) = self.brackets(value, b"[", b"]");
                self.out.extend_from_slice(&open);
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.out.extend_from_slice(separator);
                    }
                    self.value(item, verb);
                }
                self.out.push(close);
            }
            GoValue::Map(entries) => {
                let (open, separator, close) = self.brackets(value, b"map[", b"]");
                self.out.extend_from_slice(&open);
                for (index, (key, item)) in entries.iter().enumerate() {
                    if index > 0 {
                        self.out.extend_from_slice(separator);
                    }
                    self.value(&GoValue::str(key), verb);
                    self.out.push(b':');
                    self.value(item, verb);
                }
                self.out.push(close);
            }
        }
    }

    fn brackets(&self, value: &GoValue, open: &[u8], close: &[u8]) -> (Vec<u8>, &'static [u8], u8) {
        if self.flags.sharp_v {
            let mut open = value.type_name().as_bytes().to_vec();
            open.push(b'{');
            (open, b", ", b'}')
        } else {
            (open.to_vec(), b" ", close[0])
        }
    }

    fn bad_verb(&mut self, value: &GoValue, verb: char) {
        self.out.extend_from_slice(b"%!");
        self.out.extend_from_slice(verb.encode_utf8(&mut [0; 4]).as_bytes());
        self.out.push(b'(');
        if !matches!(value, GoValue::Nil) {
            self.out.extend_from_slice(value.type_name().as_bytes());
            self.out.push(b'=');
        }
        self.value(value, 'v');
        self.out.push(b')');
    }

    /// Writes `text` in the width asked for, which counts characters.
    fn pad(&mut self, text: &[u8]) {
        let length: usize = text
            .utf8_chunks()
            .map(|c| c.valid().chars().count() + c.invalid().len())
            .sum();
        let missing = usize::try_from(self.flags.width.unwrap_or(0))
            .unwrap_or(0)
            .saturating_sub(length);
        if self.flags.minus {
            self.out.extend_from_slice(text);
            self.out.extend(std::iter::repeat_n(b' ', missing));
        } else {
            let filler = if self.flags.zero { b'0' } else { b' ' };
            self.out.extend(std::iter::repeat_n(filler, missing));
            self.out.extend_from_slice(text);
        }
    }

    fn pad_with_spaces(&mut self, text: &[u8]) {
        let zero = std::mem::replace(&mut self.flags.zero, false);
        self.pad(text);
        self.flags.zero = zero;
    }

    fn truncated<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let Some(mut left) = self.flags.precision else {
            return text;
        };
        let mut length = 0;
        for chunk in text.utf8_chunks() {
            for size in chunk
                .valid()
                .chars()
                .map(char::len_utf8)
                .chain(chunk.invalid().iter().map(|_| 1))
            {
                if left == 0 {
                    return &text[..length];
                }
                left -= 1;
                length += size;
            }
        }
        text
    }

    fn text(&mut self, text: &[u8]) {
        self.pad(self.truncated(text));
    }

    fn quoted(&mut self, text: &[u8]) {
        let text = self.truncated(text);
        let quoted = if self.flags.sharp && quote::can_backquote(text) {
            [b"`", text, b"`"].concat()
        } else if self.flags.plus {
            quote::quote_ascii(text).into_bytes()
        } else {
            quote::quote(text).into_bytes()
        };
        self.pad(&quoted);
    }

    fn hex(&mut self, text: &[u8], upper: bool) {
        let length = self
            .flags
            .precision
            .and_then(|p| usize::try_from(p).ok())
            .unwrap_or(text.len())
            .min(text.len());
        let prefix = if upper { "0X" } else { "0x" };
        let mut out = String::new();
        for (index, byte) in text[..length].iter().enumerate() {
            if self.flags.space && index > 0 {
                out.push(' ');
            }
            if self.flags.sharp && (self.flags.space || index == 0) {
                out.push_str(prefix);
            }
            out.push_str(&if upper {
                format!("{byte:02X}")
            } else {
                format!("{byte:02x}")
            });
        }
        self.pad(out.as_bytes());
    }

    fn integer(&mut self, value: &GoValue, magnitude: u64, negative: bool, verb: char) {
        match verb {
            'v' | 'd' => self.digits(magnitude, 10, negative, verb, false),
            'b' => self.digits(magnitude, 2, negative, verb, false),
            'o' | 'O' => self.digits(magnitude, 8, negative, verb, false),
            'x' => self.digits(magnitude, 16, negative, verb, false),
            'X' => self.digits(magnitude, 16, negative, verb, true),
            'c' => {
                let c = character(magnitude, negative);
                self.pad(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            'q' => {
                let quoted = quote::quote_char(character(magnitude, negative), self.flags.plus);
                self.pad(quoted.as_bytes());
            }
            'U' => {
                // Go prints the bits of a negative number.
                let bits = if negative { magnitude.wrapping_neg() } else { magnitude };
                let width = self
                    .flags
                    .precision
                    .and_then(|p| usize::try_from(p).ok())
                    .unwrap_or(4)
                    .max(4);
                let mut text = format!("U+{}", zeros_before(format!("{bits:X}"), width));
                if self.flags.sharp
                    && let Some(c) = u32::try_from(bits).ok().and_then(char::from_u32)
                    && quote::is_print(c)
                {
                    text.push_str(&format!(" '{c}'"));
                }
                self.pad_with_spaces(text.as_bytes());
            }
            _ => self.bad_verb(value, verb),
        }
    }

    fn digits(&mut self, magnitude: u64, base: u32, negative: bool, verb: char, upper: bool) {
        let flags = self.flags;
        let signed = negative || flags.plus || flags.space;
        let minimum = match (flags.precision, flags.width) {
            // No digits at all for a zero of no digits.
            (Some(0), _) if magnitude == 0 => return self.pad_with_spaces(b""),
            (Some(precision), _) => precision,
            (None, Some(width)) if flags.zero && !flags.minus => width - i64::from(signed),
            _ => 0,
        };
        let minimum = usize::try_from(minimum).unwrap_or(0);
        let digits = match (base, upper) {
            (2, _) => format!("{magnitude:b}"),
            (8, _) => format!("{magnitude:o}"),
            (16, false) => format!("{magnitude:x}"),
            (16, true) => format!("{magnitude:X}"),
            _ => format!("{magnitude}"),
        };
        let digits = zeros_before(digits, minimum);
        let prefix = match base {
            _ if verb == 'O' => "0o",
            2 if flags.sharp => "0b",
            8 if flags.sharp && !digits.starts_with('0') => "0",
            16 if flags.sharp && upper => "0X",
            16 if flags.sharp => "0x",
            _ => "",
        };
        let sign = match () {
            () if negative => "-",
            () if flags.plus => "+",
            () if flags.space => " ",
            () => "",
        };
        self.pad_with_spaces(format!("{sign}{prefix}{digits}").as_bytes());
    }

    fn float(&mut self, number: f64, verb: char, default_precision: Option<usize>) {
        let flags = self.flags;
        let precision = flags
            .precision
            .and_then(|precision| usize::try_from(precision).ok())
            .or(default_precision);
        let text = format_float(number, verb, precision);
        let (sign, mut digits) = match text.strip_prefix(['-', '+']) {
            Some(digits) => (if text.starts_with('-') { "-" } else { "+" }, digits.to_owned()),
            None => ("+", text),
        };
        let sign = if sign == "+" && flags.space && !flags.plus {
            " "
        } else {
            sign
        };
        if !number.is_finite() {
            let signed = if number.is_nan() {
                flags.plus || flags.space
            } else {
                true
            };
            let hidden = !signed || (sign == "+" && !flags.plus && number.is_nan());
            // Infinity always shows its sign, unlike a number.
            return self.pad_with_spaces(format!("{}{digits}", if hidden { "" } else { sign }).as_bytes());
        }
        if flags.sharp {
            digits = with_point(&digits, verb, precision);
        }
        if !flags.plus && sign == "+" {
            return self.pad(digits.as_bytes());
        }
        let width = usize::try_from(flags.width.unwrap_or(0)).unwrap_or(0);
        let length = sign.len() + digits.len();
        if flags.zero && !flags.minus && width > length {
            // The sign goes before the zeros.
            self.out.extend_from_slice(sign.as_bytes());
            self.out.extend(std::iter::repeat_n(b'0', width - length));
            self.out.extend_from_slice(digits.as_bytes());
        } else {
            self.pad(format!("{sign}{digits}").as_bytes());
        }
    }
}

/// At least so many digits. (Widths of `format!` end at 65,535.)
fn zeros_before(digits: String, minimum: usize) -> String {
    "0".repeat(minimum.saturating_sub(digits.len())) + &digits
}

/// `%#g` keeps the decimal point and trailing zeros.
fn with_point(text: &str, verb: char, precision: Option<usize>) -> String {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let mut out = mantissa.to_owned();
    let wanted = if matches!(verb, 'g' | 'G') {
        precision.unwrap_or(6)
    } else {
        0
    };
    let significant = mantissa
        .trim_start_matches(['0', '.'])
        .bytes()
        .filter(u8::is_ascii_digit)
        .count();
    if !mantissa.contains('.') {
        out.push('.');
    }
    let significant = if mantissa == "0" { 1 } else { significant };
    out.extend(std::iter::repeat_n('0', wanted.saturating_sub(significant)));
    out + exponent
}

fn character(magnitude: u64, negative: bool) -> char {
    let code = u32::try_from(magnitude).ok().filter(|_| !negative);
    code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}
