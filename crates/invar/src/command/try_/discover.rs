//! Finding log files: what is there, readable and text, grouped into a few patterns.

mod sniff;
mod walk;

pub use sniff::Kind;

use glob::Pattern;
use host::RealFs;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use walk::{Seen, Walk};

/// Most files that are followed of those that are found without being named; the most recently written ones win.
pub const MAX_FILES: usize = 200;

/// The usual places of log files.
pub struct Places {
    /// Where the system logs: `/var/log`.
    pub system: PathBuf,
    /// Where Docker keeps the output of containers: `/var/lib/docker/containers`.
    pub docker: PathBuf,
    /// Where the user's programs keep state: `~/.local/state`.
    pub user: Option<PathBuf>,
}

impl Places {
    /// The places of this machine and user.
    pub fn of_machine() -> Self {
        let folder = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        Places {
            system: "/var/log".into(),
            docker: "/var/lib/docker/containers".into(),
            user: folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state"))),
        }
    }
}

/// A pattern to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Absolute glob pattern.
    pub pattern: String,
    /// Value of the label `job`.
    pub job: String,
    /// How lines are wrapped.
    pub kind: Kind,
    /// The files that it matches now.
    pub files: Vec<PathBuf>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// In order of kind, then pattern.
    pub targets: Vec<Target>,
    /// Files that look like logs and that this user may not read.
    pub unreadable: usize,
    /// Readable log files beyond the bound.
    pub left_out: usize,
}

impl Found {
    /// How many files there are; one that two patterns match counts once.
    pub fn files(&self) -> usize {
        self.targets
            .iter()
            .flat_map(|target| &target.files)
            .collect::<BTreeSet<_>>()
            .len()
    }
}

/// A pattern that cannot be used. The text says why.
#[derive(Debug, thiserror::Error)]
#[error("--path {pattern:?}: {reason}")]
pub struct BadPattern {
    pattern: String,
    reason: String,
}

/// Looks into the usual places.
pub fn search(places: &Places) -> Found {
    let mut found = Found::default();
    let mut files = Vec::new();
    for (root, only_logs) in [
        (Some(&places.system), false),
        (Some(&places.docker), true),
        (places.user.as_ref(), true),
    ] {
        let Some(root) = root else { continue };
        for seen in Walk::new(root) {
            if walk::is_other(&seen.path) || only_logs && !has_log_name(&seen.path) {
                continue;
            }
            match sniff::kind(&seen.path) {
                Ok(Some(kind)) => files.push((seen, kind)),
                Ok(None) => {}
                Err(_) => found.unreadable += 1,
            }
        }
    }
    // `containers` holds links to what `pods` holds.
    let pods = places.system.join("pods");
    if files.iter().any(|(seen, _)| seen.path.starts_with(&pods)) {
        let links = places.system.join("containers");
        files.retain(|(seen, _)| !seen.path.starts_with(&links));
    }
    files.sort_by(|(a, _), (b, _)| (Reverse(a.modified), &a.path).cmp(&(Reverse(b.modified), &b.path)));
    found.left_out = files.len().saturating_sub(MAX_FILES);
    let rest: BTreeSet<PathBuf> = files
        .split_off(files.len() - found.left_out)
        .into_iter()
        .map(|(seen, _)| seen.path)
        .collect();
    found.targets = group(places, files, &rest);
    found
}

/// What the patterns match, relative ones from `base`. A pattern that matches nothing yet has no files.
pub fn expand(patterns: &[String], base: &Path, places: &Places) -> Result<Found, BadPattern> {
    let mut found = Found::default();
    let mut known = BTreeSet::new();
    for given in patterns {
        let bad = |reason: String| BadPattern {
            pattern: given.clone(),
            reason,
        };
        if given.is_empty() {
            return Err(bad("an empty pattern matches nothing".to_owned()));
        }
        let text = |path: &Path| {
            path.to_str()
                .map(str::to_owned)
                .ok_or_else(|| bad("the current folder is not UTF-8".to_owned()))
        };
        let named = absolute(&base.join(given));
        let pattern = if named.is_dir() {
            format!("{}/*.log", escape(&text(&named)?))
        } else if named.is_file() {
            escape(&text(&named)?)
        } else {
            // What the current folder is called is no pattern.
            text(&absolute(&Path::new(&escape(&text(base)?)).join(given)))?
        };
        if !known.insert(pattern.clone()) {
            continue;
        }
        let files = Pattern::new(&pattern)
            .map_err(|error| bad(error.to_string()))?
            .expand(&RealFs, &mut |_, _| {});
        let mut target = Target {
            job: job(places, &literal_folder(&pattern)),
            pattern,
            kind: Kind::Plain,
            files: Vec::new(),
        };
        let mut kinds = BTreeMap::<Kind, usize>::new();
        for path in files.into_iter().filter(|path| path.is_file()) {
            match sniff::kind(&path) {
                Ok(Some(kind)) => {
                    *kinds.entry(kind).or_default() += 1;
                    target.files.push(path);
                }
                // Binary and compressed files are read as they are: they were named.
                Ok(None) => target.files.push(path),
                Err(_) => found.unreadable += 1,
            }
        }
        // One pattern has one pipeline; that of most of its files.
        target.kind = kinds
            .into_iter()
            .max_by_key(|(kind, count)| (*count, Reverse(*kind)))
            .map_or(Kind::Plain, |(kind, _)| kind);
        found.targets.push(target);
    }
    found
        .targets
        .sort_by(|a, b| (a.kind, &a.pattern).cmp(&(b.kind, &b.pattern)));
    Ok(found)
}

