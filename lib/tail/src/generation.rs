//! One generation of a file: reading it in chunks that end at line breaks.

use crate::chunk::Chunk;
use crate::encoding::Encoding;
use crate::event::Event;
use crate::identity::{CHECK, Content, FileKey, HEAD, Head, Mark};
use crate::source::Source;
use crate::state::Saved;
use bytes::{Buf, Bytes, BytesMut};
use host::Meta;
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

/// Smallest and largest number of bytes that are read at once.
pub(crate) const MIN_READ: usize = 64 << 10;
pub(crate) const MAX_READ: usize = 1 << 20;

/// Nanoseconds within which a change may leave the modification time as it was: the coarsest clocks of file systems.
const TICK: i64 = 2_000_000_000;

/// Where the first chunk of a file is marked, besides its end.
const EARLY_MARKS: [usize; 3] = [2 << 10, 8 << 10, 32 << 10];

/// What an attempt to read gave.
pub(crate) enum Outcome {
    Chunk(Chunk),
    /// Everything that is there was read; an unterminated line may be waiting.
    End,
    /// The file does not hold any more what was read from it: it was truncated or rewritten in place.
    Replaced,
    /// A compressed file ends in the middle.
    Torn,
}

pub(crate) struct Generation {
    pub(crate) number: u64,
    pub(crate) path: Arc<Path>,
    pub(crate) key: FileKey,
    pub(crate) source: Source,
    /// Shared with the registry, where other followers look up what is known.
    pub(crate) content: Arc<Mutex<Content>>,
    /// Bytes taken from the file; what lies between `cut` and here is in `rest`.
    pub(crate) read: u64,
    /// End of the last chunk.
    cut: u64,
    pub(crate) acked: u64,
    check: Mark,
    /// Unacknowledged chunks: where they end and what precedes that place.
    pending: VecDeque<Mark>,
    /// The unterminated line behind the last chunk.
    rest: BytesMut,
    /// The last bytes before `cut`, at most [`CHECK`].
    before: Vec<u8>,
    /// Size and modification time when they were looked at last.
    pub(crate) len: u64,
    modified: i64,
    /// When the content was last compared with what was read.
    verified: i64,
    /// Encoding and length of the byte order mark, once they are known.
    text: Option<(Encoding, usize)>,
    configured: Encoding,
    max_line: usize,
    /// Whether the last chunk ended within a line that is longer than the limit.
    within_line: bool,
    read_size: usize,
    /// When it was first seen not to be at the path any more.
    pub(crate) rotated_at: Option<i64>,
    /// When it was read to the end for good, as far as anyone can know.
    pub(crate) finished_at: Option<i64>,
    /// Whether what was not read of it is out of reach.
    pub(crate) closed: bool,
    pub(crate) torn_at: Option<i64>,
    /// A copy or compressed form of it that was seen.
    pub(crate) form: Option<FileKey>,
    /// The directory was looked at while it began as it does now: what was there before it is known.
    pub(crate) surveyed: bool,
    /// Its first bytes, at most [`HEAD`]: what a copy in the making begins with.
    start: Vec<u8>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Generation {
    /// A generation that is read from `offset`. `content` is what is known of it.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn new(
        number: u64,
        path: &Path,
        source: Source,
        meta: &Meta,
        offset: u64,
        content: Arc<Mutex<Content>>,
        configured: Encoding,
        max_line: usize,
    ) -> io::Result<Self> {
        let mut generation = Generation {
            number,
            path: Arc::from(path),
            key: FileKey::of(meta),
            source,
            content,
            read: offset,
            cut: offset,
            acked: offset,
            check: Mark::default(),
            pending: VecDeque::new(),
            rest: BytesMut::new(),
            before: Vec::new(),
            len: meta.len,
            modified: meta.modified,
            verified: i64::MIN,
            text: None,
            configured,
            max_line: max_line.max(1024),
            within_line: false,
            read_size: MIN_READ,
            rotated_at: None,
            finished_at: None,
            closed: false,
            torn_at: None,
            form: None,
            surveyed: offset > 0,
            start: Vec::new(),
        };
        if offset > 0 {
            let from = offset.saturating_sub(CHECK as u64);
            generation.before = generation.source.peek(from, (offset - from) as usize)?;
            generation.check = Mark::of(offset, &generation.before);
            generation.find_encoding(true)?;
            lock(&generation.content).mark(generation.check);
        }
        generation.learn_head()?;
        Ok(generation)
    }

