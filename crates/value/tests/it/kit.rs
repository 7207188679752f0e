//! Bodies to decode, and types that have every kind of field.

use value::{Block, BlockEnum, Body, Choice, GoDuration, Item, Object, Place, Value};

pub fn body(items: Vec<Item>) -> Body {
    Body {
        label: String::new(),
        items,
    }
}

pub fn labelled(label: &str, items: Vec<Item>) -> Body {
    Body {
        label: label.to_owned(),
        items,
    }
}

/// An attribute at place 1.
pub fn attr(name: &str, value: Value) -> Item {
    Item::Attr {
        name: name.to_owned(),
        value: Ok(Some(value)),
        place: Place(1),
    }
}

/// An attribute whose value is not known, at place 1.
pub fn unknown(name: &str) -> Item {
    Item::Attr {
        name: name.to_owned(),
        value: Ok(None),
        place: Place(1),
    }
}

/// A block at place 2.
pub fn block(name: &str, items: Vec<Item>) -> Item {
    block_with(name, body(items))
}

pub fn block_with(name: &str, body: Body) -> Item {
    Item::Block {
        name: name.to_owned(),
        body,
        place: Place(2),
    }
}

pub fn text(text: &str) -> Value {
    Value::string(text)
}

pub fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::object(fields.into_iter().collect::<Object>())
}

#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = one_of_both)]
pub struct Auth {
    #[arg(default)]
    pub user: String,
    #[arg(default)]
    pub token: String,
}

fn one_of_both(auth: &Auth) -> Result<(), String> {
    match auth.user.is_empty() || auth.token.is_empty() {
        true => Ok(()),
        false => Err("only one of user and token is possible".to_owned()),
    }
}

#[derive(Block, Clone, Debug, PartialEq)]
pub struct Endpoint {
    #[arg]
    pub url: String,
    #[arg(default = GoDuration::seconds(10))]
    pub timeout: GoDuration,
    #[arg(flatten)]
    pub auth: Auth,
}

#[derive(Block, Clone, Debug, PartialEq)]
pub struct Rule {
    #[arg(label)]
    pub name: String,
    #[arg(default)]
    pub weight: i64,
}

#[derive(Choice, Clone, Debug, PartialEq)]
pub enum Mode {
    #[choice("fast")]
    Fast,
    #[choice("slow")]
    Slow,
}

#[derive(Block, Clone, Debug, PartialEq)]
pub struct Json {
    #[arg]
    pub source: String,
}

#[derive(Block, Clone, Debug, PartialEq)]
pub struct Match {
    #[arg(enum_block, name = "stage")]
    pub stages: Vec<Stage>,
}

#[derive(BlockEnum, Clone, Debug, PartialEq)]
pub enum Stage {
    #[variant("json")]
    Json(Json),
    #[variant("match")]
    Match(Match),
    #[variant("drop")]
    Drop(()),
}

/// Every kind of field.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = weight_is_small)]
pub struct All {
    #[arg]
    pub id: String,
    #[arg(default)]
    pub weight: i64,
    #[arg(default = Mode::Slow)]
    pub mode: Mode,
    #[arg(default, name = "type")]
    pub kind: Option<String>,
    #[arg(block)]
    pub auth: Option<Auth>,
    #[arg(block, default = Auth { user: "root".to_owned(), token: String::new() }, name = "fallback")]
    pub other: Auth,
    #[arg(block, many)]
    pub endpoint: Vec<Endpoint>,
    #[arg(block, many, name = "queue.rule")]
    pub rules: Vec<Rule>,
    #[arg(block, name = "queue.limit")]
    pub limit: Option<Rule>,
    #[arg(enum_block, name = "stage")]
    pub stages: Vec<Stage>,
}

fn weight_is_small(all: &All) -> Result<(), String> {
    match all.weight {
        0..100 => Ok(()),
        weight => Err(format!("weight should be less than 100, got {weight}")),
    }
}

#[derive(Block, Clone, Debug, PartialEq)]
pub struct Needs {
    #[arg]
    pub first: String,
    #[arg(block)]
    pub second: Auth,
    #[arg(block, many, required)]
    pub third: Vec<Auth>,
}

/// Wants an endpoint, though its table does not.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = some_endpoint)]
pub struct Write {
    #[arg(block, many)]
    pub endpoint: Vec<Endpoint>,
    #[arg(block)]
    pub auth: Option<Auth>,
    #[arg(enum_block, name = "stage")]
    pub stages: Vec<Stage>,
}

fn some_endpoint(write: &Write) -> Result<(), String> {
    match (write.endpoint.is_empty(), &write.auth, write.stages.is_empty()) {
        (false, Some(_), false) => Ok(()),
        _ => Err("at least one endpoint, auth and stage is needed".to_owned()),
    }
}

pub fn all() -> All {
    All {
        id: "x".to_owned(),
        weight: 3,
        mode: Mode::Fast,
        kind: Some("k".to_owned()),
        auth: Some(Auth {
            user: "u".to_owned(),
            token: String::new(),
        }),
        other: Auth {
            user: String::new(),
            token: "t".to_owned(),
        },
        endpoint: ["a", "b"].map(endpoint).to_vec(),
        rules: vec![
            Rule {
                name: "r".to_owned(),
                weight: 1,
            },
            Rule {
                name: "r".to_owned(),
                weight: 2,
            },
        ],
        limit: Some(Rule {
            name: "l".to_owned(),
            weight: 5,
        }),
        stages: vec![
            Stage::Json(Json { source: "s".to_owned() }),
            Stage::Match(Match {
                stages: vec![Stage::Drop(())],
            }),
            Stage::Json(Json { source: "t".to_owned() }),
        ],
    }
}

pub fn endpoint(url: &str) -> Endpoint {
    Endpoint {
        url: url.to_owned(),
        timeout: GoDuration::seconds(10),
        auth: Auth {
            user: String::new(),
            token: String::new(),
        },
    }
}
