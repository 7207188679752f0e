//! Lists.

use super::args::is_empty;
use super::{ANY, Function, Result, f, fail, list};
use gotmpl::Value;

macro_rules! with_must {
    ($(($name:literal, $must:literal, $min:expr, $max:expr, $body:expr)),* $(,)?) => {
        &[$(f($name, $min, $max, $body), f($must, $min, $max, $body)),*]
    };
}

/// Those that come with a `must` twin. (Upstream the one panics and the other fails, which a template cannot tell.)
pub(super) const FUNCTIONS: &[Function] = with_must![
    ("append", "mustAppend", 2, 2, |_, a| Ok(list(
        [a.list(0)?, std::slice::from_ref(a.get(1))].concat()
    ))),
    ("push", "mustPush", 2, 2, |_, a| Ok(list(
        [a.list(0)?, std::slice::from_ref(a.get(1))].concat()
    ))),
    ("prepend", "mustPrepend", 2, 2, |_, a| Ok(list(
        [std::slice::from_ref(a.get(1)), a.list(0)?].concat()
    ))),
    ("first", "mustFirst", 1, 1, |_, a| Ok(a
        .list(0)?
        .first()
        .cloned()
        .unwrap_or(Value::Nil))),
    ("last", "mustLast", 1, 1, |_, a| Ok(a
        .list(0)?
        .last()
        .cloned()
        .unwrap_or(Value::Nil))),
    ("rest", "mustRest", 1, 1, |_, a| Ok(a
        .list(0)?
        .split_first()
        .map_or(Value::Nil, |(_, rest)| list(rest.to_vec())))),
    ("initial", "mustInitial", 1, 1, |_, a| {
        Ok(a.list(0)?
            .split_last()
            .map_or(Value::Nil, |(_, rest)| list(rest.to_vec())))
    }),
    ("reverse", "mustReverse", 1, 1, |_, a| Ok(list(
        a.list(0)?.iter().rev().cloned().collect()
    ))),
    ("compact", "mustCompact", 1, 1, |_, a| {
        Ok(list(
            a.list(0)?.iter().filter(|item| !is_empty(item)).cloned().collect(),
        ))
    }),
    ("uniq", "mustUniq", 1, 1, |_, a| {
        let mut kept: Vec<Value> = Vec::new();
        for item in a.list(0)? {
            if !kept.contains(item) {
                kept.push(item.clone());
            }
        }
        Ok(list(kept))
    }),
    ("without", "mustWithout", 1, ANY, |_, a| {
        Ok(list(
            a.list(0)?
                .iter()
                .filter(|item| !a.values[1..].contains(item))
                .cloned()
                .collect(),
        ))
    }),
    ("has", "mustHas", 2, 2, |_, a| match a.get(1) {
        Value::Nil => Ok(Value::Bool(false)),
        _ => Ok(Value::Bool(a.list(1)?.contains(a.get(0)))),
    }),
    ("slice", "mustSlice", 1, 3, |_, a| {
        let items = a.list(0)?;
        let bound = |index: usize, default: usize| match a.values.get(index) {
            None => Ok(default),
            Some(value) => usize::try_from(super::args::to_i64(value)).map_err(|_| fail("slice bounds out of range")),
        };
        let (start, end) = (bound(1, 0)?, bound(2, items.len())?);
        if items.is_empty() {
            return Ok(Value::Nil);
        }
        items
            .get(start..end)
            .map(|part| list(part.to_vec()))
            .ok_or_else(|| fail("slice bounds out of range"))
    }),
    ("chunk", "mustChunk", 2, 2, |_, a| {
        let size = usize::try_from(a.int(0)?).ok().filter(|&size| size > 0);
        let size = size.ok_or_else(|| fail("the size of a chunk has to be positive"))?;
        Ok(list(
            a.list(1)?.chunks(size).map(|chunk| list(chunk.to_vec())).collect(),
        ))
    }),
    ("concat", "mustConcat", 0, ANY, concat),
];

fn concat(_: &super::Context, a: &super::Args<'_>) -> Result {
    let mut all = Vec::new();
    for index in 0..a.values.len() {
        all.extend_from_slice(a.list(index)?);
    }
    Ok(list(all))
}