    /// Extends the known head as far as the file goes.
    fn learn_head(&mut self) -> io::Result<bool> {
        let known = lock(&self.content).head;
        let wanted = if self.source.is_packed() {
            HEAD as u64
        } else {
            self.len.min(HEAD as u64)
        };
        if known.is_full() || u64::from(known.len) >= wanted {
            if self.start.is_empty() && known.len > 0 {
                // Of a saved state; without it a copy in the making would be taken for another file.
                self.start = self.source.peek(0, known.len as usize)?;
            }
            return Ok(true);
        }
        let bytes = self.source.peek(0, HEAD)?;
        if known.len > 0 && !known.begins(&bytes) {
            return Ok(false);
        }
        lock(&self.content).head = Head::of(&bytes);
        self.start = bytes;
        Ok(true)
    }

    /// Whether it is known how it begins.
    pub(crate) fn has_head(&self) -> bool {
        lock(&self.content).head.len > 0
    }

    /// Whether a file that holds `bytes` and no more may be a copy of this one that is being made.
    pub(crate) fn may_become(&self, bytes: &[u8]) -> bool {
        bytes.len() < self.start.len() && self.start.starts_with(bytes)
    }

    fn find_encoding(&mut self, whole: bool) -> io::Result<()> {
        if self.text.is_none() {
            let start = self.source.peek(0, 4)?;
            self.detect(&start, whole);
        }
        Ok(())
    }

    fn detect(&mut self, start: &[u8], whole: bool) {
        self.text = match Encoding::detect(start) {
            Some((encoding, skip)) => Some((encoding.unwrap_or(self.configured), skip)),
            None if whole => Some((self.configured, 0)),
            None => None,
        };
    }

    fn encoding(&self) -> Encoding {
        self.text.map_or(self.configured, |(encoding, _)| encoding)
    }

    /// Bytes that the file cannot be shorter than, unless it was truncated.
    fn least(&self) -> u64 {
        self.read.max(u64::from(lock(&self.content).head.len))
    }

    /// The bytes right before `read`, at most [`CHECK`].
    fn tail(&self, unread: usize) -> Vec<u8> {
        let rest = &self.rest[..unread];
        let from_rest = rest.len().min(CHECK);
        let from_before = (CHECK - from_rest).min(self.before.len());
        let mut tail = self.before[self.before.len() - from_before..].to_vec();
        tail.extend_from_slice(&rest[rest.len() - from_rest..]);
        tail
    }

    /// Whether the bytes before the read position are still those that were read. Compressed files are taken not to
    /// change.
    fn unchanged(&self, unread: usize) -> io::Result<bool> {
        if self.source.is_packed() {
            return Ok(true);
        }
        let head = lock(&self.content).head;
        if head.len > 0 && !head.begins(&self.source.peek(0, HEAD)?) {
            return Ok(false);
        }
        let tail = self.tail(unread);
        if tail.is_empty() {
            return Ok(true);
        }
        Ok(self.source.peek(self.read - tail.len() as u64, tail.len())? == tail)
    }

    /// Whether an open file holds what was read of this one, and more or nothing behind it: a copy, a compressed
    /// form, a rewritten file.
    pub(crate) fn is_in(&self, other: &Source, len: u64) -> io::Result<bool> {
        if !lock(&self.content).head.begins(&other.peek(0, HEAD)?) {
            return Ok(false);
        }
        if other.is_packed() {
            return Ok(true);
        }
        let tail = self.tail(self.rest.len());
        Ok(len >= self.read && other.peek(self.read - tail.len() as u64, tail.len())? == tail)
    }

    /// Goes on in another file that holds the same bytes.
    pub(crate) fn move_to(&mut self, source: Source, meta: &Meta, path: &Path) {
        self.source = source;
        self.key = FileKey::of(meta);
        self.path = Arc::from(path);
        self.len = meta.len;
        self.modified = meta.modified;
    }

    /// Whether the file at `meta`, which has this one's key, was changed in a way that only truncating or rewriting explains. Cheap if
    /// nothing changed at all.
    pub(crate) fn observe(&mut self, meta: &Meta, now: i64) -> io::Result<Observed> {
        let same = (meta.len, meta.modified) == (self.len, self.modified);
        if same && self.verified >= meta.modified.saturating_add(TICK) {
            return Ok(Observed::Same);
        }
        self.verified = now;
        if meta.len < self.least() && !self.source.is_packed() {
            return Ok(Observed::Replaced);
        }
        let (len, modified) = (self.len, self.modified);
        (self.len, self.modified) = (meta.len, meta.modified);
        if self.unchanged(self.rest.len())? && self.learn_head()? {
            return Ok(if same { Observed::Same } else { Observed::Grown });
        }
        (self.len, self.modified) = (len, modified);
        Ok(Observed::Replaced)
    }

