//! Printed diagnostics.

use crate::report;
use syntax::diag::Printer;
use syntax::{Diagnostic, Diagnostics, Position, Severity, Source, Span};

fn place(line: u32, column: u32) -> Position {
    Position {
        line,
        column,
        offset: 0,
    }
}

fn print(text: &str, start: Position, end: Position) -> String {
    let diag = Diagnostic {
        file: "t".into(),
        start,
        end,
        ..Diagnostic::error("m")
    };
    Printer::default().print(&[diag], |_| Some(text))
}

#[test]
fn marks_a_range_on_one_line() {
    let text = "b \"l\" {\n\tattr\t= 1\r\n\tother = 2\n}";
    let expected = "Error: t:2:2: m\n\n1 | b \"l\" {\n2 |     attr    = 1\n  |     ^^^^    ^\n3 |     other = 2\n";
    assert_eq!(print(text, place(2, 2), place(2, 7)), expected);
    assert_eq!(
        print("foo,bar", place(1, 4), Position::default()),
        "Error: t:1:4: m\n\n1 | foo,bar\n  |    ^\n"
    );
    // Columns count bytes, carets stand under characters.
    assert_eq!(
        print("éé = 1", place(1, 6), Position::default()),
        "Error: t:1:6: m\n\n1 | éé = 1\n  |    ^\n"
    );
}

#[test]
fn numbers_are_padded() {
    let text = (1..12).map(|n| format!("L{n}\n")).collect::<String>();
    let expected = "Error: t:9:1: m\n\n 8 | L8\n 9 | L9\n   | ^^\n10 | L10\n";
    assert_eq!(print(&text, place(9, 1), place(9, 2)), expected);
}

#[test]
fn marks_a_range_over_lines() {
    let text = "BEGIN\nx START\nTEXT\n\t\tDONE y\nEND";
    let expected = "Error: t:2:3: m\n\n1 |   BEGIN\n2 |   x START\n  |  ___^^^^^\n3 | | TEXT\n4 | |         DONE y\n  | |_________^^^^\n5 |   END\n";
    assert_eq!(print(text, place(2, 3), place(4, 6)), expected);
}

#[test]
fn odd_places_do_no_harm() {
    let header = |start| {
        format!(
            "Error: {}: m\n\n",
            if start == place(0, 0) {
                "t".into()
            } else {
                format!("t:{start}")
            }
        )
    };
    assert_eq!(print("a\nb", place(9, 9), Position::default()), header(place(9, 9)));
    assert_eq!(
        print("a", place(1, 99), Position::default()),
        header(place(1, 99)) + "1 | a\n  |  \n"
    );
    assert_eq!(print("a", Position::default(), Position::default()), "Error: t: m\n");
    assert_eq!(
        print("", place(1, 1), Position::default()),
        header(place(1, 1)) + "1 | \n  | \n"
    );
    assert_eq!(Diagnostic::error("m").to_string(), "-: m");
    assert_eq!(
        report(b"a = \"\xff"),
        "Error: f.alloy:1:6: illegal UTF-8 encoding\n\n1 | a = \"\u{fffd}\n  |      ^\n\nError: f.alloy:1:5: string literal not terminated\n\n1 | a = \"\u{fffd}\n  |     ^\n"
    );
}

#[test]
fn several_files_hints_and_colours() {
    let (a, b) = (Source::new("a", b"old = 1\n3 & 4"), Source::new("b", b"foward_to = 2"));
    let diags: Diagnostics = [
        Diagnostic::warning("old is deprecated").at(&a, Span::new(0, 3)),
        Diagnostic::error("unrecognized attribute name \"foward_to\"")
            .at(&b, Span::new(0, 9))
            .with_hint("did you mean \"forward_to\"?")
            .with_value("secret"),
        Diagnostic::error("elsewhere").at(&Source::new("c", b"x"), Span::new(0, 1)),
    ]
    .into_iter()
    .collect();
    let text_of = |name: &str| {
        [&a, &b]
            .into_iter()
            .find(|source| &**source.name() == name)
            .map(Source::text)
    };
    let expected = "Warning: a:1:1: old is deprecated\n\n1 | old = 1\n  | ^^^\n2 | 3 & 4\n\nError: b:1:1: unrecognized attribute name \"foward_to\"\n\n1 | foward_to = 2\n  | ^^^^^^^^^\n  hint: did you mean \"forward_to\"?\n\nError: c:1:1: elsewhere\n";
    assert_eq!(Printer::default().print(&diags, text_of), expected);
    let colored = Printer {
        color: true,
        context: 0,
    }
    .print(&diags[..1], text_of);
    assert_eq!(
        colored,
        "\x1b[33;1mWarning: \x1b[0m\x1b[1ma:1:1: old is deprecated\x1b[0m\n\n1 | old = 1\n  | ^^^\n"
    );

    assert_eq!(diags.to_string(), "a:1:1: old is deprecated (and 2 more diagnostics)");
    assert_eq!(
        diags.joined(),
        "a:1:1: old is deprecated; b:1:1: unrecognized attribute name \"foward_to\"; c:1:1: elsewhere"
    );
    assert!(diags.has_errors());
    assert_eq!(Diagnostics::default().to_string(), "no errors");
    assert_eq!(
        Diagnostics::from(diags[0].clone()).to_string(),
        "a:1:1: old is deprecated"
    );
    assert!(Severity::Warning < Severity::Error);
}
