//! Which file is which, after something happened in the directory.

use super::{Follower, Remembered};
use crate::event::Event;
use crate::generation::{Generation, holds, lock};
use crate::identity::{Content, FileKey, HEAD, Head};
use crate::registry::Claim;
use crate::source::Source;
use crate::survey::{Sibling, Survey};
use host::Meta;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

impl Follower {
    /// Compares what is known with what a look at the directory gave. Rotated files that appeared before `since` are not
    /// read.
    pub(super) fn sort_out(&mut self, survey: &Survey, now: i64, since: i64) -> io::Result<()> {
        for generation in &mut self.queue {
            if let Some(sibling) = survey.siblings.iter().find(|sibling| sibling.key == generation.key)
                && *sibling.path != *generation.path
            {
                generation.path = Arc::from(sibling.path.as_path());
            }
        }
        self.settle_current(survey, now)?;
        // First, since what is missed may be a copy of it that is being made.
        if self.current.is_none()
            && self.looked_on.is_none()
            && let Some(here) = &survey.here
        {
            self.take_here(here, now, false)?;
        }
        let missed = self.missed(survey, since, now)?;
        self.insert(missed, survey, now)?;
        self.remember(survey);
        Ok(())
    }

    /// Decides whether the generation that was at the path still is.
    pub(super) fn settle_current(&mut self, survey: &Survey, now: i64) -> io::Result<()> {
        let here = survey.here.as_ref().map(FileKey::of);
        if self.truncated.is_none()
            && let Some(current) = self.current_mut()
        {
            let meta = current.source.meta()?;
            if current.is_replaced(&meta)? {
                // Its copy may be younger than the look at the directory.
                self.truncated = Some(current.number);
                return Err(io::Error::new(io::ErrorKind::NotFound, "it was truncated meanwhile"));
            }
        }
        if let Some(number) = self.truncated {
            self.end_truncated(number, survey, now)?;
            self.truncated = None;
            if self.current.is_none() {
                return Ok(());
            }
        }
        let Some(last) = self.queue.back() else {
            self.current = None;
            return Ok(());
        };
        if last.closed {
            return Ok(());
        }
        if here == Some(last.key) {
            // Still there, or back again.
            self.current = Some(last.number);
            if let Some(last) = self.queue.back_mut() {
                last.rotated_at = None;
                last.finished_at = None;
                last.path = Arc::from(self.path.as_path());
            }
            return Ok(());
        }
        let was_current = self.current.take() == Some(last.number);
        let moved = survey.siblings.iter().find(|sibling| sibling.key == last.key);
        let known = here.is_none_or(|key| self.registry.known(key, self.me).is_some());
        if moved.is_none() && !known && last.read > 0 {
            let (source, meta) = self.open_here()?;
            if last.is_in(&source, meta.len)? {
                self.events.push(Event::Rewritten);
                self.adopt_last(source, &meta);
                return Ok(());
            }
        }
        if was_current {
            self.events.push(Event::Rotated {
                to: moved.map(|sibling| sibling.path.clone()),
            });
            if let Some(last) = self.queue.back_mut() {
                last.rotated_at = Some(now);
            }
        }
        Ok(())
    }

    /// The last generation goes on in the file at the path, which was rewritten.
    pub(super) fn adopt_last(&mut self, source: Source, meta: &Meta) {
        let path = self.path.clone();
        if let Some(last) = self.queue.back_mut() {
            self.registry
                .moved(&path, FileKey::of(meta), &last.content, last.acked, self.me);
            last.move_to(source, meta, &path);
            last.rotated_at = None;
            last.finished_at = None;
            self.current = Some(last.number);
        }
    }