/// One pattern for each folder where all that it matches was found, single files elsewhere.
fn group(places: &Places, files: Vec<(Seen, Kind)>, left_out: &BTreeSet<PathBuf>) -> Vec<Target> {
    let mut targets = BTreeMap::<(Kind, String), Target>::new();
    let all: BTreeSet<&Path> = files.iter().map(|(seen, _)| seen.path.as_path()).collect();
    let mut whole = BTreeMap::<(PathBuf, Kind), bool>::new();
    for (seen, kind) in &files {
        // Globs are text.
        let Some(text) = seen.path.to_str() else { continue };
        let pattern = if let Some(pattern) = container_pattern(places, &seen.path) {
            pattern
        } else {
            let folder = seen.path.parent().unwrap_or(Path::new("/")).to_path_buf();
            let whole = seen.path.extension().is_some_and(|extension| extension == "log")
                && *whole
                    .entry((folder.clone(), *kind))
                    .or_insert_with_key(|(folder, kind)| is_whole(folder, *kind, &files, &all, left_out));
            if whole {
                format!("{}/*.log", escape(folder.to_str().unwrap_or_default()))
            } else {
                escape(text)
            }
        };
        let target = targets
            .entry((*kind, pattern))
            .or_insert_with_key(|(kind, pattern)| Target {
                pattern: pattern.clone(),
                job: job(places, seen.path.parent().unwrap_or(Path::new("/"))),
                kind: *kind,
                files: Vec::new(),
            });
        target.files.push(seen.path.clone());
    }
    targets.into_values().collect()
}

/// Whether `*.log` in this folder is exactly what was found there, all of one kind: neither binary nor unreadable files.
fn is_whole(
    folder: &Path,
    kind: Kind,
    files: &[(Seen, Kind)],
    all: &BTreeSet<&Path>,
    left_out: &BTreeSet<PathBuf>,
) -> bool {
    let logs =
        |path: &Path| path.parent() == Some(folder) && path.extension().is_some_and(|extension| extension == "log");
    let of_kind = files
        .iter()
        .filter(|(seen, _)| logs(&seen.path))
        .all(|(_, other)| *other == kind);
    of_kind
        && !left_out.iter().any(|path| logs(path))
        && walk::logs_in(folder).iter().all(|path| all.contains(path.as_path()))
}

/// Containers come and go: their files are matched wherever they are.
fn container_pattern(places: &Places, path: &Path) -> Option<String> {
    let below = |root: &Path, tail: &str| {
        path.starts_with(root)
            .then(|| Some(format!("{}/{tail}", escape(root.to_str()?))))?
    };
    below(&places.system.join("pods"), "*/*/*.log")
        .or_else(|| below(&places.system.join("containers"), "*.log"))
        .or_else(|| below(&places.docker, "*/*-json.log"))
}

/// What the files in this folder are called: the program, if the folder tells.
fn job(places: &Places, folder: &Path) -> String {
    let first = |root: &Path, itself: &str| match folder.strip_prefix(root).ok()?.components().next() {
        Some(Component::Normal(name)) => Some(name.to_string_lossy().into_owned()),
        _ => Some(itself.to_owned()),
    };
    if folder.starts_with(&places.docker) {
        return "docker".to_owned();
    }
    let own = || {
        folder
            .file_name()
            .map_or_else(|| "files".to_owned(), |name| name.to_string_lossy().into_owned())
    };
    let user = || first(places.user.as_deref()?, "user");
    first(&places.system, "system").or_else(user).unwrap_or_else(own)
}

fn has_log_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "log")
}

const META: [char; 5] = ['*', '?', '[', '{', '\\'];

/// The folder that a pattern starts in: all before its first segment with a special character, or before its last one.
fn literal_folder(pattern: &str) -> PathBuf {
    let root: PathBuf = Path::new(pattern)
        .components()
        .take_while(|part| !part.as_os_str().to_str().is_none_or(|text| text.contains(META)))
        .collect();
    if root == Path::new(pattern) {
        root.parent().map(Path::to_path_buf).unwrap_or(root)
    } else {
        root
    }
}

/// A pattern that matches this path alone.
pub fn escape(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for c in path.chars() {
        if META.contains(&c) || matches!(c, ']' | '}' | ',') && path.contains(META) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// Without `.` and `..`, as far as that can be told without following links.
fn absolute(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

#[cfg(test)]
mod tests;
