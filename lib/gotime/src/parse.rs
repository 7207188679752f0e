//! Reading a time by its layout.

use crate::civil::{self, Civil};
use crate::error::ParseError;
use crate::format::{MONTHS, WEEKDAYS};
use crate::layout::{Element, Layout, Offset};
use crate::location::Location;
use crate::rfc3339;

/// A parsed time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Nanoseconds within the second.
    pub nanos: u32,
    /// The date and time as written.
    pub civil: Civil,
}

impl Parsed {
    /// Nanoseconds since 1970, `None` outside of what 64 bits hold (1677 to 2262).
    pub fn unix_nanos(&self) -> Option<i64> {
        rfc3339::to_nanos(self.seconds, self.nanos)
    }
}

/// How the value named its zone.
#[derive(Clone, Copy)]
enum Zone<'v> {
    Unnamed,
    Utc,
    Offset(i32),
    Name(&'v str),
}

struct Fields<'v> {
    civil: Civil,
    nanos: u32,
    zone: Zone<'v>,
}

impl Fields<'_> {
    fn resolve(&self, default: &Location, local: &Location) -> Parsed {
        let civil = self.civil.seconds();
        let seconds = match self.zone {
            Zone::Unnamed => default.resolve(civil),
            Zone::Utc => civil,
            Zone::Offset(offset) => civil - i64::from(offset),
            // An abbreviation that means nothing here counts as UTC, even one like `GMT+3`.
            Zone::Name(name) => civil - i64::from(local.offset_of(name, civil).unwrap_or(0)),
        };
        Parsed {
            seconds,
            nanos: self.nanos,
            civil: self.civil,
        }
    }
}

/// Why an element could not be read.
enum Bad {
    Syntax,
    Range(&'static str),
}

type Read<'v, T> = Result<(T, &'v str), Bad>;

impl Layout {
    /// Parses `value`; where it names no zone it is the time in `location`. Zone abbreviations are those in use at
    /// `location`. (Go's `ParseInLocation`.)
    pub fn parse(&self, value: &str, location: &Location) -> Result<Parsed, ParseError> {
        self.parse_with(value, location, location)
    }

    /// [`Layout::parse`] with a `local` place of its own for zone abbreviations. (Go's `Parse` is this with UTC and the
    /// machine's location.)
    pub fn parse_with(&self, value: &str, default: &Location, local: &Location) -> Result<Parsed, ParseError> {
        if self.is_rfc3339
            && let Some((civil, nanos, offset)) = rfc3339::parse(value.as_bytes())
        {
            return Ok(Parsed {
                seconds: civil.seconds() - i64::from(offset),
                nanos,
                civil,
            });
        }
        Ok(self.fields(value)?.resolve(default, local))
    }

    /// Parses a value without a year, such as a syslog timestamp, as the time nearest to the instant `now` (seconds since
    /// 1970): this year, but a December value in January is of last year and a January value in December of the next.
    /// The 29th of February of a year without one is the 1st of March. Fails if the value has a year.
    pub fn parse_yearless(
        &self,
        value: &str,
        default: &Location,
        local: &Location,
        now: i64,
    ) -> Result<Parsed, ParseError> {
        let mut fields = self.fields(value)?;
        if fields.civil.year != 0 {
            let message = ": the value has a year, although its layout has none";
            return Err(self.error(value, "", value, message.to_owned()));
        }
        let now = default.civil(now);
        fields.civil.year = match (fields.civil.month, now.month) {
            (12, 1) => now.year - 1,
            (1, 12) => now.year + 1,
            _ => now.year,
        };
        // A day past the end of its month counts on into the next one.
        let written = fields.civil;
        fields.civil = Civil::from_seconds(written.seconds());
        Ok(fields.resolve(default, local))
    }

    fn error(&self, value: &str, element: &str, rest: &str, message: String) -> ParseError {
        ParseError {
            layout: self.text.clone(),
            value: value.to_owned(),
            element: element.to_owned(),
            rest: rest.to_owned(),
            message,
        }
    }

