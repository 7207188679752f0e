//! `invar plan OLD NEW`

use super::{Failure, Outcome};
use crate::app::{module_path, stdlib};
use crate::catalogue::catalogue_of_all;
use crate::cli::Plan;
use crate::output;
use host::Host;
use runtime::registry::Allowed;
use runtime::spec::{Kind, Spec};
use runtime::{Expansion, Step, Validation};
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// The exit code that says that there are changes.
const CHANGES: u8 = 2;

/// Prints what a reload from one configuration to another would do. Nothing is evaluated, run or fetched.
pub fn run(options: &Plan) -> Outcome {
    let old = expand(options, &options.old)?;
    let new = expand(options, &options.new)?;
    for note in old.notes.iter().chain(&new.notes) {
        output::complain(&format!("Note: {note}"));
    }
    let lines: Vec<Line> = runtime::plan(&old.plan, &new.plan)
        .iter()
        .filter_map(|step| line(step, &old, &new, &options.storage))
        .collect();
    let changes = lines.iter().any(|line| line.step != "keep");
    let text = if options.json {
        let mut text = serde_json::to_string_pretty(&Page { changes, steps: &lines })?;
        text.push('\n');
        text
    } else {
        text(&lines, options.all)
    };
    output::write(text.as_bytes())?;
    if changes { Err(Failure::Code(CHANGES)) } else { Ok(()) }
}

fn expand(options: &Plan, path: &Path) -> Result<Expansion, Failure> {
    let allowed = Allowed::from(&options.gates);
    let files = runtime::sources::read(&host::RealFs, path)?;
    let catalogue = catalogue_of_all(allowed);
    let stdlib = stdlib(allowed.stability);
    let validation = Validation {
        catalogue: &catalogue,
        stdlib: &stdlib,
        host: &Host::real(),
        module_path: &module_path(path),
    };
    runtime::expand(&validation, &files).map_err(|error| {
        output::complain(error.report(output::color()).trim_end());
        Failure::Reported
    })
}

#[derive(Serialize)]
struct Page<'a> {
    changes: bool,
    steps: &'a [Line],
}

#[derive(Serialize)]
struct Line {
    /// `start`, `stop`, `update` or `keep`.
    step: &'static str,
    /// Global id of the node.
    id: String,
    /// Where it stands: in the new configuration, or in the old one if it stops.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    /// Attributes and blocks of its own that differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changed: Vec<String>,
    /// What it keeps from one run to the next.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    state: &'static [&'static str],
    /// Folder of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<String>,
}

/// What is said of a step. Arguments and exports of modules are parts of their instances.
fn line(step: &Step, old: &Expansion, new: &Expansion, storage: &Path) -> Option<Line> {
    let (name, id) = match step {
        Step::Start(id) => ("start", id),
        Step::Stop(id) => ("stop", id),
        Step::Update(id) => ("update", id),
        Step::Keep(id) => ("keep", id),
    };
    let (before, after) = (old.specs.get(id), new.specs.get(id));
    let spec: &Spec = match step {
        Step::Stop(_) => before?,
        _ => after?,
    };
    let changed = match (step, before, after) {
        (Step::Update(_), Some(before), Some(after)) => runtime::differences(before, after),
        _ => Vec::new(),
    };
    match &spec.kind {
        Kind::Argument | Kind::Export => return None,
        // What is in them is said by itself.
        Kind::Custom(_) | Kind::Foreach(_) if name == "update" && changed.is_empty() => return None,
        // Defaults that nobody wrote.
        Kind::Config(_) if spec.block.is_none() && before.is_none_or(|before| before.block.is_none()) => return None,
        _ => {}
    }
    let state = match &spec.kind {
        Kind::Component(registration) => registration.state,
        _ => &[],
    };
    Some(Line {
        step: name,
        place: spec.place(""),
        changed,
        state,
        folder: (!state.is_empty()).then(|| storage.join(id).display().to_string()),
        id: id.clone(),
    })
}

fn text(lines: &[Line], all: bool) -> String {
    let mut out = String::new();
    let shown = || lines.iter().filter(|line| all || line.step != "keep");
    let width = shown().map(|line| line.id.len()).max().unwrap_or(0);
    for line in shown() {
        let mut remarks = Vec::new();
        if line.step == "update" {
            remarks.push(match line.changed.as_slice() {
                [] => "what it refers to is new".to_owned(),
                changed => format!("changes {}", changed.join(", ")),
            });
        }
        if !line.state.is_empty() {
            let state = line.state.join(" and ");
            let folder = line.folder.as_deref().unwrap_or_default();
            remarks.push(match line.step {
                "stop" => format!("leaves {state} in {folder}"),
                "start" => format!("takes up {state} from {folder}, if there are any"),
                _ => format!("keeps {state}"),
            });
        }
        if let Some(place) = &line.place {
            remarks.push(format!("({place})"));
        }
        let _ = writeln!(out, "{:<6}  {:<width$}  {}", line.step, line.id, remarks.join(" "));
    }
    let count = |step: &str| lines.iter().filter(|line| line.step == step).count();
    if !out.is_empty() {
        out.push('\n');
    }
    let _ = writeln!(
        out,
        "{} to start, {} to stop, {} to update, {} to keep as they are",
        count("start"),
        count("stop"),
        count("update"),
        count("keep")
    );
    out
}
