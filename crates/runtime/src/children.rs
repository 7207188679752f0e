//! Names of the children of a `foreach`.

use sha2::{Digest, Sha256};
use std::collections::HashMap;
use value::{Number, Value};

/// The names of the children for a collection, in its order: `foreach_KEY_N`, where the n-th item with equal keys has number n, from 1.
/// The second value has the numbers of the items that lack the field that they should be named after.
pub(crate) fn names(collection: &[Value], id: &str, hash: bool) -> (Vec<String>, Vec<usize>) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut lacking = Vec::new();
    let names = collection.iter().enumerate().map(|(at, item)| {
        let field = match id {
            "" => None,
            id => {
                let field = item.fields().and_then(|fields| fields.get(id).cloned());
                if field.is_none() {
                    lacking.push(at);
                }
                field
            }
        };
        let key = key(field.as_ref().unwrap_or(item), hash);
        let number = seen.entry(key.clone()).or_default();
        *number += 1;
        format!("foreach_{key}_{number}")
    });
    (names.collect(), lacking)
}

fn key(value: &Value, hash: bool) -> String {
    match value {
        Value::String(text) if hash => digest(text.as_bytes()),
        Value::String(text) => plain(&text.to_str_lossy()),
        Value::Bool(on) => on.to_string(),
        Value::Number(Number::Int(n)) => plain(&n.to_string()),
        Value::Number(Number::Uint(n)) => n.to_string(),
        Value::Number(Number::Float(n)) => plain(&format!("{n:.6}")),
        other => digest(value::to_text(other).as_bytes()),
    }
}

/// What is no letter and no digit is an underscore.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_alphanumeric() { c } else { '_' })
        .collect()
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(collection: &[Value], id: &str, hash: bool, expected: &[&str]) {
        assert_eq!(names(collection, id, hash).0, expected);
    }

    #[test]
    fn children_are_named_after_their_items() {
        let items = [
            Value::int(6),
            Value::int(8),
            Value::int(6),
            Value::string("plain-string"),
        ];
        let expected = ["foreach_6_1", "foreach_8_1", "foreach_6_2", "foreach_plain_string_1"];
        check(&items, "", false, &expected);
        check(
            &[Value::Number(Number::Float(2.75))],
            "",
            false,
            &["foreach_2_750000_1"],
        );
        check(
            &[Value::Bool(true), Value::int(-5)],
            "",
            false,
            &["foreach_true_1", "foreach__5_1"],
        );
        let hashed = "foreach_ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad_1";
        check(&[Value::string("abc")], "", true, &[hashed]);
    }

    #[test]
    fn a_field_names_them_where_they_have_it() {
        let object = |name: &str| Value::object([("namespace", Value::string(name))].into_iter().collect());
        let items = [object("dev"), Value::int(42), object("dev")];
        let (found, lacking) = names(&items, "namespace", false);
        assert_eq!(found, ["foreach_dev_1", "foreach_42_1", "foreach_dev_2"]);
        assert_eq!(lacking, [1]);
    }
}
