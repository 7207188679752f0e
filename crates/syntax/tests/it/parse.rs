//! Trees, errors and recovery.

use crate::{alloy_files, report, shared};
use std::collections::BTreeMap;
use syntax::ast::{ExprKind, Stmt};
use syntax::literal::unquote;
use syntax::{MAX_HEIGHT, MAX_NESTING, TokenKind, parse, parse_expression};

/// Expected errors by offset: a comment `/* ERROR "rx" */` expects one at the start of the token before it, `/* ERROR HERE "rx" */`
/// right after that token.
fn expected_errors(text: &[u8]) -> BTreeMap<u32, regex::Regex> {
    let mut expected = BTreeMap::new();
    let mut last = syntax::Span::default();
    for token in syntax::scanner::scan(text).0 {
        match token.kind {
            TokenKind::Terminator => {}
            TokenKind::Comment => {
                let comment = String::from_utf8_lossy(&text[token.span.range()]).into_owned();
                let comment = comment.trim_start_matches("/*").trim_end_matches("*/").trim();
                let Some(rest) = comment.strip_prefix("ERROR ") else {
                    continue;
                };
                let (offset, quoted) = match rest.strip_prefix("HERE ") {
                    Some(quoted) => (last.end, quoted),
                    None => (last.start, rest),
                };
                let pattern = String::from_utf8(unquote(quoted.trim().as_bytes()).unwrap()).unwrap();
                expected.insert(offset, regex::Regex::new(&pattern.replace('{', "\\{")).unwrap());
            }
            _ => last = token.span,
        }
    }
    expected
}

#[test]
fn upstream_files_give_the_marked_errors() {
    let Some(shared) = shared() else {
        return;
    };
    let files = alloy_files(&shared.join("upstream/alloy/parser"));
    assert!(files.len() >= 5, "{files:?}");
    let mut marked = 0;
    for path in files {
        let text = std::fs::read(&path).unwrap();
        let expected = expected_errors(&text);
        let (_, diags) = parse("f.alloy", &text);
        let found: Vec<u32> = diags.iter().map(|diag| diag.start.offset).collect();
        assert_eq!(
            found,
            expected.keys().copied().collect::<Vec<_>>(),
            "{path:?}: {diags:?}"
        );
        for diag in &diags {
            assert!(expected[&diag.start.offset].is_match(&diag.message), "{path:?}: {diag}");
        }
        marked += expected.len();
    }
    assert!(marked >= 6, "only {marked} errors are marked");
}

#[test]
fn appendix_b_reports() {
    let Some(cases) = crate::fmt::appendix("# APPENDIX B") else {
        return;
    };
    assert!(cases.len() > 20);
    for (source, expected, _) in cases {
        assert_eq!(report(source.as_bytes()), expected, "{source:?}");
    }
}

#[test]
fn trees_cross_threads() {
    fn check<T: Send + Sync + Clone + 'static>() {}
    check::<syntax::ast::File>();
    check::<syntax::Diagnostics>();
}

#[test]
fn trees_know_names_and_places() {
    let text = "a.b.c \"l\" {\n  x = y.z[0](\"s\", -1) + 2 ^ 3\n}\n\nd \"\" { }\n// end";
    let (file, diags) = parse("f.alloy", text.as_bytes());
    assert_eq!(diags, []);
    let slice = |span| String::from_utf8_lossy(file.source.slice(span)).into_owned();
    let blocks: Vec<_> = file.body.blocks().collect();
    assert_eq!(blocks[0].full_name(), "a.b.c");
    assert_eq!(blocks[0].id(), "a.b.c.l");
    assert_eq!(slice(blocks[0].header_span()), "a.b.c \"l\"");
    assert_eq!(slice(blocks[0].span()), &text[..text.find("\n\nd").unwrap()]);
    assert_eq!(blocks[1].id(), "d");
    assert!(blocks[1].label.is_none());
    assert_eq!(blocks[1].label_span.map(slice).as_deref(), Some("\"\""));
    assert_eq!(slice(file.comments[0].0[0]), "// end");

    let attribute = blocks[0].body.attributes().next().unwrap();
    assert_eq!(slice(attribute.span()), "x = y.z[0](\"s\", -1) + 2 ^ 3");
    let ExprKind::Binary {
        left,
        op,
        op_span,
        right,
    } = &attribute.value.kind
    else {
        panic!("{attribute:?}");
    };
    assert_eq!(
        (slice(left.span()), op.as_str(), slice(*op_span), slice(right.span)),
        ("y.z[0](\"s\", -1)".into(), "+", "+".into(), "2 ^ 3".into())
    );
    let ExprKind::Call { value, args, .. } = &left.kind else {
        panic!("{left:?}");
    };
    assert_eq!(slice(value.span), "y.z[0]");
    assert_eq!(
        args.iter().map(|arg| slice(arg.span)).collect::<Vec<_>>(),
        ["\"s\"", "-1"]
    );
    let position = file.source.position(attribute.value.span.start);
    assert_eq!((position.line, position.column), (2, 7));
}

/// The expression with all operators in parentheses.
fn grouping(text: &str) -> String {
    fn show(expr: &syntax::ast::Expr) -> String {
        match &expr.kind {
            ExprKind::Binary { op, left, right, .. } => format!("({} {} {})", show(left), op.as_str(), show(right)),
            ExprKind::Unary { op, value } => format!("({}{})", op.as_str(), show(value)),
            ExprKind::Access { value, name } => format!("({}.{})", show(value), name.name),
            ExprKind::Index { value, index, .. } => format!("({}[{}])", show(value), show(index)),
            _ => syntax::format::format_expr(expr),
        }
    }
    let (expr, diags) = parse_expression(text.as_bytes());
    assert_eq!(diags, [], "{text:?}");
    show(&expr)
}

