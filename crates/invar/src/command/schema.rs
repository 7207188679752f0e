//! `invar schema [COMPONENT]`

use super::{Failure, Outcome};
use crate::cli::Schema;
use crate::reference::{self, Entry, json, markdown, text};
use std::fs;

/// Says what a component or config block takes and exports, or lists all of them.
pub fn run(options: &Schema) -> Outcome {
    let entries = reference::entries();
    if let Some(dir) = &options.markdown {
        for (path, page) in markdown::pages(&entries) {
            let path = dir.join(path);
            let told = |error| Failure::Message(format!("cannot write {}: {error}", path.display()));
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(told)?;
            }
            fs::write(&path, page).map_err(told)?;
        }
        return Ok(());
    }
    let output = match &options.name {
        None if options.json => json::list(&entries)?,
        None => text::list(&entries),
        Some(name) => {
            let entry = entries.iter().find(|entry| entry.name == *name);
            let entry = entry.ok_or_else(|| unknown(name, &entries))?;
            if options.json {
                json::page(entry)?
            } else {
                text::page(entry)
            }
        }
    };
    crate::output::write(output.as_bytes())?;
    Ok(())
}

fn unknown(name: &str, entries: &[Entry]) -> Failure {
    let near = syntax::diag::suggest(name, entries.iter().map(|entry| entry.name));
    let hint = match near {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => "\"invar schema\" lists all of them".to_owned(),
    };
    Failure::Message(format!("there is no component or config block \"{name}\"; {hint}"))
}
