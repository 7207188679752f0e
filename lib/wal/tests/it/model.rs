//! What a log has to do, without files.

use std::collections::{BTreeMap, BTreeSet};
use wal::{Append, Record, Totals};

/// Whether a record whose appending failed may be found after a restart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    Never,
    Maybe,
}

struct Stored {
    payload: Vec<u8>,
    keys: Vec<u64>,
    kind: u16,
    totals: Totals,
    time: i64,
    durable: bool,
    /// Found after its appending had failed.
    adopted: bool,
}

struct Failed {
    fault: Fault,
    session: u64,
    keys: Vec<u64>,
    kind: u16,
    totals: Totals,
    targets: Vec<String>,
}

#[derive(Default)]
struct Cursor {
    /// Not acknowledged and not in the reader's hands.
    open: BTreeSet<u64>,
    held: BTreeSet<u64>,
    /// Those of `open` that were handed back, and come first.
    back: BTreeSet<u64>,
    /// Those of `open` that may be missing.
    optional: BTreeSet<u64>,
    /// Acknowledged or dropped since the cursors were saved.
    unsaved: BTreeSet<u64>,
    /// Given up for their size, as counted.
    expired: u64,
    /// Found although its creation had failed: a record for all may be for it too.
    surprise: bool,
}

pub struct Model {
    pub always: bool,
    records: BTreeMap<u64, Stored>,
    failed: BTreeMap<u64, Failed>,
    cursors: BTreeMap<String, Cursor>,
    /// Cursors that may or may not exist after a crash.
    doubtful: BTreeSet<String>,
    ids: u64,
    session: u64,
}

fn totals(items: u32, bytes: u64) -> Totals {
    Totals {
        records: 1,
        items: u64::from(items),
        bytes,
    }
}

