use super::*;
use std::collections::BTreeMap;

fn s(text: &str) -> GoValue {
    GoValue::from(text)
}

fn i(number: i64) -> GoValue {
    GoValue::Int(number)
}

fn f(number: f64) -> GoValue {
    GoValue::Float(number)
}

fn map(entries: &[(&str, GoValue)]) -> GoValue {
    GoValue::Map(
        entries
            .iter()
            .map(|(k, v)| (k.to_string(), v.clone()))
            .collect::<BTreeMap<_, _>>(),
    )
}

fn check(format: &str, args: &[GoValue], expect: &str) {
    assert_eq!(sprintf(format, args), expect, "{format:?} of {args:?}");
}

#[test]
fn mismatches() {
    check("%d", &[f(1.5)], "%!d(float64=1.5)");
    check("%s", &[i(1)], "%!s(int=1)");
    check("%d", &[s("x")], "%!d(string=x)");
    check("x", &[i(1)], "x%!(EXTRA int=1)");
    check("x", &[i(1), GoValue::Nil, s("a")], "x%!(EXTRA int=1, <nil>, string=a)");
    check("%d %d", &[i(1)], "1 %!d(MISSING)");
    check("%!", &[], "%!!(MISSING)");
    check("%!", &[i(1)], "%!!(int=1)");
    check("%", &[], "%!(NOVERB)");
    check("%5", &[i(1)], "%!(NOVERB)%!(EXTRA int=1)");
    check("%s", &[GoValue::Nil], "%!s(<nil>)");
    check("%5d", &[s("x")], "%!d(string=    x)");
    check("%d", &[GoValue::List(vec![s("x"), i(1)])], "[%!d(string=x) 1]");
    check("%t", &[i(1)], "%!t(int=1)");
    check("%é", &[i(1)], "%!é(int=1)");
    check("100%%", &[], "100%");
    check("%*d", &[s("x"), i(1)], "%!(BADWIDTH)1");
    check("%.*d", &[s("x"), i(1)], "%!(BADPREC)1");
    check("%.[2]*[1]f", &[f(1.0), i(2)], "1.00");
    check("%[3]d", &[i(1)], "%!d(BADINDEX)");
    check("%[x]d", &[i(1)], "%!d(BADINDEX)");
    check("%[2]d %[1]d", &[i(1), i(2)], "2 1");
    check("%[1]d %d", &[i(1), i(2)], "1 2");
    check("%[2]*[1]d|", &[i(2), i(5)], "    2|");
    check("%[1]5d", &[i(1)], "%!d(BADINDEX)");
    check("%99999999999d", &[i(1)], "%!(NOVERB)%!(EXTRA int=1)");
}

#[test]
fn values() {
    let list = GoValue::List(vec![i(1), s("a")]);
    let nested = map(&[("b", i(1)), ("a", GoValue::List(vec![GoValue::Nil, f(0.5)]))]);
    check(
        "%v %v",
        &[list.clone(), map(&[("b", i(1)), ("a", i(2))])],
        "[1 a] map[a:2 b:1]",
    );
    check("%v", &[GoValue::Nil], "<nil>");
    check(
        "%#v %#v %#v",
        &[i(1), s("a"), GoValue::List(vec![i(1)])],
        "1 \"a\" []interface {}{1}",
    );
    check("%v", std::slice::from_ref(&nested), "map[a:[<nil> 0.5] b:1]");
    check(
        "%#v",
        &[nested],
        r#"map[string]interface {}{"a":[]interface {}{interface {}(nil), 0.5}, "b":1}"#,
    );
    check("%#v %#v", &[GoValue::Uint(255), GoValue::Nil], "0xff <nil>");
    check(
        "%T %T %T %T",
        &[list, s(""), f(1.0), GoValue::Nil],
        "[]interface {} string float64 <nil>",
    );
    check(
        "%5v|%-5v|%05v",
        &[GoValue::Nil, GoValue::Bool(true), i(-3)],
        "<nil>|true |-0003",
    );
    check("%t %5t", &[GoValue::Bool(true), GoValue::Bool(false)], "true false");
    check("%5v", &[GoValue::List(vec![i(1), i(2)])], "[    1     2]");
}

#[test]
fn integers() {
    check(
        "%d %5d|%-5d|%05d %+d % d",
        &[i(1), i(2), i(3), i(-4), i(5), i(6)],
        "1     2|3    |-0004 +5  6",
    );
    check(
        "%b %o %O %x %X %#x %#o %#b",
        &[5, 8, 8, 255, 255, 255, 8, 5].map(i),
        "101 10 0o10 ff FF 0xff 010 0b101",
    );
    check("%.3d|%6.3d|%06.3d", &[i(7), i(7), i(7)], "007|   007|   007");
    check("%.0d|%3.0d", &[i(0), i(0)], "|   ");
    check(
        "%c %q %U %#U",
        &[i(0x4e16), i(0x4e16), i(0x4e16), i(0x4e16)],
        "世 '世' U+4E16 U+4E16 '世'",
    );
    check("%c %q", &[i(-1), i(10)], "\u{fffd} '\\n'");
    check("%d", &[GoValue::Uint(u64::MAX)], "18446744073709551615");
    check("%d %x", &[i(i64::MIN), i(-255)], "-9223372036854775808 -ff");
    check("%+q", &[i(0xe9)], r"'\u00e9'");
}

