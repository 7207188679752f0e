//! References of blocks.

use eval::{is_stdlib_name, references, stdlib_uses};

const TEXT: &str = r#"
a = x.y.z
b = [one.two[0].three, "s", f(four.five) + six]
inner {
    c = { k = seven.eight["i" + nine.ten] }
    deeper { d = !(eleven.twelve || -thirteen) }
}
e = coalesce(fourteen.a.b(), sys.env("X"))
"#;

fn body(text: &str) -> syntax::ast::Body {
    let (file, diagnostics) = syntax::parse("t", text.as_bytes());
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    file.body
}

#[test]
fn are_found_in_source_order() {
    let found: Vec<String> = references(&body(TEXT))
        .into_iter()
        .map(|one| one.parts.join("."))
        .collect();
    let expect =
        "x.y.z one.two f four.five six seven.eight nine.ten eleven.twelve thirteen coalesce fourteen.a.b sys.env";
    assert_eq!(found.join(" "), expect);
}

#[test]
fn know_where_they_stand() {
    for one in references(&body(TEXT)) {
        let text = &TEXT[one.span.range()];
        assert_eq!(text, one.parts.join("."));
    }
}

#[test]
fn uses_of_the_library_that_need_a_word() {
    let text = r#"
a = array.group_by([], "k", true)
b = array.concat([1])
c = to_upper(env("X"))
d = array.combine_maps
e = sys.env("X")
"#;
    let uses = stdlib_uses(&body(text));
    let found: Vec<_> = uses
        .iter()
        .map(|one| (one.name.as_str(), one.experimental, one.replacement))
        .collect();
    assert_eq!(
        found,
        [
            ("array.group_by", true, None),
            ("to_upper", false, Some("string.to_upper")),
            ("env", false, Some("sys.env")),
            ("array.combine_maps", true, None),
        ]
    );
    assert!(uses.iter().all(|one| one.deprecated == one.replacement.is_some()));
    assert!(uses.iter().all(|one| text[one.span.range()] == one.name));
}

#[test]
fn names_of_the_library() {
    for name in [
        "constants",
        "sys",
        "convert",
        "array",
        "encoding",
        "string",
        "file",
        "coalesce",
        "json_path",
        "env",
        "trim_space",
    ] {
        assert!(is_stdlib_name(name), "{name}");
    }
    for name in ["local", "argument", "to_json", "str", ""] {
        assert!(!is_stdlib_name(name), "{name}");
    }
}
