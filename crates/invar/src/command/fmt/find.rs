//! From arguments to files.

use glob::Pattern;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Files that arguments mean, each once and in order, and what is wrong with arguments and folders.
#[derive(Default)]
pub struct Found {
    pub files: Vec<PathBuf>,
    pub errors: Vec<String>,
}

/// Whether an argument may mean several files: a folder, or a pattern that is no file's name.
pub fn is_many(argument: &Path) -> bool {
    match fs::metadata(argument) {
        Ok(meta) => meta.is_dir(),
        Err(_) => is_pattern(argument),
    }
}

fn is_pattern(argument: &Path) -> bool {
    argument.to_string_lossy().contains(['*', '?', '[', '{'])
}

/// Why these arguments cannot be printed one after the other.
pub fn needs_mode(arguments: &[PathBuf]) -> String {
    let what = match arguments {
        [only] if only.is_dir() => "cannot format a directory",
        [_] => "cannot format a pattern",
        _ => "cannot format several files",
    };
    format!("{what} to standard output: use -w, -t or --diff")
}

/// Finds the files. Folders are searched for `*.alloy` at any depth, but not in hidden folders, and links to folders are not followed. A folder
/// or a pattern without a file is an error: a check that looks at nothing would pass for ever.
pub fn files(arguments: &[PathBuf]) -> Found {
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    for argument in arguments {
        let before = (found.files.len(), found.errors.len());
        let shown = argument.display();
        let (files, nothing) = match fs::metadata(argument) {
            Ok(meta) if meta.is_dir() => {
                let mut files = Vec::new();
                walk(argument, &mut files, &mut found.errors);
                (files, format!("{shown}: there is no *.alloy file in this folder"))
            }
            Err(_) if is_pattern(argument) => {
                let files = expand(argument, &mut found.errors);
                (files, format!("{shown}: no file matches this pattern"))
            }
            // What is not there is an error when it is read.
            _ => (vec![argument.clone()], String::new()),
        };
        if files.is_empty() && found.errors.len() == before.1 {
            found.errors.push(nothing);
        }
        found
            .files
            .extend(files.into_iter().filter(|path| seen.insert(path.clone())));
    }
    found
}

fn expand(argument: &Path, errors: &mut Vec<String>) -> Vec<PathBuf> {
    let Some(text) = argument.to_str() else {
        errors.push(format!("{}: a pattern must be UTF-8", argument.display()));
        return Vec::new();
    };
    let pattern = match Pattern::new(text) {
        Ok(pattern) => pattern,
        Err(error) => {
            errors.push(error.to_string());
            return Vec::new();
        }
    };
    let mut files = pattern.expand(&host::RealFs, &mut |path, error| errors.push(unreadable(path, &error)));
    files.retain(|path| !path.is_dir());
    files
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>, errors: &mut Vec<String>) {
    let entries = fs::read_dir(folder).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => return errors.push(unreadable(folder, &error)),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        match folder {
            true if !hidden => walk(&path, files, errors),
            true => {}
            false if path.extension().is_some_and(|extension| extension == "alloy") && !path.is_dir() => {
                files.push(path)
            }
            false => {}
        }
    }
}
