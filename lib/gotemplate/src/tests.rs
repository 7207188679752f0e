use super::*;

fn fields(text: &str) -> Option<Vec<String>> {
    Template::parse(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .referenced_fields()
}

fn render(text: &str, data: &[(&str, &str)]) -> Result<String, Error> {
    Template::parse(text)?.render(data)
}

#[test]
fn fields_that_are_used() {
    let some = |names: &[&str]| Some(names.iter().map(|name| name.to_string()).collect::<Vec<_>>());
    for (text, expect) in [
        ("plain", some(&[])),
        ("{{ .a }}-{{.b}}", some(&["a", "b"])),
        ("{{ .a.b | ToUpper }}", some(&["a"])),
        ("{{ $.a }}", some(&["a"])),
        (
            "{{ with .a }}{{ . }}{{ .x }}{{ $.b }}{{ else }}{{ .c }}{{ end }}",
            some(&["a", "b", "c"]),
        ),
        ("{{ range $i, $e := list .a 1 }}{{ $e }}{{ . }}{{ end }}", some(&["a"])),
        ("{{ if eq .a \"x\" }}{{ .b }}{{ end }}", some(&["a", "b"])),
        ("{{ index . \"a-b\" }}{{ get $ \"c\" }}", some(&["a-b", "c"])),
        ("{{ (.a | ToUpper) | printf \"%s%s\" .b }}", some(&["a", "b"])),
        (
            "{{ define \"t\" }}{{ . }}{{ .x }}{{ end }}{{ template \"t\" .a }}",
            some(&["a"]),
        ),
        ("{{ . }}", None),
        ("{{ $x := . }}{{ $x.a }}", None),
        ("{{ range $k, $v := . }}{{ $k }}{{ end }}", None),
        ("{{ define \"t\" }}{{ .x }}{{ end }}{{ template \"t\" . }}", None),
        ("{{ toJson $ }}", None),
        ("{{ index . .a }}", None),
    ] {
        assert_eq!(fields(text), expect, "{text}");
    }
}

#[test]
fn missing_fields_and_errors() {
    assert_eq!(render("[{{ .a }}]", &[]).unwrap(), "[<no value>]");
    assert_eq!(render("[{{ .a | print }}]", &[]).unwrap(), "[<nil>]");
    assert_eq!(render("{{ .a | default \"d\" }}", &[]).unwrap(), "d");
    let error = render("{{ .a | ToUpper }}", &[]).unwrap_err().to_string();
    assert_eq!(error, "error calling ToUpper: invalid value; expected string");
    let error = render("{{ ToUpper 5 }}", &[]).unwrap_err().to_string();
    assert_eq!(
        error,
        "error calling ToUpper: wrong type for value; expected string; got int"
    );
    let error = render("{{ ToUpper }}", &[]).unwrap_err().to_string();
    assert_eq!(error, "wrong number of args for ToUpper: want 1 got 0");
    assert_eq!(
        render("{{ fail .a }}", &[("a", "why")]).unwrap_err().to_string(),
        "error calling fail: why"
    );
}

#[test]
fn templates_that_are_refused() {
    for (text, expect) in [
        ("{{ .a", "unclosed action"),
        ("{{ nope .a }}", "template: function \"nope\" not defined"),
        (
            "{{ if .a }}{{ nope }}{{ end }}",
            "template: function \"nope\" not defined",
        ),
        (
            "{{ genCA \"x\" 1 }}",
            "template: function \"genCA\" is not available in log pipelines",
        ),
        ("{{ template \"x\" }}", "template: no template \"x\" is defined"),
        ("a{{ end }}b", "unexpected {{end}} or {{else}}"),
        ("a{{ else }}b", "unexpected {{end}} or {{else}}"),
        ("{{ if .a }}x{{ end }}{{ end -}}", "unexpected {{end}} or {{else}}"),
        ("{{ if .a }}x", "unexpected"),
        ("{{/* x", "unclosed comment"),
    ] {
        let error = Template::parse(text).unwrap_err().to_string();
        assert!(error.contains(expect), "{text}: {error}");
    }
}

#[test]
fn values_print_as_in_go() {
    for (text, expect) in [
        ("{{ 1000000.0 }} {{ 1.5 }} {{ 1e-7 }}", "1e+06 1.5 1e-07"),
        ("{{ float64 \"1700000000\" }}", "1.7e+09"),
        (
            "{{ list 1 nil \"a\" }} {{ dict \"b\" 2 \"a\" 1.0 }}",
            "[1 <nil> a] map[a:1 b:2]",
        ),
        (
            "{{ printf \"%05.1f|%q|%v|%d\" 1.25 \"x\" true \"y\" }}",
            "001.2|\"x\"|true|%!d(string=y)",
        ),
        ("{{ print 1 2 \"a\" 3 }}{{ println 1 \"b\" }}", "1 2a31 b\n"),
        ("{{ 'a' }} {{ 0x10 }} {{ true }}", "97 16 true"),
        ("{{ $x := 1000000.0 }}{{ $x }}", "1e+06"),
        (
            "{{ html \"<a>\" }} {{ js \"'\" }} {{ urlquery \"a b\" }}",
            "&lt;a&gt; \\' a+b",
        ),
        ("{{ len \"é\" }} {{ index (list 1 2) 1 }} {{ not true }}", "2 2 false"),
        ("{{ and 1 0 }} {{ or 0 \"x\" }}", "0 x"),
        ("a {{- /* c */ -}} b", "ab"),
        (
            "{{ define \"t\" }}[{{ . }}]{{ end }}{{ template \"t\" }}{{ template \"t\" 1 }}",
            "[<no value>][1]",
        ),
    ] {
        assert_eq!(render(text, &[]).as_deref(), Ok(expect), "{text}");
    }
}

#[test]
fn set_and_unset_change_the_variable() {
    let text = "{{ $d := dict \"a\" 1 }}{{ $_ := set $d \"b\" 2 }}{{ $d }}{{ set $d \"c\" 3 }}{{ $_ = unset $d \"a\" }}{{ $d }}";
    assert_eq!(render(text, &[]).unwrap(), "map[a:1 b:2]map[a:1 b:2 c:3]map[b:2 c:3]");
    let text = "{{ $d := dict }}{{ range list \"a\" \"b\" }}{{ $_ := set $d . true }}{{ end }}{{ keys $d }}";
    assert_eq!(render(text, &[]).unwrap(), "[a b]");
}

#[test]
fn plain_templates_keep_every_byte() {
    let template = Template::parse("<{{ .a }}>").unwrap();
    let data = [("a", &b"\xff"[..])];
    let mut out = b"kept ".to_vec();
    template.render_into(&data[..], &mut out).unwrap();
    assert_eq!(out, b"kept <\xff>");
    assert_eq!(
        Template::parse("{{ .a | ToUpper }}")
            .unwrap()
            .render(&data[..])
            .unwrap(),
        "\u{fffd}"
    );
}

#[test]
fn the_whole_map() {
    let data: BTreeMap<String, String> = [("b", "2"), ("a", "1")].map(|(k, v)| (k.into(), v.into())).into();
    let template = Template::parse("{{ range $k, $v := . }}{{ $k }}={{ $v }};{{ end }}").unwrap();
    assert_eq!(template.render(&data).unwrap(), "a=1;b=2;");
    let data: HashMap<String, String> = data.into_iter().collect();
    assert_eq!(template.render(&data).unwrap(), "a=1;b=2;");
    assert_eq!(template.render(&[("a", "1"), ("a", "2")][..]).unwrap(), "a=1;");
}

#[test]
fn templates_that_would_never_end() {
    assert!(render("{{ range 100000000000 }}{{ end }}", &[]).is_err());
    assert!(
        render(
            "{{ define \"t\" }}{{ template \"t\" }}{{ end }}{{ template \"t\" }}",
            &[]
        )
        .is_err()
    );
    assert!(render("{{ repeat 1000000000 \"abc\" }}", &[]).is_err());
    assert!(render("{{ until 1000000000 }}", &[]).is_err());
    assert!(render("{{ indent 1000000000 \"abc\" }}", &[]).is_err());
}
