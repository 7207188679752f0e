//! The functions of the library by name.

use super::{arrays, encoding, format, json_path, paths, strings};
use value::{Value, ValueError};

/// A function of the library.
pub(super) struct Entry {
    /// Dotted name.
    pub(super) name: &'static str,
    /// How many arguments it takes; the least number if it is variadic.
    pub(super) args: usize,
    pub(super) variadic: bool,
    pub(super) experimental: bool,
    pub(super) call: fn(&[Value]) -> Result<Value, ValueError>,
}

const fn fixed(name: &'static str, args: usize, call: fn(&[Value]) -> Result<Value, ValueError>) -> Entry {
    Entry {
        name,
        args,
        variadic: false,
        experimental: false,
        call,
    }
}

const fn variadic(name: &'static str, args: usize, call: fn(&[Value]) -> Result<Value, ValueError>) -> Entry {
    Entry {
        variadic: true,
        ..fixed(name, args, call)
    }
}

const fn experimental(name: &'static str, call: fn(&[Value]) -> Result<Value, ValueError>) -> Entry {
    Entry {
        experimental: true,
        // These count their arguments themselves.
        ..variadic(name, 0, call)
    }
}

/// All functions but `sys.env`, which needs the environment.
pub(super) const FUNCTIONS: &[Entry] = &[
    variadic("coalesce", 0, arrays::coalesce),
    fixed("json_path", 2, json_path::json_path),
    fixed("convert.nonsensitive", 1, encoding::nonsensitive),
    variadic("array.concat", 0, arrays::concat),
    experimental("array.combine_maps", arrays::combine_maps),
    experimental("array.group_by", arrays::group_by),
    fixed("encoding.from_json", 1, encoding::from_json),
    fixed("encoding.from_yaml", 1, encoding::from_yaml),
    fixed("encoding.from_base64", 1, encoding::from_base64),
    fixed("encoding.from_URLbase64", 1, encoding::from_url_base64),
    fixed("encoding.to_json", 1, encoding::to_json),
    fixed("encoding.to_base64", 1, encoding::to_base64),
    fixed("encoding.to_URLbase64", 1, encoding::to_url_base64),
    fixed("encoding.url_encode", 1, encoding::url_encode),
    fixed("encoding.url_decode", 1, encoding::url_decode),
    variadic("string.format", 1, format::format),
    fixed("string.join", 2, strings::join),
    fixed("string.split", 2, strings::split),
    fixed("string.replace", 3, strings::replace),
    fixed("string.to_lower", 1, strings::to_lower),
    fixed("string.to_upper", 1, strings::to_upper),
    fixed("string.trim", 2, strings::trim),
    fixed("string.trim_prefix", 2, strings::trim_prefix),
    fixed("string.trim_suffix", 2, strings::trim_suffix),
    fixed("string.trim_space", 1, strings::trim_space),
    variadic("file.path_join", 0, paths::path_join),
];

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
