//! A record on its way through a pipeline.

use super::extracted::{Extracted, Seen, Text};
use super::held::Part;
use super::names::{Names, Slot};
use bytes::Bytes;
use signals::{Amount, Entry, Labels, Metadata};
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// A record and what stages have extracted from it.
#[derive(Default)]
pub struct Record {
    /// Labels as they are now.
    pub labels: Labels,
    /// Nanoseconds since the Unix epoch.
    pub timestamp: i64,
    /// The line as it is now.
    pub line: Bytes,
    /// Structured metadata.
    pub metadata: Metadata,
    /// How many records of the batch under work it stands for, and their size.
    pub own: Amount,
    /// Records of other batches, held back earlier, that became part of it.
    pub parts: Vec<Part>,
    /// The line as it came, into which `Extracted::Origin` points.
    origin: Bytes,
    /// Label sets whose labels are visible as extracted values; the newest wins.
    seeds: Vec<Labels>,
    slots: Vec<Extracted>,
    /// Values under names that are only known at run time.
    more: BTreeMap<SmolStr, Extracted>,
}

/// Text that a stage parses: values that are pieces of it need no copy.
#[derive(Clone)]
pub struct Source {
    /// The text.
    pub text: Bytes,
    /// Where it starts in the record's origin, if it is a piece of that.
    base: Option<usize>,
}

impl Source {
    /// A piece of the text as a value.
    pub fn piece(&self, start: usize, end: usize) -> Extracted {
        if let Some(base) = self.base
            && let (Ok(start), Ok(end)) = (u32::try_from(base + start), u32::try_from(base + end))
        {
            return Extracted::Origin(start, end);
        }
        Extracted::Text(self.text.slice(start..end))
    }
}

/// Where `part` starts in `whole`, if it is a piece of the same memory.
fn offset_in(whole: &[u8], part: &[u8]) -> Option<usize> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    (start + part.len() <= whole.len() && !part.is_empty()).then_some(start)
}

impl Record {
    /// Makes the record one that just came in; `slots` is the number of names that the pipeline knows.
    pub fn begin(&mut self, labels: &Labels, entry: &Entry, slots: usize) {
        self.own = Amount::one(entry.size());
        self.labels.clone_from(labels);
        self.timestamp = entry.timestamp;
        self.origin.clone_from(&entry.line);
        self.line.clone_from(&entry.line);
        self.metadata.clone_from(&entry.metadata);
        self.parts.clear();
        match self.seeds.first_mut() {
            Some(first) => {
                if !first.same(labels) {
                    first.clone_from(labels);
                }
                self.seeds.truncate(1);
            }
            None => self.seeds.push(labels.clone()),
        }
        self.slots.clear();
        self.slots.resize(slots, Extracted::Unset);
        self.more.clear();
    }

    /// Moves the record out and leaves an empty one.
    pub fn take(&mut self) -> Record {
        std::mem::take(self)
    }

    /// A record of the same origin with another line, for stages that make several of one.
    pub fn sibling(&self, line: Bytes) -> Record {
        Record {
            labels: self.labels.clone(),
            timestamp: self.timestamp,
            line,
            metadata: self.metadata.clone(),
            own: Amount::default(),
            parts: Vec::new(),
            origin: self.origin.clone(),
            seeds: self.seeds.clone(),
            slots: self.slots.clone(),
            more: self.more.clone(),
        }
    }

    /// Copies what the record holds of the chunk that was read, so that a held record does not pin the chunk.
    pub fn detach(&mut self) {
        for value in self.slots.iter_mut().chain(self.more.values_mut()) {
            match value {
                Extracted::Origin(start, end) => {
                    let text = &self.origin[*start as usize..*end as usize];
                    *value = Extracted::Text(Bytes::copy_from_slice(text));
                }
                Extracted::Text(text) => *text = Bytes::copy_from_slice(text),
                _ => {}
            }
        }
        self.origin = Bytes::new();
        self.line = Bytes::copy_from_slice(&self.line);
    }

