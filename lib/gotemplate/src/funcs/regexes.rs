//! Regular expressions.

use super::args::Args;
use super::{Context, Function, Result, f, text, texts};
use gotmpl::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    // An expression that does not compile matches nothing here.
    f("regexMatch", 2, 2, |c, a| {
        Ok(Value::Bool(
            c.regex(a.str(0)?).is_ok_and(|re| re.is_match(subject(a).as_bytes())),
        ))
    }),
    f("mustRegexMatch", 2, 2, |c, a| {
        Ok(Value::Bool(c.regex(a.str(0)?)?.is_match(a.str(1)?.as_bytes())))
    }),
    f("regexFind", 2, 2, find),
    f("mustRegexFind", 2, 2, find),
    f("regexFindAll", 3, 3, find_all),
    f("mustRegexFindAll", 3, 3, find_all),
    f("regexReplaceAll", 3, 3, replace_all),
    f("mustRegexReplaceAll", 3, 3, replace_all),
    f("regexReplaceAllLiteral", 3, 3, replace_all_literal),
    f("mustRegexReplaceAllLiteral", 3, 3, replace_all_literal),
    f("regexSplit", 3, 3, split),
    f("mustRegexSplit", 3, 3, split),
    f("regexQuoteMeta", 1, 1, |_, a| Ok(text(goregex::quote_meta(a.str(0)?)))),
];

fn subject<'a>(a: &Args<'a>) -> &'a str {
    a.str(1).unwrap_or_default()
}

fn find(context: &Context, a: &Args<'_>) -> Result {
    let subject = a.str(1)?;
    let found = context.regex(a.str(0)?)?.find(subject.as_bytes());
    Ok(text(found.map_or("", |range| &subject[range])))
}

fn find_all(context: &Context, a: &Args<'_>) -> Result {
    let subject = a.str(1)?;
    let limit = usize::try_from(a.int(2)?).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    context
        .regex(a.str(0)?)?
        .for_each_match(subject.as_bytes(), |locations| {
            if let (true, Some(range)) = (found.len() < limit, locations.get(0)) {
                found.push(&subject[range]);
            }
        });
    Ok(texts(found))
}

fn replace_all(context: &Context, a: &Args<'_>) -> Result {
    let replaced = context.regex(a.str(0)?)?;
    let replaced = replaced.replace_all(a.str(1)?.as_bytes(), a.str(2)?.as_bytes());
    Ok(text(String::from_utf8_lossy(&replaced)))
}

fn replace_all_literal(context: &Context, a: &Args<'_>) -> Result {
    let replaced = context.regex(a.str(0)?)?;
    let replaced = replaced.replace_all_literal(a.str(1)?.as_bytes(), a.str(2)?.as_bytes());
    Ok(text(String::from_utf8_lossy(&replaced)))
}

/// Go's `Regexp.Split`.
fn split(context: &Context, a: &Args<'_>) -> Result {
    let (pattern, subject, limit) = (a.str(0)?, a.str(1)?, a.int(2)?);
    if limit == 0 {
        return Ok(texts(Vec::<String>::new()));
    }
    if !pattern.is_empty() && subject.is_empty() {
        return Ok(texts([""]));
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut parts: Vec<&str> = Vec::new();
    let (mut start, mut end) = (0, 0);
    context.regex(pattern)?.for_each_match(subject.as_bytes(), |locations| {
        let Some(range) = locations.get(0) else { return };
        if parts.len() + 1 >= limit {
            return;
        }
        end = range.start;
        if range.end != 0 {
            parts.push(&subject[start..end]);
        }
        start = range.end;
    });
    if end != subject.len() {
        parts.push(&subject[start..]);
    }
    Ok(texts(parts))
}
