//! What is known of a value before it is there.

use crate::stdlib::Entry;
use value::{Object, Seg, Type, Value};

/// What is known of the value of an expression that is not evaluated. Whatever is not sure is [`Static::Unknown`].
#[derive(Clone, Debug)]
pub enum Static {
    /// Nothing.
    Unknown,
    /// Everything.
    Known(Value),
    /// A bool.
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// A list of any length, with elements of which this is known.
    List(Box<Static>),
    /// A list with these elements.
    Items(Vec<Static>),
    /// An object with these fields, and no others unless it is open.
    Object {
        /// The fields, each name once.
        fields: Vec<(String, Static)>,
        /// Whether there may be more.
        open: bool,
    },
    /// An object with any fields, of whose values this is known.
    Map(Box<Static>),
    /// A secret.
    Secret,
    /// A string that may be a secret.
    OptionalSecret,
    /// Another capsule, by its type name.
    Capsule(&'static str),
    /// A function of the standard library.
    Function(Callable),
}

/// A function of the standard library.
#[derive(Clone, Copy)]
pub struct Callable(pub(crate) &'static Entry);

impl std::fmt::Debug for Callable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name)
    }
}

/// What arguments or exports there are; implemented by whatever describes blocks.
pub trait Described: Sized {
    /// What an attribute has to be.
    fn attribute(&self, name: &str) -> Option<Type>;
    /// What is inside a block, by its full dotted name.
    fn block(&self, name: &str) -> Option<Self>;
    /// Names of all attributes; `None` if there is more than attributes.
    fn attributes_only(&self) -> Option<Vec<String>>;
}

impl Described for &'static value::Schema {
    fn attribute(&self, name: &str) -> Option<Type> {
        value::Schema::attribute(self, name)
    }

    fn block(&self, name: &str) -> Option<Self> {
        value::Schema::block(self, name)
    }

    fn attributes_only(&self) -> Option<Vec<String>> {
        let attribute = |field: &value::Field| matches!(field.kind, value::FieldKind::Attr { .. });
        let all = self.fields.iter().all(attribute);
        all.then(|| self.fields.iter().map(|field| field.name.to_owned()).collect())
    }
}

impl Described for &value::shape::Shape {
    fn attribute(&self, name: &str) -> Option<Type> {
        value::shape::Shape::attribute(self, name).map(|attribute| attribute.ty.clone())
    }

    fn block(&self, name: &str) -> Option<Self> {
        value::shape::Shape::block(self, name).map(value::shape::BlockShape::shape)
    }

    fn attributes_only(&self) -> Option<Vec<String>> {
        let all = self.blocks.is_empty() && !self.free_form;
        all.then(|| self.attributes.iter().map(|one| one.name.to_string()).collect())
    }
}

impl Static {
    /// What is known of exports that are described, as the object that references see.
    pub fn exports(of: &impl Described) -> Static {
        let Some(names) = of.attributes_only() else {
            return Static::Unknown;
        };
        let field = |name: String| {
            let value = of.attribute(&name).map_or(Static::Unknown, |ty| Static::of(&ty));
            (name, value)
        };
        Static::Object {
            fields: names.into_iter().map(field).collect(),
            open: false,
        }
    }

    /// What is known of a value that the program itself makes of a type.
    pub fn of(ty: &Type) -> Static {
        match ty {
            // Bytes are strings and lists at once.
            Type::Any | Type::Bytes => Static::Unknown,
            Type::Bool => Static::Bool,
            Type::Number => Static::Number,
            Type::String | Type::Text | Type::Duration | Type::ByteSize | Type::Choice(_) => Static::String,
            Type::List(inner) => Static::List(Box::new(Static::of(inner))),
            Type::Map(inner) => Static::Map(Box::new(Static::of(inner))),
            Type::Object(_) => Static::Map(Box::new(Static::Unknown)),
            Type::Secret => Static::Secret,
            Type::OptionalSecret => Static::OptionalSecret,
            Type::Capsule(name) => Static::Capsule(name),
        }
    }

    /// A list with these elements.
    pub(crate) fn items(items: Vec<Static>) -> Static {
        let known = items.iter().map(Static::known).collect::<Option<Vec<Value>>>();
        known.map_or(Static::Items(items), |values| Static::Known(Value::array(values)))
    }

