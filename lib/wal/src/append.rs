//! Appending.

use crate::cursor::Loss;
use crate::disk::{DiskFile, write_full};
use crate::error::Error;
use crate::layout::{Header, MAX_RECORD, Meta, RECORD_HEADER, SEGMENT_HEADER, name_hash, segment_header};
use crate::log::Wal;
use crate::options::{Durability, OnFull};
use crate::reclaim::Sealing;
use crate::state::{Active, Commit, Segment, Shared, State};
use crate::summary::{Summary, Totals};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::MutexGuard;
use std::sync::atomic::Ordering;

/// Whom a record is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Targets<'a> {
    /// Every cursor that exists now.
    All,
    /// These cursors, by name.
    Named(&'a [&'a str]),
}

/// A record to append. The payload may come in pieces, which are stored as one.
#[derive(Clone, Copy, Debug)]
pub struct Append<'a> {
    /// What the payload is, as the appender numbers it.
    pub kind: u16,
    /// How many items (log lines, samples, spans) it holds; for counting alone.
    pub items: u32,
    /// Its decoded size in bytes; for counting alone.
    pub bytes: u64,
    /// Whom it is for.
    pub targets: Targets<'a>,
    /// What can be learnt of it without reading the payload: hashes of its streams. At most 65,535.
    pub keys: &'a [u64],
    /// The bytes; with everything else less than 1 GiB.
    pub payload: &'a [&'a [u8]],
}

/// A record made ready outside the lock: everything but the header's place-dependent parts.
struct Frame {
    bytes: Vec<u8>,
    header: Header,
    meta: Meta,
}

impl Frame {
    fn new(append: &Append<'_>) -> Result<Frame, Error> {
        let targets = match append.targets {
            Targets::All => None,
            Targets::Named([]) => return Err(Error::NoCursor(String::new())),
            Targets::Named(names) => {
                let mut hashes: Vec<u64> = names.iter().map(|name| name_hash(name)).collect();
                hashes.sort_unstable();
                hashes.dedup();
                Some(hashes)
            }
        };
        let count = targets.as_ref().map_or(0, Vec::len);
        let keys = u16::try_from(append.keys.len()).map_err(|_| Error::Invalid("a record has too many keys"))?;
        if count >= usize::from(u16::MAX) {
            return Err(Error::Invalid("a record names too many cursors"));
        }
        let payload: usize = append.payload.iter().map(|piece| piece.len()).sum();
        let len = RECORD_HEADER + 8 * (count + append.keys.len()) + payload;
        if len as u64 > MAX_RECORD {
            return Err(Error::TooLarge {
                wanted: len as u64,
                max: MAX_RECORD,
            });
        }
        let mut bytes = Vec::with_capacity(len);
        bytes.resize(RECORD_HEADER, 0);
        for word in targets.iter().flatten().chain(append.keys) {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        let payload_at = bytes.len();
        for piece in append.payload {
            bytes.extend_from_slice(piece);
        }
        let header = Header {
            seq: 0,
            time: 0,
            kind: append.kind,
            flags: 0,
            items: append.items,
            bytes: append.bytes,
            targets: targets.as_ref().map(|_| count as u16),
            keys,
            payload: u32::try_from(payload).expect("a record is smaller than 1 GiB"),
            meta_crc: crc32c::crc32c(&bytes[RECORD_HEADER..payload_at]),
            payload_crc: crc32c::crc32c(&bytes[payload_at..]),
        };
        let meta = Meta {
            targets,
            keys: append.keys.to_vec(),
        };
        Ok(Frame { bytes, header, meta })
    }
}

impl Wal {
    /// Appends a record and returns its sequence number when it is as durable as the options say. Blocks for the sync; concurrent
    /// appenders share it.
    ///
    /// # Errors
    ///
    /// [`Error::Full`], [`Error::TooLarge`], [`Error::NoCursor`] for an addressee that does not exist or a log without any,
    /// [`Error::Io`] if the operating system refuses, [`Error::Closed`]. After any of them the log goes on, and the record is not
    /// delivered by the running log.
    pub fn append(&self, append: &Append<'_>) -> Result<u64, Error> {
        let mut frame = Frame::new(append)?;
        let shared = &*self.shared;
        self.sync_if_due();
        let mut state = self.room(&frame, append)?;
        shared.ensure_active(&mut state, frame.bytes.len() as u64)?;
        let seq = state.next_seq;
        // A number is never used twice, even if what bore it was not written.
        state.next_seq += 1;
        frame.header.seq = seq;
        frame.header.time = shared.clock.now();
        let active = state.active.as_mut().expect("it was ensured above");
        let (first, at) = (active.first, active.written);
        frame.bytes[..RECORD_HEADER].copy_from_slice(&frame.header.encode(first, at));
        if let Err(source) = write_full(&*active.file, &frame.bytes, at) {
            if active.file.truncate(at).is_err() {
                // What is beyond is unknown, so nothing more is written to this file; what is before has not been synced.
                state.loose.push(first);
                shared.abandon(&mut state);
            }
            return Err(Error::Io {
                action: "append",
                path: shared.path(first),
                source,
            });
        }
        let end = at + frame.bytes.len() as u64;
        active.written = end;
        active.dirty = true;
        let commit = active.commit.clone();
        if let Some(segment) = state.segments.get_mut(&first) {
            segment.len = end;
        }
        if shared.options.durability == Durability::Always {
            let active = state.active.as_mut().expect("it was written to just now");
            active.unsynced.push_back((end, frame.header, frame.meta));
            drop(frame.bytes);
            shared.durable(state, &commit, end)?;
        } else {
            state.reveal(first, end, &frame.header, &frame.meta);
        }
        Ok(seq)
    }

