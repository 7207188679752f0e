//! Taking the file at the path, unless it is somebody else's.

use super::{Follower, LookedOn, SECOND};
use crate::end;
use crate::generation::{Generation, holds, lock};
use crate::identity::{Content, FileKey, HEAD, Head};
use crate::registry::{Claim, Orphan};
use crate::source::Source;
use host::Meta;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

impl Follower {
    pub(super) fn push(
        &mut self,
        path: &Path,
        source: Source,
        meta: &Meta,
        offset: u64,
        content: Arc<Mutex<Content>>,
    ) -> io::Result<u64> {
        let number = self.next_number;
        let generation = Generation::new(
            number,
            path,
            source,
            meta,
            offset,
            content,
            self.options.encoding,
            self.options.max_line,
        )?;
        self.next_number += 1;
        self.queue.push_back(generation);
        Ok(number)
    }

    pub(super) fn open_here(&self) -> io::Result<(Source, Meta)> {
        match self.options.format {
            Some(format) => Source::open(&*self.fs, &self.path, Some(format)),
            None => Source::sniff(&*self.fs, &self.path),
        }
    }

    /// Takes the file at the path, which was seen as `seen`, as the newest generation, unless it is somebody else's.
    pub(super) fn take_here(&mut self, seen: &Meta, now: i64, first: bool) -> io::Result<()> {
        let (source, meta) = self.open_here()?;
        let key = FileKey::of(&meta);
        if key != FileKey::of(seen) {
            // There may be others in between.
            return Err(io::Error::new(io::ErrorKind::NotFound, "it was replaced meanwhile"));
        }
        if let Some(at) = self
            .queue
            .iter()
            .position(|generation| generation.key == key && !generation.closed)
        {
            // An older generation came back to its name.
            if let Some(mut generation) = self.queue.remove(at) {
                generation.rotated_at = None;
                generation.finished_at = None;
                self.current = Some(generation.number);
                self.queue.push_back(generation);
            }
            return Ok(());
        }
        let known = self.registry.known(key, self.me);
        let fits = match &known {
            Some(known) if known.taken => {
                self.look_on(key, &meta, false, Head::default());
                return Ok(());
            }
            Some(known) => {
                let content = lock(&known.content).clone();
                (content.head.len == 0 && known.offset == 0) || holds(&source, meta.len, &content, true)?
            }
            None => false,
        };
        if let Some(known) = known.filter(|_| fits) {
            if known.offset == u64::MAX {
                if let Some(orphan) = self.orphan_in(&source, meta.len)? {
                    return self.adopt(orphan, source, &meta);
                }
                let head = lock(&known.content).head;
                self.look_on(key, &meta, true, head);
                return Ok(());
            }
            if source.is_packed() || meta.len >= known.offset {
                if let Claim::Left { offset, content } = self.registry.claim(&self.path, key, self.me) {
                    let number = self.push(&self.path.clone(), source, &meta, offset, content)?;
                    self.current = Some(number);
                }
                return Ok(());
            }
        } else if self.rotated_name {
            let copy = self.registry.is_copy(&self.path, &source, meta.len, true, |_| true)?;
            if copy && let Some(orphan) = self.orphan_in(&source, meta.len)? {
                return self.adopt(orphan, source, &meta);
            }
            // A copy that is just being made may be too short to be recognised.
            let growing = self.registry.has_family(&self.path)
                && meta.len < HEAD as u64
                && now - meta.modified < SECOND
                && !self.draining;
            if copy || growing {
                let head = Head::of(&source.peek(0, HEAD)?);
                self.look_on(key, &meta, true, head);
                if let Some(on) = &mut self.looked_on {
                    on.undecided = !copy;
                }
                return Ok(());
            }
        }
        let content = self.registry.renew(&self.path, key, self.me);
        let offset = if first && self.options.from_end && !source.is_packed() {
            end::after_last_break(&source, meta.len, self.options.encoding)?
        } else {
            0
        };
        let number = self.push(&self.path.clone(), source, &meta, offset, content)?;
        self.current = Some(number);
        Ok(())
    }

    /// A file that was not read to its end, that nobody reads, and of which the file at the path is all that is left.
    pub(super) fn orphan_in(&self, source: &Source, len: u64) -> io::Result<Option<Orphan>> {
        match self.registry.orphan(&self.path, source, len)? {
            Some(orphan) if !self.exists(orphan.key, &orphan.content)? => Ok(Some(orphan)),
            _ => Ok(None),
        }
    }

    pub(super) fn adopt(&mut self, orphan: Orphan, source: Source, meta: &Meta) -> io::Result<()> {
        self.registry.detach(orphan.key);
        let base = self.path.clone();
        self.registry
            .moved(&base, FileKey::of(meta), &orphan.content, orphan.offset, self.me);
        let number = self.push(&base, source, meta, orphan.offset, orphan.content)?;
        self.current = Some(number);
        Ok(())
    }

    pub(super) fn look_on(&mut self, key: FileKey, meta: &Meta, copy: bool, head: Head) {
        self.looked_on = Some(LookedOn {
            key,
            len: meta.len,
            modified: meta.modified,
            copy,
            undecided: false,
            head,
        });
    }
}
