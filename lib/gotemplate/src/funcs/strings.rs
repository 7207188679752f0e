//! Strings.

use super::args::{is_empty, kind_of, strslice, strval, type_of};
use super::{ANY, Function, Result, f, fail, list, map, text, texts};
use crate::fmt::{quote, to_lower, to_upper};
use gotmpl::Value;

/// The longest text that `repeat` makes, bytes.
const MAX_REPEATED: usize = 16 << 20;

pub(super) const FUNCTIONS: &[Function] = &[
    // Loki's
    f("ToLower", 1, 1, |_, a| Ok(text(to_lower(a.str(0)?)))),
    f("ToUpper", 1, 1, |_, a| Ok(text(to_upper(a.str(0)?)))),
    f("Replace", 4, 4, |_, a| {
        Ok(text(replace_n(a.str(0)?, a.str(1)?, a.str(2)?, a.int(3)?)))
    }),
    f("Trim", 2, 2, |_, a| Ok(text(a.str(0)?.trim_matches(cutset(a.str(1)?))))),
    f("TrimLeft", 2, 2, |_, a| {
        Ok(text(a.str(0)?.trim_start_matches(cutset(a.str(1)?))))
    }),
    f("TrimRight", 2, 2, |_, a| {
        Ok(text(a.str(0)?.trim_end_matches(cutset(a.str(1)?))))
    }),
    f("TrimPrefix", 2, 2, |_, a| {
        Ok(text(without_prefix(a.str(0)?, a.str(1)?)))
    }),
    f("TrimSuffix", 2, 2, |_, a| {
        Ok(text(without_suffix(a.str(0)?, a.str(1)?)))
    }),
    f("TrimSpace", 1, 1, |_, a| Ok(text(a.str(0)?.trim()))),
    // sprig's
    f("hello", 0, 0, |_, _| Ok(text("Hello!"))),
    f("abbrev", 2, 2, |_, a| Ok(text(abbreviate(a.str(1)?, 0, a.int(0)?)))),
    f("abbrevboth", 3, 3, |_, a| {
        let (left, right) = (a.int(0)?, a.int(1)?);
        let short = right < 4 || (left > 0 && right < 7);
        Ok(text(if short {
            a.str(2)?.to_owned()
        } else {
            abbreviate(a.str(2)?, left, right)
        }))
    }),
    f("trunc", 2, 2, |_, a| {
        let (count, s) = (a.int(0)?, a.str(1)?);
        let length = s.len() as i64;
        Ok(match count {
            count if count < 0 && length + count > 0 => cut(s, length + count, length),
            count if count >= 0 && length > count => cut(s, 0, count),
            _ => text(s),
        })
    }),
    f("trim", 1, 1, |_, a| Ok(text(a.str(0)?.trim()))),
    f("upper", 1, 1, |_, a| Ok(text(to_upper(a.str(0)?)))),
    f("lower", 1, 1, |_, a| Ok(text(to_lower(a.str(0)?)))),
    f("title", 1, 1, |_, a| Ok(text(title(a.str(0)?)))),
    f("untitle", 1, 1, |_, a| {
        Ok(text(each_word_start(a.str(0)?, |c| c.to_lowercase().collect())))
    }),
    f("substr", 3, 3, |_, a| {
        let (start, end, s) = (a.int(0)?, a.int(1)?, a.str(2)?);
        let length = s.len() as i64;
        let (start, end) = match (start, end) {
            (start, end) if start < 0 => (0, end),
            (start, end) if end < 0 || end > length => (start, length),
            range => range,
        };
        if start > end || end > length || end < 0 {
            return Err(fail(format!(
                "slice bounds out of range [{start}:{end}] with length {length}"
            )));
        }
        Ok(cut(s, start, end))
    }),
    f("repeat", 2, 2, |_, a| {
        let (count, s) = (a.int(0)?, a.str(1)?);
        let count = usize::try_from(count).map_err(|_| fail("negative repeat count"))?;
        if s.len().saturating_mul(count) > MAX_REPEATED {
            return Err(fail(format!("the result would be longer than {MAX_REPEATED} bytes")));
        }
        Ok(text(s.repeat(count)))
    }),
    f("trimall", 2, 2, |_, a| {
        Ok(text(a.str(1)?.trim_matches(cutset(a.str(0)?))))
    }),
    f("trimAll", 2, 2, |_, a| {
        Ok(text(a.str(1)?.trim_matches(cutset(a.str(0)?))))
    }),
    f("trimPrefix", 2, 2, |_, a| {
        Ok(text(without_prefix(a.str(1)?, a.str(0)?)))
    }),
    f("trimSuffix", 2, 2, |_, a| {
        Ok(text(without_suffix(a.str(1)?, a.str(0)?)))
    }),
    f("nospace", 1, 1, |_, a| {
        Ok(text(a.str(0)?.split_whitespace().collect::<String>()))
    }),
    f("initials", 1, 1, |_, a| {
        Ok(text(
            a.str(0)?
                .split_whitespace()
                .filter_map(|w| w.chars().next())
                .collect::<String>(),
        ))
    }),
    f("swapcase", 1, 1, |_, a| Ok(text(swap_case(a.str(0)?)))),
    f("snakecase", 1, 1, |_, a| Ok(text(separated(a.str(0)?, '_')))),
    f("kebabcase", 1, 1, |_, a| Ok(text(separated(a.str(0)?, '-')))),
    f("camelcase", 1, 1, |_, a| Ok(text(pascal_case(a.str(0)?)))),
    f("wrap", 2, 2, |_, a| wrap(a.str(1)?, a.int(0)?, "\n", false)),
    f("wrapWith", 3, 3, |_, a| wrap(a.str(2)?, a.int(0)?, a.str(1)?, true)),
    f("contains", 2, 2, |_, a| Ok(Value::Bool(a.str(1)?.contains(a.str(0)?)))),
    f("hasPrefix", 2, 2, |_, a| {
        Ok(Value::Bool(a.str(1)?.starts_with(a.str(0)?)))
    }),
    f("hasSuffix", 2, 2, |_, a| {
        Ok(Value::Bool(a.str(1)?.ends_with(a.str(0)?)))
    }),
    f("quote", 0, ANY, |_, a| {
        Ok(text(joined(a.values, |value| quote(strval(value).as_bytes()))))
    }),
    f("squote", 0, ANY, |_, a| {
        Ok(text(joined(a.values, |value| format!("'{}'", strval(value)))))
    }),
    f("cat", 0, ANY, |_, a| Ok(text(joined(a.values, strval)))),
    f("indent", 2, 2, |_, a| Ok(text(indent(a.int(0)?, a.str(1)?)?))),
    f("nindent", 2, 2, |_, a| {
        Ok(text(format!("\n{}", indent(a.int(0)?, a.str(1)?)?)))
    }),
    f("replace", 3, 3, |_, a| {
        Ok(text(replace_n(a.str(2)?, a.str(0)?, a.str(1)?, -1)))
    }),
    f("plural", 3, 3, |_, a| {
        Ok(text(if a.int(2)? == 1 { a.str(0)? } else { a.str(1)? }))
    }),
    f("toString", 1, 1, |_, a| Ok(text(strval(a.get(0))))),
    f("toStrings", 1, 1, |_, a| Ok(texts(strslice(a.get(0))))),
    f("join", 2, 2, |_, a| Ok(text(strslice(a.get(1)).join(a.str(0)?)))),
    f("sortAlpha", 1, 1, |_, a| {
        let mut items = strslice(a.get(0));
        items.sort();
        Ok(texts(items))
    }),
    f("split", 2, 2, |_, a| Ok(numbered(go_split(a.str(1)?, a.str(0)?, -1)))),
    f("splitn", 3, 3, |_, a| {
        Ok(numbered(go_split(a.str(2)?, a.str(0)?, a.int(1)?)))
    }),
    f("splitList", 2, 2, |_, a| Ok(texts(go_split(a.str(1)?, a.str(0)?, -1)))),
    // Types and defaults
    f("default", 1, 2, |_, a| match a.values {
        [default, given] if is_empty(given) => Ok(default.clone()),
        [_, given] => Ok(given.clone()),
        _ => Ok(a.get(0).clone()),
    }),
    f("empty", 1, 1, |_, a| Ok(Value::Bool(is_empty(a.get(0))))),
    f("coalesce", 0, ANY, |_, a| {
        Ok(a.values
            .iter()
            .find(|value| !is_empty(value))
            .cloned()
            .unwrap_or(Value::Nil))
    }),
    f("all", 0, ANY, |_, a| Ok(Value::Bool(!a.values.iter().any(is_empty)))),
    f("any", 0, ANY, |_, a| Ok(Value::Bool(!a.values.iter().all(is_empty)))),
    f("ternary", 3, 3, |_, a| {
        Ok(a.get(if a.bool(2)? { 0 } else { 1 }).clone())
    }),
    f("typeOf", 1, 1, |_, a| Ok(text(type_of(a.get(0))))),
    f("typeIs", 2, 2, |_, a| Ok(Value::Bool(a.str(0)? == type_of(a.get(1))))),
    f("typeIsLike", 2, 2, |_, a| {
        let (wanted, found) = (a.str(0)?, type_of(a.get(1)));
        Ok(Value::Bool(wanted == found || wanted.strip_prefix('*') == Some(found)))
    }),
    f("kindOf", 1, 1, |_, a| Ok(text(kind_of(a.get(0))))),
    f("kindIs", 2, 2, |_, a| Ok(Value::Bool(a.str(0)? == kind_of(a.get(1))))),
    f("deepEqual", 2, 2, |_, a| Ok(Value::Bool(a.get(0) == a.get(1)))),
    f("fail", 1, 1, |_, a| Err(fail(a.str(0)?))),
    f("list", 0, ANY, |_, a| Ok(list(a.values.to_vec()))),
    f("tuple", 0, ANY, |_, a| Ok(list(a.values.to_vec()))),
    f("adler32sum", 1, 1, |_, a| {
        let (low, high) = a.str(0)?.bytes().fold((1u32, 0u32), |(low, high), byte| {
            let low = (low + u32::from(byte)) % 65_521;
            (low, (high + low) % 65_521)
        });
        Ok(text(((high << 16) | low).to_string()))
    }),
];

