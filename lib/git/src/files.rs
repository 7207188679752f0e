//! Writing a revision out as plain files.

use crate::Error;
use crate::local::MOST_DEPTH;
use crate::repository::{Limits, remove};
use gix::ObjectId;
use gix::objs::tree::EntryKind;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes trees.
pub(crate) struct Files<'a> {
    repo: &'a gix::Repository,
    limits: Limits,
    files: usize,
    bytes: u64,
    skipped: Vec<String>,
}

impl<'a> Files<'a> {
    pub(crate) fn new(repo: &'a gix::Repository, limits: Limits) -> Self {
        Files {
            repo,
            limits,
            files: 0,
            bytes: 0,
            skipped: Vec::new(),
        }
    }

    /// Makes `place` hold the files of `tree` and nothing else, and says what was left out. They are written beside it and take its place
    /// as a whole.
    pub(crate) fn write(mut self, tree: ObjectId, place: &Path) -> Result<Vec<String>, Error> {
        let new = beside(place, "new");
        let cannot = |error| Error::caused(format!("cannot write {}", place.display()), error);
        remove(&new).map_err(cannot)?;
        if let Err(error) = self.tree(tree, &new, "", 0) {
            // The next attempt removes it too.
            let _ = remove(&new);
            return Err(error);
        }
        swap(&new, place).map_err(cannot)?;
        Ok(self.skipped)
    }

    fn tree(&mut self, id: ObjectId, place: &Path, below: &str, depth: usize) -> Result<(), Error> {
        let unreadable = |error: gix::Error| Error::git(format!("cannot read directory {below:?}"), &error);
        let cannot = |error| Error::caused(format!("cannot write {}", place.display()), error);
        if depth > MOST_DEPTH {
            return Err(Error::limit("directories are nested too deeply"));
        }
        fs::create_dir(place).map_err(cannot)?;
        let tree = self.repo.find_tree(id).map_err(unreadable)?;
        for entry in tree.iter() {
            let entry = entry.map_err(unreadable)?;
            let shown = format!("{below}{}", entry.filename());
            let name = match std::str::from_utf8(entry.filename()) {
                Ok(name) if is_plain(name) => name,
                _ => {
                    self.skipped.push(format!("{shown:?}: the name is not allowed"));
                    continue;
                }
            };
            let path = place.join(name);
            match entry.mode().kind() {
                EntryKind::Tree => self.tree(entry.object_id(), &path, &format!("{shown}/"), depth + 1)?,
                EntryKind::Blob => self.file(entry.object_id(), &path, false)?,
                EntryKind::BlobExecutable => self.file(entry.object_id(), &path, true)?,
                EntryKind::Link => self.link(entry.object_id(), &path, &shown, depth)?,
                EntryKind::Commit => self.skipped.push(format!("{shown:?}: submodules are not fetched")),
            }
        }
        Ok(())
    }

    /// Counts a file against the limits.
    fn take(&mut self, id: ObjectId) -> Result<(), Error> {
        let header = self.repo.find_header(id);
        let header = header.map_err(|error| Error::git(format!("cannot read object {id}"), &error))?;
        self.files += 1;
        self.bytes += header.size();
        if self.files > self.limits.files {
            return Err(Error::limit(format!(
                "the revision has more than {} files; use a repository of its own for modules",
                self.limits.files
            )));
        }
        if self.bytes > self.limits.bytes {
            return Err(Error::limit(format!(
                "the revision has more than {} bytes; use a repository of its own for modules",
                self.limits.bytes
            )));
        }
        Ok(())
    }

    fn content(&mut self, id: ObjectId) -> Result<Vec<u8>, Error> {
        self.take(id)?;
        let blob = self.repo.find_blob(id);
        let mut blob = blob.map_err(|error| Error::git(format!("cannot read object {id}"), &error))?;
        Ok(blob.take_data())
    }

