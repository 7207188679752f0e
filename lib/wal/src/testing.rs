//! A disk in memory that fails as disks do, for tests of this crate and of others.
//!
//! What is written is volatile until it is synced. [`crash`](SimDisk::crash) keeps of it what a power failure may: any subset of
//! the unsynced sectors and of the unsynced changes to the directory. All choices come from the seed.

use crate::disk::{Disk, DiskFile, DiskLock};
use fastrand::Rng;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

const SECTOR: usize = 512;

/// How often calls fail: each a probability between 0 and 1.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Faults {
    /// A write stores only a part and says so.
    pub short_write: f64,
    /// A write stores a part, or nothing, and fails with "no space left".
    pub no_space: f64,
    /// A write stores a part, or all, and fails with an I/O error.
    pub write_error: f64,
    /// A sync of a file fails, having made an arbitrary part durable; the rest is forgotten as if it had been synced.
    pub sync_error: f64,
    /// A read fails.
    pub read_error: f64,
    /// Creating, truncating, renaming, removing or syncing a directory fails and does nothing.
    pub other_error: f64,
}

enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Default)]
struct Inode {
    now: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

enum Entry {
    Link(PathBuf, usize),
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf, usize),
}

struct State {
    rng: Rng,
    faults: Faults,
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    pending: Vec<Entry>,
    /// Handles and locks of an earlier epoch are dead.
    epoch: u64,
    locked: BTreeMap<PathBuf, u64>,
    /// Changes until the power fails.
    fuse: Option<u64>,
    capacity: Option<u64>,
    syncs: u64,
}

/// The disk. Clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

struct SimFile {
    disk: SimDisk,
    inode: usize,
    epoch: u64,
}

struct SimLock {
    disk: SimDisk,
    path: PathBuf,
    epoch: u64,
}

impl DiskLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.disk.lock_state();
        if state.locked.get(&self.path) == Some(&self.epoch) {
            state.locked.remove(&self.path);
        }
    }
}

fn write(bytes: &mut Vec<u8>, at: usize, data: &[u8]) {
    if bytes.len() < at + data.len() {
        bytes.resize(at + data.len(), 0);
    }
    bytes[at..at + data.len()].copy_from_slice(data);
}

impl Inode {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Write(at, data) => write(&mut self.durable, *at, data),
            Change::Truncate(len) => self.durable.resize(*len, 0),
        }
    }

    /// Makes an arbitrary part of what is pending durable, sector by sector.
    fn settle(&mut self, rng: &mut Rng) {
        let share = [0, 1, 2, 3, 4][rng.usize(0..5)];
        for change in std::mem::take(&mut self.pending) {
            match change {
                Change::Truncate(_) => {
                    if rng.u32(0..4) < share {
                        self.apply(&change);
                    }
                }
                Change::Write(at, data) => {
                    let mut from = 0;
                    while from < data.len() {
                        let until = (((at + from) / SECTOR + 1) * SECTOR - at).min(data.len());
                        if rng.u32(0..4) < share {
                            write(&mut self.durable, at + from, &data[from..until]);
                        }
                        from = until;
                    }
                }
            }
        }
    }
}

fn link(names: &mut BTreeMap<PathBuf, usize>, entry: &Entry) {
    match entry {
        Entry::Link(path, inode) => {
            names.insert(path.clone(), *inode);
        }
        Entry::Unlink(path) => {
            names.remove(path);
        }
        Entry::Rename(from, to, inode) => {
            names.remove(from);
            names.insert(to.clone(), *inode);
        }
    }
}

fn dead() -> io::Error {
    io::Error::other("the power is off")
}

impl State {
    fn alive(&self, epoch: u64) -> io::Result<()> {
        if epoch != self.epoch || self.fuse == Some(0) {
            return Err(dead());
        }
        Ok(())
    }

    /// Burns the fuse for one change; true if the power fails in the middle of this one.
    fn burns_out(&mut self) -> bool {
        match &mut self.fuse {
            Some(left) => {
                *left = left.saturating_sub(1);
                *left == 0
            }
            None => false,
        }
    }

    fn fails(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.rng.f64() < probability
    }

    fn change(&mut self) -> io::Result<()> {
        let epoch = self.epoch;
        self.alive(epoch)?;
        if self.burns_out() {
            return Err(dead());
        }
        if self.fails(self.faults.other_error) {
            return Err(io::Error::other("input/output error"));
        }
        Ok(())
    }