impl Model {
    pub fn new(always: bool) -> Self {
        Model {
            always,
            records: BTreeMap::new(),
            failed: BTreeMap::new(),
            cursors: BTreeMap::new(),
            doubtful: BTreeSet::new(),
            ids: 0,
            session: 0,
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.cursors.contains_key(name)
    }

    pub fn any(&self) -> bool {
        !self.cursors.is_empty()
    }

    pub fn created(&mut self, name: &str) {
        self.doubtful.remove(name);
        self.cursors.insert(name.to_owned(), Cursor::default());
    }

    pub fn creation_failed(&mut self, name: &str) {
        self.doubtful.insert(name.to_owned());
    }

    pub fn removed(&mut self, name: &str, durable: bool) {
        if self.cursors.remove(name).is_some() && !durable {
            self.doubtful.insert(name.to_owned());
        }
    }

    pub fn fresh_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    pub fn appended(
        &mut self,
        seq: u64,
        append: &Append<'_>,
        payload: Vec<u8>,
        targets: &[&str],
        time: i64,
    ) -> Result<(), String> {
        if let Some((last, _)) = self.records.last_key_value()
            && *last >= seq
            && self
                .cursors
                .values()
                .any(|cursor| cursor.open.contains(last) && !cursor.optional.contains(last))
        {
            return Err(format!("{seq} was appended after {last}"));
        }
        let stored = Stored {
            payload,
            keys: append.keys.to_vec(),
            kind: append.kind,
            totals: totals(append.items, append.bytes),
            time,
            durable: self.always,
            adopted: false,
        };
        // A number of a record that was lost, or that nobody needs, may come again.
        for cursor in self.cursors.values_mut() {
            for set in [
                &mut cursor.open,
                &mut cursor.back,
                &mut cursor.optional,
                &mut cursor.unsaved,
            ] {
                set.remove(&seq);
            }
        }
        self.records.insert(seq, stored);
        for target in targets {
            if let Some(cursor) = self.cursors.get_mut(*target) {
                cursor.open.insert(seq);
            }
        }
        Ok(())
    }

    pub fn failed(&mut self, payload: Vec<u8>, fault: Fault, append: &Append<'_>, targets: &[&str]) {
        let failed = Failed {
            fault,
            session: self.session,
            keys: append.keys.to_vec(),
            kind: append.kind,
            totals: totals(append.items, append.bytes),
            targets: targets.iter().map(|target| (*target).to_owned()).collect(),
        };
        self.failed.insert(id(&payload), failed);
    }

    /// Records below `oldest` are gone; `count` were given up since the log was opened.
    pub fn dropped(&mut self, name: &str, oldest: u64, count: u64, cutoff: i64) -> Result<(), String> {
        let Some(cursor) = self.cursors.get_mut(name) else {
            return Ok(());
        };
        let new = count - cursor.expired;
        cursor.expired = count;
        if new == 0 {
            return Ok(());
        }
        let gone: Vec<u64> = cursor
            .open
            .union(&cursor.held)
            .copied()
            .filter(|seq| *seq < oldest)
            .collect();
        let optional = gone
            .iter()
            .filter(|seq| cursor.optional.contains(seq) || self.records[*seq].time < cutoff)
            .count() as u64;
        let all = gone.len() as u64;
        // A record whose appending failed in an earlier session may have been there, unseen.
        let unseen = |failed: &Failed| failed.fault == Fault::Maybe && failed.session < self.session;
        let unseen = self.failed.values().filter(|failed| unseen(failed)).count() as u64;
        if new > all + unseen || new < all - optional {
            return Err(format!("{name}: {new} were given up, of {all} below {oldest}"));
        }
        for seq in gone {
            cursor.forget(seq);
            cursor.unsaved.insert(seq);
        }
        Ok(())
    }

    pub fn delivered(&mut self, name: &str, record: Option<Record>, cutoff: i64) -> Result<(), String> {
        let session = self.session;
        let cursor = self.cursors.get_mut(name).ok_or("there is no such cursor")?;
        if let Some(record) = &record
            && !cursor.open.contains(&record.entry.seq)
        {
            let seq = record.entry.seq;
            let id = id(&record.payload);
            let failed = self.failed.get(&id).filter(|failed| {
                failed.fault == Fault::Maybe
                    && failed.session < session
                    && (cursor.surprise || failed.targets.iter().any(|target| target == name))
            });
            let known = self
                .records
                .get(&seq)
                .is_some_and(|stored| stored.adopted && stored.payload == record.payload);
            match failed {
                Some(failed) if !cursor.held.contains(&seq) && !cursor.unsaved.contains(&seq) => {
                    if !known {
                        let stored = Stored {
                            payload: record.payload.to_vec(),
                            keys: failed.keys.clone(),
                            kind: failed.kind,
                            totals: failed.totals,
                            time: record.entry.time,
                            durable: false,
                            adopted: true,
                        };
                        self.records.insert(seq, stored);
                    }
                    cursor.open.insert(seq);
                    cursor.optional.insert(seq);
                }
                _ => {
                    return Err(format!(
                        "{name}: {seq} was not expected ({failed})",
                        failed = failed.is_some()
                    ));
                }
            }
        }
        let seq = record.as_ref().map(|record| record.entry.seq);
        let rest = cursor.open.difference(&cursor.back);
        let order: Vec<u64> = cursor.back.iter().chain(rest).copied().collect();
        for before in order.into_iter().take_while(|other| Some(*other) != seq) {
            let old = self.records[&before].time < cutoff;
            if !old && !cursor.optional.contains(&before) {
                return Err(format!("{name}: {before} was expected, not {seq:?}"));
            }
            // Either it expired, or it did not survive.
            cursor.forget(before);
            cursor.unsaved.insert(before);
        }
        let Some(record) = record else { return Ok(()) };
        let (seq, stored) = (record.entry.seq, &self.records[&record.entry.seq]);
        let entry = &record.entry;
        if stored.payload != record.payload
            || stored.keys != entry.keys
            || stored.kind != entry.kind
            || stored.time != entry.time
        {
            return Err(format!("{name}: {seq} is not what was appended"));
        }
        if stored.totals != totals(entry.items, entry.bytes) || stored.time < cutoff {
            return Err(format!("{name}: {seq} is not what was appended, or too old"));
        }
        cursor.forget(seq);
        cursor.held.insert(seq);
        Ok(())
    }

    pub fn held(&self, name: &str) -> Vec<u64> {
        self.cursors
            .get(name)
            .map(|cursor| cursor.held.iter().copied().collect())
            .unwrap_or_default()
    }

    pub fn acked(&mut self, name: &str, seq: u64) {
        if let Some(cursor) = self.cursors.get_mut(name) {
            cursor.held.remove(&seq);
            cursor.unsaved.insert(seq);
        }
    }

    pub fn nacked(&mut self, name: &str, seq: u64) {
        if let Some(cursor) = self.cursors.get_mut(name) {
            cursor.held.remove(&seq);
            cursor.open.insert(seq);
            cursor.back.insert(seq);
        }
    }

    pub fn rewound(&mut self, name: &str) {
        for seq in self.held(name) {
            self.nacked(name, seq);
        }
    }

    pub fn middle(&self, name: &str) -> u64 {
        self.cursors.get(name).map_or(0, |cursor| {
            let all: Vec<u64> = cursor.open.union(&cursor.held).copied().collect();
            all.get(all.len() / 2).copied().unwrap_or(0)
        })
    }

    pub fn trimmed(&mut self, name: &str, before: u64) {
        if let Some(cursor) = self.cursors.get_mut(name) {
            let gone: Vec<u64> = cursor
                .open
                .union(&cursor.held)
                .copied()
                .filter(|seq| *seq < before)
                .collect();
            for seq in gone {
                cursor.forget(seq);
                cursor.unsaved.insert(seq);
            }
        }
    }

    /// Dropped from the running log, but perhaps not for good.
    pub fn maybe_trimmed(&mut self, name: &str, before: u64) {
        self.trimmed(name, before);
    }

    pub fn saved(&mut self) {
        for cursor in self.cursors.values_mut() {
            cursor.unsaved.clear();
        }
    }

    pub fn synced(&mut self) {
        for stored in self.records.values_mut() {
            stored.durable = true;
        }
    }

    /// What was not durable is at the mercy of the operating system, even if a later sync succeeds.
    pub fn sync_failed(&mut self) {
        for stored in self.records.values_mut().filter(|stored| !stored.durable) {
            stored.adopted = true;
        }
    }

    pub fn closed(&mut self) {
        self.saved();
        self.synced();
    }

    pub fn killed(&mut self) {
        for cursor in self.cursors.values_mut() {
            let unsaved = std::mem::take(&mut cursor.unsaved);
            cursor.open.extend(&unsaved);
            cursor.optional.extend(unsaved);
        }
    }

    pub fn crashed(&mut self) {
        self.killed();
        for cursor in self.cursors.values_mut() {
            cursor.open.extend(&cursor.held);
            cursor.held.clear();
            let lost = cursor.open.iter().filter(|seq| {
                let stored = &self.records[*seq];
                !stored.durable || stored.adopted
            });
            cursor.optional.extend(lost.copied().collect::<Vec<_>>());
        }
    }

    /// What was in a reader's hands comes again.
    pub fn reopened(&mut self, names: &[String]) -> Result<(), String> {
        self.session += 1;
        for cursor in self.cursors.values_mut() {
            cursor.open.extend(&cursor.held);
            cursor.held.clear();
            cursor.back.clear();
            cursor.expired = 0;
        }
        for name in names {
            if !self.cursors.contains_key(name) {
                if !self.doubtful.contains(name) {
                    return Err(format!("a cursor {name} that was removed is back"));
                }
                // Everything may be for it.
                let mut cursor = Cursor {
                    surprise: true,
                    ..Cursor::default()
                };
                cursor.open.extend(self.records.keys());
                cursor.optional.extend(self.records.keys());
                self.cursors.insert(name.clone(), cursor);
            }
        }
        if let Some(lost) = self.cursors.keys().find(|name| !names.contains(*name)) {
            return Err(format!("cursor {lost} is lost"));
        }
        self.doubtful.clear();
        Ok(())
    }

    /// What is not acknowledged is counted exactly, unless something may or may not be there.
    pub fn depth(&self, name: &str, depth: Totals, ages: bool) -> Result<(), String> {
        let cursor = &self.cursors[name];
        let (mut sum, mut sure) = (Totals::default(), Totals::default());
        for seq in cursor.open.union(&cursor.held) {
            let totals = self.records[seq].totals;
            sum.add(totals);
            if !cursor.optional.contains(seq) {
                sure.add(totals);
            }
        }
        let found = self.failed.values().any(|failed| failed.fault == Fault::Maybe);
        let enough = ages || (depth.records >= sure.records && depth.items >= sure.items && depth.bytes >= sure.bytes);
        if !enough || (!found && self.always && depth.records > sum.records) {
            return Err(format!(
                "{name}: depth {depth:?}, between {sure:?} and {sum:?} expected"
            ));
        }
        Ok(())
    }
}

impl Cursor {
    fn forget(&mut self, seq: u64) {
        for set in [&mut self.open, &mut self.held, &mut self.back, &mut self.optional] {
            set.remove(&seq);
        }
    }
}

fn id(payload: &[u8]) -> u64 {
    payload.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
