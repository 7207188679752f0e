//! What is an expression, what is none, and what one gives.

use crate::{NOW, filled};
use promstore::{Answer, Query};

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
