//! Encodings and hashes.

use super::args::strval;
use super::json::{self, Style};
use super::{Function, f, fail, map, text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gotmpl::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use sha3::Sha3_256;

const PLAIN: Style = Style {
    html_safe: true,
    pretty: false,
};
const RAW: Style = Style {
    html_safe: false,
    pretty: false,
};
const PRETTY: Style = Style {
    html_safe: true,
    pretty: true,
};

pub(super) const FUNCTIONS: &[Function] = &[
    f("Hash", 2, 2, |_, a| Ok(text(hash::<Sha3_256>(&[a.str(0)?, a.str(1)?])))),
    f("Sha2Hash", 2, 2, |_, a| {
        Ok(text(hash::<Sha256>(&[a.str(0)?, a.str(1)?])))
    }),
    f("sha1sum", 1, 1, |_, a| Ok(text(hash::<Sha1>(&[a.str(0)?])))),
    f("sha256sum", 1, 1, |_, a| Ok(text(hash::<Sha256>(&[a.str(0)?])))),
    f("sha512sum", 1, 1, |_, a| Ok(text(hash::<Sha512>(&[a.str(0)?])))),
    f("b64enc", 1, 1, |_, a| Ok(text(STANDARD.encode(a.str(0)?)))),
    // What cannot be decoded gives the text of the error, as in sprig.
    f("b64dec", 1, 1, |_, a| {
        let source: String = a.str(0)?.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        Ok(text(match STANDARD.decode(&source) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(
                base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol { offset: at, .. },
            ) => {
                format!("illegal base64 data at input byte {at}")
            }
            Err(_) => format!("illegal base64 data at input byte {}", source.len() / 4 * 4),
        }))
    }),
    f("b32enc", 1, 1, |_, a| Ok(text(base32(a.str(0)?.as_bytes())))),
    f("b32dec", 1, 1, |_, a| {
        Ok(text(match unbase32(a.str(0)?) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(at) => format!("illegal base32 data at input byte {at}"),
        }))
    }),
    f("fromJson", 1, 1, |_, a| {
        Ok(json::decode(a.str(0)?).unwrap_or(Value::Nil))
    }),
    f("mustFromJson", 1, 1, |_, a| {
        json::decode(a.str(0)?).map_err(|error| fail(error.to_string()))
    }),
    f("toJson", 1, 1, |_, a| Ok(text(json::encode(a.get(0), &PLAIN)))),
    f("mustToJson", 1, 1, |_, a| Ok(text(json::encode(a.get(0), &PLAIN)))),
    f("toRawJson", 1, 1, |_, a| Ok(text(json::encode(a.get(0), &RAW)))),
    f("mustToRawJson", 1, 1, |_, a| Ok(text(json::encode(a.get(0), &RAW)))),
    f("toPrettyJson", 1, 1, |_, a| Ok(text(json::encode(a.get(0), &PRETTY)))),
    f("mustToPrettyJson", 1, 1, |_, a| {
        Ok(text(json::encode(a.get(0), &PRETTY)))
    }),
    f("urlParse", 1, 1, |_, a| url_parse(a.str(0)?)),
    f("urlJoin", 1, 1, |_, a| {
        let parts = a.map(0)?;
        let part = |name: &str| parts.get(name).map(strval).unwrap_or_default();
        Ok(text(url_join(part)))
    }),
];

fn hash<D: Digest>(parts: &[&str]) -> String {
    let mut digest = D::new();
    for part in parts {
        digest.update(part.as_bytes());
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn base32(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(5) {
        let bits = chunk
            .iter()
            .enumerate()
            .fold(0u64, |bits, (index, &byte)| bits | u64::from(byte) << (32 - 8 * index));
        let symbols = (chunk.len() * 8).div_ceil(5);
        for index in 0..8 {
            let symbol = BASE32[(bits >> (35 - 5 * index) & 31) as usize];
            out.push(if index < symbols { char::from(symbol) } else { '=' });
        }
    }
    out
}

/// The bytes, or where the text is wrong.
fn unbase32(source: &str) -> Result<Vec<u8>, usize> {
    let source: Vec<u8> = source.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let mut out = Vec::new();
    let whole = source.len() / 8 * 8;
    for (group, chunk) in source.chunks(8).enumerate() {
        let symbols = chunk.iter().position(|&byte| byte == b'=').unwrap_or(chunk.len());
        let mut bits = 0u64;
        for (index, byte) in chunk[..symbols].iter().enumerate() {
            let value = BASE32
                .iter()
                .position(|symbol| symbol == byte)
                .ok_or(group * 8 + index)?;
            bits |= (value as u64) << (35 - 5 * index);
        }
        let last = (group + 1) * 8 >= source.len();
        let padded = chunk[symbols..].iter().all(|&byte| byte == b'=');
        if chunk.len() < 8 || !padded || (symbols < 8 && !last) || !matches!(symbols, 2 | 4 | 5 | 7 | 8) {
            return Err(if chunk.len() < 8 { whole } else { group * 8 + symbols });
        }
        out.extend((0..symbols * 5 / 8).map(|index| (bits >> (32 - 8 * index) & 0xff) as u8));
    }
    Ok(out)
}

/// The parts of a URL by the generic syntax of RFC 3986.
fn url_parse(url: &str) -> super::Result {
    let (rest, fragment) = url.split_once('#').unwrap_or((url, ""));
    let scheme_end = rest.find(':').filter(|&end| {
        rest.starts_with(|c: char| c.is_ascii_alphabetic())
            && rest[..end]
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    });
    if rest.starts_with(':') {
        return Err(fail(format!(
            "unable to parse url: parse \"{url}\": missing protocol scheme"
        )));
    }
    if rest.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(fail("unable to parse url: invalid control character in URL"));
    }
    let (scheme, rest) = scheme_end.map_or(("", rest), |end| (&rest[..end], &rest[end + 1..]));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (mut host, mut user, mut path, mut opaque) = ("", "", rest, "");
    if let Some(after) = rest.strip_prefix("//") {
        let (authority, tail) = after.split_at(after.find('/').unwrap_or(after.len()));
        (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        path = tail;
    } else if !scheme.is_empty() && !rest.starts_with('/') {
        (path, opaque) = ("", rest);
    }
    let hostname = match host.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or(inner),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let part = |name: &'static str, value: &str| (name, text(value));
    Ok(map([
        part("scheme", &scheme.to_ascii_lowercase()),
        part("host", host),
        part("hostname", hostname),
        part("path", path),
        part("query", query),
        part("opaque", opaque),
        part("fragment", fragment),
        part("userinfo", user),
    ]))
}

fn url_join(part: impl Fn(&str) -> String) -> String {
    let [scheme, host, path, query, opaque, fragment, user] =
        ["scheme", "host", "path", "query", "opaque", "fragment", "userinfo"].map(part);
    let mut out = String::new();
    if !scheme.is_empty() {
        out.push_str(&scheme);
        out.push(':');
    }
    if opaque.is_empty() {
        if !scheme.is_empty() || !host.is_empty() || !user.is_empty() {
            if !host.is_empty() || !path.is_empty() || !user.is_empty() {
                out.push_str("//");
            }
            if !user.is_empty() {
                out.push_str(&user);
                out.push('@');
            }
            out.push_str(&host);
        }
        if !path.is_empty() && !path.starts_with('/') && !host.is_empty() {
            out.push('/');
        }
        out.push_str(&path);
    } else {
        out.push_str(&opaque);
    }
    for (mark, value) in [('?', query), ('#', fragment)] {
        if !value.is_empty() {
            out.push(mark);
            out.push_str(&value);
        }
    }
    out
}
