use super::*;

fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern)
        .unwrap_or_else(|error| panic!("{error}"))
        .is_match(text.as_bytes())
}

fn error(pattern: &str) -> String {
    match Regex::new(pattern) {
        Ok(re) => panic!("`{pattern}` compiled to `{}`", re.inner.as_str()),
        Err(error) => error.to_string(),
    }
}

fn replace(pattern: &str, text: &str, replacement: &str) -> String {
    let re = Regex::new(pattern).unwrap();
    String::from_utf8(re.replace_all(text.as_bytes(), replacement.as_bytes()).into_owned()).unwrap()
}

#[test]
fn go_syntax_that_the_engine_lacks() {
    for (pattern, text, expect) in [
        (r#"{"level":"(\w+)""#, r#"{"level":"info"}"#, true),
        (r"a{,2}", "a{,2}", true),
        (r"a{,2}", "aa", false),
        (r"^a{2}$", "aa", true),
        (r"a{01}", "a{01}", true),
        (r"x{", "x{", true),
        (r"{}", "{}", true),
        (r"\Qa.b*\E+", "a.b**", true),
        (r"\Qa.b", "axb", false),
        (r"^\Q\E$", "", true),
        (r"^\d$", "٣", false),
        (r"^\w+$", "é", false),
        (r"^\W$", "é", true),
        (r"^\s$", "\u{a0}", false),
        (r"^\s$", "\x0b", false),
        (r"^[[:space:]]$", "\x0b", true),
        (r"^[[:^alpha:]]$", "1", true),
        (r"^\pN$", "٣", true),
        (r"^\p{Greek}+$", "αβγ", true),
        (r"^\p{^Greek}$", "a", true),
        (r"^\P{^Greek}$", "α", true),
        (r"é\b", "é", false),
        (r"\bfoo\b", "éfooé", true),
        (r"a$", "a\n", false),
        (r"(?m)a$", "a\n", true),
        (r"a\z", "a", true),
        (r"(?s)a.b", "a\nb", true),
        (r"a.b", "a\nb", false),
        (r"(?U)^a+$", "aaa", true),
        (r"(?ii)A", "a", true),
        (r"(?i-i)A", "a", false),
        (r"(?)a", "a", true),
        (r"a(?i)b|c", "C", true),
        (r"(?:a(?i)b)c", "aBC", false),
        (r"(?i)\x{212A}", "k", true),
        (r"[]a]", "]", true),
        (r"[^]a]", "b", true),
        (r"[a-]", "-", true),
        (r"[a-c-e]", "-", true),
        (r"[&&a]", "&", true),
        (r"^[+--]$", ",", true),
        (r"^[a~~b]+$", "~", true),
        (r"[[a]", "[", true),
        (r"[[:a]", ":", true),
        (r"[\d\-x]", "-", true),
        (r"[\D]", "x", true),
        (r"[^\d]", "1", false),
        (r"[\Wa]", "a", true),
        (r"\x41\x{42}\103\a\_\#\-", "ABC\x07_#-", true),
        (r"\0", "\0", true),
        (r"^*a", "ba", true),
        (r"$+", "", true),
        (r"\b?a", "a", true),
        (r"a||b", "", true),
        (r"(|a)+", "", true),
        (r"()", "", true),
        (r"]}", "]}", true),
        ("a # b", "a # b", true),
        (r"é+", "éé", true),
    ] {
        assert_eq!(matches(pattern, text), expect, "`{pattern}` on {text:?}");
    }
}

#[test]
fn errors_have_the_text_of_go() {
    for (pattern, expect) in [
        ("(", "missing closing ): `(`"),
        ("a)", "unexpected ): `a)`"),
        ("(?i", "missing closing ): `(?i`"),
        ("[a", "missing closing ]: `[a`"),
        ("[]", "missing closing ]: `[]`"),
        ("[b-a]", "invalid character class range: `b-a`"),
        ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
        (r"\p{Foo}", r"invalid character class range: `\p{Foo}`"),
        (r"\p", r"invalid character class range: `\p`"),
        (r"[a-\d]", r"invalid escape sequence: `\d`"),
        (r"\y", r"invalid escape sequence: `\y`"),
        (r"\Z", r"invalid escape sequence: `\Z`"),
        (r"\E", r"invalid escape sequence: `\E`"),
        (r"\x{}", r"invalid escape sequence: `\x{}`"),
        (r"\x{110000}", r"invalid escape sequence: `\x{110000}`"),
        (r"\x4", r"invalid escape sequence: `\x4`"),
        (
            r"\C",
            r"invalid escape sequence: `\C` (matching single bytes is not supported)",
        ),
        (
            r"(a)\1",
            r"invalid escape sequence: `\1` (back-references are not supported)",
        ),
        ("a\\", "trailing backslash at end of expression: ``"),
        ("*", "missing argument to repetition operator: `*`"),
        ("(+", "missing argument to repetition operator: `+`"),
        ("a|{2}", "missing argument to repetition operator: `{2}`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a+?*", "invalid nested repetition operator: `+?*`"),
        ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{99999999999}", "invalid repeat count: `{99999999999}`"),
        ("a{2,1}", "invalid repeat count: `{2,1}`"),
        ("(a{100}){11}", "invalid repeat count: `{11}`"),
        ("(?P<n", "invalid named capture: `(?P<n`"),
        ("(?P<a-b>x)", "invalid named capture: `(?P<a-b>`"),
        ("(?<>x)", "invalid named capture: `(?<>`"),
        ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
        ("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`"),
        ("(?P=n)", "invalid or unsupported Perl syntax: `(?P`"),
        (
            "a(?=b)",
            "invalid or unsupported Perl syntax: `(?=` (look-around is not supported)",
        ),
        (
            "(?<!b)a",
            "invalid or unsupported Perl syntax: `(?<!` (look-around is not supported)",
        ),
    ] {
        assert_eq!(error(pattern), format!("error parsing regexp: {expect}"), "`{pattern}`");
    }
    assert!(error(&"(".repeat(2000)).contains("nests too deeply"));
    assert!(error(r"((((\pL{10}){10}){10}){1}\pL{1000}){1}\pL{1000}\pL{1000}\pL{1000}\pL{1000}").contains("too large"));
}

#[test]
fn repeat_limit_is_per_path() {
    assert!(Regex::new("(a{100}){10}").is_ok());
    assert!(Regex::new("(a{100}b{100}){10}").is_ok());
    assert!(Regex::new("((a{10}){10}){10}").is_ok());
    assert!(Regex::new("(a{1000})*").is_ok());
    assert!(Regex::new("(a{100,}){0}").is_ok());
    let re = Regex::new("(a){0}(b)").unwrap();
    let mut locations = re.capture_locations();
    assert_eq!(re.captures(&mut locations, b"ab"), Some(1..2));
    assert_eq!((locations.get(1), locations.get(2)), (None, Some(1..2)));
}

#[test]
fn group_names_may_repeat() {
    let re = Regex::new("(?P<a>x)(y)(?<a>z)(?P<1x>w)").unwrap();
    let names: Vec<_> = re.group_names().iter().map(Option::as_deref).collect();
    assert_eq!(names, [None, Some("a"), None, Some("a"), Some("1x")]);
    let mut locations = re.capture_locations();
    assert_eq!(re.captures(&mut locations, b"-xyzw"), Some(1..5));
    assert_eq!(locations.get(1), Some(1..2));
    assert_eq!(locations.get(3), Some(3..4));
    assert_eq!(locations.get(9), None);
    assert_eq!(locations.len(), 5);
}

#[test]
fn anchored_matches_the_whole_text() {
    let re = Regex::anchored("a|b.*").unwrap();
    assert!(re.is_match(b"a"));
    assert!(re.is_match(b"b\nc"));
    assert!(!re.is_match(b"ab"));
    assert_eq!(re.as_str(), "a|b.*");
    assert_ne!(re, Regex::new("a|b.*").unwrap());
    assert!(Regex::anchored("a)(b").is_err());
}

#[test]
fn replacements_expand_as_in_go() {
    assert_eq!(replace("(a)(b)", "xabyab", "${2}$1"), "xbayba");
    assert_eq!(replace("(Silly)", "Some Silly", "${1}foo"), "Some Sillyfoo");
    assert_eq!(replace("(a)", "a", "$1x"), "");
    assert_eq!(replace("(?P<n>a)", "a", "<$n>$$ $ ${n $9 $01"), "<a>$ $ ${n  ");
    assert_eq!(replace("a*", "baaac", "x"), "xbxcx");
    assert_eq!(replace("", "aé", "-"), "-a-é-");
    assert_eq!(replace("a+", "caab", "x"), "cxb");
    assert_eq!(replace("x", "abc", "y"), "abc");
    assert_eq!(replace("^", "abc", ">"), ">abc");
    assert_eq!(replace(r"\B", "éé", "-"), "-é-é-");
    let re = Regex::new("(a)").unwrap();
    assert_eq!(re.replace_all_literal(b"bab", b"$1").as_ref(), b"b$1b");
    assert!(matches!(re.replace_all(b"xyz", b"$1"), Cow::Borrowed(_)));
}

#[test]
fn invalid_utf8_counts_as_one_replacement_character_a_byte() {
    let re = Regex::new("^(.)(.*)$").unwrap();
    let mut locations = re.capture_locations();
    assert_eq!(re.captures(&mut locations, b"\xff\xc3\xa9\xe2\x82"), Some(0..5));
    assert_eq!(locations.get(1), Some(0..1));
    assert_eq!(locations.get(2), Some(1..5));
    assert!(Regex::new("^..$").unwrap().is_match(b"\xe2\x82"));
    assert!(Regex::new("^[^a]b").unwrap().is_match(b"\xffb"));
    assert!(Regex::new("\u{FFFD}").unwrap().is_match(b"\xff"));
    assert!(Regex::new("level=(info)").unwrap().is_match(b"\xff level=info"));
    assert_eq!(Regex::new(".").unwrap().replace_all(b"a\xffb", b"x").as_ref(), b"xxx");
    assert_eq!(
        Regex::new("b").unwrap().replace_all(b"a\xffb", b"x").as_ref(),
        b"a\xffx"
    );
    assert_eq!(
        Regex::new("").unwrap().replace_all(b"\xff\x80", b"-").as_ref(),
        b"-\xff-\x80-"
    );
}

#[test]
fn quoted_text_matches_itself() {
    let text = r"a.b*[c]{2}\d^$|(x)?+";
    assert_eq!(
        Regex::anchored(&quote_meta(text)).unwrap().find(text.as_bytes()),
        Some(0..text.len())
    );
    assert_eq!(quote_meta("a.b"), r"a\.b");
}
