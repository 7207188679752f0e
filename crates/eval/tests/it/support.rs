//! A library and a scope for tests.

use eval::{HostFacts, Scope, Stdlib};
use std::sync::Arc;
use syntax::{Source, ast};
use value::{FromValue, Number, Object, OptionalSecret, Secret, Value};

/// A library on a made-up machine on which the variable `HOME` is set.
pub fn stdlib() -> Stdlib {
    Stdlib::new(&HostFacts {
        hostname: "box".to_owned(),
        os: "linux".to_owned(),
        arch: "amd64".to_owned(),
        version: "v1.2.3".to_owned(),
        env: Arc::new(|name| (name == "HOME").then(|| "/root".to_owned())),
    })
}

/// The variables of the test vectors.
pub fn scope() -> Scope {
    let variables: Object = [
        ("sec", Secret::new("s3").to_value()),
        ("osec", OptionalSecret::new(false, "o").to_value()),
        ("osec_num", OptionalSecret::new(false, "12").to_value()),
        ("osect", OptionalSecret::new(true, "ot").to_value()),
        ("i8", Value::int(3)),
        ("u", Value::Number(Number::Uint(7))),
        ("f", Value::Number(Number::Float(2.5))),
        ("n", Value::Null),
        ("m", Value::object(Object::from_iter([("a", Value::string("1"))]))),
        ("l", Value::array(vec![Value::string("x"), Value::string("y")])),
    ]
    .into_iter()
    .collect();
    Scope::new(variables, &stdlib())
}

/// A text without a name and the expression in it.
pub fn parse(text: &str) -> (Source, ast::Expr) {
    let (expr, diagnostics) = syntax::parse_expression(text.as_bytes());
    assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
    (Source::new("", text.as_bytes()), expr)
}

/// Text of the value, or `line:column: message`.
pub fn eval_text(text: &str) -> Result<String, String> {
    let (source, expr) = parse(text);
    match eval::evaluate_expr(&source, &expr, &scope()) {
        Ok(value) => Ok(value::to_text(&value)),
        Err(diagnostic) => Err(diagnostic.to_string()),
    }
}
