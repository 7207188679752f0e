//! The functions: Go's own where the engine's differ, sprig's, Loki's.

mod args;
mod dates;
mod dicts;
mod encoding;
mod json;
mod lists;
mod numbers;
mod regexes;
mod semver;
mod strings;
mod system;

use crate::host::Host;
use args::{Args, to_go};
use goregex::Regex;
use gotmpl::{TemplateError, Value};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) type Result = std::result::Result<Value, TemplateError>;

/// How many expressions given at run time are kept compiled.
const KEPT_REGEXES: usize = 64;

/// What functions of one template share.
pub(crate) struct Context {
    host: Host,
    regexes: Mutex<HashMap<String, Regex>>,
}

impl Context {
    pub(crate) fn new(host: Host) -> Context {
        Context {
            host,
            regexes: Mutex::default(),
        }
    }

    /// A compiled expression. They are almost always constants of the template, so each is compiled once.
    fn regex(&self, pattern: &str) -> std::result::Result<Regex, TemplateError> {
        let mut kept = self.regexes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(regex) = kept.get(pattern) {
            return Ok(regex.clone());
        }
        let regex = Regex::new(pattern).map_err(|error| TemplateError::Exec(error.to_string()))?;
        if kept.len() >= KEPT_REGEXES {
            kept.clear();
        }
        kept.insert(pattern.to_owned(), regex.clone());
        Ok(regex)
    }
}

type Body = fn(&Context, &Args<'_>) -> Result;

/// A function: its name, how many arguments it takes, what it does.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    name: &'static str,
    min: usize,
    max: usize,
    body: Body,
}

/// As many arguments as one likes.
const ANY: usize = usize::MAX;

const fn f(name: &'static str, min: usize, max: usize, body: Body) -> Function {
    Function { name, min, max, body }
}

impl Function {
    pub(crate) fn register(self, template: gotmpl::Template, context: &Arc<Context>) -> gotmpl::Template {
        let context = Arc::clone(context);
        template.func(self.name, move |values| {
            let count = values.len();
            if count < self.min || count > self.max {
                let want = match self.max {
                    ANY => format!("at least {}", self.min),
                    max if max == self.min => max.to_string(),
                    max => format!("{} to {max}", self.min),
                };
                return Err(fail(format!(
                    "wrong number of args for {}: want {want} got {count}",
                    self.name
                )));
            }
            (self.body)(
                &context,
                &Args {
                    name: self.name,
                    values,
                },
            )
            .map_err(|error| match error {
                TemplateError::Exec(message) => fail(format!("error calling {}: {message}", self.name)),
                error => error,
            })
        })
    }
}

fn fail(message: impl Into<String>) -> TemplateError {
    TemplateError::Exec(message.into())
}

/// Formatting by Go's rules. These replace functions of the engine.
const FORMATTING: &[Function] = &[
    f(crate::rewrite::SHOW, 1, 1, |_, a| {
        Ok(match &a.values[0] {
            // Left to the engine, which writes `<no value>` for nil.
            value @ (Value::Nil | Value::String(_)) => value.clone(),
            value => text(crate::fmt::to_text(&to_go(value))),
        })
    }),
    f(crate::rewrite::NIL, 0, 0, |_, _| Ok(Value::Nil)),
    f("print", 0, ANY, |_, a| Ok(text(crate::fmt::sprint(&a.go(0))))),
    f("println", 0, ANY, |_, a| Ok(text(crate::fmt::sprintln(&a.go(0))))),
    f("printf", 1, ANY, |_, a| {
        Ok(text(crate::fmt::sprintf(a.str(0)?, &a.go(1))))
    }),
];

const TABLES: &[&[Function]] = &[
    FORMATTING,
    dates::FUNCTIONS,
    dicts::FUNCTIONS,
    encoding::FUNCTIONS,
    lists::FUNCTIONS,
    numbers::FUNCTIONS,
    regexes::FUNCTIONS,
    semver::FUNCTIONS,
    strings::FUNCTIONS,
    system::FUNCTIONS,
];

/// Functions of the engine that are as Go's.
const BUILTINS: [&str; 15] = [
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "urlquery",
];

/// Functions of sprig that make keys and certificates or look names up. In a log pipeline they would be a mistake on
/// every line, so they are refused where the template is parsed.
const UNAVAILABLE: [&str; 15] = [
    "bcrypt",
    "buildCustomCert",
    "decryptAES",
    "derivePassword",
    "encryptAES",
    "genCA",
    "genCAWithKey",
    "genPrivateKey",
    "genSelfSignedCert",
    "genSelfSignedCertWithKey",
    "genSignedCert",
    "genSignedCertWithKey",
    "getHostByName",
    "htpasswd",
    "randBytes",
];

pub(crate) fn find(name: &str) -> Option<Function> {
    TABLES
        .iter()
        .flat_map(|table| table.iter())
        .find(|function| function.name == name)
        .copied()
}

pub(crate) fn is_builtin(name: &str) -> bool {
    BUILTINS.contains(&name)
}

pub(crate) fn exists(name: &str) -> bool {
    is_builtin(name) || find(name).is_some()
}

/// Why there is no such function.
pub(crate) fn refusal(name: &str) -> String {
    if UNAVAILABLE.contains(&name) {
        return format!("template: function \"{name}\" is not available in log pipelines");
    }
    format!("template: function \"{name}\" not defined")
}

fn text(text: impl Into<String>) -> Value {
    Value::String(Arc::from(text.into()))
}

fn int(number: i64) -> Value {
    Value::Int(number)
}

fn list(items: Vec<Value>) -> Value {
    Value::List(Arc::from(items))
}

fn texts<S: Into<String>>(items: impl IntoIterator<Item = S>) -> Value {
    list(items.into_iter().map(text).collect())
}

fn map<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Value)>) -> Value {
    Value::Map(Arc::new(
        entries.into_iter().map(|(name, value)| (name.into(), value)).collect(),
    ))
}

#[cfg(test)]
mod tests;
