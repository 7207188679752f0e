//! Types of expressions that are not evaluated.

use crate::blocks::{Settings, block};
use crate::support::{parse, scope};
use eval::{Resolved, Static, Traversal, check_flow};
use proptest::prelude::*;
use value::{Block, Type, Value};

/// A component `c.x` with exports of many types, and variables `v` of which nothing is known.
fn resolve(traversal: &Traversal) -> Option<Resolved> {
    match traversal.parts.first().map(String::as_str) {
        Some("c") => {
            let exports = [
                ("text", Type::String),
                ("number", Type::Number),
                ("flag", Type::Bool),
                ("secret", Type::Secret),
                ("maybe", Type::OptionalSecret),
                ("receiver", Type::Capsule("loki.LogsReceiver")),
                ("texts", Type::List(Box::new(Type::String))),
                ("targets", Type::List(Box::new(Type::Map(Box::new(Type::String))))),
                ("labels", Type::Map(Box::new(Type::String))),
                ("any", Type::Any),
            ];
            let fields = exports.iter().map(|(name, ty)| ((*name).to_owned(), Static::of(ty)));
            Some(Resolved {
                parts: 2,
                value: Static::Object {
                    fields: fields.collect(),
                    open: false,
                },
            })
        }
        Some("v") => Some(Resolved {
            parts: traversal.parts.len(),
            value: Static::Unknown,
        }),
        _ => None,
    }
}

fn check(inside: &str, expect: &[&str]) {
    let (source, block) = block(inside);
    let found: Vec<String> = check_flow(&source, &block, Some(&Settings::schema()), &resolve)
        .iter()
        .map(|diagnostic| match &diagnostic.hint {
            Some(hint) => format!("{diagnostic} [{hint}]"),
            None => diagnostic.to_string(),
        })
        .collect();
    assert_eq!(found, expect, "{inside}");
}

#[test]
fn values_go_where_they_fit() {
    for fits in [
        "count = c.x.number",
        "count = c.x.text",
        "count = c.x.maybe",
        "count = c.x.any",
        "count = v.a.b",
        "count = null",
        "timeout = c.x.text",
        "timeout = c.x.maybe",
        "timeout = \"1\" + \"h\"",
        "mode = c.x.text",
        "password = c.x.text",
        "password = c.x.secret",
        "password = c.x.maybe",
        "password = \"a\" + c.x.secret",
        "names = c.x.texts",
        "names = [c.x.text, c.x.number, c.x.maybe, v.a]",
        "names = array.concat(c.x.texts, [\"a\"], v.b)",
        "names = string.split(sys.env(\"A\"), \",\")",
        "names = json_path(sys.env(\"A\"), \"$\")",
        "labels = c.x.labels",
        "labels = {a = c.x.text}",
        "labels = c.x.targets[0]",
        "labels = c.x.receiver",
        "count = encoding.from_json(c.x.text)[\"a\"].b",
        "count = coalesce(c.x.text, 1)",
        "names = [convert.nonsensitive(c.x.secret)]",
        "names = [encoding.from_base64(c.x.text)]",
        "names = [string.format(\"%s\", c.x.secret)]",
        "count = unknown.thing",
    ] {
        check(fits, &[]);
    }
}

#[test]
fn values_that_never_fit_are_reported_where_they_stand() {
    check(
        "count = c.x.flag",
        &["f:2:9: expected number, got bool [did you mean \"c.x.number\"?]"],
    );
    check("count = [c.x.text]", &["f:2:9: expected number, got array"]);
    check(
        "names = [\"a\", c.x.secret]",
        &[
            "f:2:15: secrets may not be converted into strings [a field of type secret takes it; \
           convert.nonsensitive(...) makes it a plain string]",
        ],
    );
    check("names = [v.a, [c.x.text]]", &["f:2:15: expected string, got array"]);
    check(
        "names = c.x.text",
        &["f:2:9: expected array, got string [did you mean \"c.x.texts\"?]"],
    );
    check(
        "names = c.x.targets",
        &["f:2:9: expected elements that are string, got object [did you mean \"c.x.texts\"?]"],
    );
    check(
        "labels = {a = c.x.texts}",
        &["f:2:15: expected string, got array [did you mean \"c.x.text\"?]"],
    );
    check(
        "labels = c.x.secret",
        &["f:2:10: expected object, got capsule(\"alloytypes.Secret\") [did you mean \"c.x.labels\"?]"],
    );
    check(
        "password = c.x.number",
        &["f:2:12: expected capsule, got number [did you mean \"c.x.secret\"?]"],
    );
    check(
        "timeout = \"1\" + \"x\"",
        &["f:2:11: time: unknown unit \"x\" in duration \"1x\""],
    );
    check(
        "timeout = (string.to_lower(\"1H\") + \"x\")",
        &["f:2:12: time: unknown unit \"hx\" in duration \"1hx\""],
    );
    check(
        "mode = \"fa\" + \"ster\"",
        &["f:2:8: expected one of \"fast\", \"slow\", got \"faster\""],
    );
}