#[test]
fn floats() {
    for (number, expect) in [
        (0.0, "0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (100_000.0, "100000"),
        (1_000_000.0, "1e+06"),
        (123_456_789.0, "1.23456789e+08"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1e21, "1e+21"),
        (1e100, "1e+100"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
        (-0.0, "-0"),
    ] {
        check("%v", &[f(number)], expect);
        assert_eq!(to_text(&f(number)), expect);
    }
    check(
        "%f %.2f %8.3f|%-8.1f|%08.3f",
        &[1.0, 2.345, 3.0, 4.0, -5.5].map(f),
        "1.000000 2.35    3.000|4.0     |-005.500",
    );
    check(
        "%e %.2E %g %.3g %G",
        &[1e6, 1234.5, 1e-7, 1234.5, 1e-7].map(f),
        "1.000000e+06 1.23E+03 1e-07 1.23e+03 1E-07",
    );
    check("%+.1f % .1f %+v", &[1.0, 2.0, 3.0].map(f), "+1.0  2.0 3");
    check("%.3g %.10g %g", &[100.0, 100.0, 100.0].map(f), "100 100 100");
    check("%#g %#.3g %#.0f", &[1.0, 2.0, 3.0].map(f), "1.00000 2.00 3.");
    check(
        "%08v|%8v|%+v",
        &[f64::INFINITY, f64::NAN, f64::INFINITY].map(f),
        "    +Inf|     NaN|+Inf",
    );
    check("%05.2f", &[f(1.005)], "01.00");
}

#[test]
fn strings() {
    check(
        "%s|%5s|%-5s|%.2s|%5.1s",
        &["a", "b", "c", "def", "éa"].map(s),
        "a|    b|c    |de|    é",
    );
    check("%05s", &[s("ab")], "000ab");
    check(
        "%q %#q %+q %x %X % x %#x %# x",
        &["é\n", "a", "é", "ab", "ab", "ab", "ab", "ab"].map(s),
        "\"é\\n\" `a` \"\\u00e9\" 6162 6162 61 62 0x6162 0x61 0x62",
    );
    check("%6q|", &[s("a")], "   \"a\"|");
    let invalid = GoValue::Str(b"a\xff".to_vec());
    check("%q %s", &[invalid.clone(), invalid.clone()], "\"a\\xff\" a\u{fffd}");
    assert_eq!(sprintf_bytes(b"%s\xfe", &[invalid]), b"a\xff\xfe");
}

#[test]
fn quoting() {
    assert_eq!(
        quote("\u{7}\u{8}\u{c}\n\r\t\u{b}\\\"'".as_bytes()),
        r#""\a\b\f\n\r\t\v\\\"'""#
    );
    assert_eq!(
        quote("\u{0}\u{7f}\u{a0}\u{200b}\u{1F600}\u{e000}\u{10FFFF}".as_bytes()),
        "\"\\x00\\x7f\\u00a0\\u200b😀\\ue000\\U0010ffff\""
    );
    assert_eq!(quote(b"\xe2\x82"), r#""\xe2\x82""#);
    assert_eq!(quote("\u{fffd}".as_bytes()), "\"\u{fffd}\"");
    assert_eq!(quote_char('\'', false), r"'\''");
}

#[test]
fn sprint_and_sprintln() {
    assert_eq!(sprint(&[i(1), i(2), s("a"), i(3), GoValue::Nil]), "1 2a3 <nil>");
    assert_eq!(sprintln(&[i(1), s("a")]), "1 a\n");
}

#[test]
fn widths_and_precisions_may_be_large() {
    let zeros = |count| "0".repeat(count);
    check("%070000d", &[i(-1)], &format!("-{}1", zeros(69_998)));
    check("%.70000x", &[i(10)], &format!("{}a", zeros(69_999)));
    check("%.70000U", &[i(10)], &format!("U+{}A", zeros(69_999)));
    check("%.70000f", &[f(1.5)], &format!("1.5{}", zeros(69_999)));
    check("%.70000e", &[f(1.5)], &format!("1.5{}e+00", zeros(69_999)));
    check("%.70000g", &[f(1.5)], "1.5");
    check("%.1074f", &[f(5e-324)], &format!("{:.1074}", 5e-324));
}

#[test]
fn results_can_be_bounded() {
    let list = GoValue::List(vec![i(1); 100_000]);
    assert_eq!(sprintf_within(b"%999999d", &[list], 1 << 20), None);
    assert_eq!(sprintf_within("%999999d".repeat(100_000).as_bytes(), &[], 10), None);
    assert_eq!(sprintf_within(b"%3d", &[i(1)], 3), Some(b"  1".to_vec()));
    assert_eq!(sprintf_within(b"%4d", &[i(1)], 3), None);
}