    fn fields<'v>(&self, value: &'v str) -> Result<Fields<'v>, ParseError> {
        let mut state = State::default();
        let mut rest = value;
        for (index, chunk) in self.chunks.iter().enumerate() {
            rest = skip(rest, &chunk.prefix).map_err(|rest| self.error(value, &chunk.prefix, rest, String::new()))?;
            let Some(element) = chunk.element else { break };
            let next_is_fraction = self.chunks.get(index + 1).is_some_and(|next| {
                // Only the element matters to Go, whatever text is before it.
                matches!(
                    next.element,
                    Some(Element::FractionFixed { .. } | Element::FractionTrimmed { .. })
                )
            });
            rest = match state.read(element, rest, next_is_fraction) {
                Ok(rest) => rest,
                Err(Bad::Syntax) => return Err(self.error(value, &chunk.text, rest, String::new())),
                Err(Bad::Range(what)) => {
                    return Err(self.error(value, &chunk.text, rest, format!(": {what} out of range")));
                }
            };
        }
        if !rest.is_empty() {
            let message = format!(": extra text: {}", crate::quote(rest.as_bytes()));
            return Err(self.error(value, "", rest, message));
        }
        state
            .finish()
            .map_err(|message| self.error(value, "", value, format!(": {message}")))
    }
}

/// What has been read so far.
struct State<'v> {
    year: i64,
    month: Option<u8>,
    day: Option<u8>,
    year_day: Option<u16>,
    hour: u8,
    minute: u8,
    second: u8,
    nanos: u32,
    pm: Option<bool>,
    zone: Zone<'v>,
}

impl Default for State<'_> {
    fn default() -> Self {
        State {
            year: 0,
            month: None,
            day: None,
            year_day: None,
            hour: 0,
            minute: 0,
            second: 0,
            nanos: 0,
            pm: None,
            zone: Zone::Unnamed,
        }
    }
}