    /// A generation's file was truncated: what it still had is in the copy that was made before, if any.
    pub(super) fn end_truncated(&mut self, number: u64, survey: &Survey, now: i64) -> io::Result<()> {
        let Some(ended) = self.queue.iter().find(|generation| generation.number == number) else {
            return Ok(());
        };
        let full = lock(&ended.content).head.is_full();
        let mut copy: Option<(Source, Meta, PathBuf)> = None;
        for sibling in &survey.siblings {
            // A copy that was seen before the truncation is remembered, and is the one that counts.
            let own = ended.form == Some(sibling.key);
            if sibling.is_foreign() || (self.is_remembered(sibling) && !own) || self.reads(sibling.key) {
                continue;
            }
            let opened = Source::sniff(&*self.fs, &sibling.path);
            let renamed = match &opened {
                Ok((_, meta)) => FileKey::of(meta) != sibling.key,
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            };
            if renamed {
                // It may be the copy: the directory is looked at again before anything is decided.
                return Err(io::Error::new(io::ErrorKind::NotFound, "it was renamed meanwhile"));
            }
            let Ok((source, meta)) = opened else { continue };
            if !ended.is_in(&source, meta.len)? {
                continue;
            }
            // Of several with the same long beginning the longest was made last; a short beginning may be that of a later
            // generation, so the first counts.
            let better = copy.as_ref().is_none_or(|(other, other_meta, _)| {
                full && !source.is_packed() && (other.is_packed() || meta.len > other_meta.len)
            });
            if better {
                copy = Some((source, meta, sibling.path.clone()));
            }
        }
        self.events.push(Event::Truncated {
            read: ended.read,
            copy: copy.as_ref().map(|(_, _, path)| path.clone()),
        });
        if self.current == Some(number) {
            self.current = None;
        }
        let (registry, base, me) = (self.registry.clone(), self.path.clone(), self.me);
        if let Some(ended) = self.queue.iter_mut().find(|generation| generation.number == number) {
            ended.rotated_at = Some(now);
            // What is in the file now is another generation.
            registry.detach(ended.key);
            match copy {
                Some((source, meta, path)) => {
                    registry.moved(&base, FileKey::of(&meta), &ended.content, ended.acked, me);
                    ended.move_to(source, &meta, &path);
                }
                None => ended.closed = true,
            }
        }
        Ok(())
    }

    pub(super) fn is_remembered(&self, sibling: &Sibling) -> bool {
        self.remembered
            .iter()
            .any(|old| old.key == sibling.key && sibling.key.birth.is_some())
    }

    /// Rotated files that nobody knows, oldest first.
    pub(super) fn missed(&mut self, survey: &Survey, since: i64, now: i64) -> io::Result<Vec<(Source, Meta, PathBuf)>> {
        let mut missed = Vec::new();
        self.undecided.clear();
        self.undecided_until = i64::MIN;
        for sibling in &survey.siblings {
            if sibling.is_foreign()
                || (sibling.time() < since && !self.renewed.contains(&sibling.key))
                || self.is_remembered(sibling)
                || self.reads(sibling.key)
                || self.registry.known(sibling.key, self.me).is_some()
            {
                continue;
            }
            if sibling.meta.len == 0 {
                self.undecide(sibling, 0, now);
                continue;
            }
            let (source, meta) = match Source::sniff(&*self.fs, &sibling.path) {
                Ok(opened) => opened,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
                Err(error) => {
                    self.events.push(Event::Unreadable {
                        path: sibling.path.clone(),
                        error: error.to_string(),
                    });
                    continue;
                }
            };
            if FileKey::of(&meta) != sibling.key {
                return Err(io::Error::new(io::ErrorKind::NotFound, "it was renamed meanwhile"));
            }
            if self.is_in_the_making(sibling, &source, meta.len)? {
                self.undecide(sibling, meta.len, now);
                continue;
            }
            match self.is_known(sibling, &source, meta.len) {
                Ok(true) => {}
                Ok(false) => missed.push((source, meta, sibling.path.clone())),
                Err(error) => self.events.push(Event::Unreadable {
                    path: sibling.path.clone(),
                    error: error.to_string(),
                }),
            }
        }
        Ok(missed)
    }

    /// A rotated file of which it cannot be told yet what it is: it is looked at again.
    fn undecide(&mut self, sibling: &Sibling, len: u64, now: i64) {
        self.undecided.push((sibling.key, len));
        let quiet = sibling
            .born()
            .max(sibling.meta.modified)
            .saturating_add(self.options.linger);
        if now < quiet {
            self.undecided_until = self.undecided_until.max(quiet);
        }
    }

    /// Whether a file may be a copy that somebody is just making.
    fn is_in_the_making(&self, sibling: &Sibling, source: &Source, len: u64) -> io::Result<bool> {
        if source.is_packed() {
            // Programs that compress write a few bytes of their own first.
            let (bytes, torn) = source.peek_at(0, HEAD)?;
            return Ok(torn && bytes.len() < HEAD);
        }
        if len >= HEAD as u64 {
            return Ok(false);
        }
        let bytes = source.peek(0, HEAD)?;
        let mut originals = self.queue.iter().filter(|original| may_copy(sibling, original));
        Ok(bytes.is_empty() || originals.any(|original| original.may_become(&bytes)))
    }

