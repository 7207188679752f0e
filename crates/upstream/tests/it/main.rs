//! Blocks of Alloy checked by what is known of them.

mod configs;

use syntax::ast::Stmt;

/// Checks the blocks of a configuration; each finding with the text that it underlines.
fn check(text: &str, expect: &[(&str, &str)]) {
    let (parsed, problems) = syntax::parse("f", text.as_bytes());
    assert!(problems.is_empty(), "{problems:?}");
    let mut found = Vec::new();
    for stmt in &parsed.body.stmts {
        let Stmt::Block(block) = stmt else { panic!("{text}") };
        let shape = upstream::arguments(&block.full_name());
        for diagnostic in eval::check_block(&parsed.source, block, &shape) {
            let underlined = text[diagnostic.start.offset as usize..=diagnostic.end.offset as usize].to_owned();
            let hint = diagnostic.hint.as_ref().map(|hint| format!(" ({hint})"));
            found.push((format!("{diagnostic}{}", hint.unwrap_or_default()), underlined));
        }
    }
    let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(found, expect, "{text}");
}

#[test]
fn what_fits_is_not_blamed() {
    check(
        r#"
prometheus.scrape "a" {
  targets         = [{"__address__" = "localhost:1"}]
  forward_to      = [prometheus.remote_write.w.receiver]
  scrape_interval = "10s"
  clustering { enabled = true }
}
otelcol.receiver.otlp "a" {
  grpc { }
  output { logs = [otelcol.exporter.otlp.o.input] }
}
prometheus.exporter.snmp "a" {
  config = "x"
  target "one" { address = "h" }
  target "two" { address = "h" }
}
otelcol.auth.oauth2 "a" {
  client_id     = "a"
  client_secret = "b"
  token_url     = "c"
  claims        = {any = [1, true]}
}"#,
        &[],
    );
}

#[test]
fn names_are_checked() {
    check(
        "remote.http \"a\" {}",
        &[("f:1:1: missing required attribute \"url\"", "remote.http \"a\" {}")],
    );
    check(
        "import.http \"a\" {\n\ttest = \"test\"\n}",
        &[
            (
                "f:1:1: missing required attribute \"url\"",
                "import.http \"a\" {\n\ttest = \"test\"\n}",
            ),
            ("f:2:2: unrecognized attribute name \"test\"", "test = \"test\""),
        ],
    );
    check(
        "remote.http \"a\" {\n\turl = \"u\"\n\tpol_frequency = \"1s\"\n\tclent { }\n\turl = \"v\"\n}",
        &[
            (
                "f:3:2: unrecognized attribute name \"pol_frequency\" (did you mean \"poll_frequency\"?)",
                "pol_frequency = \"1s\"",
            ),
            (
                "f:4:2: unrecognized block name \"clent\" (did you mean \"client\"?)",
                "clent",
            ),
            ("f:5:2: attribute \"url\" may only be provided once", "url = \"v\""),
        ],
    );
    check(
        "remote.http \"a\" {\n\turl { }\n\tclient = 1\n}",
        &[
            ("f:2:2: \"url\" must be an attribute, but is used as a block", "url"),
            (
                "f:3:2: \"client\" must be a block, but is used as an attribute",
                "client = 1",
            ),
        ],
    );
    check(
        "otelcol.receiver.otlp \"a\" {\n\tgrpc { }\n\tgrpc { }\n\thttp \"x\" { }\n}",
        &[
            (
                "f:1:1: missing required block \"output\"",
                "otelcol.receiver.otlp \"a\" {\n\tgrpc { }\n\tgrpc { }\n\thttp \"x\" { }\n}",
            ),
            ("f:3:2: block \"grpc\" may only be specified once", "grpc"),
            ("f:4:2: block \"http\" does not support specifying labels", "http \"x\""),
        ],
    );
    check(
        "prometheus.exporter.snmp \"a\" {\n\ttarget { address = \"h\" }\n}",
        &[("f:2:2: block \"target\" requires non-empty label", "target")],
    );
}

#[test]
fn literals_are_checked() {
    check(
        "prometheus.scrape \"a\" {\n\tforward_to = \"wrong\"\n\ttargets = [10]\n\tscrape_interval = \"soon\"\n\tsample_limit = true\n}",
        &[
            ("f:2:15: expected array, got string", "\"wrong\""),
            ("f:3:13: expected object, got number", "10"),
            ("f:4:20: time: invalid duration \"soon\"", "\"soon\""),
            ("f:5:17: expected number, got bool", "true"),
        ],
    );
    check(
        "loki.source.kafka \"a\" {\n\tbrokers = [1, true]\n\ttopics = []\n\tforward_to = [\"x\", null, {}]\n}",
        &[
            ("f:2:16: expected string, got bool", "true"),
            ("f:4:16: expected capsule, got string", "\"x\""),
            ("f:4:27: expected capsule, got object", "{}"),
        ],
    );
    check(
        "remote.http \"a\" {\n\turl = \"u\"\n\tclient {\n\t\tbasic_auth {\n\t\t\tpassword = 1\n\t\t}\n\t}\n}",
        &[("f:5:15: expected capsule, got number", "1")],
    );
}

#[test]
fn what_only_the_documentation_has_is_not_accepted() {
    let shape = upstream::arguments("otelcol.exporter.prometheus");
    assert!(shape.block("debug_metrics").is_none());
    // Of this one nothing is left in the reference.
    check("otelcol.receiver.opencensus \"a\" { endpoint = \"x\" }", &[]);
}

#[test]
fn bodies_of_the_language_hold_anything() {
    check("declare \"a\" {\n\targument \"x\" { }\n\tloki.echo \"e\" { }\n}", &[]);
    check(
        "foreach \"a\" {\n\tcollection = 1\n\tvar = \"x\"\n\ttemplate { loki.echo \"e\" { } }\n}",
        &[("f:2:15: expected array, got number", "1")],
    );
}