#[test]
fn operators_bind_as_specified() {
    for (text, expected) in [
        ("1 + 2 * 3 - 4", "((1 + (2 * 3)) - 4)"),
        ("1 < 2 == true", "((1 < 2) == true)"),
        ("a || b && c || d", "((a || (b && c)) || d)"),
        ("-2 ^ 2", "((-2) ^ 2)"),
        ("2 ^ 3 ^ 4", "(2 ^ (3 ^ 4))"),
        ("2 ^ -1", "(2 ^ (-1))"),
        ("--1", "(-(-1))"),
        ("!a.b[0]", "(!((a.b)[0]))"),
        ("a * b ^ c % d", "((a * (b ^ c)) % d)"),
    ] {
        assert_eq!(grouping(text), expected, "{text}");
    }
}

#[test]
fn an_expression_is_all_of_its_text() {
    let (_, diags) = parse_expression(b"1 2");
    assert_eq!(
        diags.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["1:3: expected TERMINATOR, got NUMBER"]
    );
    assert_eq!(parse_expression(b"").1.len(), 1);
    assert_eq!(parse_expression(b"[\n1,\n]").1, []);
}

#[test]
fn keys_and_literals_keep_their_text() {
    let (expr, diags) = parse_expression(br#"{ "a\n" = 010, `b"` = 1., "" = `x`, c = "\x41" }"#);
    assert_eq!(diags, []);
    let ExprKind::Object(fields) = expr.kind else {
        panic!("not an object");
    };
    let fields: Vec<_> = fields
        .iter()
        .map(|field| (field.key.name.as_str(), syntax::format::format_expr(&field.value)))
        .collect();
    let expected = [("a\\n", "010"), ("b\"", "1."), ("\"\"", "`x`"), ("c", "\"\\x41\"")];
    assert_eq!(fields, expected.map(|(key, value)| (key, value.to_string())));
}

#[test]
fn recovery_keeps_the_statements_around() {
    for (text, names) in [
        ("a = 1\n= 2\nb = 3\nc = 4", vec!["a", "c"]),
        ("a = [1, 2\nb {\n}\nc = 1", vec!["a"]),
        ("x y z {}\na = 1", vec!["a"]),
        ("a = 1 b = 2\nc = 3", vec!["a", "c"]),
        ("a = b { c = 1 }\nd = 2", vec!["a", "d"]),
    ] {
        let (file, diags) = parse("f.alloy", text.as_bytes());
        assert!(!diags.is_empty(), "{text:?}");
        let found = file.body.stmts.iter().map(|stmt| match stmt {
            Stmt::Attribute(attribute) => attribute.name.name.clone(),
            Stmt::Block(block) => block.id(),
        });
        assert_eq!(found.collect::<Vec<_>>(), names, "{text:?}");
    }
}

#[test]
fn same_as_ignores_layout_only() {
    let body = |text: &str| parse("", text.as_bytes()).0.body;
    let base = body("a \"l\" {\n  b = {x = 1, \"y\" = [1, f(z.q)]}\n}");
    assert!(base.same_as(&body("// c\na \"l\"{ b={\"x\"=1,\ny=[1,f(z . q),],\n} }\n")));
    for other in [
        "a \"m\" {\n  b = {x = 1, \"y\" = [1, f(z.q)]}\n}",
        "a \"l\" {\n  b = {x = 1, \"y\" = [1, f(z.r)]}\n}",
        "a \"l\" {\n  b = {x = 1, \"y\" = [1, f(z.q), 2]}\n}",
        "a \"l\" {\n  b = {x = 01, \"y\" = [1, f(z.q)]}\n}",
        "a \"l\" {\n  c = {x = 1, \"y\" = [1, f(z.q)]}\n}",
        "a.b \"l\" {\n  b = {x = 1, \"y\" = [1, f(z.q)]}\n}",
        "",
    ] {
        assert!(!base.same_as(&body(other)), "{other}");
    }
}

#[test]
fn nesting_is_limited_and_never_overflows() {
    let many = 50_000;
    for (open, middle, close) in [
        ("[", "1", "]"),
        ("(", "1", ")"),
        ("{a = ", "1", "}"),
        ("f(", "1", ")"),
        ("x[", "1", "]"),
        ("-", "1", ""),
        ("2 ^ ", "1", ""),
        ("1 + (", "1", ")"),
    ] {
        let nested = |count: usize| format!("a = {}{middle}{}", open.repeat(count), close.repeat(count));
        let (file, diags) = parse("f.alloy", nested(many).as_bytes());
        assert_eq!(diags.len(), 1, "{open}");
        assert_eq!(
            diags[0].message,
            format!("nested more than {MAX_NESTING} levels deep"),
            "{open}"
        );
        assert!(file.clone().body.same_as(&file.body));
        crate::format_checked(&nested(MAX_NESTING as usize / 2 - 2));
    }
    let blocks = "b {\n".repeat(many);
    assert_eq!(parse("f.alloy", blocks.as_bytes()).1.len(), 1);

    for link in [" + 1", ".x", "[0]", "()"] {
        let chain = |count: usize| format!("a = x{}", link.repeat(count));
        let (file, diags) = parse("f.alloy", chain(many).as_bytes());
        assert_eq!(diags.len(), 1, "{link}");
        assert_eq!(
            diags[0].message,
            format!("expression has more than {MAX_HEIGHT} nested operations, split it")
        );
        assert!(file.clone().body.same_as(&file.body));
        crate::format_checked(&chain(MAX_HEIGHT as usize));
    }
    // Width is not depth.
    crate::format_checked(&format!(
        "a = [{}]\nb = {{{}}}",
        "1, ".repeat(many),
        "k = 1, ".repeat(many)
    ));
}
