//! Dictionaries.

use super::args::{Args, is_empty, strval};
use super::{ANY, Function, Result, f, fail, list, map, text, texts};
use gotmpl::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

type Dict = BTreeMap<Arc<str>, Value>;

pub(super) const FUNCTIONS: &[Function] = &[
    f("dict", 0, ANY, |_, a| {
        let mut dict = Dict::new();
        for pair in a.values.chunks(2) {
            let value = pair.get(1).cloned().unwrap_or_else(|| text(""));
            dict.insert(strval(&pair[0]).into(), value);
        }
        Ok(Value::Map(Arc::new(dict)))
    }),
    f("get", 2, 2, |_, a| {
        Ok(a.map(0)?.get(a.str(1)?).cloned().unwrap_or_else(|| text("")))
    }),
    // These change their dictionary in Go; here they give the changed one, see the rewriting of templates.
    f("set", 3, 3, |_, a| {
        let mut dict = a.map(0)?.clone();
        dict.insert(a.str(1)?.into(), a.get(2).clone());
        Ok(Value::Map(Arc::new(dict)))
    }),
    f("unset", 2, 2, |_, a| {
        let mut dict = a.map(0)?.clone();
        dict.remove(a.str(1)?);
        Ok(Value::Map(Arc::new(dict)))
    }),
    f("hasKey", 2, 2, |_, a| {
        Ok(Value::Bool(a.map(0)?.contains_key(a.str(1)?)))
    }),
    f("pluck", 1, ANY, |_, a| {
        let key = a.str(0)?;
        let mut found = Vec::new();
        for index in 1..a.values.len() {
            found.extend(a.map(index)?.get(key).cloned());
        }
        Ok(list(found))
    }),
    f("keys", 0, ANY, |_, a| {
        let mut keys = Vec::new();
        for index in 0..a.values.len() {
            keys.extend(a.map(index)?.keys().map(ToString::to_string));
        }
        Ok(texts(keys))
    }),
    f("values", 1, 1, |_, a| Ok(list(a.map(0)?.values().cloned().collect()))),
    f("pick", 1, ANY, |_, a| picked(a, true)),
    f("omit", 1, ANY, |_, a| picked(a, false)),
    f("merge", 1, ANY, |_, a| merged(a, false)),
    f("mustMerge", 1, ANY, |_, a| merged(a, false)),
    f("mergeOverwrite", 1, ANY, |_, a| merged(a, true)),
    f("mustMergeOverwrite", 1, ANY, |_, a| merged(a, true)),
    f("deepCopy", 1, 1, |_, a| Ok(a.get(0).clone())),
    f("mustDeepCopy", 1, 1, |_, a| Ok(a.get(0).clone())),
    f("dig", 3, ANY, |_, a| {
        let count = a.values.len();
        let mut dict = a.map(count - 1)?;
        for index in 0..count - 2 {
            match dict.get(a.str(index)?) {
                None => break,
                Some(value) if index == count - 3 => return Ok(value.clone()),
                Some(Value::Map(inner)) => dict = inner,
                Some(_) => return Err(fail(format!("there is no dictionary under \"{}\"", a.str(index)?))),
            }
        }
        Ok(a.get(count - 2).clone())
    }),
];

fn picked(a: &Args<'_>, wanted: bool) -> Result {
    let keys = (1..a.values.len())
        .map(|index| a.str(index))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let entries = a.map(0)?.iter().filter(|(name, _)| keys.contains(&&***name) == wanted);
    Ok(map(entries.map(|(name, value)| (Arc::clone(name), value.clone()))))
}

fn merged(a: &Args<'_>, overwrite: bool) -> Result {
    let mut dict = a.map(0)?.clone();
    for index in 1..a.values.len() {
        merge(&mut dict, a.map(index)?, overwrite);
    }
    Ok(Value::Map(Arc::new(dict)))
}

/// Entries of `source` go where the target has none or an empty one; to overwrite, all that are not empty go.
fn merge(target: &mut Dict, source: &Dict, overwrite: bool) {
    for (name, value) in source {
        match (target.get_mut(name), value) {
            (Some(Value::Map(inner)), Value::Map(value)) => merge(Arc::make_mut(inner), value, overwrite),
            (Some(present), _) if !is_empty(present) && (!overwrite || is_empty(value)) => {}
            _ => {
                target.insert(Arc::clone(name), value.clone());
            }
        }
    }
}
