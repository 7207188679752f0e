//! A repository on this machine is read where it lies: no program is started, and it may belong to another user.

use crate::fetch::{self, Failure};
use crate::revision::{BRANCHES, TAGS};
use crate::{Error, Revision, repository};
use gix::ObjectId;
use gix::objs::Write as _;
use gix::objs::tree::EntryKind;
use gix::refs::Target;
use gix::refs::transaction::{Change, LogChange, PreviousValue};
use std::path::Path;

/// Deepest nesting of directories.
pub(crate) const MOST_DEPTH: usize = 128;

/// Copies the commit that `revision` names, without its history, and the name.
pub(crate) fn copy(from: &Path, to: &gix::Repository, revision: &Revision) -> Result<ObjectId, Failure> {
    let source = open(from).map_err(Failure::There)?;
    let there = |prefix| revision.named(&source, prefix).map_err(Failure::There);
    let found = match there(TAGS)? {
        Some(commit) => Some((commit, Some(TAGS))),
        None => match there("refs/heads/")? {
            Some(commit) => Some((commit, Some(BRANCHES))),
            None => revision
                .hashed(&source)
                .map_err(Failure::There)?
                .map(|commit| (commit, None)),
        },
    };
    for prefix in [TAGS, BRANCHES] {
        if found.is_none_or(|(_, name)| name != Some(prefix)) {
            fetch::forget(to, &format!("{prefix}{}", revision.as_str())).map_err(Failure::Here)?;
        }
    }
    let Some((commit, name)) = found else {
        return Err(Failure::NotThere(revision.not_found(from.display())));
    };
    let copied = Copy { source: &source, to };
    let tree = copied
        .source
        .find_commit(commit)
        .and_then(|commit| Ok(commit.tree_id()?.detach()));
    let tree = tree.map_err(|error| Failure::There(unreadable(from, &error)))?;
    copied
        .tree(tree, 0)
        .map_err(|error| Failure::There(unreadable(from, &error)))?;
    copied
        .object(commit)
        .map_err(|error| Failure::There(unreadable(from, &error)))?;
    if let Some(prefix) = name {
        let change = Change::Update {
            log: LogChange::default(),
            expected: PreviousValue::Any,
            new: Target::Object(commit),
        };
        fetch::edit(to, &format!("{prefix}{}", revision.as_str()), change).map_err(Failure::Here)?;
    }
    Ok(commit)
}

fn unreadable(from: &Path, error: &gix::Error) -> Error {
    Error::git(format!("cannot read the repository {}", from.display()), error)
}

fn open(from: &Path) -> Result<gix::Repository, Error> {
    if !from.is_dir() {
        return Err(Error::new(format!("there is no repository {}", from.display())));
    }
    // A clone with files has its repository in `.git`, which may be a file that says where.
    let inner = from.join(".git");
    if inner.exists() {
        gix::open_opts(from, gix::open::Options::isolated())
            .map_err(|error| Error::git(format!("cannot open the repository {}", from.display()), &error))
    } else {
        repository::open(from)
    }
}

struct Copy<'a> {
    source: &'a gix::Repository,
    to: &'a gix::Repository,
}

impl Copy<'_> {
    /// Copies what is in a tree before the tree, so that a tree that is there is whole.
    fn tree(&self, id: ObjectId, depth: usize) -> gix::Result<()> {
        if self.to.has_object(id) {
            return Ok(());
        }
        if depth > MOST_DEPTH {
            return Err(gix::Error::from_error(std::io::Error::other(
                "directories are nested too deeply",
            )));
        }
        let tree = self.source.find_tree(id)?;
        for entry in tree.iter() {
            let entry = entry?;
            match entry.mode().kind() {
                EntryKind::Tree => self.tree(entry.object_id(), depth + 1)?,
                EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Link => self.object(entry.object_id())?,
                // A submodule is a commit of another repository.
                EntryKind::Commit => {}
            }
        }
        self.object(id)
    }

    fn object(&self, id: ObjectId) -> gix::Result<()> {
        if !self.to.has_object(id) {
            let object = self.source.find_object(id)?;
            self.to.objects.write_buf(object.kind, &object.data)?;
        }
        Ok(())
    }
}
