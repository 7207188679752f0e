//! What is an expression, what is none, and what one gives.

use crate::{NOW, filled};
use promstore::{Answer, Limits, Query};
use proptest::prelude::*;

/// `metric{labels} value` for each element, sorted.
fn check(text: &str, expect: &[&str]) {
    let store = filled();
    let answer = Query::parse(text).and_then(|query| query.instant(&store, NOW));
    let mut lines = match answer {
        Ok(Answer::Scalar(value)) => vec![format!("{value}")],
        Ok(Answer::Vector(samples)) => samples
            .iter()
            .map(|sample| {
                let labels: Vec<String> = sample.labels.iter().map(|label| format!("{label:?}")).collect();
                format!("{{{}}} {}", labels.join(","), sample.value)
            })
            .collect(),
        other => panic!("{text}: {other:?}"),
    };
    lines.sort();
    assert_eq!(lines, expect, "{text}");
}

#[test]
fn expressions() {
    check("-2 ^ 2", &["-4"]);
    check("2 ^ 3 ^ 2", &["512"]);
    check("1 - 2 - 3 * 2", &["-7"]);
    check("0x1F + .5 + 1e1", &["41.5"]);
    check("1 < bool 2 # a comment", &["1"]);
    check("5m", &["300"]);
    check("-Inf", &["-inf"]);
    check("time()", &["1700000000"]);
    check("sum(g)", &["{} 8"]);
    check("SUM(g) BY (instance)", &["{instance=\"a\"} 3", "{instance=\"b\"} 5"]);
    check(
        "sum by (instance, nothing,) (g)",
        &["{instance=\"a\"} 3", "{instance=\"b\"} 5"],
    );
    check("sum without (instance) (g)", &["{job=\"api\"} 8"]);
    check("count({__name__=~\"c|g\"})", &["{} 4"]);
    check("count({\"g\", instance='a'})", &["{} 1"]);
    check(
        "g{instance=~\"a|x\", job!=\"\"} * 2",
        &["{instance=\"a\",job=\"api\"} 6"],
    );
    check("g > 3", &["{__name__=\"g\",instance=\"b\",job=\"api\"} 5"]);
    check("4 > g", &["{__name__=\"g\",instance=\"a\",job=\"api\"} 3"]);
    check("sum(g > bool 3)", &["{} 1"]);
    check(
        "c / g",
        &["{instance=\"a\",job=\"api\"} 40", "{instance=\"b\",job=\"api\"} 40"],
    );
    check("sum by (job) (g) / on(job) count by (job) (g)", &["{job=\"api\"} 4"]);
    check("topk(1, g)", &["{__name__=\"g\",instance=\"b\",job=\"api\"} 5"]);
    check("sum(c offset 5m)", &["{} 160"]);
    check("sum(increase(c[5m]))", &["{} 160"]);
    check("absent(nothing{a=\"b\", c!=\"d\"})", &["{a=\"b\"} 1"]);
    check("absent(g)", &[]);
    check("scalar(sum(g)) + 1", &["9"]);
    check("vector(1) + vector(1)", &["{} 2"]);
    check(
        "clamp(g, 4, 4.5)",
        &["{instance=\"a\",job=\"api\"} 4", "{instance=\"b\",job=\"api\"} 4.5"],
    );
    check(
        "g unless g{instance=\"a\"}",
        &["{__name__=\"g\",instance=\"b\",job=\"api\"} 5"],
    );
}

#[test]
fn what_is_no_expression_is_said_with_its_place() {
    for (text, expect) in [
        ("", "1:1: parse error: no expression found in input"),
        (
            "g{",
            "1:3: parse error: unexpected end of input in label matching, expected label",
        ),
        (
            "g{a=}",
            "1:5: parse error: unexpected \"}\" in label matching, expected string",
        ),
        (
            "g{a=~\"(\"}",
            "1:6: parse error: error parsing regexp: missing closing ): `(`",
        ),
        ("sum(\n  g{a=\"b})", "2:7: parse error: unterminated string"),
        (
            "g[5m",
            "1:5: parse error: unexpected end of input in range, expected \"]\"",
        ),
        ("g[0s]", "1:2: parse error: duration must be greater than 0"),
        ("g[5x]", "1:3: parse error: bad number or duration syntax: \"5x\""),
        (
            "sum(g)[5m]",
            "1:7: parse error: ranges only allowed for vector selectors",
        ),
        (
            "1 offset 5m",
            "1:3: parse error: offset modifier must be preceded by a selector",
        ),
        (
            "rate(g)",
            "1:8: parse error: expected type range vector in call to function \"rate\", got instant vector",
        ),
        (
            "sum(g[5m])",
            "1:11: parse error: expected type instant vector in aggregation expression, got range vector",
        ),
        (
            "topk(g)",
            "1:8: parse error: wrong number of arguments for aggregate expression, expected 2",
        ),
        (
            "1 < 2",
            "1:3: parse error: comparisons between scalars must use BOOL modifier",
        ),
        (
            "1 or 2",
            "1:3: parse error: set operator not allowed in binary scalar expression",
        ),
        (
            "g[5m] + 1",
            "1:7: parse error: binary expression must contain only scalar and instant vector types",
        ),
        ("g g", "1:3: parse error: unexpected identifier \"g\" in expression"),
        (
            "{a=\"\"}",
            "1:1: parse error: vector selector must contain at least one non-empty matcher",
        ),
        ("g{__name__=\"h\"}", "metric name must not be set twice"),
        ("$", "1:1: parse error: unexpected character '$'"),
        (
            "label_replace(g, \"a\", \"b\", \"c\", \"d\")",
            "the function \"label_replace\" is not known: the embedded store knows",
        ),
        ("g @ 5", "the modifier @ is not supported: the embedded store knows"),
        (
            "max_over_time(g[5m:1m])",
            "subqueries are not supported: the embedded store knows",
        ),
        (
            "g * on(a) group_left g",
            "group_right) is not supported: the embedded store knows",
        ),
    ] {
        let error = Query::parse(text).expect_err(text);
        assert!(error.message.contains(expect), "{text}: {error}");
        assert!(error.bad);
    }
}