    /// Waits until what was appended so far is durable, whatever the options say.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the sync failed, or one that nobody waited for since the last call. Records that were promised less than that stay readable as long as the operating system has them.
    pub fn sync(&self) -> Result<(), Error> {
        self.sync_now()?;
        match std::mem::take(&mut self.shared.lock().unreported) {
            true => Err(Error::Io {
                action: "sync",
                path: self.shared.dir.clone(),
                source: std::io::Error::other("an earlier sync failed"),
            }),
            false => Ok(()),
        }
    }

    fn sync_now(&self) -> Result<(), Error> {
        let shared = &*self.shared;
        let mut state = shared.quiet(shared.lock());
        let names = !state.loose.is_empty();
        while let Some(first) = state.loose.pop() {
            let synced = state
                .file(&*shared.disk, &shared.dir, first)
                .and_then(|file| file.sync().map_err(Error::io("sync", shared.path(first))));
            if let Err(error) = synced {
                state.sync_failures += 1;
                return Err(error);
            }
        }
        if names {
            let synced = shared.disk.sync_dir(&shared.dir);
            synced.map_err(Error::io("sync", &shared.dir))?;
        }
        let Some(active) = state.active.as_ref().filter(|active| active.dirty) else {
            return Ok(());
        };
        let (commit, end) = (active.commit.clone(), active.written);
        state.last_sync = shared.clock.now();
        shared.durable(state, &commit, end)
    }

    pub(crate) fn sync_if_due(&self) {
        if let Durability::Every(every) = self.shared.options.durability {
            let now = self.shared.clock.now();
            let since = now.saturating_sub(self.shared.lock().last_sync);
            // A clock that was set back says nothing about how much time has passed.
            if since < 0 || since as u128 >= every.as_nanos() {
                // A failure is counted, and the segment sealed; what is appended next is not affected.
                let _ = self.sync_now();
            }
        }
    }

