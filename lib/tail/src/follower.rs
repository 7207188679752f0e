//! Following one path through everything that happens to the file behind it.

use crate::chunk::Chunk;
use crate::encoding::Encoding;
use crate::event::Event;
use crate::generation::{Generation, MIN_READ, Observed, Outcome, continues, holds, lock};
use crate::identity::{Content, FileKey, HEAD, Head};
use crate::registry::{self, Claim, Orphan, Registry};
use crate::source::{Format, Source};
use crate::state::{Saved, State};
use crate::survey::{Sibling, Survey};
use crate::{end, family};
use host::{FileKind, Fs, Meta};
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Looks at a directory that keeps changing before what was seen has to do.
const ATTEMPTS: usize = 5;
/// Heads of rotated files that are saved.
const SEEN: usize = 16;
/// Nanoseconds that the missing end of a compressed file is waited for.
const TORN: i64 = 10 * SECOND;
/// Nanoseconds between looks at the directory while there is nothing at the path.
const MISSING: i64 = 5 * SECOND;
const SECOND: i64 = 1_000_000_000;

/// How a path is followed.
#[derive(Clone, Debug)]
pub struct Options {
    /// Encoding of the text; a byte order mark overrides it.
    pub encoding: Encoding,
    /// Bytes after which a line without end is cut; at least 1024.
    pub max_line: usize,
    /// Whether a file that is there at the start and was never read is read from its end, that is from behind its last line break.
    pub from_end: bool,
    /// What the file at the path is compressed with. If `None`, its name and first bytes decide.
    pub format: Option<Format>,
    /// Nanoseconds that a file is still watched for late writes after it was rotated away and read to its end.
    pub linger: i64,
    /// Nanoseconds that an unterminated last line of a file that was moved or deleted waits for its end, while nothing newer follows.
    pub settle: i64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            encoding: Encoding::RAW,
            max_line: 16 << 20,
            from_end: false,
            format: None,
            linger: 30 * SECOND,
            settle: SECOND,
        }
    }
}

/// A file at the path that somebody else reads, or has read under another name.
#[derive(Clone, Copy, PartialEq, Eq)]
struct LookedOn {
    key: FileKey,
    len: u64,
    modified: i64,
    /// A copy or compressed form of something known, not the known file itself.
    copy: bool,
    /// Too young to tell what it is.
    undecided: bool,
    head: Head,
}

/// A rotated file that need not be read.
struct Remembered {
    key: FileKey,
    head: Head,
    born: i64,
}

/// Where the file of a saved state is.
enum Found {
    Here(Source, Meta, PathBuf),
    /// Somebody else reads it.
    Taken,
    Nowhere,
}

/// Follows one path. Driven by its owner: [`observe`](Follower::observe) looks whether anything happened, and
/// [`next`](Follower::next) gives what there is to read. Times are nanoseconds since the Unix epoch.
pub struct Follower {
    fs: Arc<dyn Fs>,
    registry: Registry,
    me: u64,
    path: PathBuf,
    options: Options,
    /// Whether the path's own name looks like that of a rotated file.
    rotated_name: bool,
    /// Oldest first.
    queue: VecDeque<Generation>,
    /// Number of the generation at the path: the last of the queue.
    current: Option<u64>,
    /// The current generation was found truncated.
    truncated: bool,
    looked_on: Option<LookedOn>,
    remembered: Vec<Remembered>,
    since: i64,
    seen: Vec<Head>,
    /// While a saved state is looked for: files that hold something else now.
    renewed: Vec<FileKey>,
    saved: Option<State>,
    attached: bool,
    draining: bool,
    /// When the directory was looked at while there was nothing at the path.
    missing_since: i64,
    next_number: u64,
    events: Vec<Event>,
}