    fn file(&mut self, id: ObjectId, path: &Path, executable: bool) -> Result<(), Error> {
        let content = self.content(id)?;
        let mut options = fs::OpenOptions::new();
        // Never through a link: names that differ only in case are one name on some file systems.
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(if executable { 0o755 } else { 0o644 });
        }
        #[cfg(not(unix))]
        let _ = executable;
        options
            .open(path)
            .and_then(|mut file| file.write_all(&content))
            .map_err(|error| Error::caused(format!("cannot write {}", path.display()), error))
    }

    fn link(&mut self, id: ObjectId, path: &Path, shown: &str, depth: usize) -> Result<(), Error> {
        let target = self.content(id)?;
        match std::str::from_utf8(&target) {
            Ok(target) if stays_inside(target, depth) => make_link(target, path)
                .map_err(|error| Error::caused(format!("cannot write {}", path.display()), error)),
            _ => {
                self.skipped.push(format!("{shown:?}: the link leaves the repository"));
                Ok(())
            }
        }
    }
}

#[cfg(unix)]
fn make_link(target: &str, path: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

/// Links need privileges there; the file says where it would lead, as with git.
#[cfg(not(unix))]
fn make_link(target: &str, path: &Path) -> std::io::Result<()> {
    fs::write(path, target)
}

/// Whether a name of a tree is one name of a file, and none that means something to git or the file system.
fn is_plain(name: &str) -> bool {
    let special = name.is_empty() || name == "." || name == ".." || name.eq_ignore_ascii_case(".git");
    let separators: &[char] = if cfg!(windows) {
        &['/', '\\', ':', '\0']
    } else {
        &['/', '\0']
    };
    !special && !name.contains(separators)
}

/// Whether a link in a directory `depth` levels below the root cannot leave the root, whatever other such links there are: first as
/// many `..` as there are levels, then no more. After a name, `..` would go up from where a link leads.
fn stays_inside(target: &str, depth: usize) -> bool {
    if target.starts_with('/') || target.contains(['\0', '\\']) || target.is_empty() {
        return false;
    }
    let mut up = 0;
    let mut down = false;
    for step in target.split('/').filter(|step| !step.is_empty() && *step != ".") {
        match step {
            ".." if down => return false,
            ".." => up += 1,
            _ => down = true,
        }
    }
    up <= depth
}

fn beside(place: &Path, suffix: &str) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

/// Puts directory `new` at `place`. At no time is there half of one; where the system can exchange names, there is none at no time either.
fn swap(new: &Path, place: &Path) -> std::io::Result<()> {
    if !fs::symlink_metadata(place).is_ok_and(|meta| meta.is_dir()) {
        remove(place)?;
        return fs::rename(new, place);
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        if renameat_with(CWD, new, CWD, place, RenameFlags::EXCHANGE).is_ok() {
            return remove(new);
        }
        // A file system that cannot do that.
    }
    let old = beside(place, "old");
    remove(&old)?;
    fs::rename(place, &old)?;
    fs::rename(new, place)?;
    remove(&old)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_may_leave_are_refused() {
        for (target, depth) in [
            ("a", 0),
            ("a/b", 0),
            ("./a", 0),
            ("..", 1),
            ("../a/b", 1),
            ("../../a", 2),
        ] {
            assert!(stays_inside(target, depth), "{target} {depth}");
        }
        for (target, depth) in [
            ("/etc", 0),
            ("..", 0),
            ("../..", 1),
            ("a/../b", 3),
            ("", 0),
            ("a\\b", 0),
        ] {
            assert!(!stays_inside(target, depth), "{target} {depth}");
        }
    }

    #[test]
    fn names_that_mean_something_are_refused() {
        for name in ["", ".", "..", ".git", ".GIT", "a/b", "a\0"] {
            assert!(!is_plain(name), "{name}");
        }
        assert!(is_plain(".github") && is_plain("a b") && is_plain("ä"));
    }
}
