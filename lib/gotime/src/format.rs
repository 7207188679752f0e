//! Writing a time in a layout.

use crate::civil::Civil;
use crate::layout::{Element, Layout, Offset};
use crate::location::Location;
use std::fmt::Write;

pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(crate) const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

impl Layout {
    /// Formats the instant `seconds` and `nanos` since 1970 as clocks in `location` show it.
    pub fn format(&self, seconds: i64, nanos: u32, location: &Location) -> String {
        let (offset, name) = location.zone(seconds);
        let civil = Civil::from_seconds(seconds + i64::from(offset));
        let mut out = String::with_capacity(self.text.len() + 8);
        for chunk in &self.chunks {
            out.push_str(&chunk.prefix);
            if let Some(element) = chunk.element {
                // Writing to a string does not fail.
                let _ = write_element(&mut out, element, &civil, nanos, offset, &name);
            }
        }
        out
    }

    /// [`Layout::format`] of nanoseconds since 1970.
    pub fn format_nanos(&self, unix_nanos: i64, location: &Location) -> String {
        let (seconds, nanos) = (
            unix_nanos.div_euclid(1_000_000_000),
            unix_nanos.rem_euclid(1_000_000_000),
        );
        self.format(seconds, nanos as u32, location)
    }
}

fn write_element(
    out: &mut String,
    element: Element,
    civil: &Civil,
    nanos: u32,
    offset: i32,
    zone: &str,
) -> std::fmt::Result {
    let month = MONTHS[usize::from(civil.month) - 1];
    let weekday = WEEKDAYS[civil.weekday() as usize];
    let hour12 = (civil.hour + 11) % 12 + 1;
    match element {
        Element::LongMonth => write!(out, "{month}"),
        Element::Month => write!(out, "{}", &month[..3]),
        Element::NumMonth => write!(out, "{}", civil.month),
        Element::ZeroMonth => write!(out, "{:02}", civil.month),
        Element::LongWeekday => write!(out, "{weekday}"),
        Element::Weekday => write!(out, "{}", &weekday[..3]),
        Element::Day => write!(out, "{}", civil.day),
        Element::UnderDay => write!(out, "{:2}", civil.day),
        Element::ZeroDay => write!(out, "{:02}", civil.day),
        Element::UnderYearDay => write!(out, "{:3}", civil.day_of_year()),
        Element::ZeroYearDay => write!(out, "{:03}", civil.day_of_year()),
        Element::Hour => write!(out, "{:02}", civil.hour),
        Element::Hour12 => write!(out, "{hour12}"),
        Element::ZeroHour12 => write!(out, "{hour12:02}"),
        Element::Minute => write!(out, "{}", civil.minute),
        Element::ZeroMinute => write!(out, "{:02}", civil.minute),
        Element::Second => write!(out, "{}", civil.second),
        Element::ZeroSecond => write!(out, "{:02}", civil.second),
        Element::LongYear if civil.year < 0 => write!(out, "-{:04}", -civil.year),
        Element::LongYear => write!(out, "{:04}", civil.year),
        Element::Year => write!(out, "{:02}", civil.year.max(0) % 100),
        Element::UpperPm => write!(out, "{}", if civil.hour >= 12 { "PM" } else { "AM" }),
        Element::LowerPm => write!(out, "{}", if civil.hour >= 12 { "pm" } else { "am" }),
        // The database writes zones without a name as their offset, which is what Go prints.
        Element::ZoneName => write!(out, "{zone}"),
        Element::Offset(form) => write_offset(out, form, offset),
        Element::FractionFixed { digits, separator } => {
            write_fraction(out, nanos, digits, separator);
            Ok(())
        }
        Element::FractionTrimmed { digits, separator } => {
            let start = out.len();
            write_fraction(out, nanos, digits, separator);
            let kept = out[start + 1..].trim_end_matches('0').len();
            out.truncate(if kept == 0 { start } else { start + 1 + kept });
            Ok(())
        }
    }
}

fn write_fraction(out: &mut String, nanos: u32, digits: u8, separator: u8) {
    let text = format!("{nanos:09}");
    out.push(char::from(separator));
    let digits = usize::from(digits);
    out.push_str(&text[..digits.min(9)]);
    out.extend(std::iter::repeat_n('0', digits.saturating_sub(9)));
}

fn write_offset(out: &mut String, form: Offset, offset: i32) -> std::fmt::Result {
    if form.iso && offset == 0 {
        return write!(out, "Z");
    }
    let colon = if form.colon { ":" } else { "" };
    let magnitude = offset.unsigned_abs();
    // Go takes the sign from the whole minutes.
    let sign = if offset / 60 < 0 { '-' } else { '+' };
    write!(out, "{sign}{:02}", magnitude / 3600)?;
    if form.minutes {
        write!(out, "{colon}{:02}", magnitude / 60 % 60)?;
    }
    if form.seconds {
        write!(out, "{colon}{:02}", magnitude % 60)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layouts;

    #[test]
    fn the_constants() {
        // 2010-02-04T21:00:57.012345678-08:00
        let (seconds, nanos) = (1_265_346_057, 12_345_678);
        let place = Location::load("America/Los_Angeles").unwrap();
        for (layout, expect) in [
            (layouts::ANSIC, "Thu Feb  4 21:00:57 2010"),
            (layouts::UNIX_DATE, "Thu Feb  4 21:00:57 PST 2010"),
            (layouts::RUBY_DATE, "Thu Feb 04 21:00:57 -0800 2010"),
            (layouts::RFC822, "04 Feb 10 21:00 PST"),
            (layouts::RFC822Z, "04 Feb 10 21:00 -0800"),
            (layouts::RFC850, "Thursday, 04-Feb-10 21:00:57 PST"),
            (layouts::RFC1123, "Thu, 04 Feb 2010 21:00:57 PST"),
            (layouts::RFC1123Z, "Thu, 04 Feb 2010 21:00:57 -0800"),
            (layouts::RFC3339, "2010-02-04T21:00:57-08:00"),
            (layouts::RFC3339_NANO, "2010-02-04T21:00:57.012345678-08:00"),
            (layouts::KITCHEN, "9:00PM"),
            ("3pm", "9pm"),
            ("03PM", "09PM"),
            ("06/01/02 4 5", "10/02/04 0 57"),
            (layouts::STAMP_MILLI, "Feb  4 21:00:57.012"),
            ("15:04:05,000000", "21:00:57,012345"),
            ("January Monday 002 __2 _2006", "February Thursday 035  35 _2010"),
            ("Janet Montag", "Janet Montag"),
            ("-07 Z070000 -07:00:00", "-08 -080000 -08:00:00"),
            ("05.9999 05.99", "57.0123 57.01"),
            ("", ""),
        ] {
            assert_eq!(Layout::new(layout).format(seconds, nanos, &place), expect, "{layout}");
        }
        assert_eq!(
            Layout::new(layouts::RFC3339_NANO).format(0, 0, &Location::utc()),
            "1970-01-01T00:00:00Z"
        );
        assert_eq!(
            Layout::new("05.000000000000").format(0, 1, &Location::utc()),
            "00.000000001000"
        );
    }
}