#[test]
fn operators_access_and_calls_are_checked() {
    check(
        "count = 1 + c.x.flag",
        &["f:2:13: expected one of [number string capsule] for binop +, got bool"],
    );
    check(
        "count = c.x.number + c.x.text",
        &["f:2:22: expected number, got string"],
    );
    check("count = c.x.number - v.a", &[]);
    check(
        "count = v.a - \"x\"",
        &["f:2:15: expected one of [number] for binop -, got string"],
    );
    check("count = -c.x.text", &["f:2:10: expected number, got string"]);
    check("count = !c.x.number", &["f:2:10: expected bool, got number"]);
    check(
        "count = c.x.secret < \"x\"",
        &["f:2:9: expected one of [number string] for binop <, got capsule"],
    );
    check(
        "count = c.x.nmber",
        &["f:2:13: field \"nmber\" does not exist [did you mean \"number\"?]"],
    );
    check(
        "count = c.x.text.a",
        &["f:2:9: cannot access field \"a\" on value of type string"],
    );
    check("count = c.x.texts[\"a\"]", &["f:2:19: expected number, got string"]);
    check("count = c.x.labels[1]", &["f:2:20: expected string, got number"]);
    check(
        "count = [1, v.a][2]",
        &["f:2:18: index 2 is out of range of array with length 2"],
    );
    check(
        "count = c.x.number[0]",
        &["f:2:9: expected object or array, got number"],
    );
    check("count = c.x.number()", &["f:2:9: expected function, got number"]);
    check("count = sys.env()", &["f:2:9: expected 1 args, got 0"]);
    check("count = string.format()", &["f:2:9: expected at least 1 args, got 0"]);
    check(
        "count = string.to_lower(c.x.labels)",
        &["f:2:25: expected string, got object"],
    );
    check(
        "count = string.join([c.x.flag], \",\")",
        &["f:2:22: expected string, got bool"],
    );
    check(
        "names = array.concat(c.x.texts, c.x.text)",
        &["f:2:33: expected array, got string"],
    );
    check(
        "count = encoding.to_json(c.x.texts)",
        &["f:2:26: expected object, got array"],
    );
    check(
        "names = [string.to_upper(c.x.secret)]",
        &[
            "f:2:26: secrets may not be converted into strings [a field of type secret takes it; \
         convert.nonsensitive(...) makes it a plain string]",
        ],
    );
    // Everything that is wrong, in nested blocks and with attributes that are not known, too.
    check(
        "what = 1()\nclient {\n source = [c.x.nothing, 1 - \"a\"]\n}",
        &[
            "f:2:8: expected function, got number",
            "f:4:16: field \"nothing\" does not exist [there is text, number, flag, secret, maybe, receiver, texts, targets, labels, any]",
            "f:4:29: expected one of [number] for binop -, got string",
        ],
    );
}

#[test]
fn deep_expressions_need_no_deep_stack() {
    let sum = vec!["1"; 900].join(" + ");
    let (source, expr) = parse(&sum);
    let (value, errors) = eval::infer(&source, &expr, &resolve);
    assert!(errors.is_empty());
    assert_eq!(value.known(), Some(Value::int(900)));
}

const LITERALS: &[&str] = &["1", "0", "2.5", "\"a\"", "\"12\"", "true", "null", "[]"];
const TYPED: &[&str] = &[
    "1",
    "\"a\"",
    "null",
    "[]",
    "sys.env(\"HOME\")",
    "constants.os",
    "sec",
    "osec",
    "osect",
    "m",
    "l",
    "i8",
    "f",
    "n",
];