    /// An object with these fields, of which the last one of a name counts.
    pub(crate) fn object(pairs: Vec<(String, Static)>) -> Static {
        let known = pairs.iter().map(|(name, value)| Some((name.as_str(), value.known()?)));
        if let Some(object) = known.collect::<Option<Object>>() {
            return Static::Known(Value::object(object));
        }
        let mut fields: Vec<(String, Static)> = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            match fields.iter_mut().find(|(known, _)| *known == name) {
                Some(field) => field.1 = value,
                None => fields.push((name, value)),
            }
        }
        Static::Object { fields, open: false }
    }

    /// The value, if it is known.
    pub fn known(&self) -> Option<Value> {
        match self {
            Static::Known(value) => Some(value.clone()),
            _ => None,
        }
    }

    /// Name of its kind, if that is known.
    pub fn kind(&self) -> Option<&'static str> {
        Some(match self {
            Static::Unknown => return None,
            Static::Known(value) => value.kind(),
            Static::Bool => "bool",
            Static::Number => "number",
            Static::String => "string",
            Static::List(_) | Static::Items(_) => "array",
            Static::Object { .. } | Static::Map(_) => "object",
            Static::Secret | Static::OptionalSecret | Static::Capsule(_) => "capsule",
            Static::Function(_) => "function",
        })
    }

    /// How messages name it: its kind, and what is inside of a capsule. Not for what is unknown.
    pub(crate) fn shown(&self) -> String {
        match self.capsule() {
            Some(name) => format!("capsule(\"{name}\")"),
            None => self.kind().unwrap_or("any").to_owned(),
        }
    }

    /// Name of the type of a capsule.
    pub(crate) fn capsule(&self) -> Option<String> {
        match self {
            Static::Secret => Some("alloytypes.Secret".to_owned()),
            Static::OptionalSecret => Some("alloytypes.OptionalSecret".to_owned()),
            Static::Capsule(name) => Some((*name).to_owned()),
            Static::Known(Value::Capsule(capsule)) => Some(capsule.type_name().to_owned()),
            _ => None,
        }
    }

    /// The same without what is known only of this very value.
    pub(crate) fn widened(&self) -> Static {
        match self {
            Static::Known(Value::Bool(_)) => Static::Bool,
            Static::Known(Value::Number(_)) => Static::Number,
            Static::Known(Value::String(_)) => Static::String,
            Static::Known(Value::Array(items)) => joined(items.iter().cloned().map(Static::Known)),
            Static::Items(items) => joined(items.iter().cloned()),
            Static::Known(Value::Object(_)) | Static::Object { .. } => Static::Map(Box::new(Static::Unknown)),
            Static::Known(_) => Static::Unknown,
            other => other.clone(),
        }
    }

    /// What is known of a value that is one of these.
    pub(crate) fn either(values: impl IntoIterator<Item = Static>) -> Static {
        let mut values = values.into_iter().map(|value| value.widened());
        let Some(first) = values.next() else {
            return Static::Unknown;
        };
        values.fold(first, |a, b| match (a, b) {
            (Static::Bool, Static::Bool) => Static::Bool,
            (Static::Number, Static::Number) => Static::Number,
            (Static::String, Static::String) => Static::String,
            (Static::Secret, Static::Secret) => Static::Secret,
            (Static::OptionalSecret, Static::OptionalSecret) => Static::OptionalSecret,
            (Static::Capsule(a), Static::Capsule(b)) if a == b => Static::Capsule(a),
            (Static::List(a), Static::List(b)) => Static::List(Box::new(Static::either([*a, *b]))),
            (Static::Map(a), Static::Map(b)) => Static::Map(Box::new(Static::either([*a, *b]))),
            _ => Static::Unknown,
        })
    }

    /// The elements of a list that is known to have these.
    pub(crate) fn elements(&self) -> Option<Vec<Static>> {
        match self {
            Static::Items(items) => Some(items.clone()),
            Static::Known(value) => Some(value.items()?.iter().cloned().map(Static::Known).collect()),
            _ => None,
        }
    }

    /// The value as far as it is known: `null` stands for parts that are not, which `unknown` gets. `None` if it is not known at
    /// all.
    pub(crate) fn partly(&self, path: &mut Vec<Seg>, unknown: &mut Vec<Vec<Seg>>) -> Option<Value> {
        let mut part = |value: &Static, seg: Seg| {
            path.push(seg);
            let inner = value.partly(path, unknown).unwrap_or_else(|| {
                unknown.push(path.clone());
                Value::Null
            });
            path.pop();
            inner
        };
        match self {
            Static::Known(value) => Some(value.clone()),
            Static::Items(items) => {
                let items = items.iter().enumerate();
                Some(Value::array(items.map(|(i, item)| part(item, Seg::Index(i))).collect()))
            }
            Static::Object { fields, open: false } => {
                let fields = fields.iter();
                let fields = fields.map(|(name, value)| (name.as_str(), part(value, Seg::Field(name.clone()))));
                Some(Value::object(fields.collect()))
            }
            _ => None,
        }
    }
}

/// A list of any length with elements like these.
fn joined(items: impl Iterator<Item = Static>) -> Static {
    Static::List(Box::new(Static::either(items)))
}
