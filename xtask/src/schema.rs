//! `cargo xtask schema`: what Alloy's components take, from the reference beside the clone to the data files of `crates/upstream`.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value as Json;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Options {
    /// Write nothing; fail if the files are not what the reference gives.
    #[arg(long)]
    check: bool,
}

/// Writes the data files, or compares them.
pub fn run(options: &Options) -> Result<()> {
    let Some(files) = generate(&root())? else {
        if options.check {
            eprintln!("skipped: {} is not there", reference(&root()).display());
            return Ok(());
        }
        bail!("{} is not there", reference(&root()).display());
    };
    for (path, text) in files {
        if options.check {
            let now = fs::read_to_string(&path).unwrap_or_default();
            ensure!(now == text, "{} is stale: run cargo xtask schema", path.display());
        } else {
            fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
            fs::write(&path, &text)?;
            println!("{}: {} bytes", path.display(), text.len());
        }
    }
    Ok(())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn reference(root: &Path) -> PathBuf {
    root.join("../shared/reference/alloy-schema.json")
}

/// The data files; `None` where the reference is not there. `crates/upstream/src/parse.rs` says what is in them.
fn generate(root: &Path) -> Result<Option<[(PathBuf, String); 2]>> {
    let Ok(text) = fs::read(reference(root)) else {
        return Ok(None);
    };
    let json: Json = serde_json::from_slice(&text).context("the reference is not JSON")?;
    let (mut index, mut shapes) = (String::new(), String::new());
    for (list, kind) in [("components", "component"), ("config_blocks", "block")] {
        for one in items(&json, list) {
            let name = text_of(one, "name")?;
            let (stability, community) = match text_of(one, "stability")? {
                "experimental" => ("experimental", ""),
                "public-preview" => ("public-preview", ""),
                // What nobody wrote about is on in every Alloy.
                "general-availability" | "undocumented" => ("generally-available", ""),
                "community" => ("generally-available", " community"),
                other => bail!("{name}: unknown stability {other}"),
            };
            let note = match one["note"].as_str() {
                Some(note) => format!(" # {note}"),
                None => String::new(),
            };
            writeln!(index, "{kind} {name} {stability}{community}{note}")?;
            writeln!(shapes, "== {name}")?;
            let nothing = ["arguments", "blocks"]
                .iter()
                .all(|list| items(one, list).next().is_none());
            if one["body"] == "config" || nothing && !one["go_file"].is_string() {
                writeln!(shapes, "?")?;
            }
            for export in items(one, "exports") {
                let ty = type_name(text_of(export, "type")?)?;
                writeln!(shapes, "> {} {ty}", text_of(export, "name")?)?;
            }
            let accepted = Accepted {
                one,
                has_source: one["go_file"].is_string(),
            };
            accepted
                .body(&mut shapes, &[], "", 0)
                .with_context(|| name.to_owned())?;
        }
    }
    let dir = root.join("crates/upstream/data");
    Ok(Some([(dir.join("index.txt"), index), (dir.join("shapes.txt"), shapes)]))
}

fn items<'a>(json: &'a Json, list: &str) -> impl Iterator<Item = &'a Json> {
    json[list].as_array().into_iter().flatten()
}

fn text_of<'a>(json: &'a Json, key: &str) -> Result<&'a str> {
    json[key].as_str().with_context(|| format!("no {key} in {json}"))
}

/// A component or config block of the reference.
struct Accepted<'a> {
    one: &'a Json,
    has_source: bool,
}

impl Accepted<'_> {
    /// What only the documentation has is a mistake in it, where there is a source to tell.
    fn takes(&self, item: &Json) -> bool {
        !(self.has_source && item["src"] == "docs" && item["body"].is_null())
    }

    fn body(&self, out: &mut String, parts: &[&str], path: &str, depth: usize) -> Result<()> {
        let indent = "\t".repeat(depth);
        for argument in items(self.one, "arguments").filter(|item| item["path"] == path && self.takes(item)) {
            let name = text_of(argument, "name")?;
            ensure!(!name.contains(' '), "a name with a blank: {name}");
            let required = if argument["required"] == true { "!" } else { "" };
            let ty = type_name(text_of(argument, "type")?)?;
            let default = if required.is_empty() {
                default(argument)
            } else {
                String::new()
            };
            writeln!(out, "{indent}{name}{required} {ty}{default}")?;
        }
        for block in items(self.one, "blocks").filter(|item| self.takes(item)) {
            let own: Vec<&str> = items(block, "parts").filter_map(Json::as_str).collect();
            let Some((name, around)) = own.split_last() else {
                continue;
            };
            if around != parts {
                continue;
            }
            let mut flags = String::new();
            for (key, flag) in [
                ("required", '!'),
                ("repeated", '*'),
                ("labelled", '@'),
                ("free_form", '?'),
            ] {
                if block[key] == true {
                    flags.push(flag);
                }
            }
            if block["enum"].is_string() {
                ensure!(name.starts_with(text_of(block, "enum")?), "{name} is not of its list");
                flags.push('.');
            }
            if let Some(of) = block["recursive_as"].as_str() {
                ensure!(
                    of.strip_prefix("enum:") == block["enum"].as_str(),
                    "{name} holds another list than its own"
                );
                flags.push('&');
            }
            // Of these only the documentation knows whether they are required.
            if block["body"] == "config" {
                flags.push('?');
                if block["required_docs"] == true {
                    flags.insert(0, '!');
                }
            }
            writeln!(out, "{indent}{name} {{{flags}}}")?;
            self.body(out, &own, text_of(block, "path")?, depth + 1)?;
        }
        Ok(())
    }
}

