//! Finding the files of a saved state again.

use super::{ATTEMPTS, Follower, Found, Remembered};
use crate::end;
use crate::event::Event;
use crate::family;
use crate::generation::{continues, holds, lock};
use crate::identity::{Content, FileKey};
use crate::source::Source;
use crate::state::{Saved, State};
use crate::survey::Survey;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

impl Follower {
    /// The first look. What a single list of the directory says may be wrong, and it would become what is saved; so it counts when
    /// another one confirms it. If the directory does not hold still, nothing is begun yet.
    pub(super) fn attach(&mut self, now: i64) -> io::Result<()> {
        let mut survey = Survey::take(&*self.fs, &self.path)?;
        for _ in 0..ATTEMPTS {
            let again = Survey::take(&*self.fs, &self.path)?;
            if !again.agrees(&survey) {
                survey = again;
                continue;
            }
            let (before, said) = (self.registry.newest(), self.events.len());
            let begun = match self.saved.clone() {
                None => self.begin(&again, now),
                Some(state) => self.resume(&again, &state, now),
            };
            let Err(error) = begun else {
                self.attached = true;
                self.saved = None;
                return Ok(());
            };
            // It is repeated as a whole: what it made known would be taken for what somebody reads.
            self.queue.clear();
            self.current = None;
            self.truncated = None;
            self.looked_on = None;
            self.remembered.clear();
            self.renewed.clear();
            self.events.truncate(said);
            self.registry.retract(self.me, before);
            if let Some(state) = &self.saved {
                self.registry.seed(&self.path, state);
            }
            if error.kind() != io::ErrorKind::NotFound {
                return Err(error);
            }
            survey = Survey::take(&*self.fs, &self.path)?;
        }
        Ok(())
    }

    /// Begins with a path of which nothing is known.
    fn begin(&mut self, survey: &Survey, now: i64) -> io::Result<()> {
        let Some(written_since) = self.options.written_since else {
            self.remember(survey);
            return match &survey.here {
                Some(here) => self.take_here(here, now, true),
                None => Ok(()),
            };
        };
        let mut old = survey.clone();
        old.siblings.retain(|sibling| sibling.meta.modified < written_since);
        self.remember(&old);
        self.sort_out(survey, now, i64::MIN)
    }

    /// Finds the files of a saved state again.
    pub(super) fn resume(&mut self, survey: &Survey, state: &State, now: i64) -> io::Result<()> {
        self.since = state.since;
        self.seen = state.seen.clone();
        let last = state.files.len().saturating_sub(1);
        let family = if self.rotated_name {
            Survey::whole(&*self.fs, &self.path)?
        } else {
            survey.clone()
        };
        for (i, saved) in state.files.iter().enumerate() {
            let known = saved.key.and_then(|key| self.registry.known(key, self.me));
            if known.is_some_and(|known| known.taken) {
                continue;
            }
            if saved.offset == u64::MAX {
                self.remembered.extend(saved.key.map(|key| Remembered {
                    key,
                    head: saved.head,
                    born: state.since,
                }));
                continue;
            }
            let found = match self.find(&family, saved, i == last)? {
                Found::Here(source, meta, path) => Some((source, meta, path)),
                Found::Taken => continue,
                Found::Nowhere => None,
            };
            if let Some(key) = saved.key
                && found.as_ref().is_none_or(|(_, meta, _)| FileKey::of(meta) != key)
            {
                // Should there be a file of that name, it holds something else.
                self.registry.detach(key);
                self.renewed.push(key);
            }
            match found {
                Some((source, meta, path)) => {
                    let here = path == self.path;
                    // Somebody may have gone on with it in between.
                    let reached = self.registry.reached(&self.path, &source, meta.len)?;
                    let content = Arc::new(Mutex::new(Content {
                        head: saved.head,
                        ..Content::default()
                    }));
                    let offset = if saved.key.is_none() && source.is_packed() && meta.len == saved.offset {
                        // An offset in compressed bytes: all of it was read by a program that did not decompress it.
                        end::of_packed(&source)?
                    } else {
                        saved.offset.max(reached)
                    };
                    self.registry
                        .moved(&self.path, FileKey::of(&meta), &content, offset, self.me);
                    let number = self.push(&path, source, &meta, offset, content)?;
                    if here {
                        self.current = Some(number);
                    } else if let Some(generation) = self.queue.back_mut() {
                        generation.rotated_at = Some(now);
                    }
                }
                None if saved.key.is_some() && (saved.offset > 0 || saved.head.len > 0) => {
                    self.events.push(Event::Gone {
                        path: saved.path.clone(),
                        offset: saved.offset,
                    })
                }
                None => {}
            }
        }
        self.sort_out(survey, now, state.since)?;
        self.renewed.clear();
        Ok(())
    }