    /// Whether the content of a rotated file is known from elsewhere.
    pub(super) fn is_known(&mut self, sibling: &Sibling, source: &Source, len: u64) -> io::Result<bool> {
        for generation in self.queue.iter_mut().filter(|original| may_copy(sibling, original)) {
            let content = lock(&generation.content).clone();
            if holds(source, len, &content, false)? {
                generation.form = Some(sibling.key);
                return Ok(true);
            }
        }
        // A copy that is still being made is too short to compare; if the original is truncated next, it is what counts.
        for generation in self.queue.iter_mut().filter(|original| may_copy(sibling, original)) {
            let content = lock(&generation.content).clone();
            if holds(source, len, &content, true)? {
                generation.form = Some(sibling.key);
                return Ok(true);
            }
        }
        let own: Vec<_> = self.queue.iter().map(|generation| &generation.content).collect();
        let others = |content: &Arc<Mutex<Content>>| !own.iter().any(|one| Arc::ptr_eq(one, content));
        if self.registry.is_copy(&self.path, source, len, false, others)? {
            return Ok(true);
        }
        let start = source.peek(0, HEAD)?;
        let same_head = |head: &Head| head.begins(&start) && (head.is_full() || head.len as usize == start.len());
        if self.seen.iter().any(same_head) {
            return Ok(true);
        }
        Ok(self
            .remembered
            .iter()
            .any(|old| same_head(&old.head) && (old.key == sibling.key || source.is_packed())))
    }

    /// Puts missed files into the queue: ahead of what nothing was read of yet and that is newer by the survey.
    pub(super) fn insert(&mut self, missed: Vec<(Source, Meta, PathBuf)>, survey: &Survey, now: i64) -> io::Result<()> {
        let here = survey.here.as_ref().map(FileKey::of);
        let age = |key: FileKey, form: Option<FileKey>| {
            let at = survey
                .siblings
                .iter()
                .position(|sibling| sibling.key == key || form == Some(sibling.key));
            if here == Some(key) { Some(usize::MAX) } else { at }
        };
        for (source, meta, path) in missed {
            let key = FileKey::of(&meta);
            let Claim::New(content) = self.registry.claim(&self.path, key, self.me) else {
                continue;
            };
            self.push(&path, source, &meta, 0, content)?;
            self.events.push(Event::Missed { path });
            let Some(mut generation) = self.queue.pop_back() else {
                continue;
            };
            generation.rotated_at = Some(now);
            let newer =
                |other: &Generation| other.read == 0 && !other.closed && age(other.key, other.form) > age(key, None);
            let at = self.queue.iter().position(newer).unwrap_or(self.queue.len());
            self.queue.insert(at, generation);
        }
        Ok(())
    }

    /// Remembers the rotated files that are there, and forgets those that are gone.
    pub(super) fn remember(&mut self, survey: &Survey) {
        let old = std::mem::take(&mut self.remembered);
        for sibling in &survey.siblings {
            if self.undecided.iter().any(|(key, _)| *key == sibling.key) {
                continue;
            }
            let known = old
                .iter()
                .find(|old| old.key == sibling.key && sibling.key.birth.is_some())
                .filter(|old| old.head.len > 0);
            let head = match known {
                Some(old) => old.head,
                None if sibling.is_foreign() => Head::default(),
                None => Source::sniff(&*self.fs, &sibling.path)
                    // Under its name there may be another one by now, which nobody has read.
                    .and_then(|(source, meta)| match FileKey::of(&meta) == sibling.key {
                        true => source.peek(0, HEAD),
                        false => Ok(Vec::new()),
                    })
                    .map_or(Head::default(), |start| Head::of(&start)),
            };
            self.remembered.push(Remembered {
                key: sibling.key,
                head,
                born: sibling.born(),
            });
        }
        let here = survey.here.iter().map(|meta| meta.created.unwrap_or(meta.modified));
        let newest = survey.siblings.iter().map(Sibling::born).chain(here).max();
        self.since = self.since.max(newest.unwrap_or(i64::MIN));
        if self.since == i64::MAX {
            // Nothing was known about rotated files before; from here on it is.
            self.since = newest.unwrap_or(i64::MIN);
        }
        // What cannot be told yet must not be older than what was known, or it is not looked at after a restart.
        let undecided = |sibling: &&Sibling| self.undecided.iter().any(|(key, _)| *key == sibling.key);
        let oldest = survey.siblings.iter().filter(undecided).map(Sibling::time).min();
        self.since = self.since.min(oldest.unwrap_or(i64::MAX));
    }
}

/// Whether a file may be a copy of a generation: it is not older than the original.
fn may_copy(sibling: &Sibling, original: &Generation) -> bool {
    original.key.birth.is_none_or(|birth| sibling.born() >= birth)
}
