//! Go's `text/template` with the functions that Loki's pipelines have: Go's own, those of sprig 3.3, and Loki's.
//!
//! Parsing and evaluation are those of the `gotmpl` crate; this crate adds the functions, Go's formatting of values and
//! an analysis of which fields a template needs.
//!
//! ```
//! use gotemplate::Template;
//! let template = Template::parse("{{ .level | ToUpper }}: {{ .Value }}").unwrap();
//! assert_eq!(template.referenced_fields().unwrap(), ["Value", "level"]);
//! let text = template.render(&[("level", "warn"), ("Value", "it leaks")][..]).unwrap();
//! assert_eq!(text, "WARN: it leaks");
//! ```

mod analyze;
pub mod fmt;
mod funcs;
mod host;
mod rewrite;
mod value;

pub use host::Host;

use gotmpl::Value;
use gotmpl::parse::{DefineNode, ListNode, Node, Parser};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Why a template was refused or could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl From<gotmpl::TemplateError> for Error {
    fn from(error: gotmpl::TemplateError) -> Error {
        let text = error.to_string();
        Error(
            text.strip_prefix("execution error: ")
                .map_or(text.clone(), str::to_owned),
        )
    }
}

/// The fields that a template can use: a map of strings.
pub trait Data {
    /// The value of a field, `None` if there is none.
    fn get(&self, name: &str) -> Option<Cow<'_, [u8]>>;

    /// Calls `each` with all fields, for a template that uses the map as a whole.
    fn for_each(&self, each: &mut dyn FnMut(&str, &[u8]));
}

/// A compiled template.
pub struct Template {
    text: String,
    plan: Plan,
    fields: Option<Vec<String>>,
}

enum Plan {
    /// Only text and plain fields: done without the engine, byte for byte.
    Simple(Vec<analyze::Part>),
    Engine(Box<gotmpl::Template>),
}

/// The name of the main template among those it defines.
const MAIN: &str = "template";

/// Not white space, which a template can trim away.
const END: &str = "\0end";

fn parse(text: &str) -> Result<(ListNode, Vec<DefineNode>), Error> {
    Ok(Parser::with_name(Some(MAIN), text, "{{", "}}")?.parse()?)
}

impl Template {
    /// Parses a template. Fails on bad syntax and on functions that do not exist or are not available.
    pub fn parse(text: &str) -> Result<Template, Error> {
        Template::parse_with(text, Host::system())
    }

    /// [`Template::parse`] with a clock, an environment and a source of randomness of one's own.
    pub fn parse_with(text: &str, host: Host) -> Result<Template, Error> {
        let (mut tree, mut defines) = parse(text)?;
        // The parser stops at an `{{end}}` or `{{else}}` that belongs to nothing. A mark behind the text shows whether it
        // got there.
        let marked = parse(&format!("{text}{END}"))?.0;
        if !matches!(marked.nodes.last(), Some(Node::Text(last)) if last.text.ends_with(END)) {
            return Err(Error(
                "template: unexpected {{end}} or {{else}} outside of if, range, with and define".to_owned(),
            ));
        }
        let analysis = analyze::analyze(&tree, &defines)?;
        if let Some(parts) = analyze::simple(&tree)
            && defines.is_empty()
        {
            return Ok(Template {
                text: text.to_owned(),
                plan: Plan::Simple(parts),
                fields: analysis.fields,
            });
        }
        rewrite::rewrite(&mut tree);
        // Go's engine takes the last definition of a name that is not empty.
        let mut engine = gotmpl::Template::new(MAIN).add_parse_tree(MAIN, tree);
        for define in &mut defines {
            rewrite::rewrite(&mut define.body);
            engine = engine.add_parse_tree(&define.name, define.body.clone());
        }
        let context = Arc::new(funcs::Context::new(host));
        for name in analysis.functions.iter().map(String::as_str).chain(rewrite::FUNCTIONS) {
            match funcs::find(name) {
                Some(function) => engine = function.register(engine, &context),
                None if funcs::is_builtin(name) => {}
                None => return Err(Error(funcs::refusal(name))),
            }
        }
        Ok(Template {
            text: text.to_owned(),
            plan: Plan::Engine(Box::new(engine)),
            fields: analysis.fields,
        })
    }

    /// The text that was parsed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of the fields that rendering can ask for, in order; `None` if the template uses the map as a whole.
    pub fn referenced_fields(&self) -> Option<Vec<String>> {
        self.fields.clone()
    }

    /// Renders the template. A field that is missing prints as `<no value>`; bytes that are not UTF-8 become U+FFFD.
    pub fn render<D: Data + ?Sized>(&self, data: &D) -> Result<String, Error> {
        let mut out = Vec::new();
        self.render_into(data, &mut out)?;
        Ok(String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// Appends the rendered text to `out`. Templates of text and plain fields keep bytes that are not UTF-8. After an
    /// error `out` is as it was.
    pub fn render_into<D: Data + ?Sized>(&self, data: &D, out: &mut Vec<u8>) -> Result<(), Error> {
        match &self.plan {
            Plan::Simple(parts) => {
                for part in parts {
                    match part {
                        analyze::Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                        analyze::Part::Field(name) => match data.get(name) {
                            Some(value) => out.extend_from_slice(&value),
                            None => out.extend_from_slice(b"<no value>"),
                        },
                    }
                }
                Ok(())
            }
            Plan::Engine(engine) => {
                let mut map = BTreeMap::new();
                let mut insert = |name: &str, value: &[u8]| {
                    let value = String::from_utf8_lossy(value);
                    map.insert(Arc::from(name), Value::String(Arc::from(value.as_ref())));
                };
                match &self.fields {
                    Some(fields) => {
                        for name in fields {
                            if let Some(value) = data.get(name) {
                                insert(name, &value);
                            }
                        }
                    }
                    None => data.for_each(&mut insert),
                }
                let text = engine.execute_template_to_string(MAIN, &Value::Map(Arc::new(map)))?;
                out.extend_from_slice(text.as_bytes());
                Ok(())
            }
        }
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Template").field(&self.text).finish()
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Template) -> bool {
        self.text == other.text
    }
}

impl<V: AsRef<[u8]>> Data for BTreeMap<String, V> {
    fn get(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        BTreeMap::get(self, name).map(|value| Cow::Borrowed(value.as_ref()))
    }

    fn for_each(&self, each: &mut dyn FnMut(&str, &[u8])) {
        self.iter().for_each(|(name, value)| each(name, value.as_ref()));
    }
}

impl<V: AsRef<[u8]>, S: std::hash::BuildHasher> Data for HashMap<String, V, S> {
    fn get(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        HashMap::get(self, name).map(|value| Cow::Borrowed(value.as_ref()))
    }

    fn for_each(&self, each: &mut dyn FnMut(&str, &[u8])) {
        self.iter().for_each(|(name, value)| each(name, value.as_ref()));
    }
}

/// Pairs; of two with the same name the first counts.
impl<N: AsRef<str>, V: AsRef<[u8]>> Data for [(N, V)] {
    fn get(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.iter()
            .find(|(n, _)| n.as_ref() == name)
            .map(|(_, value)| Cow::Borrowed(value.as_ref()))
    }

    fn for_each(&self, each: &mut dyn FnMut(&str, &[u8])) {
        self.iter()
            .rev()
            .for_each(|(name, value)| each(name.as_ref(), value.as_ref()));
    }
}

#[cfg(test)]
mod tests;