impl<'v> State<'v> {
    fn read(&mut self, element: Element, value: &'v str, next_is_fraction: bool) -> Result<&'v str, Bad> {
        match element {
            Element::Year => {
                let (year, rest) = digits(value, 2)?;
                self.year = i64::from(year) + if year >= 69 { 1900 } else { 2000 };
                Ok(rest)
            }
            Element::LongYear => {
                let (year, rest) = digits(value, 4)?;
                self.year = i64::from(year);
                Ok(rest)
            }
            Element::Month | Element::LongMonth => {
                let (index, rest) = name(value, &MONTHS, element == Element::LongMonth)?;
                self.month = Some(index as u8 + 1);
                Ok(rest)
            }
            Element::NumMonth | Element::ZeroMonth => {
                let (month, rest) = number(value, element == Element::ZeroMonth)?;
                if !(1..=12).contains(&month) {
                    return Err(Bad::Range("month"));
                }
                self.month = Some(month);
                Ok(rest)
            }
            // The weekday has to be one, but not the right one.
            Element::Weekday | Element::LongWeekday => {
                name(value, &WEEKDAYS, element == Element::LongWeekday).map(|(_, rest)| rest)
            }
            Element::Day | Element::UnderDay | Element::ZeroDay => {
                let value = match value.strip_prefix(' ') {
                    Some(rest) if element == Element::UnderDay => rest,
                    _ => value,
                };
                let (day, rest) = number(value, element == Element::ZeroDay)?;
                self.day = Some(day);
                Ok(rest)
            }
            Element::UnderYearDay | Element::ZeroYearDay => {
                let mut value = value;
                if element == Element::UnderYearDay {
                    for _ in 0..2 {
                        value = value.strip_prefix(' ').unwrap_or(value);
                    }
                }
                let count = value.bytes().take(3).take_while(u8::is_ascii_digit).count();
                if count == 0 || (element == Element::ZeroYearDay && count != 3) {
                    return Err(Bad::Syntax);
                }
                let (day, rest) = digits(value, count)?;
                self.year_day = Some(day as u16);
                Ok(rest)
            }
            Element::Hour => self.hour(value, false, 23),
            Element::Hour12 => self.hour(value, false, 12),
            Element::ZeroHour12 => self.hour(value, true, 12),
            Element::Minute | Element::ZeroMinute => {
                let (minute, rest) = number(value, element == Element::ZeroMinute)?;
                self.minute = if minute < 60 {
                    minute
                } else {
                    return Err(Bad::Range("minute"));
                };
                Ok(rest)
            }
            Element::Second | Element::ZeroSecond => {
                let (second, rest) = number(value, element == Element::ZeroSecond)?;
                self.second = if second < 60 {
                    second
                } else {
                    return Err(Bad::Range("second"));
                };
                // A fraction may follow the seconds although the layout has none.
                if !next_is_fraction && has_fraction(rest) {
                    self.fraction(rest)
                } else {
                    Ok(rest)
                }
            }
            Element::UpperPm | Element::LowerPm => {
                let upper = element == Element::UpperPm;
                let (pm, am) = if upper { ("PM", "AM") } else { ("pm", "am") };
                if let Some(rest) = value.strip_prefix(pm) {
                    self.pm = Some(true);
                    Ok(rest)
                } else if let Some(rest) = value.strip_prefix(am) {
                    self.pm = Some(false);
                    Ok(rest)
                } else {
                    Err(Bad::Syntax)
                }
            }
            Element::ZoneName => {
                if let Some(rest) = value.strip_prefix("UTC") {
                    self.zone = Zone::Utc;
                    return Ok(rest);
                }
                let length = zone_name(value).ok_or(Bad::Syntax)?;
                self.zone = Zone::Name(&value[..length]);
                Ok(&value[length..])
            }
            Element::Offset(form) => {
                if form.iso
                    && let Some(rest) = value.strip_prefix('Z')
                {
                    self.zone = Zone::Utc;
                    return Ok(rest);
                }
                let (offset, rest) = offset(value, form)?;
                self.zone = Zone::Offset(offset);
                Ok(rest)
            }
            Element::FractionFixed { digits, .. } => {
                let length = 1 + usize::from(digits);
                let Some(text) = value.as_bytes().get(..length) else {
                    return Err(Bad::Syntax);
                };
                if !matches!(text[0], b'.' | b',') || !text[1..].iter().all(u8::is_ascii_digit) {
                    return Err(Bad::Syntax);
                }
                self.nanos = nanoseconds(&text[1..]);
                Ok(&value[length..])
            }
            Element::FractionTrimmed { .. } => {
                // It may be missing, and be longer than the layout says.
                if has_fraction(value) {
                    self.fraction(value)
                } else {
                    Ok(value)
                }
            }
        }
    }

    fn hour(&mut self, value: &'v str, fixed: bool, max: u8) -> Result<&'v str, Bad> {
        let (hour, rest) = number(value, fixed)?;
        self.hour = if hour <= max {
            hour
        } else {
            return Err(Bad::Range("hour"));
        };
        Ok(rest)
    }

    /// A separator and at least one digit.
    fn fraction(&mut self, value: &'v str) -> Result<&'v str, Bad> {
        let body = &value[1..];
        let count = body.bytes().take_while(u8::is_ascii_digit).count();
        self.nanos = nanoseconds(&body.as_bytes()[..count]);
        Ok(&body[count..])
    }

    fn finish(mut self) -> Result<Fields<'v>, &'static str> {
        match self.pm {
            Some(true) if self.hour < 12 => self.hour += 12,
            Some(false) if self.hour == 12 => self.hour = 0,
            _ => {}
        }
        if let Some(year_day) = self.year_day {
            let last = if civil::is_leap(self.year) { 366 } else { 365 };
            if !(1..=last).contains(&year_day) {
                return Err("day-of-year out of range");
            }
            let date = Civil::from_seconds((civil::days(self.year, 1, 1) + i64::from(year_day) - 1) * 86_400);
            if self.month.is_some_and(|month| month != date.month) {
                return Err("day-of-year does not match month");
            }
            if self.day.is_some_and(|day| day != date.day) {
                return Err("day-of-year does not match day");
            }
            self.month = Some(date.month);
            self.day = Some(date.day);
        }
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        if day < 1 || day > civil::days_in(month, self.year) {
            return Err("day out of range");
        }
        let civil = Civil {
            year: self.year,
            month,
            day,
            hour: self.hour,
            minute: self.minute,
            second: self.second,
        };
        Ok(Fields {
            civil,
            nanos: self.nanos,
            zone: self.zone,
        })
    }
}

/// Steps over literal text. A run of spaces matches any run of spaces, even none at the end of the value.
fn skip<'v>(value: &'v str, prefix: &str) -> Result<&'v str, &'v str> {
    let (mut value, mut prefix) = (value, prefix);
    while let Some(expected) = prefix.chars().next() {
        if expected == ' ' {
            if !value.is_empty() && !value.starts_with(' ') {
                return Err(value);
            }
            prefix = prefix.trim_start_matches(' ');
            value = value.trim_start_matches(' ');
            continue;
        }
        value = value.strip_prefix(expected).ok_or(value)?;
        prefix = &prefix[expected.len_utf8()..];
    }
    Ok(value)
}

/// Exactly `count` digits.
fn digits(value: &str, count: usize) -> Read<'_, u32> {
    let text = value
        .as_bytes()
        .get(..count)
        .filter(|text| text.iter().all(u8::is_ascii_digit))
        .ok_or(Bad::Syntax)?;
    let number = text
        .iter()
        .fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    Ok((number, &value[count..]))
}

/// One or two digits, or exactly two.
fn number(value: &str, fixed: bool) -> Read<'_, u8> {
    let count = value.bytes().take(2).take_while(u8::is_ascii_digit).count();
    if count == 0 || (fixed && count == 1) {
        return Err(Bad::Syntax);
    }
    digits(value, count).map(|(number, rest)| (number as u8, rest))
}

