//! Following one path through everything that happens to the file behind it.

mod here;
mod resume;
mod sort;

use crate::chunk::Chunk;
use crate::encoding::Encoding;
use crate::event::Event;
use crate::family;
use crate::generation::{Generation, MIN_READ, Observed, Outcome, lock};
use crate::identity::{FileKey, Head};
use crate::registry::{self, Registry};
use crate::source::{Format, Source};
use crate::state::{Saved, State};
use crate::survey::Survey;
use host::{FileKind, Fs, Meta};
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// Of a path of which nothing is known, rotated files that were written to at this time or later are read, too: it was followed by then, and
    /// its state was not saved. `None`: no rotated ones.
    pub written_since: Option<i64>,
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
            written_since: None,
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
    /// Number of a generation whose file was found truncated.
    truncated: Option<u64>,
    /// The directory did not hold still when it was looked at: nothing new is read before it was sorted out.
    unsettled: bool,
    /// Rotated files that may be copies in the making, their sizes, and until when they are looked at.
    undecided: Vec<(FileKey, u64)>,
    undecided_until: i64,
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
            truncated: None,
            unsettled: false,
            undecided: Vec::new(),
            undecided_until: i64::MIN,
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
        if self.attached && self.unsettled {
            self.transition(now)?;
        }
        while at < self.queue.len() {
            if self.unsettled {
                // What was missed may belong before anything that is here.
                return Ok(None);
            }
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
            if is_current && !generation.surveyed && generation.has_unread_now()? {
                // Before anything is read of it: were there others in between?
                if transitions < ATTEMPTS {
                    transitions += 1;
                    self.transition(now)?;
                    at = 0;
                    continue;
                }
                return Ok(None);
            }
            match generation.read(&mut self.events)? {
                Outcome::Chunk(chunk) => {
                    return Ok(Some(chunk));
                }
                Outcome::Replaced if transitions < ATTEMPTS => {
                    transitions += 1;
                    self.truncated = Some(generation.number);
                    self.transition(now)?;
                    at = 0;
                }
                Outcome::Replaced if is_current => return Ok(None),
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

    /// What has to be saved now. `None` if nothing is known of the path, or if it is being sorted out what is known: what was saved last counts
    /// until then.
    pub fn state(&self) -> Option<State> {
        if !self.attached {
            return self.saved.clone();
        }
        if self.unsettled {
            return None;
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
        // Its head may have been unknown or shorter when it was taken into the queue.
        let is_unread = |key| {
            files
                .iter()
                .any(|file| file.key == Some(key) && file.offset != u64::MAX)
        };
        newest.retain(|old| !is_unread(old.key));
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
        let unsure = self.unsettled || now < self.undecided_until;
        if let Some(current) = self.current_mut() {
            if current.key != key {
                return self.leave(now);
            }
            let untouched = current.read == 0 && !current.source.is_packed();
            match current.observe(&meta, now)? {
                Observed::Same if unsure => return self.transition(now),
                Observed::Same => return Ok(()),
                Observed::Grown => {
                    if current.source.is_packed() {
                        current.finished_at = None;
                    }
                    // Nothing was read of it yet, so nothing tells whether it was copied and truncated since.
                    return if untouched || unsure {
                        self.transition(now)
                    } else {
                        Ok(())
                    };
                }
                Observed::Replaced => {
                    self.truncated = Some(current.number);
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
            if current.is_replaced(&meta)? {
                self.truncated = Some(current.number);
            }
        }
        self.transition(now)
    }

    /// Sorts out which file is which. Nothing is decided by a look at the directory that another one does not confirm: a list
    /// takes longer than a rotation.
    fn transition(&mut self, now: i64) -> io::Result<()> {
        self.unsettled = true;
        let mut survey = Survey::take(&*self.fs, &self.path)?;
        for _ in 0..ATTEMPTS {
            let again = Survey::take(&*self.fs, &self.path)?;
            if !again.agrees(&survey) {
                survey = again;
                continue;
            }
            match self.sort_out(&again, now, i64::MIN) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    survey = Survey::take(&*self.fs, &self.path)?;
                    continue;
                }
                other => other?,
            }
            // What was opened in between is what was seen if it is still seen.
            survey = Survey::take(&*self.fs, &self.path)?;
            let grown = |(key, len): &(FileKey, u64)| {
                survey
                    .siblings
                    .iter()
                    .any(|one| one.key == *key && one.meta.len != *len)
            };
            if survey.agrees(&again) && !self.undecided.iter().any(grown) {
                self.unsettled = false;
                if let Some(current) = self.current_mut() {
                    current.surveyed = current.has_head();
                }
                break;
            }
        }
        Ok(())
    }

    fn reads(&self, key: FileKey) -> bool {
        self.queue
            .iter()
            .any(|generation| generation.key == key && !generation.closed)
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