fn cutset(set: &str) -> impl Fn(char) -> bool + Copy + '_ {
    move |c| set.contains(c)
}

fn without_prefix<'s>(s: &'s str, prefix: &str) -> &'s str {
    s.strip_prefix(prefix).unwrap_or(s)
}

fn without_suffix<'s>(s: &'s str, suffix: &str) -> &'s str {
    s.strip_suffix(suffix).unwrap_or(s)
}

/// Bytes `start` to `end`; half a character becomes U+FFFD.
fn cut(s: &str, start: i64, end: i64) -> Value {
    text(String::from_utf8_lossy(&s.as_bytes()[start as usize..end as usize]))
}

fn replace_n(s: &str, from: &str, to: &str, count: i64) -> String {
    match usize::try_from(count) {
        Ok(count) => s.replacen(from, to, count),
        Err(_) => s.replace(from, to),
    }
}

/// Go's `SplitN`: no separator means characters, a negative count all of them.
fn go_split(s: &str, separator: &str, count: i64) -> Vec<String> {
    if count == 0 {
        return Vec::new();
    }
    let limit = usize::try_from(count).unwrap_or(usize::MAX);
    if !separator.is_empty() {
        return s.splitn(limit, separator).map(str::to_owned).collect();
    }
    let mut parts = Vec::new();
    let mut rest = s;
    while let Some(c) = rest.chars().next() {
        let length = if parts.len() + 1 == limit {
            rest.len()
        } else {
            c.len_utf8()
        };
        parts.push(rest[..length].to_owned());
        rest = &rest[length..];
    }
    parts
}

