//! The environment, paths, randomness.

use super::{Context, Function, Result, f, fail, text};
use gotmpl::Value;

/// The longest random text, characters.
const MAX_RANDOM: i64 = 1 << 20;

pub(super) const FUNCTIONS: &[Function] = &[
    f("env", 1, 1, |c, a| {
        Ok(text((c.host.env)(a.str(0)?).unwrap_or_default()))
    }),
    f("expandenv", 1, 1, |c, a| Ok(text(expand(c, a.str(0)?)))),
    f("base", 1, 1, |_, a| Ok(text(base(a.str(0)?)))),
    f("dir", 1, 1, |_, a| Ok(text(dir(a.str(0)?)))),
    f("ext", 1, 1, |_, a| Ok(text(ext(a.str(0)?)))),
    f("clean", 1, 1, |_, a| Ok(text(clean(a.str(0)?)))),
    f("isAbs", 1, 1, |_, a| Ok(Value::Bool(a.str(0)?.starts_with('/')))),
    f("osBase", 1, 1, |_, a| Ok(text(base(a.str(0)?)))),
    f("osDir", 1, 1, |_, a| Ok(text(dir(a.str(0)?)))),
    f("osExt", 1, 1, |_, a| Ok(text(ext(a.str(0)?)))),
    f("osClean", 1, 1, |_, a| Ok(text(clean(a.str(0)?)))),
    f("osIsAbs", 1, 1, |_, a| Ok(Value::Bool(a.str(0)?.starts_with('/')))),
    f("uuidv4", 0, 0, |c, _| {
        let (high, low) = ((c.host.random)(), (c.host.random)());
        // The version, 4, and the variant, binary 10 (RFC 9562).
        let (high, low) = (high & !0xf000 | 0x4000, low & !(0b11 << 62) | 0b10 << 62);
        Ok(text(format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )))
    }),
    f("randAlphaNum", 1, 1, |c, a| {
        random(c, a.int(0)?, |c| c.is_ascii_alphanumeric())
    }),
    f("randAlpha", 1, 1, |c, a| {
        random(c, a.int(0)?, |c| c.is_ascii_alphabetic())
    }),
    f("randNumeric", 1, 1, |c, a| random(c, a.int(0)?, |c| c.is_ascii_digit())),
    f("randAscii", 1, 1, |c, a| random(c, a.int(0)?, |_| true)),
    f("shuffle", 1, 1, |c, a| {
        let mut chars: Vec<char> = a.str(0)?.chars().collect();
        for last in (1..chars.len()).rev() {
            chars.swap(last, ((c.host.random)() % (last as u64 + 1)) as usize);
        }
        Ok(text(chars.into_iter().collect::<String>()))
    }),
];

/// Go's `os.ExpandEnv`: `$name` and `${name}`.
fn expand(context: &Context, source: &str) -> String {
    let mut out = String::new();
    let mut rest = source;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (name, after) = match rest.strip_prefix('{') {
            Some(body) => match body.split_once('}') {
                Some((name, after)) => (name, after),
                // Bad syntax: the two characters go away.
                None => ("", body),
            },
            None => {
                let special = rest.starts_with(|c: char| "*#$@!?-".contains(c) || c.is_ascii_digit());
                let end = rest
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                let end = if special { 1 } else { end };
                if end == 0 {
                    out.push('$');
                }
                rest.split_at(end)
            }
        };
        if !name.is_empty() {
            out.push_str(&(context.host.env)(name).unwrap_or_default());
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Go's `path.Base`.
fn base(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    match (path.is_empty(), trimmed.is_empty()) {
        (true, _) => ".",
        (false, true) => "/",
        _ => trimmed.rsplit('/').next().unwrap_or(trimmed),
    }
}

/// Go's `path.Dir`.
fn dir(path: &str) -> String {
    clean(path.rfind('/').map_or("", |at| &path[..=at]))
}

/// Go's `path.Ext`.
fn ext(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rfind('.').map_or("", |at| &name[at..])
}

/// Go's `path.Clean`.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

fn random(context: &Context, count: i64, wanted: fn(&char) -> bool) -> Result {
    if !(0..=MAX_RANDOM).contains(&count) {
        return Err(fail(format!("the length has to be from 0 to {MAX_RANDOM}")));
    }
    let alphabet: Vec<char> = (' '..='~').filter(wanted).collect();
    Ok(text(
        (0..count)
            .map(|_| alphabet[((context.host.random)() % alphabet.len() as u64) as usize])
            .collect::<String>(),
    ))
}
