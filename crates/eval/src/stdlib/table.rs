//! The functions of the library by name.

use super::{arrays, encoding, format, json_path, paths, strings};
use value::{Value, ValueError};

type Call = fn(&[Value]) -> Result<Value, ValueError>;

/// What a function does with an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Anything; or it looks itself.
    Any,
    /// What converts to a string.
    Text,
    /// What converts to a secret.
    Secret,
    /// A list.
    List,
    /// A list of what converts to strings.
    Texts,
    /// An object.
    Object,
}

/// What a function makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gives {
    /// That depends.
    Any,
    /// A string.
    Text,
    /// A list of strings.
    Texts,
    /// A string, and a secret if one of the arguments holds one.
    TextOrSecret,
    /// A list.
    List,
    /// One of the arguments.
    Either,
    /// The elements of all arguments, which are lists.
    Concat,
}

/// A function of the library.
pub(crate) struct Entry {
    /// Dotted name.
    pub(crate) name: &'static str,
    /// How many arguments it takes; the least number if it is variadic.
    pub(crate) args: usize,
    pub(crate) variadic: bool,
    pub(super) experimental: bool,
    /// What it takes; the last one stands for all that follow.
    takes: &'static [Takes],
    /// What it makes.
    pub(crate) gives: Gives,
    /// The function; `None` if the result depends on more than the arguments.
    pub(crate) call: Option<Call>,
}

impl Entry {
    /// What the argument of this number has to be.
    pub(crate) fn takes(&self, number: usize) -> Takes {
        let last = self.takes.last();
        self.takes.get(number).or(last).copied().unwrap_or(Takes::Any)
    }
}

const fn described(name: &'static str, takes: &'static [Takes], gives: Gives) -> Entry {
    Entry {
        name,
        args: takes.len(),
        variadic: false,
        experimental: false,
        takes,
        gives,
        call: None,
    }
}

const fn fixed(name: &'static str, takes: &'static [Takes], gives: Gives, call: Call) -> Entry {
    Entry {
        call: Some(call),
        ..described(name, takes, gives)
    }
}

/// `takes` has the arguments that must be there, and one for all others.
const fn variadic(name: &'static str, takes: &'static [Takes], gives: Gives, call: Call) -> Entry {
    Entry {
        args: takes.len().saturating_sub(1),
        variadic: true,
        ..fixed(name, takes, gives, call)
    }
}

const fn experimental(name: &'static str, takes: &'static [Takes], call: Call) -> Entry {
    Entry {
        experimental: true,
        // These count their arguments themselves.
        args: 0,
        ..variadic(name, takes, Gives::List, call)
    }
}

use Gives as G;
use Takes::{Any, List, Object, Secret, Text, Texts};

/// All functions but `sys.env`, which needs the environment.
pub(super) const FUNCTIONS: &[Entry] = &[
    variadic("coalesce", &[Any], G::Either, arrays::coalesce),
    fixed("json_path", &[Text, Text], G::List, json_path::json_path),
    fixed("convert.nonsensitive", &[Secret], G::Text, encoding::nonsensitive),
    variadic("array.concat", &[List], G::Concat, arrays::concat),
    experimental("array.combine_maps", &[List, List, List, Any], arrays::combine_maps),
    experimental("array.group_by", &[List, Any, Any], arrays::group_by),
    fixed("encoding.from_json", &[Text], G::Any, encoding::from_json),
    fixed("encoding.from_yaml", &[Text], G::Any, encoding::from_yaml),
    // Bytes are strings and lists at once.
    fixed("encoding.from_base64", &[Text], G::Any, encoding::from_base64),
    fixed("encoding.from_URLbase64", &[Text], G::Any, encoding::from_url_base64),
    fixed("encoding.to_json", &[Object], G::TextOrSecret, encoding::to_json),
    fixed("encoding.to_base64", &[Text], G::Text, encoding::to_base64),
    fixed("encoding.to_URLbase64", &[Text], G::Text, encoding::to_url_base64),
    fixed("encoding.url_encode", &[Text], G::Text, encoding::url_encode),
    fixed("encoding.url_decode", &[Text], G::Text, encoding::url_decode),
    variadic("string.format", &[Text, Any], G::TextOrSecret, format::format),
    fixed("string.join", &[Texts, Text], G::Text, strings::join),
    fixed("string.split", &[Text, Text], G::Texts, strings::split),
    fixed("string.replace", &[Text, Text, Text], G::Text, strings::replace),
    fixed("string.to_lower", &[Text], G::Text, strings::to_lower),
    fixed("string.to_upper", &[Text], G::Text, strings::to_upper),
    fixed("string.trim", &[Text, Text], G::Text, strings::trim),
    fixed("string.trim_prefix", &[Text, Text], G::Text, strings::trim_prefix),
    fixed("string.trim_suffix", &[Text, Text], G::Text, strings::trim_suffix),
    fixed("string.trim_space", &[Text], G::Text, strings::trim_space),
    variadic("file.path_join", &[Text], G::Text, paths::path_join),
];

/// `sys.env`, as far as it is known without an environment.
static ENV: Entry = described("sys.env", &[Text], G::Text);

static TABLE: &[Entry] = FUNCTIONS;

/// The function of a dotted name or deprecated alias.
pub(crate) fn entry(name: &str) -> Option<&'static Entry> {
    let name = replacement(name).unwrap_or(name);
    match name {
        "sys.env" => Some(&ENV),
        name => TABLE.iter().find(|entry| entry.name == name),
    }
}

/// Aliases from before there were namespaces.
pub(super) const DEPRECATED: &[(&str, &str)] = &[
    ("env", "sys.env"),
    ("nonsensitive", "convert.nonsensitive"),
    ("concat", "array.concat"),
    ("json_decode", "encoding.from_json"),
    ("yaml_decode", "encoding.from_yaml"),
    ("base64_decode", "encoding.from_base64"),
    ("format", "string.format"),
    ("join", "string.join"),
    ("replace", "string.replace"),
    ("split", "string.split"),
    ("to_lower", "string.to_lower"),
    ("to_upper", "string.to_upper"),
    ("trim", "string.trim"),
    ("trim_prefix", "string.trim_prefix"),
    ("trim_suffix", "string.trim_suffix"),
    ("trim_space", "string.trim_space"),
];

/// Whether a name is a namespace, a function or a deprecated alias of the library.
pub fn is_stdlib_name(first: &str) -> bool {
    let namespace = |name: &'static str| name.split('.').next();
    matches!(first, "constants" | "sys")
        || replacement(first).is_some()
        || FUNCTIONS.iter().any(|entry| namespace(entry.name) == Some(first))
}

/// The function that a deprecated alias stands for.
pub(crate) fn replacement(alias: &str) -> Option<&'static str> {
    DEPRECATED
        .iter()
        .find(|(name, _)| *name == alias)
        .map(|(_, name)| *name)
}

/// Whether a function, given by its dotted name, may change or vanish.
pub(crate) fn is_experimental(dotted: &str) -> bool {
    FUNCTIONS.iter().any(|entry| entry.experimental && entry.name == dotted)
}

/// Members of namespaces that are not functions of the table.
const OTHERS: &[&str] = &[
    "sys.env",
    "constants.hostname",
    "constants.os",
    "constants.arch",
    "constants.version",
];

/// Names of the members of a namespace of the library; none if it is no namespace.
pub fn stdlib_members(namespace: &str) -> Vec<&'static str> {
    let names = FUNCTIONS.iter().map(|entry| entry.name).chain(OTHERS.iter().copied());
    names
        .filter_map(|name| name.strip_prefix(namespace)?.strip_prefix('.'))
        .collect()
}
