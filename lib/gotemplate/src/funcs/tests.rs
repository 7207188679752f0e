use crate::{Host, Template};
use std::sync::Arc;

/// 2024-05-06T07:08:09.5Z, one environment variable, and randomness that counts.
fn host() -> Host {
    let count = std::sync::atomic::AtomicU64::new(0);
    Host {
        now: Arc::new(|| 1_714_979_289_500_000_000),
        env: Arc::new(|name| (name == "HOME").then(|| "/root".to_owned())),
        random: Arc::new(move || count.fetch_add(1, std::sync::atomic::Ordering::Relaxed)),
    }
}

fn check(cases: &[(&str, &str)]) {
    for (action, expect) in cases {
        let text = format!("{{{{ {action} }}}}");
        let template = Template::parse_with(&text, host()).unwrap_or_else(|error| panic!("{text}: {error}"));
        let data = [("v", "a value")];
        assert_eq!(template.render(&data[..]).as_deref(), Ok(*expect), "{text}");
    }
}

fn check_fails(actions: &[&str]) {
    for action in actions {
        let text = format!("{{{{ {action} }}}}");
        let template = Template::parse_with(&text, host()).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(template.render::<[(&str, &str)]>(&[]).is_err(), "{text}");
    }
}

#[test]
fn strings_of_loki() {
    check(&[
        (r#"ToLower "AbÇ""#, "abç"),
        (r#"Replace "aaa" "a" "b" 2"#, "bba"),
        (r#"Trim " ,a, " " ,""#, "a"),
        (r#"TrimLeft "xyxabcxy" "xy""#, "abcxy"),
        (r#"TrimRight "xyabcxy" "xy""#, "xyabc"),
        (r#"TrimPrefix "abc" "a""#, "bc"),
        (r#"TrimSpace "\t x \n""#, "x"),
        (r#"regexReplaceAllLiteral "(a)" "bab" "$1""#, "b$1b"),
        (
            r#"Sha2Hash "salt" "11.11.11.11""#,
            "5761b5a0e13fe6ffccd7efeb796519e33fd390ebecc567bcca6ca2442f9c187e",
        ),
    ]);
}

#[test]
fn strings_of_sprig() {
    check(&[
        (r#"abbrev 6 "abcdefgh""#, "abc..."),
        (r#"abbrev 5 "hello world""#, "he..."),
        (r#"abbrevboth 5 10 "1234 5678 9123""#, "...5678..."),
        (r#"trunc 3 "abcdef" | printf "%s %s" (trunc -3 "abcdef")"#, "def abc"),
        (r#"trunc 9 "abc""#, "abc"),
        (r#"title "hello world-wide o'neil x_y""#, "Hello World-Wide O'Neil X_y"),
        (r#"untitle "First Try""#, "first try"),
        (
            r#"substr 1 3 "abcd" | cat (substr -1 2 "abcd") (substr 2 -1 "abcd")"#,
            "ab cd bc",
        ),
        (r#"repeat 3 "ab""#, "ababab"),
        (r#"trimAll "-" "--a--""#, "a"),
        (r#"nospace " a b ""#, "ab"),
        (r#"initials "First Try""#, "FT"),
        (r#"swapcase "This Is A.Test""#, "tHIS iS a.tEST"),
        (r#"wrap 5 "hello world again""#, "hello\nworld\nagain"),
        (r#"wrapWith 3 "|" "abcdefgh""#, "abc|def|gh"),
        (r#"wrap 3 "abcdefgh i""#, "abcdefgh\ni"),
        (r#"quote "a\"b" 1 nil"#, r#""a\"b" "1""#),
        (r#"squote "a" 1"#, "'a' '1'"),
        (r#"indent 2 "a\nb""#, "  a\n  b"),
        (r#"nindent 1 "a""#, "\n a"),
        (r#"plural "one" "many" 1"#, "one"),
        (r#"join "-" (list 1 nil "a")"#, "1-a"),
        (r#"(split "$" "foo$bar")._1"#, "bar"),
        (r#"splitn "$" 2 "a$b$c""#, "map[_0:a _1:b$c]"),
        (r#"splitList "" "aé""#, "[a é]"),
        (
            r#"snakecase "HTTPServer2xx" | cat (snakecase "FirstName") (snakecase "GO_PATH x")"#,
            "first_name go_path_x http_server_2xx",
        ),
        (r#"snakecase "Bld4Floor3rd""#, "bld4_floor_3rd"),
        (r#"snakecase "Duration2m3s""#, "duration_2m3s"),
        (r#"kebabcase "FirstName""#, "first-name"),
        (
            r#"camelcase "http_server" | cat (camelcase "_complex__case_")"#,
            "_Complex_Case_ HttpServer",
        ),
        (r#"adler32sum "a""#, "6422626"),
        (r#"ternary "y" "n" false"#, "n"),
        (r#"coalesce 0 "" nil "x""#, "x"),
        (r#"all 1 "" | cat (any 0 "x")"#, "true false"),
        (
            r#"cat (typeOf 1) (typeOf "x") (typeOf (list)) (kindOf (dict)) (kindOf 1.5) (kindOf nil)"#,
            "int string []interface {} map float64 invalid",
        ),
        (r#"typeIs "string" .v | cat (kindIs "map" .v)"#, "false true"),
        (r#"deepEqual (list 1 2) (list 1 2)"#, "true"),
        (r#"hello"#, "Hello!"),
    ]);
    check_fails(&[
        r#"substr 5 6 "abc""#,
        r#"repeat -1 "a""#,
        "trunc \"3\" \"abc\"",
        "ternary 1 2 3",
        "slice \"abc\" 1",
    ]);
}

#[test]
fn numbers() {
    check(&[
        (r#"add 7 "3" 1.9 true"#, "12"),
        (
            r#"sub 5 3 | cat (mul 2 3 4) (div 7 2) (mod 7 2) (add1 1)"#,
            "24 3 1 2 2",
        ),
        (r#"max 1 5 3 | cat (min 4 2) (maxf 1.5 1) (minf 1.5 1)"#, "2 1.5 1 5"),
        (
            r#"round 3.14159 2 | cat (floor 1.7) (ceil 1.2) (round 2.5 0)"#,
            "1 2 3 3.14",
        ),
        (
            r#"addf 0.1 0.2 | cat (subf 1 0.9) (mulf 1.1 3) (divf 1 8) (add1f 0.5)"#,
            "0.1 3.3 0.125 1.5 0.3",
        ),
        (
            r#"int "0x10" | cat (int "12.00") (int "abc") (int64 "7") (int 1.9)"#,
            "12 0 7 1 16",
        ),
        (
            r#"atoi "12" | cat (atoi "x") (atoi "99999999999999999999")"#,
            "0 9223372036854775807 12",
        ),
        (r#"toDecimal "777""#, "511"),
        (r#"until 3 | cat (untilStep 3 6 2) (until -2)"#, "[3 5] [0 -1] [0 1 2]"),
        (
            r#"seq 5 | cat (seq -3 0) (seq 0 2 6) (seq 2 0)"#,
            "-3 -2 -1 0 0 2 4 6 2 1 0 1 2 3 4 5",
        ),
        (r#"randInt 5 8"#, "5"),
    ]);
    check_fails(&["div 1 0", "mod 1 0", "divf 1 0", "randInt 3 3", "until \"x\""]);
}

#[test]
fn lists() {
    check(&[
        (
            r#"first (list 1 2) | cat (last (list 1 2)) (rest (list 1 2 3)) (initial (list 1 2 3))"#,
            "2 [2 3] [1 2] 1",
        ),
        (
            r#"append (list 1) 2 | cat (prepend (list 1) 2) (concat (list 1) (list 2 3))"#,
            "[2 1] [1 2 3] [1 2]",
        ),
        (
            r#"reverse (list 1 2) | cat (uniq (list 1 1 2)) (without (list 1 2 3) 1 3)"#,
            "[1 2] [2] [2 1]",
        ),
        (
            r#"has 1 (list 1 2) | cat (compact (list 0 1 "" 2)) (slice (list 1 2 3) 1 2)"#,
            "[1 2] [2] true",
        ),
        (r#"chunk 2 (list 1 2 3)"#, "[[1 2] [3]]"),
        (r#"sortAlpha (list "b" "a" 3)"#, "[3 a b]"),
        (r#"first (list)"#, "<no value>"),
    ]);
    check_fails(&["first \"abc\"", "slice (list 1) 2 1", "chunk 0 (list 1)"]);
}

#[test]
fn dicts() {
    check(&[
        (
            r#"get (dict "a" 1) "a" | cat (get (dict) "b") (hasKey (dict "a" 1) "a")"#,
            " true 1",
        ),
        (
            r#"keys (dict "b" 1 "a" 2) | cat (values (dict "b" 1 "a" 2))"#,
            "[2 1] [a b]",
        ),
        (
            r#"pick (dict "a" 1 "b" 2) "a" | cat (omit (dict "a" 1 "b" 2) "a")"#,
            "map[b:2] map[a:1]",
        ),
        (
            r#"merge (dict "a" 1 "c" 0) (dict "a" 2 "b" 3 "c" 4)"#,
            "map[a:1 b:3 c:4]",
        ),
        (
            r#"mergeOverwrite (dict "a" 1 "d" (dict "x" 1)) (dict "a" 2 "d" (dict "y" 2))"#,
            "map[a:2 d:map[x:1 y:2]]",
        ),
        (r#"pluck "a" (dict "a" 1) (dict "b" 2) (dict "a" 3)"#, "[1 3]"),
        (
            r#"dig "a" "b" "none" (dict "a" (dict "b" 1)) | cat (dig "a" "c" "none" (dict "a" (dict "b" 1)))"#,
            "none 1",
        ),
        (r#"set (dict) "a" 1 | cat (unset (dict "a" 1) "a")"#, "map[] map[a:1]"),
    ]);
    check_fails(&["get .v \"a\"", "dig \"a\" \"b\" 0 (dict \"a\" 1)"]);
}

#[test]
fn encodings() {
    check(&[
        (
            r#"b64enc "hi" | cat (b64dec "aGk=") (b64dec "a*b=")"#,
            "hi illegal base64 data at input byte 1 aGk=",
        ),
        (
            r#"b32enc "hello" | cat (b32dec "NBSWY3DP") (b32enc "hi") (b32dec "NBUQ====")"#,
            "hello NBUQ==== hi NBSWY3DP",
        ),
        (r#"b32dec "NB1=""#, "illegal base32 data at input byte 2"),
        (r#"sha1sum "a""#, "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
        (
            r#"toJson (dict "k" "<é>\u2028" "n" 1.0 "l" (list 1 nil true) "e" (list))"#,
            r#"{"e":[],"k":"\u003cé\u003e\u2028","l":[1,null,true],"n":1}"#,
        ),
        (
            r#"toRawJson "<a>" | cat (toJson 1e21) (toJson 1e-7)"#,
            r#"1e+21 1e-7 "<a>""#,
        ),
        (
            r#"toPrettyJson (dict "a" (list 1 2) "b" (dict))"#,
            "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}",
        ),
        (r#"(fromJson "{\"a\":{\"b\":[1,2.5]}}").a.b"#, "[1 2.5]"),
        (r#"fromJson "{""#, "<no value>"),
        (
            r#"(urlParse "http://admin:secret@server.com:8080/api?list=false#anchor").host"#,
            "server.com:8080",
        ),
        (
            r#"urlJoin (urlParse "http://u:p@h:1/a/b?q=1#f")"#,
            "http://u:p@h:1/a/b?q=1#f",
        ),
    ]);
    check_fails(&["mustFromJson \"{\""]);
}

#[test]
fn regular_expressions() {
    check(&[
        (r#"regexMatch "^a+$" "aa" | cat (regexMatch "(" "x")"#, "false true"),
        (
            r#"regexFind "[0-9]+" "ab12cd3" | cat (regexFindAll "[0-9]" "1a2b3" 2) (regexFindAll "[0-9]" "1a2b3" -1)"#,
            "[1 2] [1 2 3] 12",
        ),
        (r#"regexReplaceAll "a(x*)b" "-ab-axxb-" "${1}W""#, "-W-xxW-"),
        (
            r#"regexSplit "z+" "pizza" -1 | cat (regexSplit "" "abc" -1) (regexSplit "z" "azbzc" 2)"#,
            "[a b c] [a bzc] [pi a]",
        ),
        (r#"regexQuoteMeta "a.b""#, r"a\.b"),
        (r#"mustRegexMatch "a" .v"#, "true"),
    ]);
    check_fails(&[
        "regexReplaceAll \"(\" \"a\" \"b\"",
        "mustRegexMatch \"(\" \"a\"",
        "regexFind \"(\" \"a\"",
    ]);
}

#[test]
fn dates() {
    check(&[
        (
            r#"dateInZone "2006-01-02T15:04:05.0Z07:00" now "Europe/Berlin""#,
            "2024-05-06T09:08:09.5+02:00",
        ),
        (r#"dateInZone "2006-01-02 MST" 0 "nowhere""#, "1970-01-01 UTC"),
        (
            r#"now.Unix | cat (unixEpoch now) now.UnixNano"#,
            "1714979289 1714979289500000000 1714979289",
        ),
        (
            r#"unixEpoch (dateModify "-1h" now) | cat (unixEpoch (dateModify "zz" now))"#,
            "1714979289 1714975689",
        ),
        (
            r#"unixEpoch (toDate "2006-01-02 -0700" "2024-05-06 +0000")"#,
            "1714953600",
        ),
        (r#"ago (dateModify "-95s" now)"#, "1m35s"),
        (r#"duration 95 | cat (duration "3600")"#, "1h0m0s 1m35s"),
        (
            r#"durationRound "2h10m5s" | cat (durationRound "2400h10m5s") (durationRound "0s")"#,
            "3mo 0s 2h",
        ),
        (r#"htmlDateInZone 86400 "UTC""#, "1970-01-02"),
        (r#"typeOf now | cat (kindOf now) (empty now)"#, "struct false time.Time"),
    ]);
    check_fails(&[
        "mustToDate \"2006\" \"x\"",
        "dateModify \"1h\" 5",
        "unixEpoch 5",
        "mustDateModify \"zz\" now",
    ]);
}

#[test]
fn system() {
    check(&[
        (
            r#"env "HOME" | cat (env "NOPE" | quote) (expandenv "$HOME/x ${HOME} $NOPE. $")"#,
            r#""" /root/x /root . $ /root"#,
        ),
        (
            r#"base "/a/b.txt" | cat (dir "/a/b.txt") (ext "/a/b.txt") (clean "/a/../b//c/.") (isAbs "a")"#,
            "/a .txt /b/c false b.txt",
        ),
        (r#"clean "" | cat (clean "../a/..") (base "///") (dir "a")"#, ".. / . ."),
        ("uuidv4", "00000000-0000-4000-8000-000000000001"),
        ("randNumeric 12", "012345678901"),
        (
            "len (randAscii 7) | cat (len (randAlpha 3)) (len (randAlphaNum 4))",
            "3 4 7",
        ),
        ("len (shuffle \"hello\")", "5"),
    ]);
    check_fails(&["randAlpha -1"]);
}

#[test]
fn versions() {
    let mut cases = vec![(r#"(semver "v1.2.3-rc.1+b").Prerelease"#.to_owned(), "rc.1")];
    for (constraint, version, expect) in [
        ("1.2.3", "1.2.3", true),
        ("=1.2", "1.2.9", true),
        ("!=1.2.3", "1.2.4", true),
        (">1.2", "1.2.5", false),
        (">=1.2.3, <2", "1.9.0", true),
        (">=1.2.3 <2", "2.0.0", false),
        ("^1.2.3", "1.9.0", true),
        ("^0.2.3", "0.3.0", false),
        ("^0.0.3", "0.0.4", false),
        ("~1.2.3", "1.2.9", true),
        ("~1.2", "1.3.0", false),
        ("~1", "1.9.0", true),
        ("1.x", "1.5.0", true),
        ("*", "3.2.1", true),
        ("1.1 - 2.3.4", "2.3.4", true),
        ("<1 || >=2", "2.1.0", true),
        (">=1.0.0", "1.1.0-beta", false),
        (">=1.1.0-alpha", "1.1.0-beta", true),
        ("^2", "v2.4", true),
    ] {
        let expect = if expect { "true" } else { "false" };
        cases.push((format!("semverCompare \"{constraint}\" \"{version}\""), expect));
    }
    let cases: Vec<(&str, &str)> = cases
        .iter()
        .map(|(action, expect)| (action.as_str(), *expect))
        .collect();
    check(&cases);
    check_fails(&[
        "semver \"x\"",
        "semverCompare \"abc\" \"1.0.0\"",
        "semverCompare \"\" \"1.0.0\"",
    ]);
}
