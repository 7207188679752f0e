//! Character encodings: where lines end in them, and what they read as in UTF-8.

use bytes::Bytes;
use encoding_rs::{Encoding as Table, UTF_16BE, UTF_16LE};

/// How a file's text is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encoding(Kind);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    /// Bytes pass as they are.
    #[default]
    Raw,
    Ascii,
    Latin1,
    Utf16 {
        big: bool,
    },
    Table(&'static Table),
}

impl Encoding {
    /// UTF-8 or anything else that passes unchanged.
    pub const RAW: Encoding = Encoding(Kind::Raw);

    /// The encoding of an IANA name, such as `UTF-16LE` or `windows-1252`; the empty name means unchanged. `None` for one that
    /// is not known.
    pub fn named(name: &str) -> Option<Encoding> {
        let kind = match name.trim().to_ascii_lowercase().as_str() {
            "" | "utf-8" | "utf8" => Kind::Raw,
            // The web's tables read these two as windows-1252; IANA's names mean what they say.
            "us-ascii" | "ascii" | "iso646-us" | "ansi_x3.4-1968" => Kind::Ascii,
            "iso-8859-1" | "iso_8859-1" | "iso8859-1" | "latin1" | "l1" | "ibm819" | "cp819" => Kind::Latin1,
            // Without a byte order mark RFC 2781 says big endian.
            "utf-16" | "utf-16be" | "utf16" => Kind::Utf16 { big: true },
            other => {
                let table = Table::for_label(other.as_bytes())?;
                if table == UTF_16LE {
                    Kind::Utf16 { big: false }
                } else if table.output_encoding() != table || table == encoding_rs::X_USER_DEFINED {
                    return None;
                } else {
                    Kind::Table(table)
                }
            }
        };
        Some(Encoding(kind))
    }

    /// What a file's byte order mark says: the encoding, if it says one, and the number of bytes to skip. `None` while `bytes` are too
    /// few to tell.
    pub(crate) fn detect(bytes: &[u8]) -> Option<(Option<Encoding>, usize)> {
        let marks: [(&[u8], Option<Kind>); 4] = [
            (&[0xef, 0xbb, 0xbf], Some(Kind::Raw)),
            (&[0xff, 0xfe], Some(Kind::Utf16 { big: false })),
            (&[0xfe, 0xff], Some(Kind::Utf16 { big: true })),
            (&[0x00, 0x00, 0xfe, 0xff], None),
        ];
        for (mark, kind) in marks {
            if bytes.starts_with(mark) {
                return Some((kind.map(Encoding), mark.len()));
            }
            if mark.starts_with(bytes) {
                return None;
            }
        }
        Some((None, 0))
    }

    /// Whether a position in the file may lie between two characters.
    pub(crate) fn aligned(self, offset: u64) -> bool {
        !matches!(self.0, Kind::Utf16 { .. }) || offset.is_multiple_of(2)
    }

    /// The end of the last line break in `bytes`, which begin at `offset` in the file.
    pub(crate) fn last_break(self, bytes: &[u8], offset: u64) -> Option<usize> {
        let Kind::Utf16 { big } = self.0 else {
            return memchr::memrchr(b'\n', bytes).map(|at| at + 1);
        };
        let mut end = bytes.len();
        while let Some(at) = memchr::memrchr(b'\n', &bytes[..end]) {
            let unit = if big { at.checked_sub(1) } else { Some(at) };
            if let Some(unit) = unit
                && self.aligned(offset + unit as u64)
                && unit + 2 <= bytes.len()
                && bytes[if big { unit } else { unit + 1 }] == 0
            {
                return Some(unit + 2);
            }
            end = at;
        }
        None
    }

    /// The length of a line break at the start of `bytes`, a carriage return included; 0 if there is none.
    pub(crate) fn leading_break(self, bytes: &[u8]) -> usize {
        let breaks: [&[u8]; 2] = match self.0 {
            Kind::Utf16 { big: false } => [b"\n\0", b"\r\0\n\0"],
            Kind::Utf16 { big: true } => [b"\0\n", b"\0\r\0\n"],
            _ => [b"\n", b"\r\n"],
        };
        breaks
            .iter()
            .find(|text| bytes.starts_with(text))
            .map_or(0, |text| text.len())
    }

