//! Base64 with padding, with Go's rules about what is wrong and where.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// Which two characters stand for 62 and 63.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// `+` and `/`
    Standard,
    /// `-` and `_`
    Url,
}

pub(super) fn encode(bytes: &[u8], alphabet: Alphabet) -> String {
    match alphabet {
        Alphabet::Standard => STANDARD.encode(bytes),
        Alphabet::Url => URL_SAFE.encode(bytes),
    }
}

/// Decodes, skipping line breaks. `Err` is the offset of the first wrong byte, or of the group that is cut off.
pub(super) fn decode(text: &[u8], alphabet: Alphabet) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut rest = text
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, c)| !matches!(c, b'\r' | b'\n'));
    let mut group: u32 = 0;
    let mut filled = 0;
    while let Some((at, c)) = rest.next() {
        if c == b'=' {
            if filled < 2 {
                return Err(at);
            }
            if filled == 2 {
                match rest.next() {
                    Some((_, b'=')) => {}
                    Some(_) => return Err(at),
                    None => return Err(text.len()),
                }
            }
            if let Some((at, _)) = rest.next() {
                return Err(at);
            }
            let bytes = (group << (6 * (4 - filled))).to_be_bytes();
            out.extend_from_slice(&bytes[1..filled]);
            return Ok(out);
        }
        group = group << 6 | digit(c, alphabet).ok_or(at)?;
        filled += 1;
        if filled == 4 {
            out.extend_from_slice(&group.to_be_bytes()[1..]);
            (group, filled) = (0, 0);
        }
    }
    if filled > 0 { Err(text.len() - filled) } else { Ok(out) }
}

fn digit(c: u8, alphabet: Alphabet) -> Option<u32> {
    Some(match (c, alphabet) {
        (b'A'..=b'Z', _) => u32::from(c - b'A'),
        (b'a'..=b'z', _) => u32::from(c - b'a') + 26,
        (b'0'..=b'9', _) => u32::from(c - b'0') + 52,
        (b'+', Alphabet::Standard) | (b'-', Alphabet::Url) => 62,
        (b'/', Alphabet::Standard) | (b'_', Alphabet::Url) => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_or_says_where() {
        let check = |text: &str, expect: Result<&[u8], usize>| {
            assert_eq!(
                decode(text.as_bytes(), Alphabet::Standard).as_deref(),
                expect.as_ref().copied(),
                "{text}"
            );
        };
        check("", Ok(b""));
        check("aGVsbG8=", Ok(b"hello"));
        check("aGVs\r\nbG8=\n", Ok(b"hello"));
        check("aGk+/w==", Ok(b"hi>\xff"));
        check("aA==", Ok(b"h"));
        check("aGVsbG8", Err(4));
        check("a", Err(0));
        check("=", Err(0));
        check("a===", Err(1));
        check("aA=", Err(3));
        check("aA=x", Err(2));
        check("aA==x", Err(4));
        check("aGk-", Err(3));
        check("aGVs bG8=", Err(4));
    }

    #[test]
    fn every_byte_survives() {
        let all: Vec<u8> = (0..=255).collect();
        for length in 0..=all.len() {
            for alphabet in [Alphabet::Standard, Alphabet::Url] {
                assert_eq!(
                    decode(encode(&all[..length], alphabet).as_bytes(), alphabet).as_deref(),
                    Ok(&all[..length])
                );
            }
        }
    }
}