fn numbered(parts: Vec<String>) -> Value {
    map(parts
        .into_iter()
        .enumerate()
        .map(|(index, part)| (format!("_{index}"), text(part))))
}

fn joined(values: &[Value], show: impl Fn(&Value) -> String) -> String {
    let shown: Vec<String> = values
        .iter()
        .filter(|value| !matches!(value, Value::Nil))
        .map(show)
        .collect();
    shown.join(" ")
}

fn indent(spaces: i64, s: &str) -> std::result::Result<String, gotmpl::TemplateError> {
    let spaces = usize::try_from(spaces).map_err(|_| fail("negative repeat count"))?;
    if spaces.saturating_mul(s.matches('\n').count() + 1) > MAX_REPEATED {
        return Err(fail(format!("the result would be longer than {MAX_REPEATED} bytes")));
    }
    let pad = " ".repeat(spaces);
    Ok(format!("{pad}{}", s.replace('\n', &format!("\n{pad}"))))
}

/// Go's `strings.Title`: upper case for each letter that follows neither a letter, a digit nor `_`.
fn title(s: &str) -> String {
    let mut previous = ' ';
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        // Other than in ASCII only space separates.
        let separates = match previous {
            p if p.is_ascii() => !p.is_ascii_alphanumeric() && p != '_',
            p => !p.is_alphanumeric() && p.is_whitespace(),
        };
        if separates {
            out.extend(c.to_uppercase())
        } else {
            out.push(c)
        }
        previous = c;
    }
    out
}