#[test]
fn no_expression_is_too_deep() {
    for text in [
        "(".repeat(100_000),
        "-".repeat(50_000),
        format!("1{}", "+1".repeat(20_000)),
        format!("1{}", "^1".repeat(20_000)),
        "abs(".repeat(10_000),
        "sum(".repeat(10_000),
    ] {
        assert!(Query::parse(&text).is_err());
    }
    let long = format!("1{}", "+1".repeat(190));
    let query = Query::parse(&long).expect("it is long enough for a dashboard");
    assert!(matches!(query.instant(&filled(), NOW), Ok(Answer::Scalar(191.0))));
}

/// Pieces of expressions, of which most put together are none.
const PIECES: [&str; 56] = [
    "c",
    "g",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "5m",
    "30s",
    "1",
    "0",
    "2.5",
    "NaN",
    "Inf",
    ",",
    "=",
    "!=",
    "=~",
    "!~",
    "\"a\"",
    "'.+'",
    "`x`",
    "\"",
    "\\",
    "instance",
    "job",
    "__name__",
    "sum",
    "avg",
    "topk",
    "quantile",
    "by",
    "without",
    "rate",
    "increase",
    "delta",
    "abs",
    "histogram_quantile",
    "scalar",
    "vector",
    "time",
    "offset",
    "bool",
    "on",
    "ignoring",
    "and",
    "or",
    "unless",
    "+",
    "-",
    "*",
    "/",
    "^",
    "<",
    "==",
];

/// Expressions.
fn valid() -> impl Strategy<Value = String> {
    let vector = prop::sample::select(vec![
        "c",
        "g",
        "{job=\"api\"}",
        "c{instance=~\"a|b\"}",
        "rate(c[1m])",
        "increase(g[2m] offset 1m)",
    ]);
    let leaf =
        prop_oneof![4 => vector.prop_map(str::to_owned), 1 => (-3i8..4).prop_map(|number| format!("vector({number})"))];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let op = prop::sample::select(vec![
            "+",
            "-",
            "*",
            "/",
            "%",
            "^",
            "<",
            "== bool",
            "and",
            "or",
            "unless",
            "> ignoring(instance)",
            "* on(job)",
        ]);
        let of = prop::sample::select(vec![
            "sum",
            "avg by (job)",
            "count without (instance)",
            "max",
            "abs",
            "-",
            "sort",
            "absent",
            "ceil",
        ]);
        let counted = prop::sample::select(vec!["topk", "bottomk", "quantile"]);
        prop_oneof![
            (inner.clone(), op, inner.clone()).prop_map(|(left, op, right)| format!("({left}) {op} ({right})")),
            (of, inner.clone()).prop_map(|(of, inner)| format!("{of}({inner})")),
            (counted, -1i8..3, inner.clone()).prop_map(|(of, count, inner)| format!("{of}({count}, {inner})")),
            (inner.clone(), -5i8..5).prop_map(|(inner, number)| format!("{inner} * {number}")),
            inner.prop_map(|inner| format!("clamp_max({inner}, scalar({inner}))")),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_an_expression_or_an_error(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..14), space in any::<bool>()) {
        let text = pieces.join(if space { " " } else { "" });
        if let Ok(query) = Query::parse(&text) {
            // What is accepted can be evaluated; what it finds may be at fault.
            if let Err(error) = query.instant(&filled(), NOW) {
                prop_assert!(!error.bad, "{}: {}", text, error);
            }
        }
    }

    #[test]
    fn any_characters_are_an_expression_or_an_error(text in "\\PC{0,40}") {
        let _ = Query::parse(&text);
    }

    #[test]
    fn a_range_is_its_instants(text in valid()) {
        let store = filled();
        let query = Query::parse(&text).expect(&text);
        let limits = Limits { start: NOW - 100_000, end: NOW, step: 25_000 };
        let range = query.range(&store, limits);
        let mut one_by_one = Vec::new();
        let mut failed = false;
        for at in (0..5).map(|step| NOW - 100_000 + step * 25_000) {
            match query.instant(&store, at) {
                Ok(Answer::Vector(samples)) => one_by_one.extend(samples.iter().map(|sample| (format!("{:?}", sample.labels), at, sample.value.to_bits()))),
                Ok(Answer::Scalar(value)) => one_by_one.push(("[]".to_owned(), at, value.to_bits())),
                Ok(Answer::Matrix(_)) => prop_assert!(false, "{} is no range", text),
                Err(_) => failed = true,
            }
        }
        match range {
            Ok(Answer::Matrix(tracks)) => {
                prop_assert!(!failed, "{}", text);
                let points = tracks.iter().flat_map(|track| {
                    track.points.iter().map(|(at, value)| (format!("{:?}", track.labels), *at, value.to_bits()))
                });
                let mut points: Vec<_> = points.collect();
                points.sort();
                one_by_one.sort();
                prop_assert_eq!(points, one_by_one, "{}", text);
            }
            Ok(_) => prop_assert!(false, "{} gives no matrix", text),
            Err(_) => prop_assert!(failed, "{}", text),
        }
    }
}