    fn used(&self) -> u64 {
        self.names
            .values()
            .map(|inode| self.inodes[*inode].now.len() as u64)
            .sum()
    }
}

impl SimDisk {
    /// An empty disk without faults.
    pub fn new(seed: u64) -> Self {
        let state = State {
            rng: Rng::with_seed(seed),
            faults: Faults::default(),
            inodes: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending: Vec::new(),
            epoch: 0,
            locked: BTreeMap::new(),
            fuse: None,
            capacity: None,
            syncs: 0,
        };
        SimDisk {
            state: Arc::new(Mutex::new(state)),
        }
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// How often calls fail from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.lock_state().faults = faults;
    }

    /// How much all files may take, in bytes; writes beyond fail with "no space left" after storing what fits.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock_state().capacity = bytes;
    }

    /// The power fails in the middle of the change (write, sync, name) that is so many from now: 1 is the next one. Every call
    /// fails from then on until [`crash`](SimDisk::crash).
    pub fn crash_after(&self, changes: u64) {
        self.lock_state().fuse = Some(changes.max(1));
    }

    /// The power stays on after all.
    pub fn disarm(&self) {
        self.lock_state().fuse = None;
    }

    /// Whether the power has failed.
    pub fn is_off(&self) -> bool {
        self.lock_state().fuse == Some(0)
    }

    /// A power failure, and the power coming back: open files and locks are gone, and so is some of what was not synced. Faults and
    /// fuse are cleared.
    pub fn crash(&self) {
        let mut state = self.lock_state();
        let state = &mut *state;
        state.epoch += 1;
        state.fuse = None;
        state.faults = Faults::default();
        state.locked.clear();
        for inode in &mut state.inodes {
            inode.settle(&mut state.rng);
            inode.now = inode.durable.clone();
        }
        let share = state.rng.u32(0..5);
        for entry in std::mem::take(&mut state.pending) {
            if state.rng.u32(0..4) < share {
                link(&mut state.durable_names, &entry);
            }
        }
        state.names = state.durable_names.clone();
    }

    /// The process ends without a power failure: open files and locks are gone, what was written stays. Faults and fuse are cleared.
    pub fn kill(&self) {
        let mut state = self.lock_state();
        state.epoch += 1;
        state.fuse = None;
        state.faults = Faults::default();
        state.locked.clear();
    }

    /// Files with their sizes in bytes, sorted.
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        let state = self.lock_state();
        let size = |(path, inode): (&PathBuf, &usize)| (path.clone(), state.inodes[*inode].now.len() as u64);
        state.names.iter().map(size).collect()
    }

    /// Flips one bit, durably.
    pub fn flip(&self, path: &Path, offset: u64, bit: u8) {
        let mut state = self.lock_state();
        if let Some(inode) = state.names.get(path).copied() {
            let inode = &mut state.inodes[inode];
            for bytes in [&mut inode.now, &mut inode.durable] {
                if let Some(byte) = bytes.get_mut(offset as usize) {
                    *byte ^= 1 << (bit % 8);
                }
            }
        }
    }

    /// Puts a file there, durably.
    pub fn put(&self, path: &Path, content: &[u8]) {
        let mut state = self.lock_state();
        let inode = state.inodes.len();
        state.inodes.push(Inode {
            now: content.to_vec(),
            durable: content.to_vec(),
            pending: Vec::new(),
        });
        state.names.insert(path.to_owned(), inode);
        state.durable_names.insert(path.to_owned(), inode);
    }

    /// The content of a file.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.lock_state();
        Some(state.inodes[*state.names.get(path)?].now.clone())
    }

    /// Syncs of files so far.
    pub fn syncs(&self) -> u64 {
        self.lock_state().syncs
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.lock_state();
        state.alive(self.epoch)?;
        let probability = state.faults.read_error;
        if state.fails(probability) {
            return Err(io::Error::other("input/output error"));
        }
        let bytes = &state.inodes[self.inode].now;
        let from = (offset as usize).min(bytes.len());
        let n = buf.len().min(bytes.len() - from);
        buf[..n].copy_from_slice(&bytes[from..from + n]);
        Ok(n)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.lock_state();
        state.alive(self.epoch)?;
        let faults = state.faults;
        let (mut stored, mut result) = (bytes.len(), None);
        let room = state.capacity.map_or(usize::MAX, |capacity| {
            let growth = (offset as usize).saturating_sub(state.inodes[self.inode].now.len());
            let over = state.inodes[self.inode].now.len().saturating_sub(offset as usize);
            (capacity.saturating_sub(state.used()) as usize).saturating_sub(growth) + over
        });
        if room < bytes.len() {
            stored = room;
            result = Some(io::ErrorKind::StorageFull.into());
        }
        if state.burns_out() {
            stored = state.rng.usize(0..=stored);
            result = Some(dead());
        } else if state.fails(faults.no_space) {
            stored = state.rng.usize(0..bytes.len().max(1)).min(stored);
            result = Some(io::ErrorKind::StorageFull.into());
        } else if state.fails(faults.write_error) {
            stored = state.rng.usize(0..=stored);
            result = Some(io::Error::other("input/output error"));
        } else if stored > 1 && result.is_none() && state.fails(faults.short_write) {
            stored = state.rng.usize(1..stored);
        }
        let data = bytes[..stored].to_vec();
        let inode = &mut state.inodes[self.inode];
        write(&mut inode.now, offset as usize, &data);
        if !data.is_empty() {
            inode.pending.push(Change::Write(offset as usize, data));
        }
        match result {
            Some(error) => Err(error),
            None => Ok(stored),
        }
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.lock_state();
        state.alive(self.epoch)?;
        state.change()?;
        let inode = &mut state.inodes[self.inode];
        inode.now.resize(len as usize, 0);
        inode.pending.push(Change::Truncate(len as usize));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.lock_state();
        state.alive(self.epoch)?;
        state.syncs += 1;
        let probability = state.faults.sync_error;
        let off = state.burns_out();
        let failed = off || state.fails(probability);
        let state = &mut *state;
        let inode = &mut state.inodes[self.inode];
        if off {
            return Err(dead());
        }
        if failed {
            inode.settle(&mut state.rng);
            return Err(io::Error::other("input/output error"));
        }
        for change in std::mem::take(&mut inode.pending) {
            inode.apply(&change);
        }
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        let state = self.disk.lock_state();
        state.alive(self.epoch)?;
        Ok(state.inodes[self.inode].now.len() as u64)
    }
}

