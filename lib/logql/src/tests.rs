use super::*;

fn selects(selector: &str, labels: &[(&str, &str)], line: &str) -> bool {
    let selector = Selector::parse(selector, Dialect::Process).unwrap_or_else(|error| panic!("{selector}: {error}"));
    let find = |name: &str| {
        labels
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| value.as_bytes())
    };
    selector.matches_labels(find) && selector.matches_line(line.as_bytes())
}

#[test]
fn labels() {
    let labels = [("foo", "bar"), ("bar", "test")];
    for (selector, expect) in [
        (r#"{foo="bar"}"#, true),
        (r#"{foo="ba"}"#, false),
        (r#"{foo=""}"#, false),
        (r#"{nope=""}"#, true),
        (r#"{foo!="bar"}"#, false),
        (r#"{nope!="x"}"#, true),
        (r#"{nope!~".+"}"#, true),
        (r#"{foo=~"ba|bar"}"#, true),
        (r#"{foo=~"ba"}"#, false),
        (r#"{foo=~"b.*",bar!~"te"}"#, true),
        (r#"{ foo = "bar" , bar =~ "te.*" } # a comment"#, true),
        (r#"{foo="\x62\u0061\162"}"#, true),
        (r#"{foo=~"b\\wr"}"#, true),
    ] {
        assert_eq!(selects(selector, &labels, ""), expect, "{selector}");
    }
    assert!(selects(r#"{a=~"x.y"}"#, &[("a", "x\ny")], ""));
}

#[test]
fn lines() {
    let labels = [("a", "b")];
    for (filters, line, expect) in [
        (r#"|= "foo" != "bar" |~ "b.z" !~ "q+""#, "foo baz", true),
        (r#"|= "foo" != "bar" |~ "b.z" !~ "q+""#, "foo bar baz", false),
        (r#"|= "foo" != "bar" |~ "b.z" !~ "q+""#, "foo baz qq", false),
        (r#"|~ "o+$""#, "foo", true),
        (r#"|~ "^o""#, "foo", false),
        (r#"|= """#, "", true),
        (r#"|="\"x\"""#, r#"{"x":1}"#, true),
    ] {
        assert_eq!(
            selects(&format!("{{a=\"b\"}} {filters}"), &labels, line),
            expect,
            "{filters} on {line}"
        );
    }
    let selector = Selector::parse(r#"{a="b"} |= "\xff""#, Dialect::Process).unwrap();
    assert!(selector.matches_line(b"a\xffb"));
}

#[test]
fn errors_say_where_and_what() {
    for (selector, offset, message) in [
        ("", 0, "expected \"{\", found the end"),
        ("foo", 0, "expected \"{\", found \"foo\""),
        ("{", 1, "expected the name of a label, found the end"),
        ("{}", 1, "expected a label matcher like name=\"value\", found \"}\""),
        ("{a=\"b\",}", 7, "expected the name of a label, found \"}\""),
        ("{a}", 2, "expected one of = != =~ !~, found \"}\""),
        ("{a=b}", 3, "expected a string, found \"b\""),
        ("{a=`b`}", 3, "strings have to be in double quotes here"),
        ("{a=\"b}", 3, "the string is not terminated"),
        ("{a=\"b\n\"}", 3, "the string is not terminated"),
        ("{a=\"\\q\"}", 4, "invalid escape \"\\q\" in the string"),
        ("{a=\"b\" c=\"d\"}", 7, "expected \",\" or \"}\", found \"c\""),
        ("{a=\"b\"} foo", 8, "expected one of |= != |~ !~, found \"foo\""),
        (
            "{a=\"b\"} | json",
            8,
            "only the line filters |= != |~ !~ are supported here",
        ),
        ("{a=\"b\"} |= 1", 11, "unexpected character \"1\""),
        ("{a=\"b\"} |~ \"(\"", 11, "error parsing regexp: missing closing ): `(`"),
        ("{a=~\"[]\"}", 4, "error parsing regexp: missing closing ]: `[]`"),
        ("{a=~\"\\xff\"}", 4, "the regular expression is not valid UTF-8"),
    ] {
        let error = Selector::parse(selector, Dialect::Process).unwrap_err();
        assert_eq!((error.offset, error.message.as_str()), (offset, message), "{selector}");
    }
}

#[test]
fn the_language_of_the_query_api() {
    let parse = |text: &str| Selector::parse(text, Dialect::Loki).unwrap();
    assert!(parse("{}").matches_labels(|_| None));
    assert!(!parse("{}").has_line_filters());
    let either = parse("{a=`b`} |= `x\"` or \"y\"");
    assert!(either.matches_line(b"x\"") && either.matches_line(b"y") && !either.matches_line(b"z"));
    let neither = parse("{a=`b`} != `x` or `y` |~ `\\d`");
    assert!(!neither.matches_line(b"x1") && !neither.matches_line(b"y1") && neither.matches_line(b"z1"));
    let selector = parse("{a=`b`,c!=`d`}");
    assert_eq!(selector.matchers()[0].name(), "a");
    assert_eq!(selector.matchers()[0].exact(), Some(&b"b"[..]));
    assert_eq!(selector.matchers()[1].exact(), None);
    assert_eq!(selector, Selector::parse(selector.as_str(), Dialect::Loki).unwrap());
    assert!(Selector::parse("{a=`b`} |> `x`", Dialect::Loki).is_err());
}