fn each_word_start(s: &str, change: impl Fn(char) -> String) -> String {
    let mut start = true;
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        if start && !c.is_whitespace() {
            out.push_str(&change(c))
        } else {
            out.push(c)
        }
        start = c.is_whitespace();
    }
    out
}

fn swap_case(s: &str) -> String {
    s.chars()
        .flat_map(|c| -> Vec<char> {
            if c.is_uppercase() {
                c.to_lowercase().collect()
            } else {
                c.to_uppercase().collect()
            }
        })
        .collect()
}

/// goutils' `AbbreviateFull`, which counts bytes.
fn abbreviate(s: &str, offset: i64, width: i64) -> String {
    let length = s.len() as i64;
    if width < 4 || length <= width {
        return s.to_owned();
    }
    let part = |start: i64, end: i64| String::from_utf8_lossy(&s.as_bytes()[start as usize..end as usize]).into_owned();
    let kept = width - 3;
    let mut offset = offset.clamp(0, length);
    if length - offset < kept {
        offset = length - kept;
    }
    if offset <= 4 {
        return format!("{}...", part(0, kept));
    }
    if width < 7 {
        // An error there, of which sprig takes the empty result.
        return String::new();
    }
    if offset + kept < length {
        return format!("...{}", abbreviate(&part(offset, length), 0, kept));
    }
    format!("...{}", part(length - kept, length))
}

/// goutils' `WrapCustom`, which counts bytes.
fn wrap(s: &str, width: i64, line_end: &str, split_words: bool) -> Result {
    let bytes = s.as_bytes();
    let width = usize::try_from(width.max(1)).unwrap_or(usize::MAX);
    let mut out: Vec<u8> = Vec::with_capacity(s.len() + 16);
    let mut at = 0;
    while bytes.len() - at > width {
        if bytes[at] == b' ' {
            at += 1;
            continue;
        }
        let window = &bytes[at..at + width + 1];
        let end = if let Some(space) = window.iter().rposition(|&byte| byte == b' ') {
            Some((at + space, at + space + 1))
        } else if split_words {
            Some((at + width, at + width))
        } else {
            let after = at + width;
            bytes[after..]
                .iter()
                .position(|&byte| byte == b' ')
                .map(|space| (after + space, after + space + 1))
        };
        let Some((end, next)) = end else { break };
        out.extend_from_slice(&bytes[at..end]);
        out.extend_from_slice(line_end.as_bytes());
        at = next;
    }
    out.extend_from_slice(&bytes[at..]);
    Ok(text(String::from_utf8_lossy(&out)))
}

/// The words of an identifier: `HTTPServer2xx` is HTTP, Server, 2xx. Digits belong to the word before them unless lower
/// case follows.
fn words(s: &str) -> Vec<String> {
    let chars: Vec<char> = s.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    let mut digits_lead = false;
    for (index, &c) in chars.iter().enumerate() {
        let previous = index.checked_sub(1).map(|previous| chars[previous]);
        let next = chars.get(index + 1).copied();
        if !c.is_alphanumeric() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            digits_lead = false;
            continue;
        }
        let starts = match previous {
            Some(previous) if c.is_numeric() && !previous.is_numeric() => {
                let after = chars[index..].iter().find(|c| !c.is_numeric());
                !digits_lead && after.is_some_and(|c| c.is_lowercase())
            }
            Some(previous) if c.is_uppercase() => !previous.is_uppercase() || next.is_some_and(char::is_lowercase),
            _ => false,
        };
        if starts && !word.is_empty() {
            words.push(std::mem::take(&mut word));
            digits_lead = c.is_numeric();
        }
        word.push(c);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn separated(s: &str, separator: char) -> String {
    let lower: Vec<String> = words(s).iter().map(|word| word.to_lowercase()).collect();
    lower.join(separator.encode_utf8(&mut [0; 4]))
}

/// Words start in upper case and go on in lower case; one separator of each run between words goes away.
fn pascal_case(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    let mut start = true;
    let mut run: Vec<char> = Vec::new();
    for c in s.chars() {
        if matches!(c, '_' | '-' | ' ') {
            run.push(c);
            start = true;
            continue;
        }
        let between = usize::from(!out.is_empty() && !run.is_empty());
        out.extend(run.drain(..).skip(between));
        if start {
            out.extend(c.to_uppercase())
        } else {
            out.extend(c.to_lowercase())
        }
        start = false;
    }
    out.extend(run);
    out
}
