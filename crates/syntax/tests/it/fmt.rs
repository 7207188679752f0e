//! The formatter against recorded output of Alloy.

use crate::{format_checked, report, shared, vectors};
use syntax::format::{format, format_body_in, format_expr, format_expr_in, format_file_redacted};
use syntax::{parse, parse_expression};

/// Cases in which the output differs from Alloy's on purpose: the difference (a heading of `docs/differences.md`), input, output.
pub(crate) const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("fmt.string-content", "a = `x  \ny`", "a = `x  \ny`"),
    ("fmt.string-content", "a = `x\ty`", "a = `x\ty`"),
    (
        "fmt.string-content",
        "a = `x\ty\nzz\tw`\nb = 1",
        "a = `x\ty\nzz\tw`\nb = 1",
    ),
    ("fmt.string-content", "a = \"x\ty\"", "a = \"x\ty\""),
    ("fmt.object-key", "a = {\"x\\ty\"=1}", "a = {\"x\\ty\" = 1}"),
    ("fmt.object-key", "a = {`x\"y`=1}", "a = {`x\"y` = 1}"),
    ("fmt.settled", "a = {\n}\nbbb = 2", "a   = {}\nbbb = 2"),
    ("fmt.settled", "a = 1 +\n  2\nbbb = 2", "a   = 1 + 2\nbbb = 2"),
    ("fmt.line-comment", "a = x.// c\ny\nb = 1", "a = x.y // c\n\nb = 1"),
    ("fmt.line-comment", "a = [x. // c\ny]", "a = [x.y] // c"),
    (
        "fmt.call-comment",
        "a = f(\n1, // c\n) // d\nb = 2",
        "a = f(\n\t1, // c\n) // d\nb = 2",
    ),
    ("fmt.call-comment", "a = f(\n1,\n// c\n)", "a = f(\n\t1,\n\t// c\n)"),
    ("fmt.empty-call", "a = f(\n)", "a = f()"),
];

/// Checks one recorded case, unless it is a difference.
fn check(source: &str, expected: &str) {
    if !DIFFERENCES.iter().any(|(_, input, _)| *input == source) {
        assert_eq!(format_checked(source), expected, "{source:?}");
    }
}

#[test]
fn differences() {
    for (id, source, expected) in DIFFERENCES {
        assert_eq!(format_checked(source), *expected, "{id}: {source:?}");
    }
}

#[test]
fn vectors_fmt() {
    for case in vectors("fmt").into_iter().flatten() {
        let source = case["in"].as_str().unwrap();
        match case["diag_text"].as_str() {
            Some(expected) => {
                assert_eq!(report(source.as_bytes()), expected, "{source:?}");
                assert!(format("f.alloy", source.as_bytes()).is_err(), "{source:?}");
            }
            None => check(source, case["out"].as_str().unwrap_or_default()),
        }
    }
}

/// The cases of an appendix of the specification: input, output, what follows the output on the line.
pub(crate) fn appendix(heading: &str) -> Option<Vec<(String, String, String)>> {
    let text = std::fs::read_to_string(shared()?.join("reference/runtime-spec.md")).unwrap();
    let part = &text[text.find(heading).unwrap()..];
    let cases = part
        .lines()
        .skip_while(|line| !line.starts_with("- "))
        .take_while(|line| line.starts_with("- "));
    let cases = cases.map(|line| {
        let mut strings = serde_json::Deserializer::from_str(&line[2..]).into_iter::<String>();
        let source = strings.next().unwrap().unwrap();
        let rest = line[2 + strings.byte_offset()..]
            .trim_start()
            .strip_prefix("->")
            .unwrap();
        let mut strings = serde_json::Deserializer::from_str(rest).into_iter::<String>();
        let output = strings.next().unwrap().unwrap();
        (source, output, rest[strings.byte_offset()..].to_string())
    });
    Some(cases.collect())
}

#[test]
fn appendix_a_cases() {
    let Some(cases) = appendix("# APPENDIX A") else {
        return;
    };
    assert!(cases.len() > 40);
    for (source, expected, second_run) in cases {
        let listed = DIFFERENCES.iter().any(|(_, input, _)| *input == source);
        assert!(
            listed || second_run.is_empty(),
            "{source:?} is formatted differently a second time and not listed"
        );
        check(&source, &expected);
    }
}

#[test]
fn upstream_files() {
    let Some(shared) = shared() else {
        return;
    };
    let mut count = 0;
    for entry in std::fs::read_dir(shared.join("upstream/alloy/printer")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "in") {
            let source = std::fs::read_to_string(&path).unwrap();
            let expected = std::fs::read_to_string(path.with_extension("expect")).unwrap();
            assert_eq!(format_checked(&source), expected.trim_end(), "{path:?}");
            count += 1;
        }
    }
    assert!(count >= 6, "only {count} files");
}

