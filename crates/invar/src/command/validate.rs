//! `invar validate FILE|DIR`

use super::{Failure, Outcome};
use crate::app::{module_path, stdlib};
use crate::catalogue::catalogue_of_all;
use crate::cli::Validate;
use crate::output;
use component::Effect;
use host::Host;
use runtime::Validation;
use runtime::guarantees::{Guarantees, Path, Promise, Remark, guarantees};
use runtime::registry::Allowed;
use serde::Serialize;
use std::fmt::Write;

/// Checks a configuration without evaluating it. Silent if nothing is wrong; a warning is as wrong as an error.
pub fn run(options: &Validate) -> Outcome {
    options.format.check()?;
    let allowed = Allowed::from(&options.gates);
    let files = runtime::sources::read(&host::RealFs, &options.config)?;
    let catalogue = catalogue_of_all(allowed);
    let stdlib = stdlib(allowed.stability);
    let validation = Validation {
        catalogue: &catalogue,
        stdlib: &stdlib,
        host: &Host::real(),
        module_path: &module_path(&options.config),
    };
    let found = runtime::validate(&validation, &files);
    for note in &found.notes {
        output::complain(&format!("Note: {note}"));
    }
    if !found.diagnostics.is_empty() {
        output::complain(&runtime::report(&found.diagnostics, &found.sources, output::color()));
        return Err(Failure::Message("validation failed".to_owned()));
    }
    if options.guarantees {
        let expansion = runtime::expand(&validation, &files).map_err(|error| error.diagnostics.joined())?;
        let found = guarantees(&expansion, &stdlib);
        let text = if options.json { json(&found)? } else { text(&found) };
        output::write(text.as_bytes())?;
    }
    Ok(())
}

fn text(found: &Guarantees) -> String {
    let mut out = String::new();
    for path in &found.paths {
        if !out.is_empty() {
            out.push('\n');
        }
        let _ = writeln!(out, "{}", path.components.join(" -> "));
        let of = |effect: Effect| path.remarks.iter().filter(move |remark| remark.effect == effect);
        if path.promise == Promise::AtLeastOnce {
            let _ = writeln!(out, "  {}", promise(path));
        }
        let groups = [
            (promise(path), Effect::BestEffort),
            ("drops by rule", Effect::Drops),
            ("note", Effect::Note),
        ];
        for (title, effect) in groups {
            for remark in of(effect) {
                let place = remark.place.as_deref().map(|place| format!(" ({place})"));
                let _ = writeln!(
                    out,
                    "  {title}: {} {}{}",
                    remark.component,
                    remark.text,
                    place.unwrap_or_default()
                );
            }
        }
    }
    if found.paths.is_empty() {
        out.push_str("No source sends records anywhere.\n");
    }
    if !found.idle.is_empty() {
        let _ = writeln!(out, "\nNo source reaches {}.", found.idle.join(", "));
    }
    out
}

/// What holds on a path, in the words of output.
fn promise(path: &Path) -> &'static str {
    match path.promise {
        Promise::AtLeastOnce => "at-least-once",
        Promise::BestEffort => "best effort",
        Promise::Dropped => "dropped",
    }
}

#[derive(Serialize)]
struct JsonPath<'a> {
    path: &'a [String],
    guarantee: &'static str,
    remarks: Vec<JsonRemark<'a>>,
}

#[derive(Serialize)]
struct JsonRemark<'a> {
    component: &'a str,
    /// `best-effort`, `drops` or `note`.
    effect: &'static str,
    text: &'a str,
    place: Option<&'a str>,
}

#[derive(Serialize)]
struct Page<'a> {
    paths: Vec<JsonPath<'a>>,
    unreached: &'a [String],
}

fn json(found: &Guarantees) -> Result<String, serde_json::Error> {
    let remark = |remark: &'_ Remark| match remark.effect {
        Effect::BestEffort => "best-effort",
        Effect::Drops => "drops",
        Effect::Note => "note",
    };
    let paths = found.paths.iter().map(|path| JsonPath {
        path: &path.components,
        guarantee: promise(path),
        remarks: path
            .remarks
            .iter()
            .map(|one| JsonRemark {
                component: &one.component,
                effect: remark(one),
                text: &one.text,
                place: one.place.as_deref(),
            })
            .collect(),
    });
    let mut text = serde_json::to_string_pretty(&Page {
        paths: paths.collect(),
        unreached: &found.idle,
    })?;
    text.push('\n');
    Ok(text)
}
