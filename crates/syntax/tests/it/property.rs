//! Random input.

use proptest::prelude::*;
use syntax::{parse, parse_expression};

/// Pieces that texts are put together from: every token, blanks, comments, faults.
const PIECES: &[&str] = &[
    "a",
    "bb",
    "é",
    "true",
    "null",
    "1",
    "1.",
    ".5",
    "1e3",
    "\"s\"",
    "\"a\tb\"",
    "`r`",
    "`l1\n\tl2 \n`",
    "\"\"",
    "=",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    "+",
    "-",
    "*",
    "/",
    "^",
    "!",
    "==",
    "&&",
    " ",
    " ",
    "\n",
    "\n",
    "\n\n\n",
    "\t",
    "\r\n",
    "// c\n",
    "/* c */",
    "/* c\nd */",
    "'",
    "\"",
    "`",
    "\\",
    "&",
    ";",
    "\u{feff}",
    "\0",
    "/*",
];

/// Values, some of them nested.
fn value() -> impl Strategy<Value = String> {
    let gap = || {
        prop::sample::select(vec![
            "",
            "",
            " ",
            "\n",
            " /* c */ ",
            "/* c\nd */",
            " // c\n",
            "\n// c\n\n// d\n",
        ])
    };
    let leaf = prop::sample::select(vec![
        "a",
        "bb",
        "1",
        "1.5",
        "\"s t\"",
        "`l1\n\tl2 \nl3`",
        "true",
        "null",
        "x.y",
        "x . y",
        "x.// c\ny",
        "f()",
        "f(\n)",
        "{}",
        "[ ]",
    ]);
    leaf.prop_map(String::from).prop_recursive(4, 24, 4, move |inner| {
        let comma = prop::sample::select(vec!["", ",", ",\n"]);
        let items = prop::collection::vec((gap(), inner.clone()), 1..4);
        prop_oneof![
            (items.clone(), prop::sample::select(vec!["[]", "f()"]), comma.clone()).prop_map(
                |(items, around, comma)| {
                    let items: Vec<String> = items.into_iter().map(|(gap, item)| gap.to_string() + &item).collect();
                    let (open, close) = around.split_at(around.len() - 1);
                    format!("{open}{}{comma}{close}", items.join(","))
                }
            ),
            (
                items,
                prop::sample::select(vec!["k", "\"q k\"", "`r`", "`r\"`", "\"\\\\\""]),
                comma
            )
                .prop_map(|(items, key, comma)| {
                    let items: Vec<String> = items
                        .into_iter()
                        .map(|(gap, item)| format!("{gap}{key}={gap}{item}"))
                        .collect();
                    format!("{{{}{comma}}}", items.join(","))
                }),
            (
                inner.clone(),
                prop::sample::select(vec!["+", "/", "^", "&&"]),
                gap(),
                inner.clone()
            )
                .prop_map(|(left, op, gap, right)| format!("{left} {op} {gap}{right}")),
            (gap(), inner.clone()).prop_map(|(gap, inner)| format!("({gap}{inner})")),
            inner.clone().prop_map(|inner| format!("x[{inner}].y")),
            inner.prop_map(|inner| format!("-{inner}")),
        ]
    })
}

/// Whole files that are valid.
fn file() -> impl Strategy<Value = String> {
    let gap = || prop::sample::select(vec!["", " ", "\n", "\n\n\n", "// c\n", "\n// c\n\n// d\n", "/* c */ "]);
    let end = || prop::sample::select(vec!["\n", "\n\n", " // c\n", " /* c */\n", "\r\n"]);
    let name = prop::sample::select(vec!["a", "bb", "long_name"]);
    let attribute = (
        gap(),
        name,
        prop::sample::select(vec!["=", " = ", " /* c */ ="]),
        value(),
        end(),
    )
        .prop_map(|(gap, name, assign, value, end)| format!("{gap}{name}{assign}{value}{end}"));
    attribute.boxed().prop_recursive(3, 16, 4, move |inner| {
        let header = prop::sample::select(vec!["b {", "b.c \"l\"{", "b . c \"\" /* c */ {"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|stmts| stmts.concat()),
            (gap(), header, gap(), inner, end())
                .prop_map(|(gap, header, inside, body, end)| format!("{gap}{header}{inside}{body}}}{end}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (file, diags) = parse("f", &bytes);
        prop_assert!(file.tokens.iter().all(|token| token.span.end as usize <= bytes.len()));
        syntax::diag::Printer::default().print(&diags, |_| Some(&bytes));
        let _ = parse_expression(&bytes);
        let _ = syntax::format::format("f", &bytes);
    }

    #[test]
    fn pieces_never_panic_and_format_if_valid(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        let text = pieces.concat();
        let (file, diags) = parse("f", text.as_bytes());
        let _ = syntax::format::format_file(&file);
        syntax::diag::Printer::default().print(&diags, |_| Some(text.as_bytes()));
        if diags.is_empty() {
            crate::format_checked(&text);
        }
    }

    #[test]
    fn values_format(value in value()) {
        crate::format_checked(&format!("v = {value}"));
    }

    #[test]
    fn files_format(file in file()) {
        crate::format_checked(&file);
    }

    #[test]
    fn programs_are_valid_and_format(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        crate::format_checked(&crate::program::program(&bytes));
    }

    #[test]
    fn expressions_are_valid(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let text = crate::program::expression(&bytes, crate::program::NAMES);
        let (_, diags) = parse_expression(text.as_bytes());
        prop_assert_eq!(diags, [], "{:?}", text);
    }
}
