//! The directory around a path: which rotated generations there are.

use crate::family;
use crate::identity::FileKey;
use crate::source::Format;
use host::{FileKind, Fs, Meta};
use std::io;
use std::path::{Path, PathBuf};

/// A rotated file beside the path.
#[derive(Clone, Debug)]
pub(crate) struct Sibling {
    pub(crate) path: PathBuf,
    name: String,
    age: Option<family::Age>,
    pub(crate) meta: Meta,
    pub(crate) key: FileKey,
}

impl Sibling {
    /// When its content ended to be the newest, as well as the file system can tell.
    pub(crate) fn time(&self) -> i64 {
        let born = self.meta.created.unwrap_or(self.meta.modified);
        if Format::of_name(&self.name).is_some() {
            // gzip gives its output the times of its input.
            born.min(self.meta.modified)
        } else {
            born
        }
    }

    /// When the file appeared in this form.
    pub(crate) fn born(&self) -> i64 {
        self.meta.created.unwrap_or(self.meta.modified)
    }

    pub(crate) fn is_foreign(&self) -> bool {
        family::is_foreign(&self.name)
    }
}

/// What a look at the directory gave.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    /// The file at the path.
    pub(crate) here: Option<Meta>,
    /// Rotated files, oldest first.
    pub(crate) siblings: Vec<Sibling>,
    /// A file was renamed while the list was made.
    torn: bool,
}

impl Survey {
    /// Looks at the files whose names say that they were at `path`.
    pub(crate) fn take(fs: &dyn Fs, path: &Path) -> io::Result<Survey> {
        let base = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        Survey::of(fs, path, base)
    }

    /// Looks at all rotated files of the family of `path`, which may be a rotated one itself.
    pub(crate) fn whole(fs: &dyn Fs, path: &Path) -> io::Result<Survey> {
        let base = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        Survey::of(fs, path, &family::root(base))
    }

    fn of(fs: &dyn Fs, path: &Path, base: &str) -> io::Result<Survey> {
        let here = match fs.meta(path) {
            Ok(meta) if meta.kind == FileKind::File => Some(meta),
            Ok(_) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mut siblings = Vec::new();
        let mut torn = list(fs, path, base, here, &mut siblings)?;
        // Behind a symbolic link the rotated files lie beside the file itself.
        if let Ok(target) = fs.resolve(path)
            && target != path
            && let Some(name) = target.file_name().and_then(|name| name.to_str())
        {
            torn |= list(fs, &target, name, here, &mut siblings)?;
        }
        sort(&mut siblings);
        Ok(Survey { here, siblings, torn })
    }

    /// Whether the same files have the same names, as far as either look can be trusted.
    pub(crate) fn agrees(&self, other: &Survey) -> bool {
        let here = |survey: &Survey| survey.here.as_ref().map(FileKey::of);
        let siblings = |survey: &Survey| {
            let mut pairs: Vec<(PathBuf, FileKey)> = survey
                .siblings
                .iter()
                .map(|sibling| (sibling.path.clone(), sibling.key))
                .collect();
            pairs.sort();
            pairs
        };
        !self.torn && !other.torn && here(self) == here(other) && siblings(self) == siblings(other)
    }
}

/// Adds the files beside `path` whose names say that they were called `base`. Whether names changed
/// meanwhile.
fn list(fs: &dyn Fs, path: &Path, base: &str, here: Option<Meta>, siblings: &mut Vec<Sibling>) -> io::Result<bool> {
    let dir = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let names = || -> io::Result<Vec<(String, bool)>> {
        let entries = match fs.read_dir(dir) {
            Ok(entries) => entries,
            // A directory that may be entered but not listed still lets its files be followed.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        let files = entries.into_iter().filter_map(|entry| {
            let name = entry
                .name
                .to_str()
                .filter(|name| family::is_rotation_of(name, base))?
                .to_owned();
            matches!(entry.kind, Some(FileKind::File) | None).then_some((name, entry.kind.is_none()))
        });
        let mut files: Vec<(String, bool)> = files.collect();
        files.sort();
        Ok(files)
    };
    let listed = names()?;
    let mut torn = false;
    for (name, is_link) in &listed {
        let path = dir.join(name);
        let meta = match fs.meta(&path) {
            Ok(meta) => meta,
            Err(error) => {
                // A link may lead nowhere for ever.
                torn |= error.kind() == io::ErrorKind::NotFound && !is_link;
                continue;
            }
        };
        let known = siblings.iter().any(|sibling| sibling.key == FileKey::of(&meta));
        if meta.kind == FileKind::File && !known && here.is_none_or(|here| here.id != meta.id) {
            siblings.push(Sibling {
                path,
                name: name.clone(),
                age: family::age(name, base),
                key: FileKey::of(&meta),
                meta,
            });
        }
    }
    Ok(torn || names()? != listed)
}

/// Oldest first: by the names' numbers or dates where all have the same kind, otherwise by time.
fn sort(siblings: &mut [Sibling]) {
    let ages: Option<Vec<&family::Age>> = siblings.iter().map(|sibling| sibling.age.as_ref()).collect();
    let comparable = ages.is_some_and(|ages| ages.windows(2).all(|pair| pair[0].comparable(pair[1])));
    siblings.sort_by_cached_key(|sibling| {
        let age = if comparable { sibling.age.clone() } else { None };
        (age, sibling.time(), sibling.name.clone())
    });
}