    fn seen<'a>(&'a self, value: &'a Extracted, name: &str) -> Seen<'a> {
        match value {
            Extracted::Unset => self
                .seeds
                .iter()
                .rev()
                .find_map(|labels| labels.get(name))
                .map_or(Seen::Missing, |value| Seen::Text(value.as_bytes())),
            Extracted::Removed => Seen::Missing,
            Extracted::Null => Seen::Null,
            Extracted::Bool(value) => Seen::Bool(*value),
            Extracted::Number(value) => Seen::Number(*value),
            Extracted::Origin(start, end) => Seen::Text(&self.origin[*start as usize..*end as usize]),
            Extracted::Text(text) => Seen::Text(text),
        }
    }

    /// The value of a name.
    pub fn get(&self, slot: &Slot) -> Seen<'_> {
        self.seen(&self.slots[slot.at], &slot.name)
    }

    /// The value of a name as text.
    pub fn text(&self, slot: &Slot) -> Option<Text<'_>> {
        self.get(slot).text()
    }

    /// The text under a name for parsing; `None` if it is missing or not convertible.
    pub fn source(&self, slot: Option<&Slot>) -> Option<Source> {
        let Some(slot) = slot else {
            return Some(Source {
                base: offset_in(&self.origin, &self.line),
                text: self.line.clone(),
            });
        };
        Some(match &self.slots[slot.at] {
            Extracted::Origin(start, end) => Source {
                text: self.origin.slice(*start as usize..*end as usize),
                base: Some(*start as usize),
            },
            Extracted::Text(text) => Source {
                text: text.clone(),
                base: None,
            },
            _ => Source {
                text: Bytes::copy_from_slice(&self.text(slot)?),
                base: None,
            },
        })
    }

    /// The value of a name as bytes of their own; a piece of the line is not copied.
    pub fn bytes(&self, slot: &Slot) -> Option<Bytes> {
        self.source(Some(slot)).map(|source| source.text)
    }

    /// Sets the value of a name.
    pub fn set(&mut self, slot: &Slot, value: Extracted) {
        self.slots[slot.at] = value;
    }

    /// Sets the value of a name if it has a place in the pipeline.
    pub fn set_if(&mut self, slot: Option<&Slot>, value: Extracted) {
        if let Some(slot) = slot {
            self.slots[slot.at] = value;
        }
    }

    /// Sets the value of a name that came up at run time.
    pub fn set_named(&mut self, names: &Names, name: &str, value: Extracted) {
        if let Some(at) = names.find(name) {
            self.slots[at] = value;
        } else if names.all_are_read() {
            self.more.insert(SmolStr::new(name), value);
        }
    }

    /// The labels as they are now become extracted values and replace those of the same names, as at the start of every
    /// nested pipeline. `written` are the places that may hold something else than what came with the record.
    pub fn seed_again(&mut self, written: &[Slot]) {
        for slot in written {
            if self.labels.get(&slot.name).is_some() {
                self.slots[slot.at] = Extracted::Unset;
            }
        }
        if !self.more.is_empty() {
            let labels = &self.labels;
            self.more.retain(|name, _| labels.get(name).is_none());
        }
        if !self.seeds.last().is_some_and(|seed| seed.same(&self.labels)) {
            self.seeds.push(self.labels.clone());
        }
    }

    /// Every extracted value by its name.
    pub fn all<'a>(&'a self, names: &'a Names) -> BTreeMap<&'a str, Seen<'a>> {
        let mut all = BTreeMap::new();
        for labels in &self.seeds {
            for (name, value) in labels.iter() {
                all.insert(name.as_str(), Seen::Text(value.as_bytes()));
            }
        }
        let slots = names.slots().iter().zip(&self.slots);
        for (name, value) in slots.chain(&self.more) {
            match self.seen(value, name) {
                Seen::Missing => {
                    all.remove(name.as_str());
                }
                seen => {
                    all.insert(name, seen);
                }
            }
        }
        all
    }
}
