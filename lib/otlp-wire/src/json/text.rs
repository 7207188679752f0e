//! Texts, hexadecimal and base64.

use std::fmt::Write;

/// Appends a text in quotes.
pub(crate) fn push_text(out: &mut String, text: &[u8]) {
    let mut bytes = std::mem::take(out).into_bytes();
    quote(&mut bytes, text);
    // `quote` writes UTF-8.
    *out = String::from_utf8(bytes).unwrap_or_default();
}

/// Appends a text in quotes, with U+FFFD for what is not UTF-8.
pub(super) fn quote(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        escape(out, chunk.valid().as_bytes());
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.push(b'"');
}

fn escape(out: &mut Vec<u8>, text: &[u8]) {
    let mut plain = 0;
    for (at, byte) in text.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[plain..at]);
        plain = at + 1;
        let short = match byte {
            b'"' | b'\\' => *byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            _ => {
                out.extend_from_slice(b"\\u00");
                hex(out, &[*byte]);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
    out.extend_from_slice(&text[plain..]);
}

/// Appends hexadecimal digits.
pub(super) fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend(
        bytes
            .iter()
            .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]),
    );
}

/// Appends what hexadecimal digits mean. `None` if that is no whole number of bytes, or there is another character.
pub(super) fn unhex(out: &mut Vec<u8>, digits: &[u8]) -> Option<()> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    for [high, low] in pairs {
        out.push((digit(*high)? << 4 | digit(*low)?) as u8);
    }
    Some(())
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends base64 with padding.
pub(super) fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.chunks(3) {
        let mut block = [0; 4];
        block[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(block);
        for i in 0..4 {
            let sextet = (bits >> (18 - 6 * i)) as usize & 63;
            out.push(if i <= chunk.len() { BASE64[sextet] } else { b'=' });
        }
    }
}

/// Appends what base64 means: with or without padding, of both alphabets, as protobuf reads it. `None` if it is something else.
pub(super) fn unbase64(out: &mut Vec<u8>, text: &[u8]) -> Option<()> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    if padding > 2 || (padding > 0 && !text.len().is_multiple_of(4)) {
        return None;
    }
    for chunk in text[..text.len() - padding].chunks(4) {
        let mut bits = 0u32;
        for byte in chunk {
            let sextet = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(sextet);
        }
        bits <<= 6 * (4 - chunk.len());
        let [_, bytes @ ..] = bits.to_be_bytes();
        match chunk.len() {
            1 => return None,
            len => out.extend_from_slice(&bytes[..len - 1]),
        }
    }
    Some(())
}

/// Appends a number as JavaScript reads it; a string if it is not finite.
pub(super) fn double(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        let name: &[u8] = match value {
            _ if value.is_nan() => b"\"NaN\"",
            f64::INFINITY => b"\"Infinity\"",
            _ => b"\"-Infinity\"",
        };
        return out.extend_from_slice(name);
    }
    let size = value.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        display(out, value);
    } else {
        display(out, format_args!("{value:e}"));
    }
}

/// Appends what a value is displayed as.
pub(super) fn display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    struct Bytes<'o>(&'o mut Vec<u8>);
    impl Write for Bytes<'_> {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
    // Appending to memory cannot fail.
    let _ = write!(Bytes(out), "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(read: fn(&mut Vec<u8>, &[u8]) -> Option<()>, text: &str) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        read(&mut out, text.as_bytes()).map(|()| out)
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut out = Vec::new();
            base64(&mut out, plain.as_bytes());
            assert_eq!(out, text.as_bytes());
            assert_eq!(read(unbase64, text).as_deref(), Some(plain.as_bytes()));
            assert_eq!(
                read(unbase64, text.trim_end_matches('=')).as_deref(),
                Some(plain.as_bytes())
            );
        }
        assert_eq!(read(unbase64, "-_+/"), Some(vec![0xfb, 0xff, 0xbf]));
        for bad in ["Z", "Zg=", "Z===", "Z g=", "Zm9vY", "====", "é"] {
            assert_eq!(read(unbase64, bad), None, "{bad}");
        }
    }

    #[test]
    fn hexadecimal_digits_come_in_pairs() {
        assert_eq!(read(unhex, "00aBff"), Some(vec![0, 0xab, 0xff]));
        assert_eq!(read(unhex, "0"), None);
        assert_eq!(read(unhex, "0g"), None);
    }

    #[test]
    fn doubles_read_back() {
        for value in [
            0.0,
            -0.0,
            1.0,
            0.1,
            1e21,
            1e300,
            5e-324,
            -2.5e-7,
            123_456_789.123,
            f64::MAX,
        ] {
            let mut out = Vec::new();
            double(&mut out, value);
            let text = std::str::from_utf8(&out).unwrap();
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits(), "{text}");
            assert!(text.len() < 30, "{text}");
        }
    }

    #[test]
    fn texts_are_escaped() {
        let mut out = String::from("x");
        push_text(&mut out, b"a\"\\\n\r\t\x01\x7f\xc3\xa9\xff\xf0\x9f\x98\x80");
        assert_eq!(out, "x\"a\\\"\\\\\\n\\r\\t\\u0001\x7fé\u{fffd}😀\"");
    }
}