impl Disk for SimDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.lock_state();
        state.change()?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = state.inodes.len();
        state.inodes.push(Inode::default());
        state.names.insert(path.to_owned(), inode);
        state.pending.push(Entry::Link(path.to_owned(), inode));
        let epoch = state.epoch;
        Ok(Arc::new(SimFile {
            disk: self.clone(),
            inode,
            epoch,
        }))
    }

    fn open(&self, path: &Path, _write: bool) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.lock_state();
        state.alive(state.epoch)?;
        let inode = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(SimFile {
            disk: self.clone(),
            inode,
            epoch: state.epoch,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        state.change()?;
        let inode = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), inode);
        state.pending.push(Entry::Rename(from.to_owned(), to.to_owned(), inode));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        state.change()?;
        state.names.remove(path).ok_or(io::ErrorKind::NotFound)?;
        state.pending.push(Entry::Unlink(path.to_owned()));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<(String, u64)>> {
        let state = self.lock_state();
        state.alive(state.epoch)?;
        let here = state.names.iter().filter(|(path, _)| path.parent() == Some(dir));
        Ok(here
            .filter_map(|(path, inode)| {
                let name = path.file_name()?.to_str()?.to_owned();
                Some((name, state.inodes[*inode].now.len() as u64))
            })
            .collect())
    }

    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        let state = self.lock_state();
        state.alive(state.epoch)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        state.change()?;
        let (mine, others): (Vec<_>, Vec<_>) = std::mem::take(&mut state.pending).into_iter().partition(|entry| {
            let (Entry::Link(path, _) | Entry::Unlink(path) | Entry::Rename(_, path, _)) = entry;
            path.parent() == Some(dir)
        });
        state.pending = others;
        for entry in mine {
            link(&mut state.durable_names, &entry);
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let mut state = self.lock_state();
        let epoch = state.epoch;
        state.alive(epoch)?;
        if state.locked.contains_key(path) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.locked.insert(path.to_owned(), epoch);
        Ok(Box::new(SimLock {
            disk: self.clone(),
            path: path.to_owned(),
            epoch,
        }))
    }
}
