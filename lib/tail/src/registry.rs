//! What several followers know of each other's files.
//!
//! A pattern such as `app.log*` matches a rotated file under its new name while the follower of the old name still reads it. The
//! registry says who reads which file and how far, so that each is read once, whatever it is called.

use crate::family;
use crate::generation::{holds, lock};
use crate::identity::{Content, FileKey, Head};
use crate::source::Source;
use crate::state::{Saved, State};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Files of one family that nobody reads and that are still remembered.
const REMEMBERED: usize = 64;

/// Shared by followers that must not read a file twice. Clones share it.
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    entries: HashMap<u64, Entry>,
    by_key: HashMap<FileKey, u64>,
    families: HashMap<Family, Vec<u64>>,
    next: u64,
    followers: HashMap<Family, usize>,
    next_follower: u64,
}

/// A directory and the name that rotated names have in common.
type Family = (PathBuf, String);

struct Entry {
    family: Family,
    /// The path of the follower that knew the file first.
    base: PathBuf,
    /// `None` for a file that is known by its content alone.
    key: Option<FileKey>,
    content: Arc<Mutex<Content>>,
    owner: Option<u64>,
    /// How far it was read and acknowledged when its last owner let go of it.
    offset: u64,
}

pub(crate) fn family_of(path: &Path) -> Family {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    (
        path.parent().map(Path::to_path_buf).unwrap_or_default(),
        family::root(name),
    )
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Whether one of the names is how a rotation may have renamed the other.
fn related(a: &str, b: &str) -> bool {
    a == b || family::is_rotation_of(a, b) || family::is_rotation_of(b, a)
}

/// What a follower may do with a file.
pub(crate) enum Claim {
    /// Nobody knew it.
    New(Arc<Mutex<Content>>),
    /// It was read up to an offset, and nobody reads it now.
    Left { offset: u64, content: Arc<Mutex<Content>> },
    /// Somebody else reads it.
    Taken,
}

/// A file that was not read to its end and that nobody reads.
pub(crate) struct Orphan {
    pub(crate) key: FileKey,
    pub(crate) offset: u64,
    pub(crate) content: Arc<Mutex<Content>>,
}

/// What is known about a file that somebody else reads or has read.
pub(crate) struct Known {
    pub(crate) taken: bool,
    pub(crate) offset: u64,
    pub(crate) content: Arc<Mutex<Content>>,
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Self {
        Registry::default()
    }

    /// Makes the files of a saved state known before their follower starts, so that no other one takes them for new.
    pub fn seed(&self, path: &Path, state: &State) {
        for saved in &state.files {
            let Some(key) = saved.key else { continue };
            let mut inner = lock(&self.0);
            if inner.by_key.contains_key(&key) {
                continue;
            }
            let content = Content {
                head: saved.head,
                marks: if saved.check.len > 0 {
                    vec![saved.check]
                } else {
                    Vec::new()
                },
                whole: saved.offset == u64::MAX,
            };
            inner.insert(path, Some(key), Arc::new(Mutex::new(content)), None, saved.offset);
        }
        for head in &state.seen {
            let mut inner = lock(&self.0);
            if inner.has_head(path, *head) {
                continue;
            }
            let content = Content {
                head: *head,
                marks: Vec::new(),
                whole: true,
            };
            inner.insert(path, None, Arc::new(Mutex::new(content)), None, u64::MAX);
        }
    }

    pub(crate) fn join(&self, path: &Path) -> u64 {
        let mut inner = lock(&self.0);
        *inner.followers.entry(family_of(path)).or_default() += 1;
        inner.next_follower += 1;
        inner.next_follower
    }

    /// What [`retract`](Self::retract) takes back is newer than this.
    pub(crate) fn newest(&self) -> u64 {
        lock(&self.0).next
    }

    /// Takes back what one follower made known or laid claim to since `before`, in an attempt that failed.
    pub(crate) fn retract(&self, me: u64, before: u64) {
        let mut inner = lock(&self.0);
        let own = inner.entries.iter_mut().filter(|(_, entry)| entry.owner == Some(me));
        let mut made = Vec::new();
        for (id, entry) in own {
            entry.owner = None;
            if *id >= before {
                made.push(*id);
            }
        }
        for id in &made {
            inner.forget(*id);
        }
        for ids in inner.families.values_mut() {
            ids.retain(|id| !made.contains(id));
        }
    }

    pub(crate) fn leave(&self, path: &Path) {
        let mut inner = lock(&self.0);
        if let Some(count) = inner.followers.get_mut(&family_of(path)) {
            *count = count.saturating_sub(1);
        }
    }

    /// Forgets families that no follower is left of.
    pub fn expire(&self) {
        let mut inner = lock(&self.0);
        let gone: Vec<Family> = inner
            .families
            .keys()
            .filter(|family| inner.followers.get(*family).is_none_or(|count| *count == 0))
            .cloned()
            .collect();
        for family in gone {
            for id in inner.families.remove(&family).unwrap_or_default() {
                inner.forget(id);
            }
            inner.followers.remove(&family);
        }
    }

    /// Asks for the right to read a file.
    pub(crate) fn claim(&self, base: &Path, key: FileKey, me: u64) -> Claim {
        let mut inner = lock(&self.0);
        let Some(id) = inner.by_key.get(&key).copied() else {
            let content = Arc::new(Mutex::new(Content::default()));
            inner.insert(base, Some(key), content.clone(), Some(me), 0);
            return Claim::New(content);
        };
        let Some(entry) = inner.entries.get_mut(&id) else {
            return Claim::Taken;
        };
        if entry.owner.is_some_and(|owner| owner != me) {
            return Claim::Taken;
        }
        entry.owner = Some(me);
        Claim::Left {
            offset: entry.offset,
            content: entry.content.clone(),
        }
    }

    /// Replaces what is known of a file that turned out to be another one under the same key, or to begin anew.
    pub(crate) fn renew(&self, base: &Path, key: FileKey, me: u64) -> Arc<Mutex<Content>> {
        let mut inner = lock(&self.0);
        inner.detach(key);
        let content = Arc::new(Mutex::new(Content::default()));
        inner.insert(base, Some(key), content.clone(), Some(me), 0);
        content
    }

    /// What was acknowledged up to `offset` goes on in the file of this key.
    pub(crate) fn moved(&self, base: &Path, key: FileKey, content: &Arc<Mutex<Content>>, offset: u64, me: u64) {
        let mut inner = lock(&self.0);
        inner.detach(key);
        inner.insert(base, Some(key), content.clone(), Some(me), offset);
    }

    /// What a file holds is not what was known of it: its former content stays known, the file does not.
    pub(crate) fn detach(&self, key: FileKey) {
        lock(&self.0).detach(key);
    }

    /// Notes how far a file was acknowledged by the one who reads it.
    pub(crate) fn progress(&self, key: FileKey, offset: u64, me: u64) {
        let mut inner = lock(&self.0);
        if let Some(id) = inner.by_key.get(&key).copied()
            && let Some(entry) = inner.entries.get_mut(&id)
            && entry.owner == Some(me)
        {
            entry.offset = offset;
        }
    }

    /// Gives up the right to read a file that was read up to `offset`.
    pub(crate) fn release(&self, key: FileKey, content: &Arc<Mutex<Content>>, offset: u64, me: u64) {
        let mut inner = lock(&self.0);
        let ids: Vec<u64> = inner
            .entries
            .iter()
            .filter(|(_, entry)| entry.owner == Some(me) && Arc::ptr_eq(&entry.content, content))
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            if let Some(entry) = inner.entries.get_mut(&id) {
                entry.owner = None;
                entry.offset = if entry.key == Some(key) { offset } else { u64::MAX };
                let family = entry.family.clone();
                inner.trim(&family);
            }
        }
    }

    /// What is known of a file by its key.
    pub(crate) fn known(&self, key: FileKey, me: u64) -> Option<Known> {
        let inner = lock(&self.0);
        let entry = inner.entries.get(inner.by_key.get(&key)?)?;
        Some(Known {
            taken: entry.owner.is_some_and(|owner| owner != me),
            offset: entry.offset,
            content: entry.content.clone(),
        })
    }

    /// A file of the family that nobody reads, that was not read to its end, and whose content an open file holds.
    pub(crate) fn orphan(&self, path: &Path, source: &Source, len: u64) -> io::Result<Option<Orphan>> {
        let orphans: Vec<Orphan> = {
            let inner = lock(&self.0);
            let ids = inner
                .families
                .get(&family_of(path))
                .map(Vec::as_slice)
                .unwrap_or_default();
            let entries = ids.iter().filter_map(|id| Some((id, inner.entries.get(id)?)));
            entries
                .filter(|(_, entry)| entry.owner.is_none() && entry.offset != u64::MAX)
                .filter_map(|(id, entry)| {
                    Some(Orphan {
                        key: entry.key.filter(|key| inner.by_key.get(key) == Some(id))?,
                        offset: entry.offset,
                        content: entry.content.clone(),
                    })
                })
                .collect()
        };
        for orphan in orphans {
            let content = lock(&orphan.content).clone();
            if holds(source, len, &content, true)? && (source.is_packed() || len >= orphan.offset) {
                return Ok(Some(orphan));
            }
        }
        Ok(None)
    }

    /// Whether anything is known of the family of a path.
    pub(crate) fn has_family(&self, path: &Path) -> bool {
        lock(&self.0)
            .families
            .get(&family_of(path))
            .is_some_and(|ids| !ids.is_empty())
    }

    /// How far the content of an open file was acknowledged under any name, as far as is known; 0 if it was not.
    pub(crate) fn reached(&self, path: &Path, source: &Source, len: u64) -> io::Result<u64> {
        let offsets: Vec<(u64, Arc<Mutex<Content>>)> = {
            let inner = lock(&self.0);
            let ids = inner
                .families
                .get(&family_of(path))
                .map(Vec::as_slice)
                .unwrap_or_default();
            let entries = ids.iter().filter_map(|id| inner.entries.get(id));
            // One that was known as a mere copy says nothing.
            let read = entries.filter(|entry| entry.offset > 0 && entry.offset != u64::MAX);
            read.map(|entry| (entry.offset, entry.content.clone())).collect()
        };
        let mut reached = 0;
        for (offset, content) in offsets {
            let content = lock(&content).clone();
            if offset > reached && (source.is_packed() || offset <= len) && holds(source, len, &content, false)? {
                reached = offset;
            }
        }
        Ok(reached)
    }

    /// Whether an open file is a copy or a compressed form of a file of the same family. `elsewhere`: only of one that was
    /// followed under another path than `path`. `counts`: which contents are compared.
    pub(crate) fn is_copy(
        &self,
        path: &Path,
        source: &Source,
        len: u64,
        elsewhere: bool,
        counts: impl Fn(&Arc<Mutex<Content>>) -> bool,
    ) -> io::Result<bool> {
        let contents: Vec<Arc<Mutex<Content>>> = {
            let inner = lock(&self.0);
            let family = family_of(path);
            let ids = inner.families.get(&family).map(Vec::as_slice).unwrap_or_default();
            let entries = || ids.iter().filter_map(|id| inner.entries.get(id));
            // `app-1.log` and `app-2.log` are generations of `app.log` only if there is one: without it they are logs of their
            // own, which may well begin alike.
            let rooted = entries().any(|entry| name_of(&entry.base) == family.1);
            entries()
                .filter(|entry| !elsewhere || entry.base != path)
                .filter(|entry| rooted || related(name_of(&entry.base), name_of(path)))
                .map(|entry| entry.content.clone())
                .filter(counts)
                .collect()
        };
        for content in contents {
            let content = lock(&content).clone();
            if holds(source, len, &content, true)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Inner {
    fn insert(
        &mut self,
        base: &Path,
        key: Option<FileKey>,
        content: Arc<Mutex<Content>>,
        owner: Option<u64>,
        offset: u64,
    ) {
        let id = self.next;
        self.next += 1;
        let family = family_of(base);
        self.families.entry(family.clone()).or_default().push(id);
        if let Some(key) = key {
            self.by_key.insert(key, id);
        }
        let base = base.to_path_buf();
        self.entries.insert(
            id,
            Entry {
                family: family.clone(),
                base,
                key,
                content,
                owner,
                offset,
            },
        );
        self.trim(&family);
    }

    fn has_head(&self, path: &Path, head: Head) -> bool {
        let ids = self
            .families
            .get(&family_of(path))
            .map(Vec::as_slice)
            .unwrap_or_default();
        ids.iter()
            .filter_map(|id| self.entries.get(id))
            .any(|entry| lock(&entry.content).head == head)
    }

    /// Keeps what is known of a file's former content, but not under its key.
    fn detach(&mut self, key: FileKey) {
        self.by_key.remove(&key);
    }

    fn forget(&mut self, id: u64) {
        if let Some(entry) = self.entries.remove(&id)
            && let Some(key) = entry.key
            && self.by_key.get(&key) == Some(&id)
        {
            self.by_key.remove(&key);
        }
    }

    fn trim(&mut self, family: &Family) {
        let Some(ids) = self.families.get(family) else { return };
        let idle: Vec<u64> = ids
            .iter()
            .copied()
            .filter(|id| self.entries.get(id).is_some_and(|entry| entry.owner.is_none()))
            .collect();
        let excess = idle.len().saturating_sub(REMEMBERED);
        for id in &idle[..excess] {
            self.forget(*id);
        }
        if excess > 0
            && let Some(ids) = self.families.get_mut(family)
        {
            ids.retain(|id| !idle[..excess].contains(id));
        }
    }
}

/// What a follower that only looks on has to remember of a file, so that it is known after a restart.
pub(crate) fn looked_on(path: &Path, key: FileKey, known: &Known) -> Saved {
    let content = lock(&known.content);
    let check = if known.offset == u64::MAX {
        None
    } else {
        content.marks.iter().rev().find(|mark| mark.at == known.offset).copied()
    };
    Saved {
        path: path.to_path_buf(),
        key: Some(key),
        head: content.head,
        offset: known.offset,
        check: check.unwrap_or_default(),
    }
}
