//! A file system in memory, for tests: rename, truncate and inode reuse on demand.

use crate::clock::Clock;
use crate::fs::{DirEntry, File, FileId, FileKind, Fs, Meta};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

#[derive(Clone)]
struct Node {
    content: Arc<Mutex<Content>>,
}

struct Content {
    bytes: Vec<u8>,
    modified: i64,
    created: i64,
    ino: u64,
}

#[derive(Default)]
struct State {
    files: BTreeMap<PathBuf, Node>,
    next_ino: u64,
}

/// A flat file system in memory. Directories exist as far as files do. Clones share their files.
#[derive(Clone)]
pub struct MemFs {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn missing(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{}: no such file", path.display()))
}

impl MemFs {
    /// An empty file system whose times come from `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        MemFs {
            state: Arc::default(),
            clock,
        }
    }

    fn node(&self, path: &Path) -> io::Result<Node> {
        lock(&self.state).files.get(path).cloned().ok_or_else(|| missing(path))
    }

    /// Creates a file with an inode number of its own, replacing whatever the path led to.
    pub fn create(&self, path: impl AsRef<Path>, content: &[u8]) {
        let mut state = lock(&self.state);
        state.next_ino += 1;
        let ino = state.next_ino;
        drop(state);
        self.create_with_inode(path, content, ino);
    }

    /// Creates a file with a given inode number, as a file system does that reuses a freed one.
    pub fn create_with_inode(&self, path: impl AsRef<Path>, content: &[u8], ino: u64) {
        let now = self.clock.now();
        let content = Content {
            bytes: content.to_vec(),
            modified: now,
            created: now,
            ino,
        };
        lock(&self.state).files.insert(
            path.as_ref().to_path_buf(),
            Node {
                content: Arc::new(Mutex::new(content)),
            },
        );
    }

    /// Appends to a file, which is created if it is not there.
    pub fn append(&self, path: impl AsRef<Path>, bytes: &[u8]) {
        match self.node(path.as_ref()) {
            Ok(node) => {
                let mut content = lock(&node.content);
                content.bytes.extend_from_slice(bytes);
                content.modified = self.clock.now();
            }
            Err(_) => self.create(path, bytes),
        }
    }

    /// Truncates a file in place to `len` bytes.
    pub fn truncate(&self, path: impl AsRef<Path>, len: usize) -> io::Result<()> {
        let node = self.node(path.as_ref())?;
        let mut content = lock(&node.content);
        content.bytes.truncate(len);
        content.modified = self.clock.now();
        Ok(())
    }

    /// Renames a file; an open one goes on under the new name.
    pub fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
        let mut state = lock(&self.state);
        let node = state
            .files
            .remove(from.as_ref())
            .ok_or_else(|| missing(from.as_ref()))?;
        state.files.insert(to.as_ref().to_path_buf(), node);
        Ok(())
    }
}

struct MemFile(Node);

fn meta(node: &Node) -> Meta {
    let content = lock(&node.content);
    Meta {
        kind: FileKind::File,
        len: content.bytes.len() as u64,
        modified: content.modified,
        created: Some(content.created),
        id: FileId {
            dev: 1,
            ino: content.ino,
        },
    }
}

impl File for MemFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let content = lock(&self.0.content);
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.bytes.len());
        let n = buf.len().min(content.bytes.len() - start);
        buf[..n].copy_from_slice(&content.bytes[start..start + n]);
        Ok(n)
    }

    fn meta(&self) -> io::Result<Meta> {
        Ok(meta(&self.0))
    }
}

impl Fs for MemFs {
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(MemFile(self.node(path)?)))
    }

    fn meta(&self, path: &Path) -> io::Result<Meta> {
        Ok(meta(&self.node(path)?))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        Ok(lock(&self.node(path)?.content).bytes.clone())
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let state = lock(&self.state);
        let mut entries: BTreeMap<OsString, FileKind> = BTreeMap::new();
        for file in state.files.keys() {
            let Ok(below) = file.strip_prefix(path) else { continue };
            let mut parts = below.components();
            let Some(first) = parts.next() else { continue };
            let kind = if parts.next().is_some() {
                FileKind::Dir
            } else {
                FileKind::File
            };
            entries.insert(first.as_os_str().to_owned(), kind);
        }
        if entries.is_empty() {
            return Err(missing(path));
        }
        Ok(entries
            .into_iter()
            .map(|(name, kind)| DirEntry { name, kind: Some(kind) })
            .collect())
    }

    fn write_atomic(&self, path: &Path, content: &[u8], _mode: u32) -> io::Result<()> {
        self.create(path, content);
        Ok(())
    }

    fn create_dir_all(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        lock(&self.state)
            .files
            .remove(path)
            .map(|_| ())
            .ok_or_else(|| missing(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn rename_keeps_an_open_file_readable() -> io::Result<()> {
        let fs = MemFs::new(Arc::new(ManualClock::at(7)));
        fs.create("/log/a", b"x");
        let open = fs.open(Path::new("/log/a"))?;
        fs.rename("/log/a", "/log/a.1")?;
        fs.create("/log/a", b"new");
        fs.append("/log/a.1", b"y");
        let mut buf = [0; 4];
        assert_eq!(open.read_at(&mut buf, 0)?, 2);
        assert_eq!(&buf[..2], b"xy");
        assert_ne!(open.meta()?.id, fs.meta(Path::new("/log/a"))?.id);
        assert_eq!(fs.read_dir(Path::new("/log"))?.len(), 2);
        Ok(())
    }
}
