//! The messages about blocks: the first one alone when decoding, all of them when checking.

use crate::kit::*;
use value::{Block, Body, DecodeError, Item, Place, Poison, Problem, Value, check, decode, decode_named};

fn first<T: Block>(body: &Body) -> String {
    match decode::<T>(body) {
        Ok(_) => "decoded".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn every<T: Block>(body: &Body) -> Vec<String> {
    check(T::schema(), body).iter().map(ToString::to_string).collect()
}

#[test]
fn names_and_numbers_of_fields() {
    let url = || attr("url", text("a"));
    for (item, message) in [
        (attr("nope", Value::Null), r#"unrecognized attribute name "nope""#),
        (block("nope", vec![]), r#"unrecognized block name "nope""#),
        (block("stage.nope", vec![]), r#"unrecognized block name "stage.nope""#),
        (block("stage", vec![]), r#"unrecognized block name "stage""#),
        (
            attr("auth", Value::Null),
            r#""auth" must be a block, but is used as an attribute"#,
        ),
        (
            attr("endpoint", Value::Null),
            r#""endpoint" must be a block, but is used as an attribute"#,
        ),
        (
            attr("stage.drop", Value::Null),
            r#""stage.drop" must be a block, but is used as an attribute"#,
        ),
        (
            block("weight", vec![]),
            r#""weight" must be an attribute, but is used as a block"#,
        ),
        (block("endpoint", vec![]), r#"missing required attribute "url""#),
        (
            block("endpoint", vec![url(), url()]),
            r#"attribute "url" may only be provided once"#,
        ),
        (
            block_with("endpoint", labelled("l", vec![url()])),
            r#"block "endpoint" does not support specifying labels"#,
        ),
        (
            block_with("auth", labelled("l", vec![])),
            r#"block "auth" does not support specifying labels"#,
        ),
        (
            block_with("stage.drop", labelled("l", vec![])),
            r#"block "stage.drop" does not support specifying labels"#,
        ),
        (
            block("queue.rule", vec![]),
            r#"block "queue.rule" requires non-empty label"#,
        ),
        (
            block("queue.limit", vec![]),
            r#"block "queue.limit" requires non-empty label"#,
        ),
        (attr("weight", text("x")), " should be number, got string"),
        (attr("weight", Value::Bool(true)), " should be number, got bool"),
        (
            attr("mode", text("quick")),
            r#" should be one of "fast", "slow", got "quick""#,
        ),
    ] {
        let body = body(vec![attr("id", text("x")), item]);
        assert_eq!(first::<All>(&body), message);
        assert_eq!(every::<All>(&body), [message]);
    }
}

#[test]
fn blocks_that_may_stand_once() {
    let body = body(vec![
        attr("id", text("x")),
        block("auth", vec![]),
        block("auth", vec![]),
        block("fallback", vec![]),
        block("fallback", vec![]),
        attr("id", text("y")),
    ]);
    assert_eq!(first::<All>(&body), r#"block "auth" may only be specified once"#);
    assert_eq!(
        every::<All>(&body),
        [
            r#"block "auth" may only be specified once"#,
            r#"block "fallback" may only be specified once"#,
            r#"attribute "id" may only be provided once"#,
        ]
    );
}

#[test]
fn what_is_missing_comes_last_and_in_the_order_of_the_table() {
    let needs = body(vec![]);
    assert_eq!(first::<Needs>(&needs), r#"missing required attribute "first""#);
    assert_eq!(
        every::<Needs>(&needs),
        [
            r#"missing required attribute "first""#,
            r#"missing required block "second""#,
            r#"missing required block "third""#,
        ]
    );
    let wrong = body(vec![block(
        "second",
        vec![attr("user", Value::Null), attr("users", Value::Null)],
    )]);
    assert_eq!(first::<Needs>(&wrong), r#"unrecognized attribute name "users""#);
}

#[test]
fn the_first_in_the_order_of_the_source_counts() {
    let body = body(vec![
        block("endpoint", vec![attr("url", text("a")), attr("timeout", text("soon"))]),
        attr("nope", Value::Null),
        attr("weight", Value::int(100)),
    ]);
    assert_eq!(first::<All>(&body), r#" time: invalid duration "soon""#);
    assert_eq!(
        every::<All>(&body),
        [
            r#" time: invalid duration "soon""#,
            r#"unrecognized attribute name "nope""#,
            r#"missing required attribute "id""#,
        ]
    );
}

#[test]
fn validation_is_last() {
    let heavy = |more: Vec<Item>| body([vec![attr("weight", Value::int(100))], more].concat());
    let message = "weight should be less than 100, got 100";
    assert_eq!(first::<All>(&heavy(vec![attr("id", Value::Null)])), message);
    assert_eq!(every::<All>(&heavy(vec![attr("id", Value::Null)])), [message]);
    assert_eq!(every::<All>(&heavy(vec![])), [r#"missing required attribute "id""#]);
}

#[test]
fn errors_know_their_place() {
    let place = |body: &Body| decode::<All>(body).unwrap_err().place;
    // Missing in the block that was decoded: no place. In a block inside: that block.
    assert_eq!(place(&body(vec![])), None);
    assert_eq!(place(&body(vec![block("endpoint", vec![])])), Some(Place(2)));
    assert_eq!(
        place(&body(vec![block("endpoint", vec![attr("nope", Value::Null)])])),
        Some(Place(1))
    );
    let both = vec![attr("user", text("u")), attr("token", text("t"))];
    assert_eq!(place(&body(vec![block("auth", both)])), Some(Place(2)));
    // Values inside of an attribute are told by their path.
    let list = Value::array(vec![text("a"), Value::Bool(true)]);
    let error = decode::<Strings>(&body(vec![attr("list", list)])).unwrap_err();
    assert_eq!(error.to_string(), "[1] should be string, got bool");
}

#[derive(Block, Clone, Debug, PartialEq)]
struct Strings {
    #[arg]
    list: Vec<String>,
}

#[test]
fn unknown_names_come_with_the_possible_ones() {
    let candidates = |body: &Body| decode::<Endpoint>(body).unwrap_err().candidates;
    assert_eq!(
        candidates(&body(vec![attr("uri", Value::Null)])),
        ["url", "timeout", "user", "token"]
    );
    let stages = decode::<Match>(&body(vec![block("stage.jsn", vec![])]))
        .unwrap_err()
        .candidates;
    assert_eq!(stages, ["stage.json", "stage.match", "stage.drop"]);
}

#[test]
fn poison_is_an_error() {
    let poisoned = || Item::Attr {
        name: "user".to_owned(),
        value: Err(Poison),
        place: Place(9),
    };
    let expect = DecodeError {
        place: Some(Place(9)),
        problem: Problem::Poison,
        candidates: vec![],
    };
    assert_eq!(decode::<Auth>(&body(vec![poisoned()])), Err(expect.clone()));
    let outer = body(vec![block("auth", vec![poisoned()])]);
    assert_eq!(check(Write::schema(), &outer), [expect]);
}

#[test]
fn labels_of_the_decoded_block() {
    let rule = decode::<Rule>(&labelled("r", vec![])).unwrap();
    assert_eq!(
        rule,
        Rule {
            name: "r".to_owned(),
            weight: 0
        }
    );
    assert_eq!(decode_named::<Rule>("rule", &labelled("r", vec![])), Ok(rule));
    assert_eq!(first::<Rule>(&body(vec![])), "block requires non-empty label");
    let error = decode_named::<Rule>("rule", &body(vec![])).unwrap_err();
    assert_eq!(error.to_string(), r#"block "rule" requires non-empty label"#);
}
