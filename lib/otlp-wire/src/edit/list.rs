//! The attributes of one message, while they are edited.

use crate::view::common::{AnyValue, KeyValue};
use crate::write;
use protowire::{push_bytes, push_varint, varint_len};

use super::splice::Splice;

/// When a value is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// If there is no attribute with the key.
    Insert,
    /// If there is one.
    Update,
    /// In any case.
    Upsert,
}

/// An attribute as it stands in messages, for edits that are made many times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    bytes: Box<[u8]>,
    key_len: usize,
    /// Where the key ends, and where what is in the value begins.
    key_end: usize,
    value_start: usize,
}

impl Pair {
    /// An attribute with this key and value.
    pub fn new(key: &[u8], value: AnyValue<'_>) -> Self {
        let mut bytes = Vec::new();
        if !key.is_empty() {
            push_bytes(&mut bytes, 1, key);
        }
        let key_end = bytes.len();
        write::any_value(&mut bytes, 2, value);
        Pair {
            key_len: key.len(),
            key_end,
            value_start: value_start(&bytes, key_end),
            bytes: bytes.into(),
        }
    }

    /// Its key.
    pub fn key(&self) -> &[u8] {
        &self.bytes[self.key_end - self.key_len..self.key_end]
    }

    /// Its value.
    pub fn value(&self) -> AnyValue<'_> {
        self.bytes[self.value_start..].into()
    }
}

/// Where what is in the value begins whose field begins at `at`: behind a tag of one byte and its length.
fn value_start(bytes: &[u8], at: usize) -> usize {
    protowire::get_varint(bytes, at + 1).map_or(bytes.len(), |(_, start)| start)
}

/// Bytes of the source, or of the buffer.
#[derive(Clone, Copy, Debug)]
struct Slot {
    at: usize,
    len: usize,
    own: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The field in the source; nothing for an attribute that was added.
    start: usize,
    end: usize,
    key: Slot,
    value: Slot,
    /// The `KeyValue` in the buffer, if the attribute is new or has a new value.
    pair: Option<Slot>,
    removed: bool,
}

/// Memory that is used for one message after the other.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    entries: Vec<Entry>,
    buffer: Vec<u8>,
    changed: bool,
}

/// Attributes that can be edited. Order is kept; of a key that occurs more than once the first counts, and is what is updated.
#[derive(Debug)]
pub struct Editable<'e> {
    src: &'e [u8],
    scratch: &'e mut Scratch,
}

impl<'e> Editable<'e> {
    pub(super) fn new(src: &'e [u8], scratch: &'e mut Scratch) -> Self {
        scratch.entries.clear();
        scratch.buffer.clear();
        scratch.changed = false;
        Editable { src, scratch }
    }

    /// Goes on where another one ended.
    pub(super) fn resume(src: &'e [u8], scratch: &'e mut Scratch) -> Self {
        Editable { src, scratch }
    }

    /// Adds an attribute of the source: its field, and the content of that.
    #[inline]
    pub(super) fn push(&mut self, start: usize, end: usize, pair: &'e [u8]) {
        let pair = KeyValue::from(pair);
        let slot = |bytes: &[u8]| Slot {
            // An absent value is not inside of the source.
            at: if bytes.is_empty() {
                0
            } else {
                bytes.as_ptr().addr() - self.src.as_ptr().addr()
            },
            len: bytes.len(),
            own: false,
        };
        let (key, value) = (slot(pair.key), slot(pair.raw_value));
        self.scratch.entries.push(Entry {
            start,
            end,
            key,
            value,
            pair: None,
            removed: false,
        });
    }

    #[inline]
    fn bytes(&self, slot: Slot) -> &[u8] {
        let whole = if slot.own { &self.scratch.buffer } else { self.src };
        &whole[slot.at..slot.at + slot.len]
    }

    #[inline]
    fn find(&self, key: &[u8]) -> Option<usize> {
        let is_it = |entry: &Entry| entry.key.len == key.len() && !entry.removed && self.bytes(entry.key) == key;
        self.scratch.entries.iter().position(is_it)
    }

