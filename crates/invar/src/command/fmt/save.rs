//! Replaces the text of a file without ever leaving less than one whole text.

use rustix::fs::{FallocateFlags, fallocate, listxattr};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::Path;

/// Writes `new` to a file that holds `old`. The file keeps its owner, mode, links, access lists and other attributes.
///
/// A temporary file beside it, renamed over it, is the way that survives a crash and a full disk; but that makes another file. It is taken
/// where nobody can tell the difference: one link, no attributes but a security label that the folder gives, an owner that can be kept, and a
/// folder that can be written to. Elsewhere the file is overwritten in place. Then space for all of it is taken before the first byte changes,
/// and a write that fails nevertheless is undone; only a crash of the machine within these few microseconds can leave a mixture.
pub fn save(path: &Path, old: &[u8], new: &[u8]) -> io::Result<()> {
    // A symbolic link stays one; the file that it leads to is written.
    let path = path.canonicalize()?;
    let meta = fs::metadata(&path)?;
    if !meta.is_file() {
        return Err(io::Error::other("is not a regular file"));
    }
    // Whoever may not write to the file may not replace it either, though the folder may allow it.
    let mut file = OpenOptions::new().read(true).write(true).open(&path)?;
    if meta.nlink() == 1 && is_plain(&path) && replace(&path, &meta, new)? {
        return Ok(());
    }
    overwrite(&mut file, old, new)
}

/// Whether a file has no attributes that another one in its place would not have.
fn is_plain(path: &Path) -> bool {
    let mut names = vec![0_u8; 64 << 10];
    match listxattr(path, &mut names[..]) {
        Ok(length) => names[..length]
            .split(|b| *b == 0)
            .all(|name| name.is_empty() || name == b"security.selinux"),
        // File systems without attributes.
        Err(rustix::io::Errno::NOTSUP) => true,
        Err(_) => false,
    }
}

/// Puts another file in its place. False if that is not possible here, and nothing was changed.
fn replace(path: &Path, meta: &fs::Metadata, new: &[u8]) -> io::Result<bool> {
    let Some(folder) = path.parent() else { return Ok(false) };
    let mut builder = tempfile::Builder::new();
    let Ok(file) = builder.prefix(".invar-fmt-").tempfile_in(folder) else {
        return Ok(false);
    };
    let own = file.as_file().metadata()?;
    // The mode comes after the owner, whose change clears bits of it.
    if (own.uid(), own.gid()) != (meta.uid(), meta.gid())
        && fchown(file.as_file(), Some(meta.uid()), Some(meta.gid())).is_err()
    {
        return Ok(false);
    }
    file.as_file().set_permissions(meta.permissions())?;
    // Not through the temporary file itself, whose errors name its path.
    file.as_file().write_all(new)?;
    file.as_file().sync_all()?;
    // A file that is mounted by itself, as in a container, cannot be replaced.
    if file.persist(path).is_err() {
        return Ok(false);
    }
    // The rename itself; a folder that cannot be synchronised keeps the old or the new file.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(true)
}

fn overwrite(file: &mut File, old: &[u8], new: &[u8]) -> io::Result<()> {
    if new.len() > old.len() {
        // Not every file system can do that; what it says otherwise is no reason not to try.
        let taken = fallocate(&*file, FallocateFlags::KEEP_SIZE, 0, new.len() as u64);
        if let Err(full @ rustix::io::Errno::NOSPC) = taken {
            return Err(full.into());
        }
    }
    let write = |file: &mut File, text: &[u8]| {
        file.rewind()?;
        file.write_all(text)?;
        file.set_len(text.len() as u64)?;
        file.sync_all()
    };
    write(file, new).or_else(|error| {
        // The space of the old text is still there.
        write(file, old)?;
        Err(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn file(folder: &tempfile::TempDir) -> std::path::PathBuf {
        let path = folder.path().join("a.alloy");
        fs::write(&path, "old").expect("a file");
        path
    }

    #[test]
    fn keeps_mode_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = file(&folder);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
        save(&path, b"old", b"newer").expect("it can be written");
        assert_eq!(fs::read(&path).expect("a file"), b"newer");
        assert_eq!(fs::metadata(&path).expect("a file").mode() & 0o7777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn keeps_links() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = file(&folder);
        let (hard, soft) = (folder.path().join("hard"), folder.path().join("soft"));
        fs::hard_link(&path, &hard).expect("a link");
        symlink("a.alloy", &soft).expect("a link");
        save(&soft, b"old", b"newer").expect("it can be written");
        assert_eq!(fs::read(&hard).expect("a file"), b"newer");
        save(&hard, b"newer", b"x").expect("it can be written");
        assert_eq!(fs::read(&path).expect("a file"), b"x");
        assert!(fs::symlink_metadata(&soft).expect("a link").is_symlink());
        assert_eq!(fs::metadata(&path).expect("a file").nlink(), 2);
    }

    #[test]
    fn refuses_what_is_no_file() {
        let error = save(Path::new("/dev/null"), b"", b"x").expect_err("a device");
        assert_eq!(error.to_string(), "is not a regular file");
    }
}