    /// Where to cut `bytes` so that no character is torn, at most at `limit`.
    pub(crate) fn cut(self, bytes: &[u8], offset: u64, limit: usize) -> usize {
        let mut at = limit.min(bytes.len());
        match self.0 {
            Kind::Utf16 { .. } if !self.aligned(offset + at as u64) => at -= 1,
            Kind::Raw => {
                // At most three bytes of a character follow its first; more means it is no UTF-8.
                let back = (0..4.min(at)).find(|back| bytes.get(at - back).is_none_or(|byte| byte & 0xc0 != 0x80));
                at -= back.unwrap_or(0);
            }
            _ => {}
        }
        if at == 0 { limit.min(bytes.len()) } else { at }
    }

    /// The text in UTF-8; what cannot be decoded becomes U+FFFD. Unchanged bytes are not copied.
    pub(crate) fn decode(self, bytes: Bytes) -> Bytes {
        let table = match self.0 {
            Kind::Raw => return bytes,
            Kind::Ascii if bytes.is_ascii() => return bytes,
            Kind::Ascii => {
                let text: String = bytes
                    .iter()
                    .map(|byte| {
                        if byte.is_ascii() {
                            char::from(*byte)
                        } else {
                            char::REPLACEMENT_CHARACTER
                        }
                    })
                    .collect();
                return Bytes::from(text);
            }
            Kind::Latin1 => return Bytes::from(encoding_rs::mem::decode_latin1(&bytes).into_owned()),
            Kind::Utf16 { big: true } => UTF_16BE,
            Kind::Utf16 { big: false } => UTF_16LE,
            Kind::Table(table) => table,
        };
        Bytes::from(table.decode_without_bom_handling(&bytes).0.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_iana_names() {
        assert_eq!(Encoding::named(""), Some(Encoding::RAW));
        assert_eq!(Encoding::named("UTF-16"), Some(Encoding(Kind::Utf16 { big: true })));
        assert_eq!(Encoding::named("utf-16le"), Some(Encoding(Kind::Utf16 { big: false })));
        assert!(Encoding::named("Shift_JIS").is_some());
        assert_eq!(Encoding::named("klingon"), None);
        let read = |name: &str, bytes: &'static [u8]| {
            let encoding = Encoding::named(name).expect("a known name");
            String::from_utf8(encoding.decode(Bytes::from_static(bytes)).to_vec()).expect("decoded text is UTF-8")
        };
        assert_eq!(read("ISO-8859-1", b"\xe4\x80"), "ä\u{80}");
        assert_eq!(read("windows-1252", b"\x80"), "€");
        assert_eq!(read("US-ASCII", b"a\xff"), "a\u{fffd}");
        assert_eq!(read("GBK", b"\xc4\xe3"), "你");
    }

    #[test]
    fn byte_order_marks_are_recognised_as_soon_as_they_are_whole() {
        assert_eq!(Encoding::detect(b"\xef\xbb\xbfx"), Some((Some(Encoding::RAW), 3)));
        assert_eq!(
            Encoding::detect(b"\xff\xfe"),
            Some((Some(Encoding(Kind::Utf16 { big: false })), 2))
        );
        assert_eq!(Encoding::detect(b"\xef"), None);
        assert_eq!(Encoding::detect(b""), None);
        assert_eq!(Encoding::detect(b"ab"), Some((None, 0)));
    }

    #[test]
    fn line_breaks_of_two_bytes_are_found_only_where_characters_begin() {
        let little = Encoding(Kind::Utf16 { big: false });
        // U+0A00 then U+000A: the first unit only looks like a line break.
        let bytes = [0x00, 0x0a, 0x0a, 0x00, 0x41];
        assert_eq!(little.last_break(&bytes, 2), Some(4));
        assert_eq!(little.last_break(&bytes[..3], 2), None);
        let big = Encoding(Kind::Utf16 { big: true });
        assert_eq!(big.last_break(&[0x0a, 0x00, 0x00, 0x0a], 0), Some(4));
        assert_eq!(big.last_break(&[0x0a, 0x00, 0x0a], 0), None);
        assert_eq!(Encoding::RAW.last_break(b"a\nb", 0), Some(2));
    }

    #[test]
    fn a_cut_tears_no_character() {
        let text = "aä€".as_bytes();
        assert_eq!(Encoding::RAW.cut(text, 0, 2), 1);
        assert_eq!(Encoding::RAW.cut(text, 0, 3), 3);
        assert_eq!(Encoding::RAW.cut(text, 0, 5), 3);
        assert_eq!(Encoding::RAW.cut(text, 0, 100), text.len());
        assert_eq!(Encoding::RAW.cut(&[0x80; 9], 0, 6), 6);
        assert_eq!(Encoding(Kind::Utf16 { big: true }).cut(b"\0a\0b", 2, 3), 2);
    }
}