    /// All attributes as they are now.
    pub fn iter(&self) -> impl Iterator<Item = KeyValue<'_>> {
        let left = self.scratch.entries.iter().filter(|entry| !entry.removed);
        left.map(|entry| KeyValue {
            key: self.bytes(entry.key),
            raw_value: self.bytes(entry.value),
        })
    }

    /// The value of the first attribute with this key.
    pub fn get(&self, key: &[u8]) -> Option<AnyValue<'_>> {
        let at = self.find(key)?;
        Some(self.bytes(self.scratch.entries[at].value).into())
    }

    /// Sets a value. Returns whether it did.
    pub fn set(&mut self, mode: Mode, key: &[u8], value: AnyValue<'_>) -> bool {
        self.put(mode, key, |_, buffer| write::any_value(buffer, 2, value))
    }

    /// Sets a value that is known beforehand. Returns whether it did.
    pub fn set_pair(&mut self, mode: Mode, pair: &Pair) -> bool {
        let Some(at) = self.place(mode, pair.key()) else {
            return false;
        };
        let start = self.scratch.buffer.len();
        self.scratch.buffer.extend_from_slice(&pair.bytes);
        self.replace(at, start, start + pair.key_end, pair.key_len, start + pair.value_start)
    }

    /// Adds an attribute if there is none with this key. Returns whether it did.
    pub fn insert(&mut self, key: &[u8], value: AnyValue<'_>) -> bool {
        self.set(Mode::Insert, key, value)
    }

    /// Gives the attribute with this key a value. Returns whether there is one.
    pub fn update(&mut self, key: &[u8], value: AnyValue<'_>) -> bool {
        self.set(Mode::Update, key, value)
    }

    /// Gives an attribute a value, and adds it if there is none.
    pub fn upsert(&mut self, key: &[u8], value: AnyValue<'_>) {
        self.set(Mode::Upsert, key, value);
    }

    /// Sets the value that another attribute has. Returns whether it did: not if there is no attribute `from`.
    pub fn set_from(&mut self, mode: Mode, key: &[u8], from: &[u8]) -> bool {
        let Some(from) = self.find(from) else { return false };
        let slot = self.scratch.entries[from].value;
        self.put(mode, key, |src, buffer| {
            buffer.push(2 << 3 | 2);
            push_varint(buffer, slot.len as u64);
            if slot.own {
                buffer.extend_from_within(slot.at..slot.at + slot.len);
            } else {
                buffer.extend_from_slice(&src[slot.at..slot.at + slot.len]);
            }
        })
    }

    fn put(&mut self, mode: Mode, key: &[u8], write_value: impl FnOnce(&[u8], &mut Vec<u8>)) -> bool {
        let Some(at) = self.place(mode, key) else { return false };
        let buffer = &mut self.scratch.buffer;
        let start = buffer.len();
        if !key.is_empty() {
            push_bytes(buffer, 1, key);
        }
        let key_end = buffer.len();
        write_value(self.src, buffer);
        let value = value_start(buffer, key_end);
        self.replace(at, start, key_end, key.len(), value)
    }

    /// Where an attribute is set: in place of another one, or (the inner `None`) behind all others. `None` if it is not.
    fn place(&self, mode: Mode, key: &[u8]) -> Option<Option<usize>> {
        match (mode, self.find(key)) {
            (Mode::Insert, Some(_)) | (Mode::Update, None) => None,
            (_, at) => Some(at),
        }
    }

    /// Puts the pair in that begins at `start` of the buffer and is the last there.
    fn replace(&mut self, at: Option<usize>, start: usize, key_end: usize, key_len: usize, value: usize) -> bool {
        let end = self.scratch.buffer.len();
        let slot = |start, end| Slot {
            at: start,
            len: end - start,
            own: true,
        };
        let entry = Entry {
            start: 0,
            end: 0,
            key: slot(key_end - key_len, key_end),
            value: slot(value, end),
            pair: Some(slot(start, end)),
            removed: false,
        };
        match at {
            Some(at) => {
                let old = &mut self.scratch.entries[at];
                *old = Entry {
                    start: old.start,
                    end: old.end,
                    ..entry
                };
            }
            None => self.scratch.entries.push(entry),
        }
        self.scratch.changed = true;
        true
    }

    /// Removes all attributes with this key. Returns whether there was one.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        let mut deleted = false;
        while let Some(at) = self.find(key) {
            self.scratch.entries[at].removed = true;
            deleted = true;
        }
        self.scratch.changed |= deleted;
        deleted
    }

    /// Removes the attributes of which `stays` says no.
    pub fn retain(&mut self, mut stays: impl FnMut(KeyValue<'_>) -> bool) {
        for at in 0..self.scratch.entries.len() {
            let entry = self.scratch.entries[at];
            let pair = KeyValue {
                key: self.bytes(entry.key),
                raw_value: self.bytes(entry.value),
            };
            if !entry.removed && !stays(pair) {
                self.scratch.entries[at].removed = true;
                self.scratch.changed = true;
            }
        }
    }
}

impl Scratch {
    /// Whether the message has to be written anew.
    #[inline]
    pub(super) fn changed(&self) -> bool {
        self.changed
    }

    /// Writes what became of the attributes; they are fields `number` of the innermost message, which ends at `end`. Those that were added
    /// stand behind the last that was there.
    pub(super) fn apply(&self, splice: &mut Splice<'_>, number: u32, end: usize) {
        let mut last = end;
        for entry in &self.entries {
            if entry.end == 0 {
                continue;
            }
            last = entry.end;
            match entry.pair {
                _ if entry.removed => splice.skip(entry.start, entry.end),
                Some(pair) => {
                    splice.skip(entry.start, entry.end);
                    self.push_pair(splice.copy(entry.end), number, pair);
                }
                None => {}
            }
        }
        if self.entries.iter().any(|entry| entry.end == 0 && !entry.removed) {
            self.push_new(splice.copy(last), number);
        }
    }

    /// Appends the attributes that were added.
    pub(super) fn push_new(&self, out: &mut Vec<u8>, number: u32) {
        for entry in &self.entries {
            if let (0, false, Some(pair)) = (entry.end, entry.removed, entry.pair) {
                self.push_pair(out, number, pair);
            }
        }
    }

    /// Length of what `push_new` appends.
    pub(super) fn len_of_new(&self) -> usize {
        let new = self.entries.iter().filter(|entry| entry.end == 0 && !entry.removed);
        let pairs = new.filter_map(|entry| entry.pair);
        // Numbers of attribute fields are below 16: their tag is one byte.
        pairs.map(|pair| 1 + varint_len(pair.len as u64) + pair.len).sum()
    }

    fn push_pair(&self, out: &mut Vec<u8>, number: u32, pair: Slot) {
        push_varint(out, u64::from(number) << 3 | 2);
        push_varint(out, pair.len as u64);
        out.extend_from_slice(&self.buffer[pair.at..pair.at + pair.len]);
    }
}
