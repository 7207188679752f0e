//! The standard library.

mod args;
mod arrays;
mod base64;
mod encoding;
mod format;
mod json_path;
mod paths;
mod strings;
mod table;
mod yaml;

pub(crate) use args::holds_secret;
pub(crate) use table::{Entry, Gives, Takes, entry, is_experimental, replacement};
pub use table::{is_stdlib_name, stdlib_members};

use args::arg;
use std::sync::Arc;
use table::{DEPRECATED, FUNCTIONS};
use value::{Function, Object, Str, Value, ValueError};

/// What the library knows of the machine and the program.
#[derive(Clone)]
pub struct HostFacts {
    /// Name of the machine.
    pub hostname: String,
    /// Go's name of the operating system: `linux`.
    pub os: String,
    /// Go's name of the processor architecture: `amd64`.
    pub arch: String,
    /// Version of the program: `vX.Y.Z`.
    pub version: String,
    /// Environment variables.
    pub env: Arc<dyn Fn(&str) -> Option<String> + Send + Sync>,
}

impl std::fmt::Debug for HostFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The environment holds secrets.
        write!(
            f,
            "HostFacts({}, {}/{}, {})",
            self.hostname, self.os, self.arch, self.version
        )
    }
}

/// The functions and constants of the language. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stdlib(Arc<Object>);

impl Stdlib {
    /// The library of a machine, experimental functions included: they are kept from configurations by
    /// [`stdlib_uses`](crate::stdlib_uses), before anything is evaluated.
    pub fn new(facts: &HostFacts) -> Stdlib {
        let constants = [
            ("hostname", &facts.hostname),
            ("os", &facts.os),
            ("arch", &facts.arch),
            ("version", &facts.version),
        ];
        let constants = constants.map(|(name, text)| (name, Value::string(text)));
        let env = facts.env.clone();
        let env = Function::new("sys.env", 1, false, move |args| {
            let name = arg::<String>(args, 0)?;
            Ok(Value::string((env)(&name).unwrap_or_default()))
        });

        let mut root = Object::new();
        root.insert("constants", Value::object(constants.into_iter().collect()));
        insert(&mut root, "sys.env", Value::Function(env));
        for entry in FUNCTIONS {
            let Some(call) = entry.call else { continue };
            let function = Function::new(entry.name, entry.args, entry.variadic, call);
            insert(&mut root, entry.name, Value::Function(function));
        }
        for (alias, name) in DEPRECATED {
            let function = lookup(&root, name).expect("aliases name functions of the table");
            root.insert(*alias, function);
        }
        Stdlib(Arc::new(root))
    }

    /// The same library with or without the experimental functions: without, calling one is an error.
    pub fn with_experimental(self, allowed: bool) -> Stdlib {
        let mut root = (*self.0).clone();
        for entry in FUNCTIONS.iter().filter(|entry| entry.experimental) {
            let Some(call) = entry.call else { continue };
            let function = match allowed {
                true => Function::new(entry.name, entry.args, entry.variadic, call),
                false => Function::new(entry.name, 0, true, move |_| {
                    let name = entry.name;
                    Err(ValueError::new(format!(
                        "cannot be called: {name} is at stability level \"experimental\". Use --stability.level command-line flag \
                         to enable \"experimental\" features"
                    )))
                }),
            };
            insert(&mut root, entry.name, Value::Function(function));
        }
        Stdlib(Arc::new(root))
    }

    /// A namespace, function or alias.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// What [`Stdlib::get`] knows.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

/// Sets `name` or `namespace.name`.
fn insert(root: &mut Object, dotted: &str, value: Value) {
    match dotted.split_once('.') {
        None => root.insert(dotted, value),
        Some((namespace, name)) => {
            let mut inner = match root.get(namespace) {
                Some(Value::Object(object)) => (**object).clone(),
                _ => Object::new(),
            };
            inner.insert(name, value);
            root.insert(namespace, Value::object(inner));
        }
    }
}

fn lookup(root: &Object, dotted: &str) -> Option<Value> {
    let (namespace, name) = dotted.split_once('.')?;
    match root.get(namespace)? {
        Value::Object(object) => object.get(name).cloned(),
        _ => None,
    }
}

/// The value of a text in which secrets may have been put: hidden if so.
fn tainted(text: impl AsRef<[u8]>, secret: bool) -> Value {
    match secret {
        true => value::FromValue::to_value(&value::Secret::new(text)),
        false => Value::String(Str::from(text)),
    }
}