    /// Whether there are bytes that were not read, as far as the last look says.
    pub(crate) fn has_unread(&self) -> bool {
        !self.closed && (self.source.is_packed() || self.len > self.read)
    }

    /// The same, after a look.
    pub(crate) fn has_unread_now(&mut self) -> io::Result<bool> {
        if !self.source.is_packed() {
            let meta = self.source.meta()?;
            self.len = self.len.max(meta.len);
            if meta.len < self.least() {
                return Ok(false);
            }
            self.learn_head()?;
        }
        Ok(self.has_unread())
    }

    /// Whether the file does not hold what was read from it any more, looked at closely.
    pub(crate) fn is_replaced(&mut self, meta: &Meta) -> io::Result<bool> {
        if meta.len < self.least() && !self.source.is_packed() {
            return Ok(true);
        }
        (self.len, self.modified) = (meta.len, meta.modified);
        Ok(!self.unchanged(self.rest.len())? || !self.learn_head()?)
    }

    /// Whether it holds anything at all.
    pub(crate) fn has_content(&self) -> bool {
        self.len > 0
    }

    pub(crate) fn has_rest(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Bytes that the next read will take at most, the unterminated line included.
    pub(crate) fn next_size(&self) -> usize {
        let unread = if self.source.is_packed() {
            MAX_READ as u64
        } else {
            self.len.saturating_sub(self.read).max(4096)
        };
        self.rest.len() + self.read_size.min(usize::try_from(unread).unwrap_or(MAX_READ))
    }

    /// Reads on until there is at least one whole line.
    pub(crate) fn read(&mut self, events: &mut Vec<Event>) -> io::Result<Outcome> {
        if self.closed {
            return Ok(Outcome::End);
        }
        if self.rest.len() >= self.max_line
            && let Some(chunk) = self.take_lines(self.rest.len(), events)
        {
            return Ok(Outcome::Chunk(chunk));
        }
        loop {
            let unread = if self.source.is_packed() {
                MAX_READ as u64
            } else {
                let meta = self.source.meta()?;
                if meta.len < self.least() {
                    return Ok(Outcome::Replaced);
                }
                self.len = self.len.max(meta.len);
                meta.len - self.read
            };
            let size = self.read_size.min(usize::try_from(unread).unwrap_or(MAX_READ));
            if size == 0 {
                return Ok(Outcome::End);
            }
            let carried = self.rest.len();
            self.rest.resize(carried + size, 0);
            let n = match self.source.read(&mut self.rest[carried..], self.read) {
                Ok(n) => n,
                Err(error) => {
                    self.rest.truncate(carried);
                    if self.source.is_packed()
                        && matches!(
                            error.kind(),
                            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
                        )
                    {
                        return Ok(Outcome::Torn);
                    }
                    return Err(error);
                }
            };
            self.rest.truncate(carried + n);
            if n == 0 {
                return Ok(Outcome::End);
            }
            // Looked at after the read: if what came before is intact now, it was intact when this was read.
            if !self.unchanged(carried)? {
                self.rest.truncate(carried);
                return Ok(Outcome::Replaced);
            }
            if self.read == 0 {
                // The start of the file is at hand.
                let start = self.rest[..self.rest.len().min(4)].to_vec();
                self.detect(&start, false);
            }
            self.read += n as u64;
            if self.text.is_none() {
                self.find_encoding(self.read >= 4)?;
            }
            if !self.learn_head()? {
                return Ok(Outcome::Replaced);
            }
            self.read_size = if n == self.read_size {
                (self.read_size * 2).min(MAX_READ)
            } else {
                (self.read_size / 2).max(MIN_READ)
            };
            if let Some(chunk) = self.take_lines(carried, events) {
                return Ok(Outcome::Chunk(chunk));
            }
        }
    }

    fn take_lines(&mut self, carried: usize, events: &mut Vec<Event>) -> Option<Chunk> {
        self.text?;
        let encoding = self.encoding();
        // A line break of two bytes may have its first one in what was carried.
        let from = carried.saturating_sub(1);
        let offset = self.cut + from as u64;
        if let Some(end) = encoding.last_break(&self.rest[from..], offset) {
            return self.emit(from + end, false);
        }
        if self.rest.len() >= self.max_line {
            let end = encoding.cut(&self.rest, self.cut, self.max_line);
            let chunk = self.emit(end, true);
            events.push(Event::LongLine { offset: self.cut });
            return chunk;
        }
        None
    }

    /// The unterminated line at the end, if there is one.
    pub(crate) fn flush(&mut self) -> Option<Chunk> {
        if self.rest.is_empty() {
            return None;
        }
        if self.text.is_none() {
            let start = self.rest[..self.rest.len().min(4)].to_vec();
            self.detect(&start, true);
        }
        self.emit(self.rest.len(), false)
    }

    fn emit(&mut self, len: usize, within_line: bool) -> Option<Chunk> {
        let start = self.cut;
        let mut data = self.rest.split_to(len).freeze();
        if self.rest.len() < MIN_READ {
            // Otherwise the unterminated line would keep the whole chunk's memory.
            self.rest = BytesMut::from(&self.rest[..]);
        }
        self.cut += len as u64;
        if data.len() >= CHECK {
            self.before = data[data.len() - CHECK..].to_vec();
        } else {
            self.before.extend_from_slice(&data);
            let excess = self.before.len().saturating_sub(CHECK);
            self.before.drain(..excess);
        }
        if start == 0 {
            // Early marks tell files apart that begin with the same banner.
            let mut content = lock(&self.content);
            for at in EARLY_MARKS.into_iter().filter(|at| *at < len) {
                content.mark(Mark::of(at as u64, &data[at - CHECK..at]));
            }
        }
        let mark = Mark::of(self.cut, &self.before);
        self.pending.push_back(mark);
        lock(&self.content).mark(mark);
        let encoding = self.encoding();
        if start == 0
            && let Some((_, skip)) = self.text
        {
            data.advance(skip.min(data.len()));
        }
        if self.within_line {
            // The pieces of the line are out already; its line break alone is not another line.
            data.advance(encoding.leading_break(&data));
        }
        self.within_line = within_line;
        let data = if data.is_empty() {
            Bytes::new()
        } else {
            encoding.decode(data)
        };
        Some(Chunk {
            generation: self.number,
            start,
            end: self.cut,
            data,
            path: self.path.clone(),
        })
    }

    /// Everything before `up_to` is safe.
    pub(crate) fn ack(&mut self, up_to: u64) {
        while let Some(mark) = self.pending.front()
            && mark.at <= up_to
        {
            self.acked = mark.at;
            self.check = *mark;
            self.pending.pop_front();
        }
    }

    pub(crate) fn is_acked(&self) -> bool {
        self.pending.is_empty()
    }

    pub(crate) fn saved(&self) -> Saved {
        Saved {
            path: self.path.to_path_buf(),
            key: Some(self.key),
            head: lock(&self.content).head,
            offset: self.acked,
            check: self.check,
        }
    }
}

/// What became of a file since it was looked at last.
pub(crate) enum Observed {
    Same,
    Grown,
    Replaced,
}

/// Whether an open file is the one that was saved, as far as its content tells: long enough, the same head, the same bytes
/// before the offset.
pub(crate) fn continues(source: &Source, len: u64, saved: &Saved) -> io::Result<bool> {
    if saved.head.len > 0 && !saved.head.begins(&source.peek(0, HEAD)?) {
        return Ok(false);
    }
    if source.is_packed() {
        // Its length is unknown before it is read; the head decides.
        return Ok(saved.head.len > 0 || saved.key.is_none());
    }
    if len < saved.offset {
        return Ok(false);
    }
    if saved.check.len == 0 {
        return Ok(true);
    }
    let from = saved.offset.saturating_sub(u64::from(saved.check.len));
    Ok(Mark::of(saved.offset, &source.peek(from, saved.check.len as usize)?) == saved.check)
}

/// Whether an open file holds the content that is known; what was read of it counts, not what may follow. `partial`: the answer for a
/// file with the same head that is too short to compare more.
pub(crate) fn holds(source: &Source, len: u64, known: &Content, partial: bool) -> io::Result<bool> {
    let start = source.peek(0, HEAD)?;
    if !known.head.begins(&start) || (known.whole && !known.head.is_full() && start.len() != known.head.len as usize) {
        return Ok(false);
    }
    if source.is_packed() {
        return Ok(true);
    }
    let Some(mark) = known.mark_within(len) else {
        return Ok(partial);
    };
    let from = mark.at - u64::from(mark.len);
    Ok(Mark::of(mark.at, &source.peek(from, mark.len as usize)?) == *mark)
}