    /// The file of a saved state: at its path, under another name, as a copy or compressed, or rewritten.
    pub(super) fn find(&self, survey: &Survey, saved: &Saved, is_last: bool) -> io::Result<Found> {
        if let Some(here) = &survey.here
            && (saved.key.is_none() || saved.key == Some(FileKey::of(here)))
        {
            let (source, meta) = self.open_here()?;
            if continues(&source, meta.len, saved)? {
                return Ok(Found::Here(source, meta, self.path.clone()));
            }
        }
        let by_key = survey.siblings.iter().filter(|sibling| saved.key == Some(sibling.key));
        let by_content = survey
            .siblings
            .iter()
            .filter(|sibling| saved.head.len > 0 && saved.key != Some(sibling.key));
        let mut best = Found::Nowhere;
        for sibling in by_key.chain(by_content) {
            if sibling.is_foreign() || self.reads(sibling.key) {
                continue;
            }
            let (source, meta) = match Source::sniff(&*self.fs, &sibling.path) {
                Ok(opened) => opened,
                // It has another name now, and may be the one.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
                Err(_) => continue,
            };
            if FileKey::of(&meta) != sibling.key {
                return Err(io::Error::new(io::ErrorKind::NotFound, "it was renamed meanwhile"));
            }
            if !continues(&source, meta.len, saved)? {
                continue;
            }
            let known = self.registry.known(sibling.key, self.me);
            if known.is_some_and(|known| known.taken) {
                return Ok(Found::Taken);
            }
            let exact = saved.key == Some(FileKey::of(&meta));
            let better = match &best {
                Found::Here(other, other_meta, _) => {
                    other.is_packed() && !source.is_packed()
                        || other.is_packed() == source.is_packed() && meta.len > other_meta.len
                }
                _ => true,
            };
            if exact || better {
                best = Found::Here(source, meta, sibling.path.clone());
            }
            if exact {
                return Ok(best);
            }
        }
        if matches!(best, Found::Nowhere)
            && is_last
            && saved.head.len > 0
            && saved.offset > 0
            && let Some(here) = &survey.here
            && saved.key != Some(FileKey::of(here))
        {
            let (source, meta) = self.open_here()?;
            if continues(&source, meta.len, saved)? {
                return Ok(Found::Here(source, meta, self.path.clone()));
            }
        }
        Ok(best)
    }

    /// Whether a file of the family is still there under its own key and with its content.
    pub(super) fn exists(&self, key: FileKey, content: &Mutex<Content>) -> io::Result<bool> {
        let content = lock(content).clone();
        let whole = Survey::whole(&*self.fs, &self.path)?;
        let mut paths: Vec<PathBuf> = whole
            .siblings
            .iter()
            .filter(|sibling| sibling.key == key)
            .map(|sibling| sibling.path.clone())
            .collect();
        let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        paths.push(self.path.with_file_name(family::root(name)));
        for path in paths {
            if let Ok((source, meta)) = Source::sniff(&*self.fs, &path)
                && FileKey::of(&meta) == key
                && holds(&source, meta.len, &content, true)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