#[test]
fn comments_stay_where_they_are() {
    for (source, expected) in [
        ("a = [\n1, // one\n// two\n]", "a = [\n\t1, // one\n\t// two\n]"),
        (
            "a = {\n// one\nb = 1, // two\n\n// three\n}",
            "a = {\n\t// one\n\tb = 1, // two\n\n\t// three\n}",
        ),
        ("a = {\n// only\n}", "a = {\n// only\n}"),
        ("a = f( // one\n1, // two\n2)", "a = f( // one\n\t1, // two\n\t2)"),
        (
            "a = 1 // one\nbb = `x\ny` // two\nccc = 3 // three",
            "a  = 1 // one\nbb = `x\ny` // two\nccc = 3 // three",
        ),
        ("b { // one\r\n\t// two\r\n}\r\n", "b { // one\n\t// two\n}"),
        ("/* one\r\n*/ a = 1", "/* one\n*/ a = 1"),
        (
            "a = x /* one */ [0] /* two */ + /* three */ 1",
            "a = x /* one */ [0] /* two */ + /* three */ 1",
        ),
    ] {
        assert_eq!(format_checked(source), expected, "{source:?}");
    }
}

#[test]
fn numbers_do_not_swallow_points() {
    for (source, expected) in [
        ("a = 1 .b", "a = 1 .b"),
        ("a = 1. . b", "a = 1..b"),
        ("a = 1 /* c */ .b", "a = 1 .b /* c */"),
    ] {
        assert_eq!(format_checked(source), expected, "{source:?}");
    }
}

#[test]
fn expressions_print_on_one_line_or_as_written() {
    let text = "f({\n  a = [ 1,\n2 ], // c\n} , x [ 0 ] . y)";
    let (expr, diags) = parse_expression(text.as_bytes());
    assert_eq!(diags, []);
    assert_eq!(format_expr(&expr), "f({a = [1, 2]}, x[0].y)");
    let source = syntax::Source::new("", text.as_bytes());
    assert_eq!(format_expr_in(&source, &expr), "f({\n\ta = [1,\n\t\t2],\n}, x[0].y)");

    let (file, _) = parse("", b"b {\n // c\n  x=1\n  long=2 }");
    let block = file.body.blocks().next().unwrap();
    assert_eq!(format_body_in(&file.source, &block.body), "x    = 1\nlong = 2");
}

#[test]
fn secrets_are_hidden_with_their_comments() {
    let text = "a = [\"s1\", /* s2 */ {\n// s3\nb = \"s4\",\n}]\nc = \"s5\" + f(\"s6\") // shown";
    let (file, _) = parse("", text.as_bytes());
    let secret = |expr: &syntax::ast::Expr| {
        use syntax::ast::ExprKind::*;
        matches!(expr.kind, Literal(_) | Object(_) | Call { .. })
    };
    let output = String::from_utf8(format_file_redacted(&file, &secret)).unwrap();
    assert_eq!(
        output,
        "a = [\"(secret)\", /* s2 */ \"(secret)\"]\nc = \"(secret)\" + \"(secret)\" // shown"
    );
}

#[test]
fn long_chains_with_comments_settle() {
    for part in [
        ".// c\nx",
        "( // c\n)",
        "( /* c */ )",
        "[ /* c */ 0 /* d */ ]",
        "( // c\n0, // d\n)",
        " + // c\nx",
    ] {
        format_checked(&format!("a = x{}", part.repeat(900)));
    }
    for (open, close) in [
        ("f( // c\n", " /* d */)"),
        ("( /* c */", " /* d */)"),
        ("[ // c\n", ", // d\n]"),
        ("{ /* c */ k /* d */ = /* e */", ", // f\n}"),
        ("- // c\n", ""),
    ] {
        format_checked(&format!("a = {}1{}", open.repeat(100), close.repeat(100)));
    }
    format_checked(&format!(
        "{}a = 1{}",
        "b { // c\n".repeat(199),
        " /* d */ }".repeat(199)
    ));
}

#[test]
fn line_ends_marks_and_tabs_are_layout() {
    let text = "// c \nb \"l\" {\n\ta = [\n\t\t1, /* d */\n\t\t\"x\ty\",\n\t]\n}";
    let formatted = format_checked(text);
    assert_eq!(formatted, text);
    let strip = |text: &str| text.replace("\n\t", "\n").replace("\n\t", "\n");
    for other in [
        text.replace('\n', "\r\n"),
        format!("\u{feff}{text}\r\n\r\n"),
        format!("\n\n\t{text}   "),
        strip(text),
        strip(text).replace('\n', "\n \t \r"),
    ] {
        assert_eq!(format_checked(&other), formatted, "{other:?}");
    }
}

#[test]
fn what_is_not_utf8_is_refused() {
    for text in [
        &b"a = \"\xff\""[..],
        b"a = 1 // \xe9",
        b"/* \xc3 */ a = 1",
        b"a = `\xff`",
        b"\xfe\xffa = 1",
        b"a = 1\0",
        b"a = 1\n\xef\xbb\xbfb = 2",
    ] {
        let diags = format("f.alloy", text).unwrap_err();
        assert!(diags[0].message.starts_with("illegal "), "{text:?}: {diags:?}");
    }
}