impl Follower {
    /// Follows `path` from where `state` says, or from the start or end if there is none. Touches nothing yet.
    pub fn new(
        fs: Arc<dyn Fs>,
        registry: &Registry,
        path: impl Into<PathBuf>,
        options: Options,
        state: Option<State>,
    ) -> Self {
        let path = path.into();
        if let Some(state) = &state {
            registry.seed(&path, state);
        }
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        Follower {
            fs,
            me: registry.join(&path),
            registry: registry.clone(),
            rotated_name: family::root(name) != name,
            path,
            options,
            queue: VecDeque::new(),
            current: None,
            truncated: false,
            looked_on: None,
            remembered: Vec::new(),
            since: i64::MIN,
            seen: Vec::new(),
            renewed: Vec::new(),
            saved: state,
            attached: false,
            draining: false,
            missing_since: 0,
            next_number: 0,
            events: Vec::new(),
        }
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Offset up to which the file at the path was read, and its size when it was looked at last; `None` while there is none.
    pub fn progress(&self) -> Option<(u64, u64)> {
        self.current_ref().map(|current| (current.read, current.len))
    }

    /// Whether somebody else reads or has read the file at the path.
    pub fn only_looks_on(&self) -> bool {
        self.looked_on.is_some_and(|on| !on.undecided)
    }

    /// Bytes that the next chunk will hold at most, unless a line is longer. For memory to be reserved.
    pub fn next_size(&self) -> usize {
        self.queue
            .iter()
            .find(|generation| generation.finished_at.is_none())
            .map_or(MIN_READ, Generation::next_size)
    }

    /// From now on nothing new is waited for: unterminated lines of files that are gone are given out at once.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Looks whether anything happened to the path, and takes hold of the files that are there. Costs one `stat` if nothing did. `Ok(true)`: there may
    /// be something to read. An error is about the file at the path; what was opened before can still be read.
    pub fn observe(&mut self, now: i64) -> io::Result<bool> {
        self.let_go(now)?;
        if !self.attached {
            self.attach(now)?;
        } else {
            self.look(now)?;
        }
        Ok(self.has_work(now))
    }

    /// The next lines, or `None` if there are none for now.
    pub fn next(&mut self, now: i64) -> io::Result<Option<Chunk>> {
        let mut transitions = 0;
        let mut at = 0;
        while at < self.queue.len() {
            let is_current = self.current == Some(self.queue[at].number);
            let newer = self.queue.iter().skip(at + 1).any(Generation::has_content);
            let generation = &mut self.queue[at];
            if generation.finished_at.is_some() {
                at += 1;
                continue;
            }
            if let Some(since) = generation.torn_at {
                // The end of compressed data was missing. It may still be written; after ten quiet seconds nobody will.
                if generation.source.meta()?.len != generation.len {
                    generation.torn_at = None;
                } else if now - since >= TORN || self.draining {
                    self.give_up(at);
                    continue;
                } else {
                    return Ok(None);
                }
                continue;
            }
            match generation.read(&mut self.events)? {
                Outcome::Chunk(chunk) => {
                    return Ok(Some(chunk));
                }
                Outcome::Replaced if is_current && transitions < ATTEMPTS => {
                    transitions += 1;
                    self.truncated = true;
                    self.transition(now)?;
                    at = 0;
                }
                Outcome::Replaced => {
                    let path = generation.path.to_path_buf();
                    generation.closed = true;
                    self.events.push(Event::Unreadable {
                        path,
                        error: "it was truncated after it was rotated".to_owned(),
                    });
                }
                Outcome::Torn => {
                    generation.len = generation.source.meta()?.len;
                    generation.torn_at = Some(now);
                    if self.draining {
                        self.give_up(at);
                    }
                }
                Outcome::End => {
                    let packed = generation.source.is_packed();
                    let rotated = generation.rotated_at.unwrap_or(now);
                    let over = !is_current
                        && (newer || self.draining || generation.closed || now - rotated >= self.options.settle);
                    if !over && !packed {
                        return Ok(None);
                    }
                    let rest = generation.flush();
                    generation.finished_at = Some(now);
                    if rest.is_some() {
                        return Ok(rest);
                    }
                    at += 1;
                }
            }
        }
        Ok(None)
    }

    /// What is left of a generation is out of reach.
    fn give_up(&mut self, at: usize) {
        let generation = &mut self.queue[at];
        generation.closed = true;
        generation.torn_at = None;
        self.events.push(Event::Unreadable {
            path: generation.path.to_path_buf(),
            error: "its compressed data is damaged or incomplete".to_owned(),
        });
    }

    /// Everything of a generation before `up_to` is safe: it need not be read again after a restart.
    pub fn ack(&mut self, generation: u64, up_to: u64) {
        if let Some(generation) = self.queue.iter_mut().find(|g| g.number == generation) {
            generation.ack(up_to);
            self.registry.progress(generation.key, generation.acked, self.me);
        }
    }

    /// Whether everything that was given out was acknowledged.
    pub fn is_acked(&self) -> bool {
        self.queue.iter().all(Generation::is_acked)
    }

    /// What has to be saved now. `None` if nothing is known of the path.
    pub fn state(&self) -> Option<State> {
        if !self.attached {
            return self.saved.clone();
        }
        let mut files: Vec<Saved> = self
            .queue
            .iter()
            .filter(|g| self.current == Some(g.number) || g.finished_at.is_none() || !g.is_acked())
            .map(Generation::saved)
            .collect();
        if let Some(on) = self.looked_on.filter(|on| !on.undecided) {
            match self.registry.known(on.key, self.me).filter(|_| !on.copy) {
                Some(known) => files.push(registry::looked_on(&self.path, on.key, &known)),
                None => files.push(Saved {
                    path: self.path.clone(),
                    key: Some(on.key),
                    head: on.head,
                    offset: u64::MAX,
                    check: Default::default(),
                }),
            }
        }
        let mut newest: Vec<&Remembered> = self.remembered.iter().collect();
        newest.sort_by_key(|old| std::cmp::Reverse(old.born));
        let mut seen: Vec<Head> = Vec::new();
        for head in newest.iter().map(|old| &old.head).chain(&self.seen) {
            let unread = files.iter().any(|file| file.head == *head && file.offset != u64::MAX);
            if head.len > 0 && !unread && !seen.contains(head) {
                seen.push(*head);
            }
        }
        seen.truncate(SEEN);
        Some(State {
            files,
            since: self.since,
            seen,
        })
    }

    fn current_ref(&self) -> Option<&Generation> {
        let number = self.current?;
        self.queue.iter().find(|generation| generation.number == number)
    }

    fn current_mut(&mut self) -> Option<&mut Generation> {
        let number = self.current?;
        self.queue.iter_mut().find(|generation| generation.number == number)
    }

    fn has_work(&self, now: i64) -> bool {
        self.queue.iter().any(|generation| {
            generation.finished_at.is_none()
                && (generation.has_unread()
                    || generation.closed
                    || generation.rotated_at.is_some_and(|at| {
                        !generation.has_rest() || now - at >= self.options.settle || self.queue.len() > 1
                    }))
        })
    }

    /// Looks after files that were rotated away: late writes are read, and those that are done with are closed.
    fn let_go(&mut self, now: i64) -> io::Result<()> {
        let mut at = 0;
        while at < self.queue.len() {
            let is_current = self.current == Some(self.queue[at].number);
            let generation = &mut self.queue[at];
            let Some(finished) = generation.finished_at else {
                at += 1;
                continue;
            };
            if !generation.closed {
                let meta = generation.source.meta()?;
                let grown = if generation.source.is_packed() {
                    meta.len != generation.len
                } else {
                    meta.len > generation.read
                };
                if grown {
                    generation.len = meta.len;
                    generation.finished_at = None;
                    at += 1;
                    continue;
                }
            }
            if is_current || !generation.is_acked() || (now - finished < self.options.linger && !generation.closed) {
                at += 1;
                continue;
            }
            if let Some(done) = self.queue.remove(at) {
                self.registry.release(done.key, &done.content, done.read, self.me);
                let head = lock(&done.content).head;
                match self.remembered.iter_mut().find(|old| old.key == done.key) {
                    Some(old) => old.head = head,
                    None => self.seen.insert(0, head),
                }
                self.seen.truncate(SEEN);
            }
        }
        Ok(())
    }

    /// One look at the path.
    fn look(&mut self, now: i64) -> io::Result<()> {
        let meta = match self.fs.meta(&self.path) {
            Ok(meta) if meta.kind == FileKind::File => meta,
            Ok(_) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.looked_on = None;
                // A file may have come and gone between two looks.
                let again = self.draining || now - self.missing_since >= MISSING;
                if self.current.is_some() || again {
                    self.missing_since = now;
                    return self.leave(now);
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let key = FileKey::of(&meta);
        if let Some(current) = self.current_mut() {
            if current.key != key {
                return self.leave(now);
            }
            let untouched = current.read == 0 && !current.source.is_packed();
            match current.observe(&meta)? {
                Observed::Same => return Ok(()),
                Observed::Grown => {
                    if current.source.is_packed() {
                        current.finished_at = None;
                    }
                    // Nothing was read of it yet, so nothing tells whether it was copied and truncated since.
                    return if untouched { self.transition(now) } else { Ok(()) };
                }
                Observed::Replaced => {
                    self.truncated = true;
                    return self.transition(now);
                }
            }
        }
        if let Some(on) = &mut self.looked_on
            && on.key == key
        {
            let same = (on.len, on.modified) == (meta.len, meta.modified) && !on.undecided;
            (on.len, on.modified) = (meta.len, meta.modified);
            let known = self.registry.known(key, self.me);
            let left_behind = known.is_some_and(|known| !known.taken && known.offset < meta.len);
            if !left_behind && same {
                return Ok(());
            }
            self.looked_on = None;
        }
        self.transition(now)
    }

    /// The generation at the path is not there any more. It may have been truncated before it was moved.
    fn leave(&mut self, now: i64) -> io::Result<()> {
        if let Some(current) = self.current_mut() {
            let meta = current.source.meta()?;
            self.truncated = matches!(current.observe(&meta)?, Observed::Replaced);
        }
        self.transition(now)
    }

    /// Sorts out which file is which, until the directory holds still.
    fn transition(&mut self, now: i64) -> io::Result<()> {
        for _ in 0..ATTEMPTS {
            let survey = Survey::take(&*self.fs, &self.path)?;
            match self.sort_out(&survey, now, i64::MIN) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other?,
            }
            if Survey::take(&*self.fs, &self.path)?.agrees(&survey) {
                break;
            }
        }
        Ok(())
    }

    fn attach(&mut self, now: i64) -> io::Result<()> {
        let survey = Survey::take(&*self.fs, &self.path)?;
        match self.saved.clone() {
            None => {
                self.remember(&survey);
                if survey.here.is_some() {
                    self.take_here(now, true)?;
                }
            }
            Some(state) => self.resume(&survey, &state, now)?,
        }
        self.attached = true;
        self.saved = None;
        Ok(())
    }

    /// Finds the files of a saved state again.
    fn resume(&mut self, survey: &Survey, state: &State, now: i64) -> io::Result<()> {
        self.since = state.since;
        self.seen = state.seen.clone();
        // A failed attempt is repeated as a whole.
        self.queue.clear();
        self.current = None;
        let last = state.files.len().saturating_sub(1);
        let family = Survey::whole(&*self.fs, &self.path)?;
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
                    let known = self.registry.known(FileKey::of(&meta), self.me);
                    let reached = known.map_or(0, |known| known.offset);
                    // One that was known as a mere copy may be all that is left of the file.
                    let reached = if reached == u64::MAX { 0 } else { reached };
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
                    self.registry.moved(&self.path, FileKey::of(&meta), &content, offset, self.me);
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
    fn find(&self, survey: &Survey, saved: &Saved, is_last: bool) -> io::Result<Found> {
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
            let Ok((source, meta)) = Source::sniff(&*self.fs, &sibling.path) else {
                continue;
            };
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
    fn exists(&self, key: FileKey, content: &Mutex<Content>) -> io::Result<bool> {
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

    fn reads(&self, key: FileKey) -> bool {
        self.queue
            .iter()
            .any(|generation| generation.key == key && !generation.closed)
    }

    /// Compares what is known with what a look at the directory gave. Rotated files that appeared before `since` are not
    /// read.
    fn sort_out(&mut self, survey: &Survey, now: i64, since: i64) -> io::Result<()> {
        for generation in &mut self.queue {
            if let Some(sibling) = survey.siblings.iter().find(|sibling| sibling.key == generation.key)
                && *sibling.path != *generation.path
            {
                generation.path = Arc::from(sibling.path.as_path());
            }
        }
        let after_truncation = self.truncated;
        self.settle_current(survey, now)?;
        let untouched = self.current_ref().is_some_and(|current| current.read == 0);
        if self.current.is_none() || untouched {
            let missed = self.missed(survey, since, after_truncation)?;
            self.insert(missed, survey, now)?;
        }
        if self.current.is_none() && self.looked_on.is_none() && survey.here.is_some() {
            self.take_here(now, false)?;
        }
        self.remember(survey);
        Ok(())
    }

    /// Decides whether the generation that was at the path still is.
    fn settle_current(&mut self, survey: &Survey, now: i64) -> io::Result<()> {
        let here = survey.here.as_ref().map(FileKey::of);
        if std::mem::take(&mut self.truncated) {
            return self.end_truncated(survey, now);
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
    fn adopt_last(&mut self, source: Source, meta: &Meta) {
        let path = self.path.clone();
        if let Some(last) = self.queue.back_mut() {
            self.registry.moved(&path, FileKey::of(meta), &last.content, last.acked, self.me);
            last.move_to(source, meta, &path);
            last.rotated_at = None;
            last.finished_at = None;
            self.current = Some(last.number);
        }
    }

    /// The current generation was truncated: what it still had is in the copy that was made before, if any.
    fn end_truncated(&mut self, survey: &Survey, now: i64) -> io::Result<()> {
        let Some(number) = self.current.take() else {
            return Ok(());
        };
        let Some(ended) = self.queue.iter().find(|generation| generation.number == number) else {
            return Ok(());
        };
        let full = lock(&ended.content).head.is_full();
        let mut copy: Option<(Source, Meta, PathBuf)> = None;
        for sibling in &survey.siblings {
            if sibling.is_foreign() || self.is_remembered(sibling) || self.reads(sibling.key) {
                continue;
            }
            let Ok((source, meta)) = Source::sniff(&*self.fs, &sibling.path) else {
                continue;
            };
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

    fn is_remembered(&self, sibling: &Sibling) -> bool {
        self.remembered
            .iter()
            .any(|old| old.key == sibling.key && sibling.key.birth.is_some())
    }

    /// Rotated files that nobody knows, oldest first.
    fn missed(
        &mut self,
        survey: &Survey,
        since: i64,
        after_truncation: bool,
    ) -> io::Result<Vec<(Source, Meta, PathBuf)>> {
        let mut missed = Vec::new();
        for sibling in &survey.siblings {
            if sibling.is_foreign()
                || (sibling.time() < since && !self.renewed.contains(&sibling.key))
                || self.is_remembered(sibling)
                || self.reads(sibling.key)
                || self.registry.known(sibling.key, self.me).is_some()
            {
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
            match self.is_known(sibling, &source, meta.len, after_truncation) {
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

    /// Whether the content of a rotated file is known from elsewhere.
    fn is_known(&mut self, sibling: &Sibling, source: &Source, len: u64, after_truncation: bool) -> io::Result<bool> {
        for generation in &mut self.queue {
            let content = lock(&generation.content).clone();
            if holds(source, len, &content, after_truncation)? {
                generation.form = Some(sibling.key);
                return Ok(true);
            }
        }
        if self.registry.is_copy(&self.path, source, len, false)? {
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
    fn insert(&mut self, missed: Vec<(Source, Meta, PathBuf)>, survey: &Survey, now: i64) -> io::Result<()> {
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

    fn push(
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

    fn open_here(&self) -> io::Result<(Source, Meta)> {
        match self.options.format {
            Some(format) => Source::open(&*self.fs, &self.path, Some(format)),
            None => Source::sniff(&*self.fs, &self.path),
        }
    }

    /// Takes the file at the path as the newest generation, unless it is somebody else's.
    fn take_here(&mut self, now: i64, first: bool) -> io::Result<()> {
        let (source, meta) = self.open_here()?;
        let key = FileKey::of(&meta);
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
            let copy = self.registry.is_copy(&self.path, &source, meta.len, true)?;
            if copy && let Some(orphan) = self.orphan_in(&source, meta.len)? {
                return self.adopt(orphan, source, &meta);
            }
            // A copy that is just being made may be too short to be recognised.
            let growing = meta.len < HEAD as u64 && now - meta.modified < SECOND && !self.draining;
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
    fn orphan_in(&self, source: &Source, len: u64) -> io::Result<Option<Orphan>> {
        match self.registry.orphan(&self.path, source, len)? {
            Some(orphan) if !self.exists(orphan.key, &orphan.content)? => Ok(Some(orphan)),
            _ => Ok(None),
        }
    }

    fn adopt(&mut self, orphan: Orphan, source: Source, meta: &Meta) -> io::Result<()> {
        self.registry.detach(orphan.key);
        let base = self.path.clone();
        self.registry.moved(&base, FileKey::of(meta), &orphan.content, orphan.offset, self.me);
        let number = self.push(&base, source, meta, orphan.offset, orphan.content)?;
        self.current = Some(number);
        Ok(())
    }

    fn look_on(&mut self, key: FileKey, meta: &Meta, copy: bool, head: Head) {
        self.looked_on = Some(LookedOn {
            key,
            len: meta.len,
            modified: meta.modified,
            copy,
            undecided: false,
            head,
        });
    }

    /// Remembers the rotated files that are there, and forgets those that are gone.
    fn remember(&mut self, survey: &Survey) {
        let old = std::mem::take(&mut self.remembered);
        for sibling in &survey.siblings {
            let known = old
                .iter()
                .find(|old| old.key == sibling.key && sibling.key.birth.is_some());
            let head = match known {
                Some(old) => old.head,
                None if sibling.is_foreign() => Head::default(),
                None => Source::sniff(&*self.fs, &sibling.path)
                    .and_then(|(source, _)| source.peek(0, HEAD))
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
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        for generation in &self.queue {
            let offset = if generation.is_acked() && generation.finished_at.is_some() {
                generation.read
            } else {
                generation.acked
            };
            self.registry
                .release(generation.key, &generation.content, offset, self.me);
        }
        self.registry.leave(&self.path);
    }
}
