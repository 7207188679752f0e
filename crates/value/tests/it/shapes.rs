//! What a schema takes, as data.

use value::shape::{self, Shape};
use value::{Block, BlockEnum, Body, Item, Place, Type, Value};

/// Outer.
#[derive(Block, Clone, PartialEq)]
struct Outer {
    /// How many.
    #[arg]
    count: u32,
    #[arg(default = "a".to_owned())]
    name: String,
    #[arg(default)]
    nothing: Option<String>,
    #[arg(flatten)]
    more: More,
    #[arg(block, many)]
    rule: Vec<Rule>,
    #[arg(block)]
    queue: Rule,
    #[arg(enum_block, name = "stage")]
    stages: Vec<Stage>,
}

#[derive(Block, Clone, PartialEq)]
struct More {
    #[arg(default = true)]
    enabled: bool,
}

#[derive(Block, Clone, PartialEq)]
struct Rule {
    #[arg(label)]
    id: String,
    #[arg(default)]
    source: String,
}

/// Selects.
#[derive(Block, Clone, PartialEq)]
struct Match {
    #[arg]
    selector: String,
    #[arg(enum_block, name = "stage")]
    stages: Vec<Stage>,
}

#[derive(BlockEnum, Clone, PartialEq)]
enum Stage {
    #[variant("match")]
    Match(Match),
    #[variant("rule")]
    Rule(Rule),
}

#[test]
fn a_shape_says_what_a_schema_does() {
    let shape = Shape::of(Outer::schema());
    assert_eq!((shape.name.as_ref(), shape.doc.as_ref()), ("Outer", "Outer."));
    let names: Vec<&str> = shape.names().collect();
    assert_eq!(
        names,
        [
            "count",
            "name",
            "nothing",
            "enabled",
            "rule",
            "queue",
            "stage.match",
            "stage.rule"
        ]
    );
    let count = shape.attribute("count").unwrap();
    assert!(count.required && count.default.is_none() && matches!(count.ty, Type::Number));
    assert_eq!(count.doc, "How many.");
    assert_eq!(shape.attribute("name").unwrap().default, Some(Value::string("a")));
    assert_eq!(shape.attribute("nothing").unwrap().default, None);
    assert_eq!(shape.attribute("enabled").unwrap().default, Some(Value::Bool(true)));
    let rule = shape.block("rule").unwrap();
    assert!(rule.repeated && rule.labelled && !rule.required);
    assert_eq!(rule.shape().label.as_deref(), Some("id"));
    let queue = shape.block("queue").unwrap();
    assert!(!queue.repeated && queue.required);
}

#[test]
fn what_holds_itself_has_no_end() {
    let mut shape = &Shape::of(Outer::schema());
    for _ in 0..50 {
        let block = shape.block("stage.match").unwrap();
        assert!(block.recursive && block.repeated);
        assert_eq!(block.variant_of.as_deref(), Some("stage"));
        assert_eq!(block.doc, "Selects.");
        shape = block.shape();
        assert!(!shape.block("stage.rule").unwrap().recursive);
    }
}

/// Names, labels and numbers are judged as decoding judges them.
#[test]
fn shape_and_schema_agree() {
    let place = |n| Place(n);
    let attribute = |name: &str, n| Item::Attr {
        name: name.to_owned(),
        value: Ok(None),
        place: place(n),
    };
    let block = |name: &str, label: &str, items: Vec<Item>, n| Item::Block {
        name: name.to_owned(),
        body: Body {
            label: label.to_owned(),
            items,
        },
        place: place(n),
    };
    let bodies = [
        vec![],
        vec![attribute("count", 1), block("queue", "a", vec![], 2)],
        vec![
            attribute("count", 1),
            attribute("count", 2),
            attribute("cuont", 3),
            block("queue", "", vec![], 4),
        ],
        vec![
            attribute("rule", 1),
            block("name", "", vec![], 2),
            block("rulee", "", vec![], 3),
        ],
        vec![
            block("queue", "a", vec![attribute("x", 2)], 1),
            block("queue", "a", vec![], 3),
        ],
        vec![
            attribute("count", 1),
            block("queue", "a", vec![], 2),
            block(
                "stage.match",
                "",
                vec![block("stage.rule", "", vec![], 4), block("stage.x", "", vec![], 5)],
                3,
            ),
            block("stage.match", "x", vec![], 6),
        ],
    ];
    for items in bodies {
        let body = Body {
            label: String::new(),
            items,
        };
        let ours = shape::check(&Shape::of(Outer::schema()), &body);
        assert_eq!(ours, value::check(Outer::schema(), &body), "{body:?}");
    }
}
