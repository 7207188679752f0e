//! JMESPath beyond plain paths, in the dialect of its community.
//!
//! The `jmespath` crate has the language of 2016 and most functions; the functions that the community's dialect added are
//! here. Its `let` expressions and arithmetic do not compile, and slices of strings are null.

use super::extracted::Extracted;
use super::json::print_value;
use jmespath::functions::{ArgumentType, CustomFunction, Signature};
use jmespath::{Context, ErrorReason, JmespathError, Rcvar, Runtime, Variable};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A compiled expression.
pub struct Expression(jmespath::Expression<'static>);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(runtime);

impl Expression {
    /// Compiles an expression; the error says what is wrong with it.
    pub fn compile(expression: &str) -> Result<Expression, String> {
        literals(expression)?;
        RUNTIME
            .compile(expression)
            .map(Expression)
            .map_err(|error| error.to_string())
    }

    /// A document to search. `None` if it is nested deeper than 128 levels.
    pub fn document(text: &[u8]) -> Option<Rcvar> {
        serde_json::from_slice::<Variable>(text).ok().map(Rcvar::new)
    }

    /// The result for a document; `None` if evaluating failed.
    pub fn search(&self, document: &Rcvar) -> Option<Extracted> {
        let value = self.0.search(document.clone()).ok()?;
        Some(match &*value {
            Variable::Null | Variable::Expref(_) => Extracted::Null,
            Variable::Bool(value) => Extracted::Bool(*value),
            Variable::Number(value) => value.as_f64().map_or(Extracted::Null, Extracted::Number),
            Variable::String(value) => Extracted::Text(value.clone().into()),
            container => {
                let mut text = Vec::new();
                print_value(container, &mut text);
                Extracted::Text(text.into())
            }
        })
    }
}

/// Literals in back-ticks must be JSON; the crate would take other text as a string.
fn literals(expression: &str) -> Result<(), String> {
    let mut rest = expression;
    while let Some(start) = rest.find(['`', '\'', '"']) {
        let quote = rest.as_bytes()[start] as char;
        let content = &rest[start + 1..];
        let mut end = 0;
        while let Some(byte) = content.as_bytes().get(end)
            && *byte as char != quote
        {
            end += if *byte == b'\\' { 2 } else { 1 };
        }
        let Some(literal) = content.get(..end) else {
            return Ok(());
        };
        if quote == '`' && serde_json::from_str::<serde_json::Value>(&literal.replace("\\`", "`")).is_err() {
            return Err(format!("`{literal}` is not JSON; write '{literal}' for a string"));
        }
        rest = content.get(end + 1..).unwrap_or_default();
    }
    Ok(())
}

type Args<'a> = &'a [Rcvar];
type Outcome = Result<Rcvar, JmespathError>;

fn fail(cx: &Context<'_>, message: &str) -> JmespathError {
    JmespathError::from_ctx(cx, ErrorReason::Parse(message.to_owned()))
}

fn string(args: Args<'_>, at: usize) -> &str {
    args.get(at).and_then(|arg| arg.as_string()).map_or("", String::as_str)
}

/// A whole number that an argument is, if it is there.
fn integer(args: Args<'_>, at: usize, cx: &Context<'_>) -> Result<Option<i64>, JmespathError> {
    let Some(arg) = args.get(at) else { return Ok(None) };
    match arg.as_number() {
        Some(number) if number.fract() == 0.0 => Ok(Some(number as i64)),
        _ => Err(fail(cx, "an integer was expected")),
    }
}

fn text(value: impl Into<String>) -> Outcome {
    Ok(Rcvar::new(Variable::String(value.into())))
}

fn runtime() -> Runtime {
    use ArgumentType::{Array, Expref, Number, Object, String as Text};
    let mut runtime = Runtime::new();
    runtime.register_builtin_functions();
    let mut add = |name: &str,
                   required: Vec<ArgumentType>,
                   optional: Option<ArgumentType>,
                   f: fn(Args<'_>, &mut Context<'_>) -> Outcome| {
        let signature = Signature::new(required, optional);
        runtime.register_function(name, Box::new(CustomFunction::new(signature, Box::new(f))));
    };
    add("lower", vec![Text], None, |args, _| {
        text(string(args, 0).to_lowercase())
    });
    add("upper", vec![Text], None, |args, _| {
        text(string(args, 0).to_uppercase())
    });
    add("trim", vec![Text], Some(Text), |args, _| text(trim(args, true, true)));
    add("trim_left", vec![Text], Some(Text), |args, _| {
        text(trim(args, true, false))
    });
    add("trim_right", vec![Text], Some(Text), |args, _| {
        text(trim(args, false, true))
    });
    add("find_first", vec![Text, Text], Some(Number), |args, cx| {
        find(args, cx, false)
    });
    add("find_last", vec![Text, Text], Some(Number), |args, cx| {
        find(args, cx, true)
    });
    add("pad_left", vec![Text, Number], Some(Text), |args, cx| {
        pad(args, cx, true)
    });
    add("pad_right", vec![Text, Number], Some(Text), |args, cx| {
        pad(args, cx, false)
    });
    add("replace", vec![Text, Text, Text], Some(Number), |args, cx| {
        let (subject, old, new) = (string(args, 0), string(args, 1), string(args, 2));
        match integer(args, 3, cx)? {
            None => text(subject.replace(old, new)),
            Some(count) => match usize::try_from(count) {
                Ok(count) => text(subject.replacen(old, new, count)),
                Err(_) => Err(fail(cx, "the count must not be negative")),
            },
        }
    });
    add("split", vec![Text, Text], Some(Number), |args, cx| {
        let (subject, separator) = (string(args, 0), string(args, 1));
        let limit = match integer(args, 2, cx)? {
            None => usize::MAX,
            Some(count) => usize::try_from(count).map_err(|_| fail(cx, "the count must not be negative"))?,
        };
        let parts: Vec<String> = if separator.is_empty() {
            subject.chars().map(String::from).collect()
        } else {
            subject
                .splitn(limit.saturating_add(1), separator)
                .map(str::to_owned)
                .collect()
        };
        Ok(Rcvar::new(Variable::Array(
            parts
                .into_iter()
                .map(|part| Rcvar::new(Variable::String(part)))
                .collect(),
        )))
    });
    add("items", vec![Object], None, |args, _| {
        let pairs = args[0].as_object().into_iter().flatten();
        let pairs = pairs.map(|(key, value)| {
            let key = Rcvar::new(Variable::String(key.clone()));
            Rcvar::new(Variable::Array(vec![key, value.clone()]))
        });
        Ok(Rcvar::new(Variable::Array(pairs.collect())))
    });
    add("from_items", vec![Array], None, |args, cx| {
        let mut object = BTreeMap::new();
        for pair in args[0].as_array().into_iter().flatten() {
            match pair.as_array().map(Vec::as_slice) {
                Some([key, value]) if key.is_string() => {
                    object.insert(key.as_string().cloned().unwrap_or_default(), value.clone());
                }
                _ => return Err(fail(cx, "pairs of a string and a value were expected")),
            }
        }
        Ok(Rcvar::new(Variable::Object(object)))
    });
    add("zip", vec![Array], Some(Array), |args, _| {
        let lists: Vec<&Vec<Rcvar>> = args.iter().filter_map(|arg| arg.as_array()).collect();
        let length = lists.iter().map(|list| list.len()).min().unwrap_or(0);
        let rows = (0..length).map(|i| Rcvar::new(Variable::Array(lists.iter().map(|list| list[i].clone()).collect())));
        Ok(Rcvar::new(Variable::Array(rows.collect())))
    });
    add("group_by", vec![Array, Expref], None, |args, cx| {
        let Some(key) = args[1].as_expref() else {
            return Err(fail(cx, "an expression was expected"));
        };
        let mut groups: BTreeMap<String, Vec<Rcvar>> = BTreeMap::new();
        for item in args[0].as_array().into_iter().flatten() {
            let group = jmespath::interpret(item, key, cx)?;
            match &*group {
                Variable::String(group) => groups.entry(group.clone()).or_default().push(item.clone()),
                Variable::Null => {}
                _ => return Err(fail(cx, "the expression must give a string")),
            }
        }
        let groups = groups
            .into_iter()
            .map(|(key, items)| (key, Rcvar::new(Variable::Array(items))));
        Ok(Rcvar::new(Variable::Object(groups.collect())))
    });
    runtime
}

fn trim(args: Args<'_>, left: bool, right: bool) -> String {
    let set = string(args, 1);
    let drop = |c: char| {
        if set.is_empty() {
            c.is_whitespace()
        } else {
            set.contains(c)
        }
    };
    let mut subject = string(args, 0);
    if left {
        subject = subject.trim_start_matches(drop);
    }
    if right {
        subject = subject.trim_end_matches(drop);
    }
    subject.to_owned()
}

/// Position of a text in another, in characters; null if it is not there. A start may be given, negative from the end.
fn find(args: Args<'_>, cx: &Context<'_>, last: bool) -> Outcome {
    let subject: Vec<char> = string(args, 0).chars().collect();
    let sub: Vec<char> = string(args, 1).chars().collect();
    let start = integer(args, 2, cx)?.unwrap_or(0);
    let length = subject.len() as i64;
    let start = if start < 0 {
        (length + start).max(0)
    } else {
        start.min(length)
    } as usize;
    let mut hits = (start..subject.len()).filter(|at| !sub.is_empty() && subject[*at..].starts_with(&sub));
    let found = if last { hits.next_back() } else { hits.next() };
    Ok(Rcvar::new(
        found.map_or(Variable::Null, |at| Variable::Number(at.into())),
    ))
}

/// Longest text that padding makes.
const MAX_PAD: i64 = 1 << 20;

fn pad(args: Args<'_>, cx: &Context<'_>, left: bool) -> Outcome {
    let subject = string(args, 0);
    let width = integer(args, 1, cx)?.unwrap_or(0);
    let fill = if args.len() > 2 { string(args, 2) } else { " " };
    if fill.chars().count() != 1 {
        return Err(fail(cx, "padding must be one character"));
    }
    if !(0..=MAX_PAD).contains(&width) {
        return Err(fail(cx, "the width must be between 0 and 1048576"));
    }
    let missing = (width as usize).saturating_sub(subject.chars().count());
    let fill = fill.repeat(missing);
    text(if left {
        fill + subject
    } else {
        subject.to_owned() + &fill
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str, document: &str, expected: &str) {
        let document = Expression::document(document.as_bytes()).unwrap();
        let result = Expression::compile(expression).unwrap().search(&document).unwrap();
        let shown = match result {
            Extracted::Null => "null".to_owned(),
            Extracted::Bool(value) => value.to_string(),
            Extracted::Number(value) => value.to_string(),
            Extracted::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(shown, expected, "{expression}");
    }

    #[test]
    fn functions_of_the_community_dialect() {
        check("lower(a)", r#"{"a":"AbC"}"#, "abc");
        check("upper(a)", r#"{"a":"AbC"}"#, "ABC");
        check("trim(a)", r#"{"a":"  x "}"#, "x");
        check("trim_left(a, '-')", r#"{"a":"--x-"}"#, "x-");
        check("trim_right(a, '-')", r#"{"a":"--x-"}"#, "--x");
        check("find_first(a, 'b')", r#"{"a":"äbcb"}"#, "1");
        check("find_last(a, 'b')", r#"{"a":"äbcb"}"#, "3");
        check("find_first(a, 'z')", r#"{"a":"äbcb"}"#, "null");
        check("pad_left(a, `4`, '0')", r#"{"a":"7"}"#, "0007");
        check("pad_right(a, `3`)", r#"{"a":"7"}"#, "7  ");
        check("replace(a, 'a', 'b')", r#"{"a":"aaa"}"#, "bbb");
        check("replace(a, 'a', 'b', `1`)", r#"{"a":"aaa"}"#, "baa");
        check("split(a, ',')", r#"{"a":"x,y,z"}"#, r#"["x","y","z"]"#);
        check("split(a, ',', `1`)", r#"{"a":"x,y,z"}"#, r#"["x","y,z"]"#);
        check("items(a)", r#"{"a":{"k":1}}"#, r#"[["k",1]]"#);
        check("from_items(items(a))", r#"{"a":{"k":1}}"#, r#"{"k":1}"#);
        check("zip(a, b)", r#"{"a":[1,2,3],"b":["x","y"]}"#, r#"[[1,"x"],[2,"y"]]"#);
        check(
            "group_by(a, &k)",
            r#"{"a":[{"k":"x"},{"k":"y"},{"k":"x"}]}"#,
            r#"{"x":[{"k":"x"},{"k":"x"}],"y":[{"k":"y"}]}"#,
        );
        check("a[0:1]", r#"{"a":"text"}"#, "null");
        check("a.b || 'none'", r#"{"a":{}}"#, "none");
    }

    #[test]
    fn errors_say_what_is_wrong() {
        assert!(Expression::compile("x == `foo`").is_err_and(|error| error.contains("'foo'")));
        assert!(Expression::compile("b.[").is_err());
        assert!(Expression::compile("x == `\"foo\"`").is_ok());
        assert!(Expression::compile("x == '`foo`'").is_ok());
        assert!(Expression::compile("let $x = a in $x").is_err());
        assert!(Expression::compile("a + b").is_err());
    }
}
