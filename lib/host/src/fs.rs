//! Files.
//!
//! All calls block; async code runs them on a blocking thread.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What names a file independently of its path. An inode number is reused after deletion, so this alone does not
/// prove that two files are the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// Device number.
    pub dev: u64,
    /// Inode number, or the platform's file index.
    pub ino: u64,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A pipe, socket or device.
    Other,
}

/// A file's metadata. Times are nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// What it is.
    pub kind: FileKind,
    /// Size in bytes.
    pub len: u64,
    /// Last modification.
    pub modified: i64,
    /// Creation ("birth"), where the file system keeps it.
    pub created: Option<i64>,
    /// Device and inode.
    pub id: FileId,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The name without its directory.
    pub name: OsString,
    /// What it is, without following a symbolic link; `None` for a link.
    pub kind: Option<FileKind>,
}

/// An open file. It stays readable after its path was renamed or removed.
pub trait File: Send + Sync {
    /// Reads at `offset` into `buf`; 0 means end of file. May read less than asked.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Metadata of the open file.
    fn meta(&self) -> io::Result<Meta>;
}

/// A file system.
pub trait Fs: Send + Sync + 'static {
    /// Opens a file for reading, following symbolic links.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Metadata behind a path, following symbolic links.
    fn meta(&self, path: &Path) -> io::Result<Meta>;
    /// The whole content of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// The names in a directory, in no order.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>>;
    /// Where a path leads when all symbolic links in it are followed.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_path_buf())
    }
    /// Replaces a file's content so that after a crash either the old or the new content is there, whole: a temporary
    /// file in the same directory, synced, renamed, the directory synced. `mode` is the new file's permission bits.
    fn write_atomic(&self, path: &Path, content: &[u8], mode: u32) -> io::Result<()>;
    /// Creates a directory and its parents.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
}

/// The operating system's file system.
pub struct RealFs;

struct RealFile(fs::File);

fn nanos(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |n| -n),
    }
}

fn kind(of: fs::FileType) -> FileKind {
    if of.is_file() {
        FileKind::File
    } else if of.is_dir() {
        FileKind::Dir
    } else {
        FileKind::Other
    }
}

#[cfg(unix)]
fn id(of: &fs::Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt;
    FileId {
        dev: of.dev(),
        ino: of.ino(),
    }
}

#[cfg(not(unix))]
fn id(of: &fs::Metadata) -> FileId {
    // Without inode numbers the birth time is the best name there is.
    FileId {
        dev: 0,
        ino: of.created().map(nanos).unwrap_or(0) as u64,
    }
}

fn meta(of: &fs::Metadata) -> Meta {
    Meta {
        kind: kind(of.file_type()),
        len: of.len(),
        modified: of.modified().map(nanos).unwrap_or(0),
        created: of.created().map(nanos).ok(),
        id: id(of),
    }
}

impl File for RealFile {
    #[cfg(unix)]
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.0, buf, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&self.0, buf, offset)
    }

    fn meta(&self) -> io::Result<Meta> {
        Ok(meta(&self.0.metadata()?))
    }
}

impl Fs for RealFs {
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(RealFile(fs::File::open(path)?)))
    }

    fn meta(&self, path: &Path) -> io::Result<Meta> {
        Ok(meta(&fs::metadata(path)?))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        fs::read_dir(path)?
            .map(|entry| {
                let entry = entry?;
                let file_type = entry.file_type()?;
                Ok(DirEntry {
                    name: entry.file_name(),
                    kind: (!file_type.is_symlink()).then(|| kind(file_type)),
                })
            })
            .collect()
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn write_atomic(&self, path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
        let dir = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let name = path
            .file_name()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "path has no file name"))?;
        let mut temporary_name = OsString::from(".");
        temporary_name.push(name);
        temporary_name.push(format!(".{}.tmp", std::process::id()));
        let temporary = dir.join(temporary_name);
        let written = write_synced(&temporary, content, mode).and_then(|()| fs::rename(&temporary, path));
        if let Err(error) = written {
            // The old content is still in place; a leftover temporary file would only confuse.
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        sync_dir(dir)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

fn write_synced(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(mode);
    }
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(unix)]
fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

#[cfg(not(unix))]
fn sync_dir(_dir: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_file_outlives_its_name_and_keeps_its_identity() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let (old, new) = (dir.path().join("a"), dir.path().join("b"));
        RealFs.write_atomic(&old, b"one", 0o600)?;
        let open = RealFs.open(&old)?;
        fs::rename(&old, &new)?;
        RealFs.write_atomic(&old, b"two", 0o600)?;
        let mut buf = [0; 8];
        let n = open.read_at(&mut buf, 1)?;
        assert_eq!(&buf[..n], b"ne");
        assert_eq!(open.meta()?.id, RealFs.meta(&new)?.id);
        assert_ne!(open.meta()?.id, RealFs.meta(&old)?.id);
        Ok(())
    }

    #[test]
    fn write_atomic_replaces_and_leaves_nothing_behind() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("positions.yml");
        RealFs.write_atomic(&path, b"1", 0o600)?;
        RealFs.write_atomic(&path, b"22", 0o600)?;
        assert_eq!(RealFs.read(&path)?, b"22");
        assert_eq!(RealFs.read_dir(dir.path())?.len(), 1);
        Ok(())
    }
}