    /// Makes room for a record, or says that there is none.
    fn room<'a>(&'a self, frame: &Frame, append: &Append<'_>) -> Result<MutexGuard<'a, State>, Error> {
        let shared = &*self.shared;
        let mut reclaimed = false;
        loop {
            let mut state = shared.lock();
            if state.closed {
                return Err(Error::Closed);
            }
            match append.targets {
                Targets::All if state.cursors.is_empty() => return Err(Error::NoCursor(String::new())),
                Targets::All => {}
                Targets::Named(names) => {
                    if let Some(name) = names.iter().find(|name| !state.cursors.contains_key(&name_hash(name))) {
                        return Err(Error::NoCursor((*name).to_owned()));
                    }
                }
            }
            let named = state.cursors.len();
            let footer = Summary::new(0).footer_len(named);
            let wanted = frame.bytes.len() as u64 + SEGMENT_HEADER + 2 * footer;
            let (used, max) = (state.used(), shared.options.max_bytes);
            if wanted > max {
                return Err(Error::TooLarge { wanted, max });
            }
            if used + wanted <= max {
                let rolls = state
                    .active
                    .as_ref()
                    .is_some_and(|active| shared.is_full(active, frame.bytes.len() as u64));
                if rolls && state.syncing {
                    drop(shared.wait(state));
                    continue;
                }
                return Ok(state);
            }
            if !reclaimed {
                reclaimed = true;
                drop(state);
                shared.reclaim(Sealing::Drained);
                continue;
            }
            if shared.options.on_full == OnFull::Refuse {
                return Err(Error::Full { used, max, wanted });
            }
            state = shared.quiet(state);
            let Some(&oldest) = state.segments.keys().next() else {
                return Err(Error::Full { used, max, wanted });
            };
            if state.is_active(oldest) {
                // Appenders may wait for what is given up here: they learn that it was durable.
                shared.seal(&mut state);
            }
            state.give_up(oldest, Loss::Size);
            drop(state);
            let left = shared.reclaim(Sealing::None);
            if left > 0 && shared.lock().used() + wanted > max {
                // The files cannot be removed.
                return Err(Error::Full { used, max, wanted });
            }
        }
    }
}

impl State {
    /// Shows readers the records of a segment up to `end`.
    fn reveal(&mut self, first: u64, end: u64, header: &Header, meta: &Meta) {
        if let Some(segment) = self.segments.get_mut(&first) {
            segment.end = end;
            segment.summary.add(header, meta);
        }
        let totals = Totals::of(header);
        for cursor in self.cursors.values_mut() {
            if meta.addressed(cursor.hash) {
                cursor.fates.appended.add(totals);
            }
        }
    }
}

impl Shared {
    fn is_full(&self, active: &Active, len: u64) -> bool {
        active.written > SEGMENT_HEADER && active.written + len > self.options.roll_at()
    }

    /// Sees to it that there is a segment with room for `len` bytes. No sync may be running if one has to be closed.
    fn ensure_active(&self, state: &mut State, len: u64) -> Result<(), Error> {
        if state.active.as_ref().is_some_and(|active| self.is_full(active, len)) {
            self.seal(state);
        }
        if state.active.is_some() {
            return Ok(());
        }
        let first = state.next_seq;
        let path = self.path(first);
        let header = segment_header(first, self.clock.now());
        let file = self.disk.create(&path).map_err(|source| {
            // The name is taken by what another attempt left behind: the next attempt uses another one.
            state.next_seq += 1;
            Error::Io {
                action: "create",
                path: path.clone(),
                source,
            }
        })?;
        let written = write_full(&*file, &header, 0)
            .and_then(|()| match self.options.durability {
                // The header first, so that no record is durable without it.
                Durability::Always => file.sync().and_then(|()| self.disk.sync_dir(&self.dir)),
                // With the operating system is enough; the first sync of the file is followed by one of the directory.
                _ => Ok(()),
            })
            .map_err(Error::io("create", &path));
        if let Err(error) = written {
            state.next_seq += 1;
            if self.disk.remove(&path).is_err() {
                state.doomed.push((first, SEGMENT_HEADER));
            }
            return Err(error);
        }
        state.segments.insert(first, Segment::new(first, SEGMENT_HEADER));
        state.active = Some(Active {
            first,
            file,
            written: SEGMENT_HEADER,
            commit: Arc::new(Commit::default()),
            unsynced: VecDeque::new(),
            dirty: true,
        });
        Ok(())
    }

    fn sync_file(&self, file: &dyn DiskFile) -> std::io::Result<()> {
        file.sync()?;
        match self.options.durability {
            Durability::Always => Ok(()),
            _ => self.disk.sync_dir(&self.dir),
        }
    }

