//! RFC 3339, the format that most logs and all of our own output use.

use crate::civil::{self, Civil};

/// Two digits at `at`.
fn two(text: &[u8], at: usize) -> Option<u8> {
    let (tens, ones) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then_some(tens * 10 + ones)
}

/// Parses `2006-01-02T15:04:05[.fraction](Z|±07:00)` without allocating: seconds since 1970 and nanoseconds. `None` if
/// the text has another form, even one that Go's parser accepts.
pub(crate) fn parse(text: &[u8]) -> Option<(Civil, u32, i32)> {
    if text.len() < 20 {
        return None;
    }
    if text[4] != b'-' || text[7] != b'-' || text[10] != b'T' || text[13] != b':' || text[16] != b':' {
        return None;
    }
    let year = i64::from(two(text, 0)?) * 100 + i64::from(two(text, 2)?);
    let civil = Civil {
        year,
        month: two(text, 5)?,
        day: two(text, 8)?,
        hour: two(text, 11)?,
        minute: two(text, 14)?,
        second: two(text, 17)?,
    };
    let in_range = (1..=12).contains(&civil.month)
        && civil.day >= 1
        && (civil.day <= 28 || civil.day <= civil::days_in(civil.month, year))
        && civil.hour < 24
        && civil.minute < 60
        && civil.second < 60;
    if !in_range {
        return None;
    }
    let mut at = 19;
    let mut nanos = 0;
    if matches!(text[at], b'.' | b',') {
        at += 1;
        let start = at;
        let mut scale = 100_000_000;
        while let Some(digit) = text
            .get(at)
            .map(|byte| byte.wrapping_sub(b'0'))
            .filter(|&digit| digit < 10)
        {
            nanos += u32::from(digit) * scale;
            scale /= 10;
            at += 1;
        }
        if at == start {
            return None;
        }
    }
    let offset = match &text[at..] {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), zone @ ..] if zone.len() == 5 && zone[2] == b':' => {
            let (hours, minutes) = (i32::from(two(zone, 0)?), i32::from(two(zone, 3)?));
            if hours > 24 || minutes > 60 {
                return None;
            }
            let offset = (hours * 60 + minutes) * 60;
            if *sign == b'-' { -offset } else { offset }
        }
        _ => return None,
    };
    Some((civil, nanos, offset))
}

/// Parses RFC 3339 with any number of fraction digits into nanoseconds since 1970. Allocates nothing. `None` if the
/// text has another form or the instant is outside of what 64 bits hold (1677 to 2262); [`crate::Layout::parse`] says
/// why.
pub fn parse_rfc3339_nano(text: &[u8]) -> Option<i64> {
    let (civil, nanos, offset) = parse(text)?;
    to_nanos(civil.seconds() - i64::from(offset), nanos)
}

/// Nanoseconds since 1970, if they fit.
pub(crate) fn to_nanos(seconds: i64, nanos: u32) -> Option<i64> {
    i64::try_from(i128::from(seconds) * 1_000_000_000 + i128::from(nanos)).ok()
}

/// Formats nanoseconds since 1970 as Go's `RFC3339Nano` in UTC: trailing zeros of the fraction are left out.
pub fn format_rfc3339_nano(unix_nanos: i64) -> String {
    let seconds = unix_nanos.div_euclid(1_000_000_000);
    let mut nanos = unix_nanos.rem_euclid(1_000_000_000) as u32;
    let civil = Civil::from_seconds(seconds);
    let mut text = *b"0000-00-00T00:00:00.000000000Z";
    let mut put = |at: usize, value: u8| {
        text[at] = b'0' + value / 10;
        text[at + 1] = b'0' + value % 10;
    };
    // 1677 to 2262, so four digits.
    put(0, (civil.year / 100) as u8);
    put(2, (civil.year % 100) as u8);
    put(5, civil.month);
    put(8, civil.day);
    put(11, civil.hour);
    put(14, civil.minute);
    put(17, civil.second);
    let mut end = 19;
    if nanos > 0 {
        end = 29;
        for at in (20..29).rev() {
            text[at] = b'0' + (nanos % 10) as u8;
            nanos /= 10;
        }
        while text[end - 1] == b'0' {
            end -= 1;
        }
    }
    text[end] = b'Z';
    text[..=end].iter().map(|&byte| char::from(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2024-05-06T07:08:09.123456789Z",
            "2024-02-29T23:59:59.5Z",
            "1969-12-31T23:59:59.999999999Z",
            "1677-09-21T00:12:43.145224192Z",
            "2262-04-11T23:47:16.854775807Z",
        ] {
            let nanos = parse_rfc3339_nano(text.as_bytes()).unwrap();
            assert_eq!(format_rfc3339_nano(nanos), text);
        }
        assert_eq!(format_rfc3339_nano(i64::MAX), "2262-04-11T23:47:16.854775807Z");
        assert_eq!(
            parse_rfc3339_nano(b"2019-01-01T01:00:00.000000001Z"),
            Some(1_546_304_400_000_000_001)
        );
    }

    #[test]
    fn offsets_and_fractions() {
        let parse = |text: &str| parse_rfc3339_nano(text.as_bytes()).map(format_rfc3339_nano);
        let expect = |text: &str| Some(text.to_owned());
        assert_eq!(parse("2106-01-02T23:04:05-04:00"), expect("2106-01-03T03:04:05Z"));
        assert_eq!(parse("2024-01-01T00:00:00,25+05:30"), expect("2023-12-31T18:30:00.25Z"));
        assert_eq!(
            parse("2024-01-01T00:00:00.1234567899Z"),
            expect("2024-01-01T00:00:00.123456789Z")
        );
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "2024-05-06t07:08:09Z",
            "2024-05-06T07:08:09",
            "2024-05-06T07:08:09.Z",
            "2024-02-30T07:08:09Z",
            "2023-02-29T07:08:09Z",
            "2024-13-06T07:08:09Z",
            "2024-05-06T24:08:09Z",
            "2024-05-06T07:08:60Z",
            "2024-05-06T07:08:09Zx",
            "2024-05-06T07:08:09+0100",
            "2024-05-06T07:08:09+25:00",
            "3000-05-06T07:08:09Z",
            "\u{e9}024-05-06T07:08:09Z",
        ] {
            assert_eq!(parse_rfc3339_nano(text.as_bytes()), None, "{text}");
        }
    }
}
