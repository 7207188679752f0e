//! Evaluation and decoding of blocks, and the diagnostics that come out of it.

use crate::support::scope;
use syntax::{Diagnostic, Source, ast};
use value::{Block, BlockEnum, Choice, GoDuration, Secret};

/// How to do it.
#[derive(Clone, Debug, PartialEq, Choice)]
pub enum Mode {
    /// Quickly.
    #[choice("fast")]
    Fast,
    /// With care.
    #[choice("slow")]
    Slow,
}

/// A test block.
#[derive(Clone, Debug, PartialEq, Block)]
#[block(validate = Settings::validate)]
pub struct Settings {
    /// A count.
    #[arg]
    pub count: i64,
    /// Names.
    #[arg(default)]
    pub names: Vec<String>,
    /// Labels.
    #[arg(default)]
    pub labels: std::collections::BTreeMap<String, String>,
    /// A time.
    #[arg(default = GoDuration::seconds(1))]
    pub timeout: GoDuration,
    /// A secret.
    #[arg(default)]
    pub password: Secret,
    /// A choice.
    #[arg(default = Mode::Fast)]
    pub mode: Mode,
    /// An object.
    #[arg(default)]
    pub rule: Rule,
    /// Objects.
    #[arg(default)]
    pub rules: Vec<Rule>,
    /// A block.
    #[arg(block)]
    pub client: Option<Client>,
    /// Blocks of several names.
    #[arg(enum_block)]
    pub stage: Vec<Stage>,
}

impl Settings {
    fn validate(&self) -> Result<(), String> {
        match self.count {
            13 => Err("count must not be 13".to_owned()),
            _ => Ok(()),
        }
    }
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Block)]
pub struct Rule {
    /// What it is about.
    #[arg]
    pub source: String,
    /// How often.
    #[arg(default)]
    pub times: i64,
    /// For how long.
    #[arg(default)]
    pub lasts: GoDuration,
}

/// A client.
#[derive(Clone, Debug, PartialEq, Block)]
pub struct Client {
    /// Where.
    #[arg]
    pub url: String,
}

/// A stage.
#[derive(Clone, Debug, PartialEq, BlockEnum)]
pub enum Stage {
    /// Drops.
    #[variant("drop")]
    Drop(Client),
}

/// The text of one block `t { ... }` as source and block.
pub fn block(inside: &str) -> (Source, ast::Block) {
    let text = format!("t \"x\" {{\n{inside}\n}}\n");
    let (file, diagnostics) = syntax::parse("f", text.as_bytes());
    assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
    let block = file.body.blocks().next().cloned().expect("a block");
    (file.source, block)
}

fn decode(inside: &str) -> Result<Settings, Diagnostic> {
    let (source, block) = block(inside);
    let evaluated = eval::evaluate_body(&source, &block, &scope());
    value::decode(&evaluated.body).map_err(|error| evaluated.diagnose(&source, &block, &error))
}

fn fails(inside: &str, expect: &str) -> Diagnostic {
    let diagnostic = decode(inside).expect_err(inside);
    assert_eq!(diagnostic.to_string(), expect, "{inside}");
    diagnostic
}

