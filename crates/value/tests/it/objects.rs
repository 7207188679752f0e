//! Objects where attributes and exports have the type of a block.

use crate::kit::*;
use value::{Block, Value, ValueError, decode_object, encode_object, to_text};

fn error<T: Block>(value: &Value) -> String {
    match decode_object::<T>(value) {
        Ok(_) => "decoded".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn objects_decode_to_what_they_were_encoded_from() {
    assert_eq!(decode_object(&encode_object(&all())), Ok(all()));
    assert_eq!(decode_object(&encode_object(&All::defaults())), Ok(All::defaults()));
    let write = Write {
        endpoint: vec![],
        auth: None,
        stages: vec![],
    };
    // Validation is part of it.
    assert_eq!(
        error::<Write>(&encode_object(&write)),
        " at least one endpoint, auth and stage is needed"
    );
}

#[test]
fn blocks_are_objects_and_lists_of_them() {
    // Keys are names in the configuration.
    let expect = "{\n\tendpoint = [],\n\tauth     = null,\n\tstage    = [],\n}";
    let write = Write {
        endpoint: vec![],
        auth: None,
        stages: vec![],
    };
    assert_eq!(to_text(&encode_object(&write)), expect);
    let rule = encode_object(&Rule {
        name: "r".to_owned(),
        weight: 2,
    });
    assert_eq!(to_text(&rule), "{\n\tname   = \"r\",\n\tweight = 2,\n}");
    let stages = encode_object(&Match {
        stages: vec![Stage::Json(Json { source: "s".to_owned() }), Stage::Drop(())],
    });
    assert_eq!(
        to_text(&stages),
        "{\n\tstage = [{\n\t\tjson = {\n\t\t\tsource = \"s\",\n\t\t},\n\t}, {\n\t\tdrop = {},\n\t}],\n}"
    );
}

#[test]
fn dots_make_objects_in_objects() {
    let encoded = encode_object(&all()).fields().unwrap();
    let queue = encoded.get("queue").and_then(Value::fields).unwrap();
    assert_eq!(
        queue.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["rule", "limit"]
    );
    let value = object([(
        "queue",
        object([("limit", object([("name", text("l")), ("weight", text("4"))]))]),
    )]);
    let made: All = decode_object(&value).unwrap();
    assert_eq!(
        made.limit,
        Some(Rule {
            name: "l".to_owned(),
            weight: 4
        })
    );
    let wrong = object([("queue", object([("limits", Value::Null)]))]);
    assert_eq!(error::<All>(&wrong), r#".queue does not have field named "limits""#);
    assert_eq!(
        error::<All>(&object([("queue", Value::int(1))])),
        ".queue should be object, got number"
    );
    assert_eq!(decode_object(&object([("queue", Value::Null)])), Ok(All::defaults()));
}

#[test]
fn keys_are_labels() {
    let rules = object([("a", object([("weight", Value::int(1))])), ("b", Value::Null)]);
    let made: All = decode_object(&object([("queue", object([("rule", rules)]))])).unwrap();
    let rule = |name: &str, weight| Rule {
        name: name.to_owned(),
        weight,
    };
    assert_eq!(made.rules, [rule("a", 1), rule("b", 0)]);
}

#[test]
fn what_is_missing_or_null_keeps_its_default() {
    assert_eq!(decode_object(&Value::Null), Ok(All::defaults()));
    assert_eq!(decode_object(&object([])), Ok(All::defaults()));
    let nulls = object([("auth", Value::Null), ("endpoint", Value::Null), ("stage", Value::Null)]);
    assert_eq!(decode_object(&nulls), Ok(All::defaults()));
}

#[test]
fn errors_tell_the_way() {
    for (value, message) in [
        (Value::array(vec![]), " should be object, got array"),
        (object([("nope", Value::Null)]), r#" does not have field named "nope""#),
        (object([("weight", text("x"))]), ".weight should be number, got string"),
        (
            object([("weight", Value::int(100))]),
            " weight should be less than 100, got 100",
        ),
        (object([("auth", Value::int(1))]), ".auth should be object, got number"),
        (
            object([("auth", object([("user", Value::Bool(true))]))]),
            ".auth.user should be string, got bool",
        ),
        (
            object([("endpoint", object([]))]),
            ".endpoint should be array, got object",
        ),
        (
            object([(
                "endpoint",
                Value::array(vec![Value::Null, object([("timeout", text("x"))])]),
            )]),
            r#".endpoint[1].timeout time: invalid duration "x""#,
        ),
        (
            object([(
                "endpoint",
                Value::array(vec![object([("user", text("u")), ("token", text("t"))])]),
            )]),
            ".endpoint[0] only one of user and token is possible",
        ),
        (
            object([("stage", Value::array(vec![object([("jsn", Value::Null)])]))]),
            r#".stage[0] does not have field named "jsn""#,
        ),
        (
            object([(
                "stage",
                Value::array(vec![object([("json", object([("source", Value::array(vec![]))]))])]),
            )]),
            ".stage[0].json.source should be string, got array",
        ),
        (
            object([("stage", Value::array(vec![object([])]))]),
            ".stage[0] should have exactly one field, got 0",
        ),
    ] {
        assert_eq!(error::<All>(&value), message, "{value:?}");
    }
}

#[derive(Block, Clone, Debug, PartialEq)]
struct Holder {
    #[arg(default)]
    auth: Auth,
    #[arg(default)]
    list: Vec<Endpoint>,
}

#[test]
fn attributes_may_have_the_type_of_a_block() {
    let value = object([("url", text("a")), ("user", text("u"))]);
    let body = body(vec![
        attr("list", Value::array(vec![value])),
        attr("auth", object([("token", text("t"))])),
    ]);
    let made: Holder = value::decode(&body).unwrap();
    assert_eq!(made.auth.token, "t");
    assert_eq!((made.list[0].url.as_str(), made.list[0].auth.user.as_str()), ("a", "u"));
    let wrong = vec![attr("auth", object([("token", text("t")), ("user", text("u"))]))];
    let error = value::decode::<Holder>(&crate::kit::body(wrong)).unwrap_err();
    assert_eq!(error.to_string(), " only one of user and token is possible");
    assert_eq!(
        ValueError::no_field("x").to_string(),
        r#" does not have field named "x""#
    );
}