    /// Waits until the segment behind `commit` is durable up to `end`. The first who waits syncs for all who have come by then.
    fn durable<'a>(&'a self, mut state: MutexGuard<'a, State>, commit: &Arc<Commit>, end: u64) -> Result<(), Error> {
        loop {
            if commit.synced.load(Ordering::Relaxed) >= end {
                return Ok(());
            }
            let active = state
                .active
                .as_ref()
                .filter(|active| Arc::ptr_eq(&active.commit, commit) && !commit.failed.load(Ordering::Relaxed));
            let Some(active) = active else {
                return Err(Error::Io {
                    action: "sync",
                    path: self.dir.clone(),
                    source: std::io::Error::other("the sync that covered the record failed"),
                });
            };
            if state.syncing {
                state = self.wait(state);
                continue;
            }
            let (file, upto, path) = (active.file.clone(), active.written, self.path(active.first));
            state.syncing = true;
            drop(state);
            let synced = self.sync_file(&*file);
            state = self.lock();
            state.syncing = false;
            let result = self.sync_ended(&mut state, upto, synced);
            self.synced.notify_all();
            result.map_err(Error::io("sync", path))?;
        }
    }

    fn sync_ended(&self, state: &mut State, upto: u64, synced: std::io::Result<()>) -> std::io::Result<()> {
        if synced.is_err() {
            self.sync_failed(state);
            return synced;
        }
        let Some(active) = &mut state.active else { return Ok(()) };
        active.commit.synced.fetch_max(upto, Ordering::Relaxed);
        active.dirty = active.written > upto;
        let first = active.first;
        while let Some((end, header, meta)) = state.active.as_mut().and_then(|active| {
            let (end, ..) = active.unsynced.front()?;
            (*end <= upto).then(|| active.unsynced.pop_front()).flatten()
        }) {
            state.reveal(first, end, &header, &meta);
        }
        Ok(())
    }

    /// After a failed sync the operating system may have dropped what it could not write and call the next sync a success, so the
    /// file gets no other chance. Records that nobody was told about are cut off.
    fn sync_failed(&self, state: &mut State) {
        state.sync_failures += 1;
        state.unreported |= self.options.durability != Durability::Always;
        let Some(active) = &state.active else { return };
        active.commit.failed.store(true, Ordering::Relaxed);
        if let Some(segment) = state.segments.get_mut(&active.first)
            && segment.end < active.written
            && active.file.truncate(segment.end).is_ok()
        {
            segment.len = segment.end;
        }
        self.abandon(state);
    }

    /// Goes on in another segment, leaving this one as it is; it gets no footer, so the next opening walks it.
    fn abandon(&self, state: &mut State) {
        let Some(active) = state.active.take() else { return };
        if !active.unsynced.is_empty() {
            active.commit.failed.store(true, Ordering::Relaxed);
        }
        self.synced.notify_all();
        if state
            .segments
            .get(&active.first)
            .is_some_and(|segment| segment.end == SEGMENT_HEADER)
        {
            state.doom(active.first);
        }
    }

    /// Closes the segment that is written: footer and sync. No sync may be running.
    pub(crate) fn seal(&self, state: &mut State) {
        let Some(active) = &state.active else { return };
        let (first, file, written) = (active.first, active.file.clone(), active.written);
        let Some(segment) = state.segments.get_mut(&first) else {
            return;
        };
        let mut summary = segment.summary.clone();
        for (_, header, meta) in &active.unsynced {
            summary.add(header, meta);
        }
        if summary.records == 0 {
            state.doom(first);
            return;
        }
        segment.len = written + write_footer(&*file, &summary, first, written);
        let len = segment.len;
        if self.options.durability != Durability::Never {
            let synced = self.sync_file(&*file);
            let failed = self.sync_ended(state, written, synced).is_err();
            self.synced.notify_all();
            if failed {
                return;
            }
        }
        if self.options.durability == Durability::Never {
            state.loose.push(first);
        }
        state.active = None;
        if let Some(segment) = state.segments.get_mut(&first) {
            segment.len = len;
        }
    }
}

/// Writes the footer and returns its size in bytes; 0 if that was not possible, which only makes the next opening walk the segment.
pub(crate) fn write_footer(file: &dyn DiskFile, summary: &Summary, first: u64, end: u64) -> u64 {
    let footer = summary.encode(first, end);
    match write_full(file, &footer, end) {
        Ok(()) => footer.len() as u64,
        Err(_) => {
            let _ = file.truncate(end);
            0
        }
    }
}
