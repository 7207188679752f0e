//! Evaluation and inference of one expression.

use crate::{CHOICES, program};
use eval::{HostFacts, Resolve, Resolved, Scope, Static, Stdlib, evaluate_expr, infer};
use std::sync::{Arc, LazyLock};
use syntax::{Source, parse_expression};
use value::{FromValue, Number, Object, OptionalSecret, Secret, Value, to_text};

/// What random expressions are about: variables and all that the library has.
const NAMES: &[&str] = &[
    "n",
    "u",
    "f",
    "s",
    "b",
    "l",
    "m",
    "o",
    "sec",
    "osec",
    "hid",
    "nothing",
    "o.a",
    "l[0]",
    "m[\"x\"]",
    "constants.os",
    "sys.env",
    "coalesce",
    "json_path",
    "convert.nonsensitive",
    "array.concat",
    "array.combine_maps",
    "array.group_by",
    "encoding.from_json",
    "encoding.from_yaml",
    "encoding.from_base64",
    "encoding.from_URLbase64",
    "encoding.to_json",
    "encoding.to_base64",
    "encoding.to_URLbase64",
    "encoding.url_encode",
    "encoding.url_decode",
    "string.format",
    "string.join",
    "string.split",
    "string.replace",
    "string.to_lower",
    "string.to_upper",
    "string.trim",
    "string.trim_prefix",
    "string.trim_suffix",
    "string.trim_space",
    "file.path_join",
];

struct Variable {
    name: &'static str,
    value: Value,
    known: Static,
}

fn variable(name: &'static str, value: Value, known: Static) -> Variable {
    Variable { name, value, known }
}

static VARIABLES: LazyLock<Vec<Variable>> = LazyLock::new(|| {
    let text = |text: &str| Value::string(text);
    let object = Object::from_iter([("a", text("1")), ("b", Value::int(2))]);
    vec![
        variable("n", Value::int(3), Static::Number),
        variable("u", Value::Number(Number::Uint(u64::MAX)), Static::Number),
        variable("f", Value::Number(Number::Float(-2.5)), Static::Number),
        variable("s", text("s %é\u{ff}"), Static::String),
        variable("b", Value::Bool(true), Static::Bool),
        variable(
            "l",
            Value::array(vec![text("x"), text("y")]),
            Static::List(Box::new(Static::String)),
        ),
        variable(
            "m",
            Value::object(Object::from_iter([("x", text("y"))])),
            Static::Map(Box::new(Static::String)),
        ),
        variable(
            "o",
            Value::object(object),
            Static::Object {
                fields: vec![("a".to_owned(), Static::String), ("b".to_owned(), Static::Number)],
                open: false,
            },
        ),
        variable("sec", Secret::new("s3").to_value(), Static::Secret),
        variable(
            "osec",
            OptionalSecret::new(false, "12").to_value(),
            Static::OptionalSecret,
        ),
        variable("hid", OptionalSecret::new(true, "h").to_value(), Static::OptionalSecret),
        variable("nothing", Value::Null, Static::Unknown),
    ]
});

static SCOPE: LazyLock<Scope> = LazyLock::new(|| {
    let stdlib = Stdlib::new(&HostFacts {
        hostname: "box".to_owned(),
        os: "linux".to_owned(),
        arch: "amd64".to_owned(),
        version: "v1.2.3".to_owned(),
        env: Arc::new(|name| (name == "HOME").then(|| "/root".to_owned())),
    });
    let variables = VARIABLES.iter().map(|variable| (variable.name, variable.value.clone()));
    Scope::new(variables.collect(), &stdlib)
});

/// Evaluation ends, with a value of bounded size or an error that can be printed; what inference knows is so, and what it says is wrong
/// is.
pub fn evaluator(bytes: &[u8]) {
    let text = match bytes.split_first() {
        Some((&CHOICES, choices)) => program::expression(choices, NAMES).into_bytes(),
        _ => bytes.to_vec(),
    };
    let (expr, diags) = parse_expression(&text);
    if !diags.is_empty() {
        return;
    }
    let source = Source::new("", &text);
    let result = evaluate_expr(&source, &expr, &SCOPE);
    if let Err(diag) = &result {
        let _ = diag.to_string();
    }
    let resolve: &Resolve<'_> = &|traversal| {
        let first = traversal.parts.first()?;
        let found = VARIABLES.iter().find(|variable| variable.name == first)?;
        Some(Resolved {
            parts: 1,
            value: found.known.clone(),
        })
    };
    let (known, wrong) = infer(&source, &expr, resolve);
    match result {
        Ok(value) => {
            let shown = || String::from_utf8_lossy(&text).into_owned();
            assert!(wrong.is_empty(), "{:?}: {wrong:?}", shown());
            assert!(
                agrees(&known, &value),
                "{:?}: {known:?} of {}",
                shown(),
                to_text(&value)
            );
        }
        Err(_) => {}
    }
}

/// Whether a value is as inference says.
fn agrees(known: &Static, value: &Value) -> bool {
    match (known, value) {
        (Static::Unknown, _) => true,
        (Static::Known(known), value) => to_text(known) == to_text(value) && known.kind() == value.kind(),
        (Static::List(inner), value) => value
            .items()
            .is_some_and(|items| items.iter().all(|item| agrees(inner, item))),
        (Static::Items(known), value) => value.items().is_some_and(|items| {
            known.len() == items.len() && known.iter().zip(items.iter()).all(|(known, item)| agrees(known, item))
        }),
        (Static::Map(inner), value) => value
            .fields()
            .is_some_and(|fields| fields.iter().all(|(_, field)| agrees(inner, field))),
        (Static::Object { fields: known, open }, value) => value.fields().is_some_and(|fields| {
            (*open || known.len() == fields.len())
                && known
                    .iter()
                    .all(|(name, known)| fields.get(name).is_some_and(|field| agrees(known, field)))
        }),
        (Static::Secret, Value::Capsule(capsule)) => capsule.downcast_ref::<Secret>().is_some(),
        (Static::OptionalSecret, Value::Capsule(capsule)) => capsule.downcast_ref::<OptionalSecret>().is_some(),
        (known, value) => known.kind() == Some(value.kind()),
    }
}
