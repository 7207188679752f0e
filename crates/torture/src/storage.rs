//! Faults of the folder that the program keeps its state in.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Size of the file system that is filled, in bytes. Large enough for state that is not a backlog.
pub const SIZE: u64 = 32 << 20;

/// A small file system in memory at a folder; unmounted when it goes out of scope.
pub struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// Mounts it. The process needs to be allowed to: root, or alone in a user and mount namespace.
    pub fn mount(at: &Path) -> Result<SmallDisk, String> {
        let options = std::ffi::CString::new(format!("size={SIZE},mode=0700")).map_err(|error| error.to_string())?;
        rustix::mount::mount(
            "tmpfs",
            at,
            "tmpfs",
            rustix::mount::MountFlags::NOSUID | rustix::mount::MountFlags::NODEV,
            options.as_c_str(),
        )
        .map_err(|error| format!("cannot mount a small file system: {error}"))?;
        Ok(SmallDisk { at: at.to_path_buf() })
    }

    fn ballast(&self) -> PathBuf {
        self.at.join("torture-ballast")
    }

    /// Fills it to the last byte, also with what was given back meanwhile.
    pub fn fill(&self) -> Result<(), String> {
        let fail = |error: io::Error| format!("cannot fill the file system: {error}");
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.ballast())
            .map_err(fail)?;
        for size in [1 << 20, 4096, 1] {
            let block = vec![0_u8; size];
            loop {
                match file.write(&block) {
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                    Err(error) => return Err(fail(error)),
                }
            }
        }
        Ok(())
    }

    /// Gives the space back.
    pub fn free(&self) -> Result<(), String> {
        fs::remove_file(self.ballast()).map_err(|error| format!("cannot free the file system: {error}"))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The namespace may take it along.
        let _ = rustix::mount::unmount(&self.at, rustix::mount::UnmountFlags::DETACH);
    }
}

/// The segments of durable queues below a folder, which hold something.
pub fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => folders.push(path),
                Ok(meta) if meta.len() > 0 && path.extension().is_some_and(|extension| extension == "seg") => {
                    found.push(path);
                }
                _ => {}
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_segments_with_something_in_them_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("loki.write.x/queue");
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("1.seg"), vec![0_u8; 100_000]).unwrap();
        fs::write(deep.join("2.seg"), b"").unwrap();
        fs::write(deep.join("cursors"), vec![0_u8; 100]).unwrap();
        let files = segments(dir.path());
        assert_eq!(files, [deep.join("1.seg")]);
    }
}