/// One of `names`, or of their first three letters, in any case.
fn name<'v>(value: &'v str, names: &[&str], long: bool) -> Read<'v, usize> {
    for (index, name) in names.iter().enumerate() {
        let name = if long { name } else { &name[..3] };
        if value
            .as_bytes()
            .get(..name.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(name.as_bytes()))
        {
            return Ok((index, &value[name.len()..]));
        }
    }
    Err(Bad::Syntax)
}

fn has_fraction(value: &str) -> bool {
    matches!(value.as_bytes(), [b'.' | b',', digit, ..] if digit.is_ascii_digit())
}

/// The fraction of a second; digits beyond the ninth are ignored.
fn nanoseconds(digits: &[u8]) -> u32 {
    (0..9).fold(0, |nanos, at| {
        nanos * 10 + digits.get(at).map_or(0, |digit| u32::from(digit - b'0'))
    })
}

fn offset(value: &str, form: Offset) -> Read<'_, i32> {
    let (sign, mut rest) = match value.as_bytes().first() {
        Some(b'+') => (1, &value[1..]),
        Some(b'-') => (-1, &value[1..]),
        _ => return Err(Bad::Syntax),
    };
    let mut parts = [0; 3];
    let count = 1 + usize::from(form.minutes) + usize::from(form.seconds);
    for (index, part) in parts.iter_mut().take(count).enumerate() {
        if index > 0 && form.colon {
            rest = rest.strip_prefix(':').ok_or(Bad::Syntax)?;
        }
        let (number, after) = digits(rest, 2)?;
        *part = number as i32;
        rest = after;
    }
    let [hours, minutes, seconds] = parts;
    // Some people write offsets of 24 hours or 60 minutes.
    match () {
        () if hours > 24 => Err(Bad::Range("time zone offset hour")),
        () if minutes > 60 => Err(Bad::Range("time zone offset minute")),
        () if seconds > 60 => Err(Bad::Range("time zone offset second")),
        () => Ok((sign * ((hours * 60 + minutes) * 60 + seconds), rest)),
    }
}

/// The length of the zone abbreviation that `value` starts with: three to five upper-case letters, `ChST`, `MeST`,
/// `GMT-8`, or a bare offset of hours.
fn zone_name(value: &str) -> Option<usize> {
    if value.len() < 3 {
        return None;
    }
    if value.starts_with("ChST") || value.starts_with("MeST") {
        return Some(4);
    }
    if let Some(rest) = value.strip_prefix("GMT") {
        return Some(3 + signed_hours(rest).unwrap_or(0));
    }
    if value.starts_with(['+', '-']) {
        return signed_hours(value);
    }
    let bytes = value.as_bytes();
    match bytes
        .iter()
        .take(6)
        .take_while(|byte| byte.is_ascii_uppercase())
        .count()
    {
        3 => Some(3),
        4 => (bytes[3] == b'T' || value.starts_with("WITA")).then_some(4),
        5 => (bytes[4] == b'T').then_some(5),
        _ => None,
    }
}

/// The length of a sign and a number of hours up to 23.
fn signed_hours(value: &str) -> Option<usize> {
    let body = value.strip_prefix(['+', '-'])?;
    let count = body.bytes().take_while(u8::is_ascii_digit).count();
    let hours: u64 = body[..count].parse().ok()?;
    (hours <= 23).then_some(1 + count)
}
