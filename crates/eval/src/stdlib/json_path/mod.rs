//! `json_path`: what a JSONPath finds in a JSON text.
//!
//! The dialect is that of Go's `ojg`: the leading `$` may be left out, whole numbers are integers, and there are no errors for
//! what is not there.

mod filter;
mod parse;

use super::args::{MAX_ITEMS, arg, list_of, wrong};
use super::encoding::parse_json;
use filter::Filter;
use value::{Value, ValueError};

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// Fields and elements named one by one: `.a`, `[0]`, `['a',1]`.
    Select(Vec<Key>),
    /// `*`
    All,
    /// `..`: the value itself and everything inside of it.
    Descend,
    /// `[start:end:step]`
    Slice(Option<i64>, Option<i64>, i64),
    /// `[?(...)]`
    Where(Filter),
}

/// A field by its name, or an element by its index, from the end if it is negative.
#[derive(Clone, Debug, PartialEq)]
enum Key {
    Name(String),
    Index(i64),
}

pub(super) fn json_path(args: &[Value]) -> Result<Value, ValueError> {
    let (json, path) = (arg::<String>(args, 0)?, arg::<String>(args, 1)?);
    let root = parse_json(&json, true).map_err(|error| wrong(0, error))?;
    let steps = parse::path(&path).map_err(|error| wrong(1, ValueError::new(error)))?;
    find(&root, &root, &steps).map(Value::array)
}

/// Everything that a path leads to, in the order of the text, fields of objects by name. Fails if a step finds too much: each `..` finds
/// all again, once for each value around it.
fn find(root: &Value, from: &Value, steps: &[Step]) -> Result<Vec<Value>, ValueError> {
    let mut found = vec![from.clone()];
    for step in steps {
        let next = found.iter().flat_map(|value| follow(root, value, step));
        found = next.take(MAX_ITEMS + 1).collect();
        list_of(found.len())?;
    }
    Ok(found)
}

fn children(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.to_vec(),
        Value::Object(object) => object.iter().map(|(_, item)| item.clone()).collect(),
        _ => Vec::new(),
    }
}

fn follow(root: &Value, value: &Value, step: &Step) -> Vec<Value> {
    match step {
        Step::Select(keys) => keys.iter().filter_map(|key| select(value, key)).collect(),
        Step::All => children(value),
        Step::Descend => {
            let mut all = vec![value.clone()];
            let mut at = 0;
            // Depth first, in order: each value is followed by what is inside of it.
            while at < all.len() {
                let inside = children(&all[at]);
                at += 1;
                all.splice(at..at, inside);
            }
            all
        }
        Step::Slice(start, end, step) => match value {
            Value::Array(items) => slice(items, *start, *end, *step),
            _ => Vec::new(),
        },
        Step::Where(filter) => children(value)
            .into_iter()
            .filter(|item| filter.holds(root, item))
            .collect(),
    }
}

fn select(value: &Value, key: &Key) -> Option<Value> {
    match (value, key) {
        (Value::Object(object), Key::Name(name)) => object.get(name).cloned(),
        (Value::Array(items), Key::Index(index)) => {
            let at = if *index < 0 {
                index.checked_add(items.len() as i64)?
            } else {
                *index
            };
            items.get(usize::try_from(at).ok()?).cloned()
        }
        _ => None,
    }
}

/// The end is exclusive; with a negative step the slice runs backwards.
fn slice(items: &[Value], start: Option<i64>, end: Option<i64>, step: i64) -> Vec<Value> {
    let length = items.len() as i64;
    let at = |bound: i64| if bound < 0 { bound.saturating_add(length) } else { bound };
    let (mut from, to) = match step > 0 {
        true => (at(start.unwrap_or(0)).max(0), end.map_or(length, at).min(length)),
        false => (
            at(start.unwrap_or(length - 1)).min(length - 1),
            end.map_or(-1, |end| at(end).max(-1)),
        ),
    };
    let mut out = Vec::new();
    while (step > 0 && from < to) || (step < 0 && from > to) {
        out.extend(usize::try_from(from).ok().and_then(|i| items.get(i)).cloned());
        from = from.saturating_add(step);
    }
    out
}
