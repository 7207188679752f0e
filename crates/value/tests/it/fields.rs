//! What each kind of field decodes to, and what checks make of it.

use crate::kit::*;
use value::{Block, FieldKind, Item, Place, Value, check, decode, encode};

fn full() -> Vec<Item> {
    vec![
        attr("id", text("x")),
        attr("weight", text("3")),
        attr("mode", text("fast")),
        attr("type", text("k")),
        block("auth", vec![attr("user", text("u"))]),
        block("fallback", vec![attr("token", text("t"))]),
        block("endpoint", vec![attr("url", text("a"))]),
        block("stage.json", vec![attr("source", text("s"))]),
        block("endpoint", vec![attr("url", text("b")), attr("timeout", text("10s"))]),
        block_with("queue.rule", labelled("r", vec![attr("weight", Value::int(1))])),
        block_with("queue.rule", labelled("r", vec![attr("weight", Value::int(2))])),
        block("stage.match", vec![block("stage.drop", vec![])]),
        block_with("queue.limit", labelled("l", vec![attr("weight", Value::int(5))])),
        block("stage.json", vec![attr("source", text("t"))]),
    ]
}

#[test]
fn every_kind_decodes_and_checks() {
    let body = body(full());
    assert_eq!(decode::<All>(&body), Ok(all()));
    assert_eq!(check(All::schema(), &body), []);
}

#[test]
fn what_is_absent_keeps_its_default() {
    let made: All = decode(&body(vec![attr("id", Value::int(7))])).unwrap();
    let expect = All {
        id: "7".to_owned(),
        ..All::defaults()
    };
    assert_eq!(made, expect);
    assert_eq!((made.mode, made.kind, made.auth), (Mode::Slow, None, None));
    assert_eq!(made.other.user, "root");
    assert!(made.endpoint.is_empty() && made.stages.is_empty());
}

#[test]
fn a_block_that_is_there_starts_from_the_defaults_of_its_own_type() {
    let made: All = decode(&body(vec![attr("id", text("")), block("fallback", vec![])])).unwrap();
    assert_eq!(made.other.user, "");
}

#[derive(Block, Clone, Debug, PartialEq)]
struct Preset {
    #[arg(block, many, default = vec![endpoint("preset")])]
    endpoint: Vec<Endpoint>,
    #[arg(flatten, default = Match { stages: vec![Stage::Drop(())] })]
    inner: Match,
}

#[test]
fn the_first_of_many_replaces_the_default_ones() {
    let none: Preset = decode(&body(vec![])).unwrap();
    assert_eq!(none, Preset::defaults());
    let json = |source| block("stage.json", vec![attr("source", text(source))]);
    let two = |url| block("endpoint", vec![attr("url", text(url))]);
    let body = body(vec![
        two("a"),
        block("stage.match", vec![]),
        two("b"),
        json("s"),
        json("t"),
    ]);
    let made: Preset = decode(&body).unwrap();
    assert_eq!(made.endpoint, ["a", "b"].map(endpoint));
    let json = |source: &str| {
        Stage::Json(Json {
            source: source.to_owned(),
        })
    };
    assert_eq!(
        made.inner.stages,
        [Stage::Match(Match { stages: vec![] }), json("s"), json("t")]
    );
}

#[test]
fn blocks_are_encoded_with_defaults_and_labels() {
    let made = all();
    assert_eq!(decode::<All>(&encode(&made)), Ok(made));
    let rule = Rule {
        name: "n".to_owned(),
        weight: 0,
    };
    let body = encode(&rule);
    assert_eq!(body.label, "n");
    assert_eq!(body.items.len(), 1);
    assert_eq!(decode::<Rule>(&body), Ok(rule));
}

#[test]
fn validation_of_flattened_structs_is_called() {
    let both = || {
        vec![
            attr("url", text("a")),
            attr("user", text("u")),
            attr("token", text("t")),
        ]
    };
    let message = "only one of user and token is possible";
    assert_eq!(decode::<Endpoint>(&body(both())).unwrap_err().to_string(), message);
    let errors = check(Write::schema(), &body(vec![block("endpoint", both())]));
    let errors: Vec<_> = errors.iter().map(|error| (error.place, error.to_string())).collect();
    assert_eq!(errors, [(Some(Place(2)), message.to_owned())]);
}

#[test]
fn checks_validate_with_the_nested_blocks() {
    let complete = || {
        vec![
            block("endpoint", vec![attr("url", text("a"))]),
            block("auth", vec![]),
            block("stage.drop", vec![]),
        ]
    };
    assert_eq!(check(Write::schema(), &body(complete())), []);
    for left_out in 0..3 {
        let mut items = complete();
        items.remove(left_out);
        let errors = check(Write::schema(), &body(items));
        assert_eq!(errors.len(), 1, "without item {left_out}: {errors:?}");
        assert_eq!(errors[0].to_string(), "at least one endpoint, auth and stage is needed");
    }
}

#[test]
fn checks_do_not_validate_what_is_not_known() {
    // Both are given, one is not known: nothing can be said about the pair, nor about the block around it.
    let inner = || block("auth", vec![attr("user", text("u")), unknown("token")]);
    assert_eq!(check(Write::schema(), &body(vec![inner()])), []);
    let deeper = block("stage.match", vec![block("stage.json", vec![unknown("source")])]);
    assert_eq!(check(Write::schema(), &body(vec![deeper])), []);
    // What is known is checked all the same.
    let errors = check(All::schema(), &body(vec![inner(), attr("weight", text("many"))]));
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [" should be number, got string", "missing required attribute \"id\""]
    );
}

#[test]
fn deep_nesting_fits_on_a_small_stack() {
    // As deep as the parser allows blocks to nest.
    let mut inner = block("stage.drop", vec![]);
    for _ in 0..200 {
        inner = block("stage.match", vec![inner]);
    }
    let body = body(vec![inner]);
    let run = move || {
        let decoded = decode::<Match>(&body).unwrap();
        assert_eq!(check(Match::schema(), &body), []);
        let object = value::encode_object(&decoded);
        assert_eq!(value::decode_object::<Match>(&object), Ok(decoded));
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap();
    thread.join().unwrap();
}

/// The schema.
///
/// - a list
///   - inside a list
///
///       code
#[derive(Block, Clone, Debug, PartialEq)]
struct Documented {
    ///   Indented,
    /// then not.  
    #[arg(default)]
    r#type: bool,
}

#[test]
fn documentation_keeps_its_indentation() {
    assert_eq!(
        Documented::schema().doc,
        "The schema.\n\n- a list\n  - inside a list\n\n      code"
    );
    let field = &Documented::schema().fields[0];
    assert_eq!((field.name, field.doc), ("type", "  Indented,\nthen not."));
    assert!(matches!(field.kind, FieldKind::Attr { .. }) && !field.required);
}

#[test]
fn only_these_are_required() {
    let required = |schema: &'static value::Schema| -> Vec<_> {
        let fields = schema.fields.iter().filter(|field| field.required);
        fields.map(|field| field.name).collect()
    };
    assert_eq!(required(All::schema()), ["id"]);
    assert_eq!(required(Needs::schema()), ["first", "second", "third"]);
}