/// ` = JSON` if the default is a value, ` ~ TEXT` if it is not one value, nothing if there is none.
fn default(argument: &Json) -> String {
    let is_text = matches!(argument["type"].as_str(), Some("string" | "secret" | "string|secret"));
    match &argument["default"] {
        Json::Null => String::new(),
        // How the documentation writes "none" of every type.
        Json::String(text) if text.is_empty() && !is_text => String::new(),
        Json::Object(object) => match object.get("text").and_then(Json::as_str) {
            Some(text) if !text.is_empty() => format!(" ~ {text}"),
            Some(_) => String::new(),
            None if object.contains_key("see_docs") => String::new(),
            None if argument["type"].as_str().is_some_and(|ty| ty.starts_with("map")) => {
                format!(" = {}", plain(&argument["default"]))
            }
            None => String::new(),
        },
        value => format!(" = {}", plain(value)),
    }
}

/// `1.0` as `1`, also in lists.
fn plain(value: &Json) -> Json {
    match value {
        Json::Array(items) => items.iter().map(plain).collect(),
        Json::Number(number) => match number.as_f64() {
            Some(n) if n.fract() == 0.0 && n.abs() < 1e15 => Json::from(n as i64),
            _ => value.clone(),
        },
        other => other.clone(),
    }
}

/// The type as Invar writes it: capsules by the names that they have in messages.
fn type_name(ty: &str) -> Result<String> {
    if let Some((outer, inner)) = ty.strip_suffix(')').and_then(|ty| ty.split_once('('))
        && matches!(outer, "list" | "map")
    {
        return Ok(format!("{outer}({})", type_name(inner)?));
    }
    Ok(match ty {
        "any" | "bool" | "number" | "string" | "duration" | "bytes_size" | "secret" | "string|secret" => ty,
        // Fields that the reference does not list.
        "object" => "map(any)",
        "LogsReceiver" => "loki.LogsReceiver",
        "MetricsReceiver" => "storage.Appendable",
        "ProfilesReceiver" => "pyroscope.Appendable",
        "capsule(RelabelRules)" => "relabel.Rules",
        "otelcol.Consumer" | "otelcol.Handler" => ty,
        other => bail!("unknown type {other}"),
    }
    .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_fresh() {
        run(&Options { check: true }).unwrap();
    }

    #[test]
    fn defaults_are_values_or_words() {
        let check = |ty: &str, json: &str, expect: &str| {
            let argument = serde_json::json!({"type": ty, "default": serde_json::from_str::<Json>(json).unwrap()});
            assert_eq!(default(&argument), expect, "{ty} {json}");
        };
        check("number", "1.0", " = 1");
        check("number", "0.5", " = 0.5");
        check("list(number)", "[1.0, 2]", " = [1,2]");
        check("string", "null", "");
        check("string", "\"\"", " = \"\"");
        check("duration", "\"\"", "");
        check("map(string)", "{}", " = {}");
        check("bool", r#"{"see_docs": true}"#, "");
        check("string", r#"{"text": "utf-8"}"#, " ~ utf-8");
        check("relabel.Rules", "{}", "");
    }

    #[test]
    fn capsules_have_the_names_of_messages() {
        assert_eq!(type_name("list(LogsReceiver)").unwrap(), "list(loki.LogsReceiver)");
        assert_eq!(type_name("map(list(secret))").unwrap(), "map(list(secret))");
        assert_eq!(type_name("object").unwrap(), "map(any)");
        assert!(type_name("list(Nonsense)").is_err());
    }
}
