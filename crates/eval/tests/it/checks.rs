//! Checks without evaluation.

use crate::blocks::{Settings, block};
use eval::check_block;
use value::Block;

fn check(inside: &str, expect: &[&str]) {
    let (source, block) = block(inside);
    let found: Vec<String> = check_block(&source, &block, Settings::schema())
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(found, expect, "{inside}");
}

#[test]
fn what_is_not_known_is_not_checked() {
    check("count = foo.bar", &[]);
    check(
        "count = sys.env(\"X\")\nnames = [a.b, \"x\"]\nlabels = {a = b.c}\nrule = {source = x.y}\ntimeout = (\"abc\")",
        &[],
    );
    // Rules about several fields need all of them.
    check("count = 13\nmode = a.b", &[]);
    check("count = 13", &["f:1:1: count must not be 13"]);
}

#[test]
fn literals_are() {
    check("count = \"Hello\"", &["f:2:9: expected number, got string"]);
    check("count = \"5\"\nnames = [1, 2.5]", &[]);
    check("count = 1\nnames = \"a\"", &["f:3:9: expected array, got string"]);
    check(
        "count = 1\nnames = [\"a\", true, a.b, []]",
        &[
            "f:3:15: expected string, got bool",
            "f:3:26: expected string, got array",
        ],
    );
    check(
        "count = 1\nlabels = {a = true, b = {}}",
        &[
            "f:3:15: expected string, got bool",
            "f:3:25: expected string, got object",
        ],
    );
    check(
        "count = 1\ntimeout = \"abc\"",
        &["f:3:11: time: invalid duration \"abc\""],
    );
    check(
        "count = 1\nmode = \"medium\"",
        &["f:3:8: expected one of \"fast\", \"slow\", got \"medium\""],
    );
    check("count = 1\npassword = 1", &["f:3:12: expected capsule, got number"]);
    check("count = null", &[]);
}

#[test]
fn operators_on_literals_are() {
    check("count = -5", &[]);
    check("count = -\"a\"", &["f:2:10: expected number, got string"]);
    check("count = !true", &["f:2:10: expected number, got bool"]);
    check("count = 1 + 2", &[]);
    check("count = 1 + \"a\"", &["f:2:13: expected number, got string"]);
    check("count = 1 / 0", &["f:2:13: divide by zero error"]);
    check("count = \"a\" + \"b\"", &["f:2:9: expected number, got string"]);
    check("count = 1 + 2 + \"a\"", &[]);
}

#[test]
fn objects_have_their_fields() {
    check(
        "count = 1\nrule = {}",
        &["f:3:8: missing required attribute \"source\""],
    );
    check(
        "count = 1\nrules = [{source = a.b, time = 1}, {source = true, lasts = \"x\"}]",
        &[
            "f:3:25: unrecognized attribute name \"time\"",
            "f:3:46: expected string, got bool",
            "f:3:60: time: invalid duration \"x\"",
        ],
    );
}

#[test]
fn everything_is_found_in_order() {
    check(
        "nmaes = []\nclient {\nurl = 1\nurl = 2\nx = 3\n}\nclient { }\nstage.drop { }\nstage.keep { }\nmode = false\nstage = 1",
        &[
            "f:1:1: missing required attribute \"count\"",
            "f:2:1: unrecognized attribute name \"nmaes\"",
            "f:5:1: attribute \"url\" may only be provided once",
            "f:6:1: unrecognized attribute name \"x\"",
            "f:8:1: block \"client\" may only be specified once",
            "f:9:1: missing required attribute \"url\"",
            "f:10:1: unrecognized block name \"stage.keep\"",
            "f:11:8: expected string, got bool",
            "f:12:1: unrecognized attribute name \"stage\"",
        ],
    );
    let (source, block) = block("nmaes = []\ncount = 1");
    let found = check_block(&source, &block, Settings::schema());
    assert_eq!(found[0].hint.as_deref(), Some("did you mean \"names\"?"));
}
