//! The library beyond the vectors, secrets in it, hints, and the depth of expressions.

use crate::support::{eval_text, parse, scope, stdlib};
use value::{Block, Object, Value};

fn check(expr: &str, expect: &str) {
    let got = eval_text(expr).unwrap_or_else(|error| error);
    assert_eq!(got, expect, "{expr}");
}

#[test]
fn constants_and_environment() {
    check(
        "constants.hostname + constants.os + constants.arch + constants.version",
        r#""boxlinuxamd64v1.2.3""#,
    );
    check(r#"sys.env("HOME") + env("HOME") + env("NOPE")"#, r#""/root/root""#);
}

#[test]
fn aliases_are_the_functions() {
    check(r#"concat([1], split("a,b", ","))"#, r#"[1, "a", "b"]"#);
    check(
        r#"trim_prefix(trim_suffix(trim(trim_space(" xaby "), "x"), "y"), "a")"#,
        r#""b""#,
    );
    check(
        r#"format("%s-%05.1f", to_lower(to_upper(replace("aa", "a", "b"))), 1.25)"#,
        r#""bb-001.2""#,
    );
    check(r#"json_decode("[1]")[0] + yaml_decode("a: 2").a"#, "3");
    check(r#"join([base64_decode("aGk="), nonsensitive(sec)], " ")"#, r#""hi s3""#);
}

#[test]
fn yaml_scalars() {
    let yaml = |text: &str, expect: &str| {
        let quoted = value::to_text(&Value::string(text));
        check(&format!("encoding.from_yaml({quoted})"), expect);
    };
    yaml(
        "[1, -2, 1.5, yes, on, 'true', true, ~, null, 0755, 0o17, 0x1f, 1e3]",
        r#"[1, -2, 1.5, "yes", "on", "true", true, null, null, 493, 15, 31, 1000]"#,
    );
    yaml("18446744073709551615", "18446744073709551615");
    yaml(
        "a: 1\nb:\n  - x: y\n",
        "{\n\ta = 1,\n\tb = [{\n\t\tx = \"y\",\n\t}],\n}",
    );
    yaml(
        "base: &b {a: 1}\nc: {<<: *b, d: 2}\n",
        "{\n\tbase = {\n\t\ta = 1,\n\t},\n\tc = {\n\t\ta = 1,\n\t\td = 2,\n\t},\n}",
    );
    yaml("1: a\ntrue: b", "{\n\t\"1\"    = \"a\",\n\t\"true\" = \"b\",\n}");
    yaml("", "null");
    yaml("|\n  a\n  b\n", r#""a\nb\n""#);
    yaml(
        "[.inf, -.inf, 2020-01-02, 1_000, '1', !!str 1, !!int '2', 0b11, +5, 1., .5]",
        r#"[+Inf, -Inf, "2020-01-02", 1000, "1", "1", 2, 3, 5, 1, 0.5]"#,
    );
    yaml("a: 1\n---\nb: 2\n", "{\n\ta = 1,\n}");
    yaml("# nothing\n", "null");
}

#[test]
fn malformed_texts_are_errors_at_the_function() {
    let starts = |expr: &str, expect: &str| {
        let error = eval_text(expr).expect_err(expr);
        assert!(error.starts_with(expect), "{expr}: {error}");
        assert!(!error.contains('\n'), "{expr}: {error}");
    };
    starts(
        r#"encoding.from_json("[1,]")"#,
        "1:1: encoding.from_json is given invalid JSON: ",
    );
    starts(
        r#"encoding.from_yaml("a: [1")"#,
        "1:1: encoding.from_yaml is given invalid YAML: ",
    );
    starts(
        r#"encoding.from_yaml("a: 1\na: 2")"#,
        "1:1: encoding.from_yaml is given invalid YAML: ",
    );
    starts(
        r#"encoding.from_yaml("[1]: 2")"#,
        "1:1: encoding.from_yaml is given invalid YAML: ",
    );
    starts(r#"json_path("{", "a")"#, "1:11: \"{\" unexpected end of JSON input");
    starts(r#"json_path("{}", "a[")"#, "1:17: \"a[\" is not a valid JSONPath: ");
    starts("1e999", "1:1: 1e999 is out of range");
    let deep = "[".repeat(100_000);
    starts(
        &format!("encoding.from_json(\"{deep}\")"),
        "1:1: encoding.from_json is given invalid JSON: ",
    );
    starts(
        &format!("encoding.from_yaml(\"{deep}\")"),
        "1:1: encoding.from_yaml is given invalid YAML: ",
    );
}

#[test]
fn json_paths_keep_whole_numbers() {
    check(
        r#"json_path("{\"a\": [{\"b\": 1}, {\"b\": 2.5}]}", "$.a[*].b")"#,
        "[1, 2.5]",
    );
    check(r#"json_path("{\"foo\": \"bar\"}", ".foo")"#, r#"["bar"]"#);
    check(r#"json_path("{}", "$.foo")"#, "[]");
}

#[test]
fn secrets_stay_secret() {
    for expr in [
        r#"encoding.to_json({a = {b = [sec]}})"#,
        r#"string.format("%s", sec)"#,
        r#"string.format("%v", {a = [osect]})"#,
        r#""x" + sec"#,
    ] {
        check(expr, "(secret)");
        check(&format!("convert.nonsensitive({expr}) == \"\""), "false");
    }
    check(
        r#"convert.nonsensitive(encoding.to_json({a = sec, b = osect}))"#,
        r#""{\"a\":\"s3\",\"b\":\"ot\"}""#,
    );
    check(r#"convert.nonsensitive(string.format("<%s>", sec))"#, r#""<s3>""#);
    // What is no secret taints nothing.
    check(r#"encoding.to_json({a = osec})"#, r#""{\"a\":\"o\"}""#);
    check(r#"string.format("%s", osec)"#, r#""o""#);
    for (expr, at) in [
        (r#"string.to_upper(sec)"#, "1:17: sec"),
        (r#"string.join(["a", sec], "")"#, "1:19: sec"),
        (r#"encoding.to_base64(osect)"#, "1:20: osect"),
        (r#"encoding.url_encode(sec + "x")"#, "1:21: sec + \"x\""),
    ] {
        check(expr, &format!("{at} secrets may not be converted into strings"));
    }
    let (source, expr) = parse("string.to_upper(sec)");
    let diagnostic = eval::evaluate_expr(&source, &expr, &scope()).expect_err("a secret");
    assert_eq!(diagnostic.value.as_deref(), Some("(secret)"));
    assert!(
        diagnostic
            .hint
            .is_some_and(|hint| hint.contains("convert.nonsensitive"))
    );
}

#[test]
fn plain_json_hides_secrets() {
    let json = |expr: &str| {
        let (source, expr) = parse(expr);
        let value = eval::evaluate_expr(&source, &expr, &scope()).expect("it evaluates");
        eval::to_plain_json(&value).map_err(|error| error.to_string())
    };
    assert_eq!(
        json(r#"[1, 2.5, {"b" = true, "a" = null}]"#).as_deref(),
        Ok(r#"[1,2.5,{"a":null,"b":true}]"#)
    );
    assert_eq!(
        json(r#"[sec, osec, osect, "a\"\xff\n"]"#).as_deref(),
        Ok(r#"["(secret)","o","(secret)","a\"�\n"]"#)
    );
    assert_eq!(json(r#"encoding.from_base64("aGk=")"#).as_deref(), Ok("[104,105]"));
    assert_eq!(json("sys.env"), Err("functions have no JSON form".to_owned()));
    assert_eq!(
        json("2.0^5000"),
        Err("infinite numbers and NaN have no JSON form".to_owned())
    );
}

#[test]
fn names_that_were_meant_are_hinted_at() {
    let hint = |expr: &str| {
        let (source, expr) = parse(expr);
        eval::evaluate_expr(&source, &expr, &scope())
            .expect_err("a wrong name")
            .hint
    };
    assert_eq!(
        hint("encodin.to_json({})").as_deref(),
        Some("did you mean \"encoding\"?")
    );
    assert_eq!(
        hint("encoding.tojson({})").as_deref(),
        Some("did you mean \"to_json\"?")
    );
    assert_eq!(hint("constants.hostnam").as_deref(), Some("did you mean \"hostname\"?"));
    assert_eq!(hint("nothing_like_it_exists"), None);
}

#[test]
fn experimental_functions_can_be_forbidden() {
    let (source, expr) = parse(r#"array.group_by([], "k", false)"#);
    let run = |allowed: bool| {
        let scope = eval::Scope::new(Object::new(), &stdlib().with_experimental(allowed));
        eval::evaluate_expr(&source, &expr, &scope).map_err(|diagnostic| diagnostic.to_string())
    };
    assert_eq!(run(true), Ok(Value::array(Vec::new())));
    let error = run(false).expect_err("it is experimental");
    assert!(
        error.contains("array.group_by is at stability level \"experimental\""),
        "{error}"
    );
    // Others in the namespace stay.
    let (source, expr) = parse("array.concat([1])");
    let scope = eval::Scope::new(Object::new(), &stdlib().with_experimental(false));
    assert_eq!(
        eval::evaluate_expr(&source, &expr, &scope),
        Ok(Value::array(vec![Value::int(1)]))
    );
}

#[test]
fn variables_come_before_the_library() {
    let variables = Object::from_iter([("string", Value::int(1))]);
    let (source, expr) = parse("string + 1");
    let scope = eval::Scope::new(variables, &stdlib());
    assert_eq!(eval::evaluate_expr(&source, &expr, &scope), Ok(Value::int(2)));
}

/// The highest trees that parse, on the smallest stack of a thread that Rust makes by default.
#[test]
fn high_trees_need_little_stack() {
    let run = || {
        let depth = syntax::MAX_NESTING as usize - 10;
        let height = syntax::MAX_HEIGHT as usize - 10;
        let nested = |open: &str, middle: &str, close: &str| {
            let text = format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
            let (source, expr) = parse(&text);
            let scope = scope();
            let result = eval::evaluate_expr(&source, &expr, &scope);
            let text = result.as_ref().map(value::to_text);
            assert!(text.is_ok_and(|text| !text.is_empty()), "{result:?}");
        };
        nested("[", "1", "]");
        nested("{a = ", "1", "}");
        nested("(1 + ", "1", ")");
        nested("[0][0*", "1", "]");
        nested("coalesce(", "1", ")");
        nested("-", "1", "");
        check(&format!("1{}", "+1".repeat(height)), &(height + 1).to_string());
        check(&format!("1{}", "^1".repeat(depth)), "1");
        // An error quotes the whole of it.
        let error = eval_text(&format!("(1{}) + \"a\"", "+1".repeat(height))).expect_err("a sum");
        assert!(error.ends_with("\"a\" should be number, got string"), "{error}");
        let error = eval_text(&format!("!(1{})", "+1".repeat(height))).expect_err("a number");
        assert!(error.ends_with("1 + 1 should be bool, got number"), "{error}");
        let error = eval_text(&format!("!({}1{})", "[".repeat(depth), "]".repeat(depth))).expect_err("a list");
        assert!(error.ends_with("]] should be bool, got array"), "{error}");
        // Walks over blocks.
        let lists = format!("{}true{}", "[".repeat(depth), "]".repeat(depth));
        let (source, block) = crate::blocks::block(&format!("count = 1{}\nnames = {lists}", "+a.b".repeat(height)));
        assert_eq!(eval::references(&block.body).len(), height);
        let found = eval::check_block(&source, &block, crate::blocks::Settings::schema());
        assert_eq!(found[0].to_string(), "f:3:10: expected string, got array");
        assert_eq!(eval::evaluate_body(&source, &block, &scope()).body.items.len(), 2);
    };
    let thread = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(run)
        .expect("a thread");
    thread.join().expect("no overflow");
}

#[test]
fn calls_do_not_ask_for_all_memory() {
    let fails = |text: String, message: &str| {
        let error = eval_text(&text).expect_err("the result is too long");
        assert!(error.contains(message), "{error}");
    };
    let (long, many) = (
        "makes a string longer than 16 MiB",
        "makes a list of more than 1048576 elements",
    );
    let wide = "string.format(\"%99999d\", 1)";
    fails(format!("string.replace({wide}, \"\", {wide})"), long);
    fails(format!("string.join(string.split({wide}, \"\"), {wide})"), long);
    let (verbs, args) = ("%999999d".repeat(70), ", 1".repeat(70));
    fails(format!("string.format(\"{verbs}\"{args})"), long);
    fails(
        "string.split(string.format(\"%999999d%99999d\", 1, 1), \"\")".to_owned(),
        many,
    );
    let (open, close) = ("[".repeat(60), "]".repeat(60));
    fails(format!("json_path(\"{open}1{close}\", \"$..*..*..*..*..*..*\")"), many);
    let list = format!("[{}]", "{a = 1},".repeat(100));
    let product = format!("array.combine_maps({list}, {list}, [\"a\"])");
    fails(
        format!("array.combine_maps({product}, {list} , [\"a\"])")
            .replace(&list, &format!("array.concat({list}, {list})")),
        many,
    );
    let pairs = format!("array.combine_maps([{0}], [{0}], [\"b\"])", "{a = 1},".repeat(10_001));
    fails(pairs, "would compare 10001 by 10001 objects");
}

#[test]
fn wide_numbers_are_formatted() {
    let check = |text: &str| {
        let value = eval_text(text).expect("a value");
        assert_eq!(value.len(), 70_002, "{text}");
    };
    check("string.format(\"%070000d\", 1)");
    check("string.format(\"%.70000x\", 1)");
    check("string.format(\"%.69998f\", 1.5)");
}
