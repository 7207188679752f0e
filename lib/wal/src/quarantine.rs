//! Where damaged bytes go, so that a person can look at them.

use crate::damage::Damage;
use crate::disk::{Disk, DiskFile, read_full, write_full};
use crate::layout::segment_name;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

const CHUNK: u64 = 64 << 10;

/// The `quarantine` folder of a log. Takes no more when it is full: what went wrong first explains most.
pub(crate) struct Quarantine {
    dir: PathBuf,
    names: BTreeSet<String>,
    used: u64,
    max: u64,
}

impl Quarantine {
    pub(crate) fn open(disk: &dyn Disk, log: &Path, max: u64) -> Self {
        let dir = log.join("quarantine");
        let files = disk.list(&dir).unwrap_or_default();
        Quarantine {
            dir,
            used: files.iter().map(|(_, len)| len).sum(),
            names: files.into_iter().map(|(name, _)| name).collect(),
            max,
        }
    }

    /// Whether there is room for so many bytes.
    fn admits(&self, name: &str, len: u64) -> bool {
        !self.names.contains(name) && len > 0 && len <= self.max.saturating_sub(self.used)
    }

    fn take(&mut self, name: String, len: u64) {
        self.used += len;
        self.names.insert(name);
    }

    /// Copies the bytes of a damaged place. Best effort: that they cannot be kept is no reason to stop.
    pub(crate) fn keep(&mut self, disk: &dyn Disk, file: &dyn DiskFile, damage: &Damage) {
        let name = format!("{:020}-{}.bad", damage.segment, damage.offset);
        if !self.admits(&name, damage.len) {
            return;
        }
        let path = self.dir.join(&name);
        let copied = disk.create_dir(&self.dir).and_then(|()| {
            let copy = disk.create(&path)?;
            copy_range(file, &*copy, damage.offset, damage.len)?;
            copy.sync()
        });
        match copied {
            Ok(()) => self.take(name, damage.len),
            Err(_) => drop(disk.remove(&path)),
        }
    }

    /// Moves a whole segment that this program cannot read here; if it does not fit it stays where it is.
    pub(crate) fn move_segment(&mut self, disk: &dyn Disk, log: &Path, segment: u64, len: u64) -> bool {
        let name = segment_name(segment);
        let fits = self.admits(&name, len);
        let moved =
            fits && disk.create_dir(&self.dir).is_ok() && disk.rename(&log.join(&name), &self.dir.join(&name)).is_ok();
        if moved {
            self.take(name, len);
        }
        moved
    }
}

fn copy_range(from: &dyn DiskFile, to: &dyn DiskFile, offset: u64, len: u64) -> io::Result<()> {
    let mut chunk = vec![0; len.min(CHUNK) as usize];
    let mut done = 0;
    while done < len {
        let want = (len - done).min(CHUNK) as usize;
        let got = read_full(from, &mut chunk[..want], offset + done)?;
        if got == 0 {
            break;
        }
        write_full(to, &chunk[..got], done)?;
        done += got as u64;
    }
    Ok(())
}
