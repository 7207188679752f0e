//! Reads the workspace as files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the root")
        .to_path_buf()
}

/// A crate of the workspace.
pub struct Member {
    pub name: String,
    /// `lib`, `crates` or `components`; empty for xtask.
    pub room: String,
    pub dir: PathBuf,
    /// Names of dependencies outside of tests.
    pub dependencies: BTreeSet<String>,
}

/// Every crate by its name.
pub fn members() -> BTreeMap<String, Member> {
    let mut members = BTreeMap::new();
    for room in ["lib", "crates", "components"] {
        for entry in fs::read_dir(root().join(room)).expect("the room exists") {
            let dir = entry.expect("the room can be read").path();
            let Ok(manifest) = fs::read_to_string(dir.join("Cargo.toml")) else {
                continue;
            };
            let name = dir
                .file_name()
                .expect("a crate has a name")
                .to_string_lossy()
                .into_owned();
            assert!(
                manifest.contains(&format!("name = \"{name}\"")),
                "{room}/{name}: the folder's name is not the crate's"
            );
            members.insert(
                name.clone(),
                Member {
                    name,
                    room: room.to_owned(),
                    dir,
                    dependencies: dependencies(&manifest),
                },
            );
        }
    }
    members
}

fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut inside = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines() {
        if let Some(section) = line.strip_prefix('[') {
            inside = section.starts_with("dependencies]")
                || section.starts_with("target.")
                    && section.ends_with("dependencies]")
                    && !section.contains("dev-dependencies");
        } else if inside && let Some((name, _)) = line.split_once(['.', ' ', '=']) {
            names.insert(name.trim().to_owned());
        }
    }
    names.retain(|name| !name.is_empty() && !name.starts_with('#'));
    names
}

/// Every Rust file below a folder.
pub fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut stack = vec![dir.to_path_buf()];
    while let Some(dir) = stack.pop() {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "target") {
                    stack.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
