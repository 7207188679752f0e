//! Reading a revision from the object database.

use crate::Error;
use gix::ObjectId;
use gix::objs::tree::EntryKind;
use std::fs::File;
use std::sync::Arc;

/// More links than that in a path are a circle.
const MOST_LINKS: usize = 16;

/// What a path of a revision leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file.
    File(Vec<u8>),
    /// A directory: the names of the files in it, links to files included, sorted.
    Directory(Vec<String>),
}

/// A revision that was fetched. Others wait for the directory until it is dropped.
pub struct Snapshot {
    repo: gix::Repository,
    commit: ObjectId,
    tree: ObjectId,
    caveat: Option<String>,
    skipped: Vec<String>,
    _lock: Arc<File>,
}

enum Found {
    File(ObjectId),
    Directory(ObjectId),
}

impl Snapshot {
    pub(crate) fn new(
        repo: gix::Repository,
        commit: ObjectId,
        tree: ObjectId,
        caveat: Option<String>,
        skipped: Vec<String>,
        lock: Arc<File>,
    ) -> Self {
        Snapshot {
            repo,
            commit,
            tree,
            caveat,
            skipped,
            _lock: lock,
        }
    }

    /// Hash of the commit.
    pub fn commit(&self) -> String {
        self.commit.to_string()
    }

    /// Why it may be old: the repository could not be fetched.
    pub fn caveat(&self) -> Option<&str> {
        self.caveat.as_deref()
    }

    /// What was not written out, and why.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// What is at `path`, which is relative to the root of the repository. Links within the repository are followed. A file of more than
    /// `limit` bytes is an error.
    pub fn read(&self, path: &str, limit: u64) -> Result<Entry, Error> {
        let unreadable = |error: gix::Error| Error::git(format!("cannot read {path:?}"), &error);
        match self.find(path)? {
            None => Err(Error::new(format!("there is no {path:?} in commit {}", self.commit))),
            Some(Found::File(id)) => {
                let size = self.repo.find_header(id).map_err(unreadable)?.size();
                if size > limit {
                    return Err(Error::new(format!("{path:?} has {size} bytes, more than {limit}")));
                }
                Ok(Entry::File(self.repo.find_blob(id).map_err(unreadable)?.take_data()))
            }
            Some(Found::Directory(id)) => {
                let tree = self.repo.find_tree(id).map_err(unreadable)?;
                let mut names = Vec::new();
                for entry in tree.iter() {
                    let entry = entry.map_err(unreadable)?;
                    let Ok(name) = String::from_utf8(entry.filename().to_vec()) else {
                        continue;
                    };
                    let is_file = match entry.mode().kind() {
                        EntryKind::Blob | EntryKind::BlobExecutable => true,
                        EntryKind::Link => {
                            let inner = format!("{path}/{name}");
                            matches!(self.find(&inner), Ok(Some(Found::File(_))))
                        }
                        EntryKind::Tree | EntryKind::Commit => false,
                    };
                    if is_file {
                        names.push(name);
                    }
                }
                names.sort();
                Ok(Entry::Directory(names))
            }
        }
    }

    fn find(&self, path: &str) -> Result<Option<Found>, Error> {
        let unreadable = |error: gix::Error| Error::git(format!("cannot read {path:?}"), &error);
        let leaves = || Error::new(format!("{path:?} leaves the repository"));
        // What is still to go, the next step last; and the directories that lead to where we are.
        let mut steps: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut way = vec![self.tree];
        let mut links = 0;
        while let Some(step) = steps.pop() {
            match step.as_str() {
                "" | "." => continue,
                ".." => {
                    way.pop();
                    if way.is_empty() {
                        return Err(leaves());
                    }
                    continue;
                }
                _ => {}
            }
            let here = way.last().copied().unwrap_or(self.tree);
            let tree = self.repo.find_tree(here).map_err(unreadable)?;
            let Some(entry) = tree.find_entry(step.as_str()) else {
                return Ok(None);
            };
            let id = entry.object_id();
            match entry.mode().kind() {
                EntryKind::Tree => way.push(id),
                EntryKind::Blob | EntryKind::BlobExecutable => {
                    return Ok(steps.iter().all(|step| step.is_empty()).then_some(Found::File(id)));
                }
                EntryKind::Link => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(Error::new(format!(
                            "{path:?} leads through more than {MOST_LINKS} links"
                        )));
                    }
                    let target = self.repo.find_blob(id).map_err(unreadable)?.take_data();
                    let target = String::from_utf8(target).map_err(|_| leaves())?;
                    if target.starts_with('/') {
                        return Err(leaves());
                    }
                    steps.extend(target.split('/').rev().map(str::to_owned));
                }
                EntryKind::Commit => {
                    return Err(Error::new(format!("{path:?} is a submodule; they are not fetched")));
                }
            }
        }
        Ok(way.pop().map(Found::Directory))
    }
}