#[test]
fn decodes() {
    let made = decode(
        "count = 1 + u\nnames = l\nlabels = {a = osec, b = 2}\npassword = \"p\" + sec\ntimeout = string.format(\"%dm\", 2)\nmode = \"slow\"
        rule = {source = \"s\", lasts = \"1s\"}\nclient {\nurl = m.a\n}\nstage.drop {\nurl = \"a\"\n}\nstage.drop {\nurl = \"b\"\n}",
    )
    .expect("it fits");
    assert_eq!(made.count, 8);
    assert_eq!(made.names, ["x", "y"]);
    assert_eq!(made.labels["a"], "o");
    assert_eq!(made.password.expose_str(), "ps3");
    assert_eq!(made.timeout, GoDuration::minutes(2));
    assert_eq!((made.mode, made.rule.lasts), (Mode::Slow, GoDuration::seconds(1)));
    assert_eq!(made.client, Some(Client { url: "1".to_owned() }));
    assert_eq!(made.stage.len(), 2);
}

#[test]
fn wrong_values_are_reported_where_they_are_written() {
    fails("count = \"Hello\"", "f:2:9: \"Hello\" should be number, got string");
    fails("count = (([\"x\"]))", "f:2:11: [\"x\"] should be number, got array");
    fails(
        "count = 1\nnames = [\"a\", [1]]",
        "f:3:15: [1] should be string, got array",
    );
    fails(
        "count = 1\nlabels = {a = \"x\", b = true, b = {}}",
        "f:3:34: {} should be string, got object",
    );
    fails(
        "count = 1\nrule = {source = \"s\", lasts = \"abc\"}",
        "f:3:31: \"abc\" time: invalid duration \"abc\"",
    );
    fails(
        "count = 1\nrules = [{}, {nope = 1}]",
        "f:3:14: {nope = 1} does not have field named \"nope\"",
    );
    fails(
        "count = 1\nclient {\nurl = true\n}",
        "f:4:7: true should be string, got bool",
    );
    // What has no syntax of its own is named by its path.
    fails("count = 1\nlabels = {a = l}", "f:3:15: l should be string, got array");
    fails(
        "count = 1\nnames = array.concat(l, [m])",
        "f:3:9: array.concat(l, [m])[2] should be string, got object",
    );
    fails("count = l[0]", "f:2:9: l[0] should be number, got string");
}

#[test]
fn failed_expressions_keep_their_diagnostics() {
    let diagnostic = fails("count = missing.x", "f:2:9: identifier \"missing\" does not exist");
    assert_eq!((diagnostic.end.line, diagnostic.end.column), (2, 15));
    fails(
        "count = 1\nclient {\nurl = sys.env(l)\n}",
        "f:4:15: l should be string, got array",
    );
    let diagnostic = fails("count = 1\nnames = [m.b]", "f:3:12: field \"b\" does not exist");
    assert_eq!(diagnostic.hint, None);
}

#[test]
fn names_and_blocks() {
    let diagnostic = fails("count = 1\nname = []", "f:3:1: unrecognized attribute name \"name\"");
    assert_eq!(diagnostic.hint.as_deref(), Some("did you mean \"names\"?"));
    let diagnostic = fails("count = 1\nclint { }", "f:3:1: unrecognized block name \"clint\"");
    assert_eq!(diagnostic.hint.as_deref(), Some("did you mean \"client\"?"));
    let diagnostic = fails(
        "count = 1\nstage.dorp { }",
        "f:3:1: unrecognized block name \"stage.dorp\"",
    );
    assert_eq!(diagnostic.hint.as_deref(), Some("did you mean \"stage.drop\"?"));
    fails(
        "count = 1\ncount = 2",
        "f:3:1: attribute \"count\" may only be provided once",
    );
    fails("names = []", "f:1:1: missing required attribute \"count\"");
    fails("count = 1\nclient { }", "f:3:1: missing required attribute \"url\"");
    fails(
        "count = 1\nclient \"x\" {\nurl = \"\"\n}",
        "f:3:1: block \"client\" does not support specifying labels",
    );
    let diagnostic = fails("count = 13", "f:1:1: count must not be 13");
    assert_eq!(diagnostic.end.column, 5);
}

#[test]
fn values_are_kept_for_tools_but_not_secrets() {
    let diagnostic = fails("count = m.a + \"x\"", "f:2:9: m.a + \"x\" should be number, got string");
    assert_eq!(diagnostic.value.as_deref(), Some("\"1x\""));
    let diagnostic = fails("count = sec", "f:2:9: sec should be number, got capsule");
    assert_eq!(diagnostic.value.as_deref(), Some("(secret)"));
    let diagnostic = fails(
        "count = 1\nnames = [sec]",
        "f:3:10: sec secrets may not be converted into strings",
    );
    assert!(diagnostic.hint.is_some());
}
