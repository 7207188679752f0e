//! Layouts: the reference time `Mon Jan 2 15:04:05 MST 2006` written in the desired form, split into its elements.

use crate::layouts;

/// One element of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    ZoneName,
    Offset(Offset),
    /// `.000`: exactly this many digits; the separator is written as it stands in the layout.
    FractionFixed {
        digits: u8,
        separator: u8,
    },
    /// `.999`: as many digits as there are; trailing zeros are not written.
    FractionTrimmed {
        digits: u8,
        separator: u8,
    },
}

/// A numeric zone: `-0700` and its relatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offset {
    /// Whether `Z` stands for zero.
    pub(crate) iso: bool,
    pub(crate) colon: bool,
    pub(crate) minutes: bool,
    pub(crate) seconds: bool,
}

/// Literal text, then an element; the last has no element.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub(crate) prefix: String,
    pub(crate) element: Option<Element>,
    /// The element as it is written, for error messages.
    pub(crate) text: String,
}

/// A layout, ready to parse and format with.
#[derive(Clone, Debug)]
pub struct Layout {
    pub(crate) text: String,
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) is_rfc3339: bool,
    pub(crate) has_year: bool,
}

impl Layout {
    /// Takes a layout apart. Every text is a layout: what is no element is literal.
    pub fn new(layout: &str) -> Layout {
        let mut chunks = Vec::new();
        let mut rest = layout;
        loop {
            let (prefix, element, length) = next(rest);
            let text = rest[prefix.len()..prefix.len() + length].to_owned();
            rest = &rest[prefix.len() + length..];
            chunks.push(Chunk {
                prefix: prefix.to_owned(),
                element,
                text,
            });
            if element.is_none() {
                break;
            }
        }
        Layout {
            is_rfc3339: layout == layouts::RFC3339 || layout == layouts::RFC3339_NANO,
            has_year: layout.contains("06"),
            text: layout.to_owned(),
            chunks,
        }
    }

    /// The layout as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the text of the layout contains a year (`06` or `2006`). This looks at the characters only, as Loki's
    /// rule for year-less layouts does.
    pub fn has_year(&self) -> bool {
        self.has_year
    }
}

impl PartialEq for Layout {
    fn eq(&self, other: &Layout) -> bool {
        self.text == other.text
    }
}

impl Eq for Layout {}

/// The layout that Go has under this name (`RFC3339`, `ANSIC`, ...).
pub fn named(name: &str) -> Option<&'static str> {
    Some(match name {
        "ANSIC" => layouts::ANSIC,
        "UnixDate" => layouts::UNIX_DATE,
        "RubyDate" => layouts::RUBY_DATE,
        "RFC822" => layouts::RFC822,
        "RFC822Z" => layouts::RFC822Z,
        "RFC850" => layouts::RFC850,
        "RFC1123" => layouts::RFC1123,
        "RFC1123Z" => layouts::RFC1123Z,
        "RFC3339" => layouts::RFC3339,
        "RFC3339Nano" => layouts::RFC3339_NANO,
        _ => return None,
    })
}

/// The text up to the first element of `layout`, that element and its length in bytes.
fn next(layout: &str) -> (&str, Option<Element>, usize) {
    for (at, first) in layout.bytes().enumerate() {
        if !first.is_ascii() {
            continue;
        }
        // Elements are ASCII, so cutting before one is cutting between characters.
        if let Some((element, skip, length)) = element(&layout[at..], first) {
            return (&layout[..at + skip], Some(element), length);
        }
    }
    (layout, None, 0)
}

/// The element that `text` begins with, bytes of literal text before it, and its length.
fn element(text: &str, first: u8) -> Option<(Element, usize, usize)> {
    use Element::*;
    let lower_after = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_lowercase);
    let found = |element: Element, length: usize| Some((element, 0, length));
    match first {
        b'J' if text.starts_with("January") => found(LongMonth, 7),
        b'J' if text.starts_with("Jan") && !lower_after(3) => found(Month, 3),
        b'M' if text.starts_with("Monday") => found(LongWeekday, 6),
        b'M' if text.starts_with("Mon") && !lower_after(3) => found(Weekday, 3),
        b'M' if text.starts_with("MST") => found(ZoneName, 3),
        b'0' => match text.as_bytes().get(1) {
            Some(b'1') => found(ZeroMonth, 2),
            Some(b'2') => found(ZeroDay, 2),
            Some(b'3') => found(ZeroHour12, 2),
            Some(b'4') => found(ZeroMinute, 2),
            Some(b'5') => found(ZeroSecond, 2),
            Some(b'6') => found(Year, 2),
            Some(b'0') if text.starts_with("002") => found(ZeroYearDay, 3),
            _ => None,
        },
        b'1' if text.starts_with("15") => found(Hour, 2),
        b'1' => found(NumMonth, 1),
        b'2' if text.starts_with("2006") => found(LongYear, 4),
        b'2' => found(Day, 1),
        // An underscore and a year, not a padded day.
        b'_' if text.starts_with("_2006") => Some((LongYear, 1, 4)),
        b'_' if text.starts_with("_2") => found(UnderDay, 2),
        b'_' if text.starts_with("__2") => found(UnderYearDay, 3),
        b'3' => found(Hour12, 1),
        b'4' => found(Minute, 1),
        b'5' => found(Second, 1),
        b'P' if text.starts_with("PM") => found(UpperPm, 2),
        b'p' if text.starts_with("pm") => found(LowerPm, 2),
        b'-' | b'Z' => offset(text, first == b'Z'),
        b'.' | b',' => fraction(text, first),
        _ => None,
    }
}

fn offset(text: &str, iso: bool) -> Option<(Element, usize, usize)> {
    let body = &text[1..];
    let forms = [
        ("070000", false, true, true),
        ("07:00:00", true, true, true),
        ("0700", false, true, false),
        ("07:00", true, true, false),
        ("07", false, false, false),
    ];
    let (form, colon, minutes, seconds) = forms.into_iter().find(|(form, ..)| body.starts_with(form))?;
    Some((
        Element::Offset(Offset {
            iso,
            colon,
            minutes,
            seconds,
        }),
        0,
        1 + form.len(),
    ))
}

fn fraction(text: &str, separator: u8) -> Option<(Element, usize, usize)> {
    let bytes = text.as_bytes();
    let digit = *bytes.get(1).filter(|digit| matches!(digit, b'0' | b'9'))?;
    let count = bytes[1..].iter().take_while(|&&byte| byte == digit).count();
    if bytes.get(1 + count).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let digits = u8::try_from(count).unwrap_or(u8::MAX);
    let element = if digit == b'0' {
        Element::FractionFixed { digits, separator }
    } else {
        Element::FractionTrimmed { digits, separator }
    };
    Some((element, 0, 1 + count))
}
