//! Targets as values of the configuration language.

use component::Target;
use eval::{HostFacts, Scope, Stdlib};
use signals::Labels;
use std::sync::Arc;
use value::{FromValue, Object, Value};

fn evaluate(text: &str) -> String {
    let group = Labels::from_pairs([("job", "x")]);
    let target = |address: &str| Target::new(group.clone(), Labels::from_pairs([("__address__", address)]));
    let exports: Object = [("targets", vec![target("a:1"), target("b:2")].to_value())]
        .into_iter()
        .collect();
    let scope: Object = [("x", Value::object(exports))].into_iter().collect();
    let stdlib = Stdlib::new(&HostFacts {
        hostname: "box".to_owned(),
        os: "linux".to_owned(),
        arch: "amd64".to_owned(),
        version: "v1.2.3".to_owned(),
        env: Arc::new(|_| None),
    });
    let (expr, diagnostics) = syntax::parse_expression(text.as_bytes());
    assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
    let source = syntax::Source::new("", text.as_bytes());
    match eval::evaluate_expr(&source, &expr, &Scope::new(scope, &stdlib)) {
        Ok(value) => eval::to_plain_json(&value).unwrap(),
        Err(diagnostic) => format!("error: {diagnostic}"),
    }
}

#[test]
fn targets_are_used_as_objects() {
    for (text, expected) in [
        ("x.targets[0].__address__", r#""a:1""#),
        ("x.targets[0][\"job\"]", r#""x""#),
        ("x.targets[0][\"none\"]", "null"),
        ("x.targets[1]", r#"{"__address__":"b:2","job":"x"}"#),
        ("x.targets[0] == {__address__ = \"a:1\", job = \"x\"}", "true"),
        ("{__address__ = \"a:1\", job = \"x\"} == x.targets[0]", "true"),
        ("x.targets[0] != {__address__ = \"a:1\"}", "true"),
        ("x.targets[0] == x.targets[1]", "false"),
        ("x.targets == concat([x.targets[0]], [x.targets[1]])", "true"),
        (
            "concat(x.targets, [{__address__ = \"c:3\"}])",
            r#"[{"__address__":"a:1","job":"x"},{"__address__":"b:2","job":"x"},{"__address__":"c:3"}]"#,
        ),
        (
            "array.combine_maps(x.targets, [{__address__ = \"b:2\", more = \"m\"}], [\"__address__\"])",
            r#"[{"__address__":"b:2","job":"x","more":"m"}]"#,
        ),
        (
            "array.group_by(x.targets, \"__address__\", false)[0]",
            r#"{"__address__":"a:1","items":[{"__address__":"a:1","job":"x"}]}"#,
        ),
        ("coalesce({}, x.targets[0]).job", r#""x""#),
        (
            "encoding.to_json(x.targets[0])",
            r#""{\"__address__\":\"a:1\",\"job\":\"x\"}""#,
        ),
        ("string.format(\"%v\", x.targets[0])", r#""map[__address__:a:1 job:x]""#),
        ("x.targets[0].none", "error: 1:14: field \"none\" does not exist"),
    ] {
        let found = evaluate(text);
        assert!(
            found.starts_with(expected),
            "{text}\n expected {expected}\n found    {found}"
        );
    }
}

#[test]
fn the_json_of_the_api_is_that_of_an_object() {
    let target = Target::from(Labels::from_pairs([("a", "1")])).to_value();
    let expected = r#"{"type":"object","value":[{"key":"a","value":{"type":"string","value":"1"}}]}"#;
    assert_eq!(value::to_json(&target), expected);
}
