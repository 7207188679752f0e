//! Values in the language's text and in the JSON of the HTTP API.

use crate::kit::{attr, block_with, body, labelled, object, text, unknown};
use std::any::Any;
use value::{
    Capsule, CapsuleValue, FromValue, Function, Number, Object, OptionalSecret, Secret, Str, Value, body_json, to_json,
    to_text,
};

struct Handle;

impl CapsuleValue for Handle {
    fn type_name(&self) -> &str {
        "test.Handle"
    }
    fn equals(&self, _: &dyn CapsuleValue) -> bool {
        true
    }
}

#[derive(PartialEq)]
struct Target(&'static str);

impl CapsuleValue for Target {
    fn type_name(&self) -> &str {
        "test.Target"
    }
    fn equals(&self, other: &dyn CapsuleValue) -> bool {
        (other as &dyn Any).downcast_ref::<Target>() == Some(self)
    }
    fn as_object(&self) -> Option<Object> {
        Some([("name", Value::string(self.0))].into_iter().collect())
    }
}

fn float(n: f64) -> Value {
    Value::Number(Number::Float(n))
}

fn capsule(value: impl CapsuleValue) -> Value {
    Value::Capsule(Capsule::new(value))
}

#[test]
fn both_forms_of_every_kind() {
    for (value, expect, json) in [
        (Value::Null, "null", r#"{"type":"null","value":null}"#),
        (Value::int(-3), "-3", r#"{"type":"number","value":-3}"#),
        (float(1.0), "1", r#"{"type":"number","value":1}"#),
        (float(2.5), "2.5", r#"{"type":"number","value":2.5}"#),
        (
            float(1e21),
            "1000000000000000000000",
            r#"{"type":"number","value":1e+21}"#,
        ),
        (float(1.5e-7), "0.00000015", r#"{"type":"number","value":1.5e-7}"#),
        (float(1e-6), "0.000001", r#"{"type":"number","value":0.000001}"#),
        (float(f64::NAN), "NaN", r#"{"type":"number","value":null}"#),
        // JSON numbers are floats: beyond 2^53 digits are lost.
        (
            Value::Number(Number::Uint(u64::MAX)),
            "18446744073709551615",
            r#"{"type":"number","value":18446744073709552000}"#,
        ),
        (text("a\"\n"), r#""a\"\n""#, r#"{"type":"string","value":"a\"\n"}"#),
        (Value::Bool(true), "true", r#"{"type":"bool","value":true}"#),
        (Value::array(vec![]), "[]", r#"{"type":"array","value":[]}"#),
        (
            Value::array(vec![Value::int(1), text("b")]),
            r#"[1, "b"]"#,
            r#"{"type":"array","value":[{"type":"number","value":1},{"type":"string","value":"b"}]}"#,
        ),
        (
            Value::Bytes(Str::from("a")),
            "[97]",
            r#"{"type":"array","value":[{"type":"number","value":97}]}"#,
        ),
        (object([]), "{}", r#"{"type":"object","value":[]}"#),
        (
            object([("b", Value::Null), ("a", Value::Bool(false))]),
            "{\n\ta = false,\n\tb = null,\n}",
            r#"{"type":"object","value":[{"key":"a","value":{"type":"bool","value":false}},{"key":"b","value":{"type":"null","value":null}}]}"#,
        ),
        (
            Value::Function(Function::new("f", 0, false, |_| Ok(Value::Null))),
            "function",
            r#"{"type":"function","value":"function"}"#,
        ),
        (
            capsule(Handle),
            r#"capsule("test.Handle")"#,
            r#"{"type":"capsule","value":"capsule(\"test.Handle\")"}"#,
        ),
        (
            capsule(Target("t")),
            "{\n\tname = \"t\",\n}",
            r#"{"type":"object","value":[{"key":"name","value":{"type":"string","value":"t"}}]}"#,
        ),
        (
            Secret::new("hush").to_value(),
            "(secret)",
            r#"{"type":"capsule","value":"(secret)"}"#,
        ),
        (
            OptionalSecret::new(true, "hush").to_value(),
            "(secret)",
            r#"{"type":"capsule","value":"(secret)"}"#,
        ),
        (
            OptionalSecret::new(false, "text").to_value(),
            r#""text""#,
            r#"{"type":"capsule","value":"\"text\""}"#,
        ),
    ] {
        assert_eq!(to_text(&value), expect);
        assert_eq!(to_json(&value), json);
    }
}

#[test]
fn strings_are_quoted_as_in_go() {
    for (bytes, expect) in [
        ("é ö日".as_bytes(), "\"é ö日\""),
        (b"\x07\x08\x0c\n\r\t\x0b\\\"", r#""\a\b\f\n\r\t\v\\\"""#),
        (b"\x00\x1f\x7f", r#""\x00\x1f\x7f""#),
        (b"a\xffb", r#""a\xffb""#),
        (
            "\u{80}\u{a0}\u{ad}\u{200b}\u{2028}\u{e000}\u{feff}".as_bytes(),
            r#""\u0080\u00a0\u00ad\u200b\u2028\ue000\ufeff""#,
        ),
        ("\u{e0001}\u{10ffff}".as_bytes(), r#""\U000e0001\U0010ffff""#),
        ("e\u{301}\u{1f600}".as_bytes(), "\"e\u{301}\u{1f600}\""),
    ] {
        assert_eq!(to_text(&Value::string(bytes)), expect);
    }
}

#[test]
fn json_strings_are_escaped_as_in_go() {
    let json = |bytes: &[u8]| to_json(&Value::string(bytes));
    let expect = |inner: &str| format!(r#"{{"type":"string","value":"{inner}"}}"#);
    assert_eq!(json(b"<a & b>"), expect(r"\u003ca \u0026 b\u003e"));
    assert_eq!(json("\u{2028}\u{2029}".as_bytes()), expect(r"\u2028\u2029"));
    assert_eq!(
        json(b"\x00\x08\x0c\n\r\t\x1f\x7f\"\\"),
        expect("\\u0000\\b\\f\\n\\r\\t\\u001f\x7f\\\"\\\\")
    );
    assert_eq!(json(b"a\xff\xfeb"), expect(r"a\ufffd\ufffdb"));
}

#[test]
fn keys_are_quoted_if_they_are_no_identifiers() {
    let keys = object([
        ("_a1", Value::Null),
        ("a b", Value::Null),
        ("1a", Value::Null),
        ("null", Value::Null),
        ("", Value::Null),
    ]);
    let expect =
        "{\n\t\"\"     = null,\n\t\"1a\"   = null,\n\t_a1    = null,\n\t\"a b\"  = null,\n\t\"null\" = null,\n}";
    assert_eq!(to_text(&keys), expect);
}

#[test]
fn keys_align_as_formatted() {
    let value = object([
        ("a", Value::int(1)),
        ("bcd", Value::array(vec![object([("x", Value::Null)])])),
        ("long", Value::Null),
        ("z", object([("in", Value::Null), ("inner", Value::Null)])),
    ]);
    let expect = "{\n\ta   = 1,\n\tbcd = [{\n\t\tx = null,\n\t}],\n\tlong = null,\n\tz    = {\n\t\tin    = null,\n\t\tinner = null,\n\t},\n}";
    assert_eq!(to_text(&value), expect);
}

#[test]
fn bodies_in_json() {
    let inner = labelled("l\"", vec![attr("b", Value::Bool(true))]);
    let body = body(vec![
        attr("a", Value::int(1)),
        unknown("n"),
        block_with("x.y", inner),
        block_with("z", labelled("", vec![])),
    ]);
    let expect = concat!(
        r#"[{"name":"a","type":"attr","value":{"type":"number","value":1}},"#,
        r#"{"name":"n","type":"attr","value":{"type":"null","value":null}},"#,
        r#"{"name":"x.y","type":"block","label":"l\"","body":[{"name":"b","type":"attr","value":{"type":"bool","value":true}}]},"#,
        r#"{"name":"z","type":"block","body":[]}]"#,
    );
    assert_eq!(body_json(&body), expect);
    assert_eq!(body_json(&crate::kit::body(vec![])), "[]");
}