/// Expressions of these, of operators and functions.
fn expression(leaves: &'static [&'static str]) -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(leaves).prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let op = prop_oneof![
            Just("+"),
            Just("-"),
            Just("*"),
            Just("/"),
            Just("%"),
            Just("^"),
            Just("<"),
            Just(">="),
            Just("=="),
            Just("!="),
            Just("&&"),
            Just("||")
        ];
        let call = prop_oneof![
            Just("string.to_upper"),
            Just("encoding.to_base64"),
            Just("coalesce"),
            Just("array.concat"),
            Just("string.join"),
            Just("string.format"),
            Just("encoding.to_json"),
            Just("encoding.from_json"),
            Just("convert.nonsensitive"),
            Just("string.split")
        ];
        prop_oneof![
            (inner.clone(), op, inner.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            inner.clone().prop_map(|a| format!("-{a}")),
            inner.clone().prop_map(|a| format!("!{a}")),
            inner.clone().prop_map(|a| format!("({a}).a")),
            inner.clone().prop_map(|a| format!("{{a = {a}, b = 1}}.a")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}][{b}]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{k = {a}}}[{b}]")),
            (call.clone(), inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            (call, inner.clone(), inner).prop_map(|(f, a, b)| format!("{f}({a}, {b})")),
        ]
    })
}

/// The types of the variables of the scope; of `n` nothing is known.
fn variables(traversal: &Traversal) -> Option<Resolved> {
    let value = match traversal.parts.first()?.as_str() {
        "sec" => Static::Secret,
        "osec" | "osect" => Static::OptionalSecret,
        "m" => Static::Map(Box::new(Static::String)),
        "l" => Static::List(Box::new(Static::String)),
        "i8" | "f" => Static::Number,
        "n" => Static::Unknown,
        _ => return None,
    };
    Some(Resolved { parts: 1, value })
}

/// Whether a value is one of those that are described.
fn describes(known: &Static, value: &Value) -> bool {
    match known {
        Static::Unknown => true,
        Static::Known(known) => known.same(value) || format!("{known:?}") == format!("{value:?}"),
        Static::List(inner) => value
            .items()
            .is_some_and(|items| items.iter().all(|item| describes(inner, item))),
        Static::Items(known) => value.items().is_some_and(|items| {
            items.len() == known.len()
                && known
                    .iter()
                    .zip(items.iter())
                    .all(|(known, item)| describes(known, item))
        }),
        Static::Object { fields, .. } => value.fields().is_some_and(|object| {
            let field =
                |(name, known): &(String, Static)| object.get(name).is_some_and(|value| describes(known, value));
            fields.iter().all(field)
        }),
        other => other.kind() == Some(value.kind()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn inference_agrees_with_evaluation(text in expression(LITERALS)) {
        let (source, expr) = parse(&text);
        let (known, errors) = eval::infer(&source, &expr, &|_: &Traversal| None);
        match eval::evaluate_expr(&source, &expr, &scope()) {
            Ok(value) => {
                prop_assert!(errors.is_empty(), "{text}: {errors:?}, but it is {value:?}");
                prop_assert!(describes(&known, &value), "{text}: {known:?}, but it is {value:?}");
            }
            // With everything known, nothing that fails may pass.
            Err(error) => prop_assert!(!errors.is_empty(), "{text}: fails with {error}"),
        }
    }

    /// With types alone, what does not fail is not refused.
    #[test]
    fn types_agree_with_evaluation(text in expression(TYPED)) {
        let (source, expr) = parse(&text);
        let (known, errors) = eval::infer(&source, &expr, &variables);
        if let Ok(value) = eval::evaluate_expr(&source, &expr, &scope()) {
            prop_assert!(errors.is_empty(), "{text}: {errors:?}, but it is {value:?}");
            prop_assert!(describes(&known, &value), "{text}: {known:?}, but it is {value:?}");
        }
    }

    /// What never fits indeed does not convert.
    #[test]
    fn misfits_do_not_convert(text in expression(TYPED), target in 0..3_usize) {
        let name = ["count", "names", "password"][target];
        let (source, block) = block(&format!("{name} = {text}"));
        let errors = check_flow(&source, &block, Some(&Settings::schema()), &variables);
        let (source, expr) = parse(&text);
        if let (false, Ok(value)) = (errors.is_empty(), eval::evaluate_expr(&source, &expr, &scope())) {
            use value::FromValue;
            let converts = match name {
                "count" => f64::from_value(&value).is_ok(),
                "names" => Vec::<String>::from_value(&value).is_ok(),
                _ => value::Secret::from_value(&value).is_ok(),
            };
            prop_assert!(!converts, "{text} as {name}: {errors:?}");
        }
    }
}
