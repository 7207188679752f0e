//! What a segment holds, in a few numbers: written at its end, so that opening need not walk it.

use crate::disk::{DiskFile, read_full};
use crate::layout::{FOOTER, Header, MAX_RECORD, Meta, RECORD_HEADER, SEGMENT_HEADER, u64_at};
use std::collections::BTreeMap;
use std::io;

/// A count of records with what they hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Records (batches).
    pub records: u64,
    /// Items, as their appenders counted them: log lines, samples, spans.
    pub items: u64,
    /// Decoded bytes, as their appenders counted them.
    pub bytes: u64,
}

impl Totals {
    pub(crate) fn of(header: &Header) -> Self {
        Totals {
            records: 1,
            items: u64::from(header.items),
            bytes: header.bytes,
        }
    }

    /// Adds `other`; what would overflow stays at the largest number.
    pub fn add(&mut self, other: Totals) {
        self.records = self.records.saturating_add(other.records);
        self.items = self.items.saturating_add(other.items);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    pub(crate) fn minus(self, other: Totals) -> Totals {
        Totals {
            records: self.records.saturating_sub(other.records),
            items: self.items.saturating_sub(other.items),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Summary {
    /// Made from what was legible after a crash, not while the records were written.
    pub(crate) rebuilt: bool,
    pub(crate) records: u64,
    pub(crate) last_seq: u64,
    pub(crate) min_time: i64,
    pub(crate) max_time: i64,
    /// Of records that are addressed to every cursor.
    all: Totals,
    /// Of records that name cursors, by the hash of the name.
    named: BTreeMap<u64, Totals>,
}

impl Summary {
    pub(crate) fn new(first: u64) -> Self {
        Summary {
            rebuilt: false,
            records: 0,
            last_seq: first,
            min_time: i64::MAX,
            max_time: i64::MIN,
            all: Totals::default(),
            named: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, header: &Header, meta: &Meta) {
        self.records += 1;
        self.last_seq = self.last_seq.max(header.seq);
        self.min_time = self.min_time.min(header.time);
        self.max_time = self.max_time.max(header.time);
        let totals = Totals::of(header);
        match &meta.targets {
            None => self.all.add(totals),
            Some(targets) => {
                for target in targets {
                    self.named.entry(*target).or_default().add(totals);
                }
            }
        }
    }

    /// What is addressed to the cursor with this hash.
    pub(crate) fn of(&self, cursor: u64) -> Totals {
        let mut totals = self.all;
        totals.add(self.named.get(&cursor).copied().unwrap_or_default());
        totals
    }

    /// Bytes of the footer; `more` names may join until it is written.
    pub(crate) fn footer_len(&self, more: usize) -> u64 {
        (RECORD_HEADER + 8 * 8 + 32 * (self.named.len() + more)) as u64
    }

    pub(crate) fn encode(&self, first: u64, offset: u64) -> Vec<u8> {
        let mut payload = Vec::new();
        let totals = |totals: &Totals| [totals.records, totals.items, totals.bytes];
        let head = [self.records, self.last_seq, self.min_time as u64, self.max_time as u64];
        let named = self.named.iter().flat_map(|(name, sum)| {
            let [records, items, bytes] = totals(sum);
            [*name, records, items, bytes]
        });
        let end = [self.footer_len(0)];
        for word in head.into_iter().chain(totals(&self.all)).chain(named).chain(end) {
            payload.extend_from_slice(&word.to_le_bytes());
        }
        let header = Header {
            seq: first,
            time: 0,
            kind: u16::from(self.rebuilt),
            flags: FOOTER,
            items: 0,
            bytes: 0,
            targets: Some(0),
            keys: 0,
            payload: u32::try_from(payload.len()).expect("a footer has one line per cursor"),
            meta_crc: 0,
            payload_crc: crc32c::crc32c(&payload),
        };
        let mut bytes = header.encode(first, offset).to_vec();
        bytes.extend_from_slice(&payload);
        bytes
    }

    fn decode(payload: &[u8], first: u64, rebuilt: bool) -> Option<Summary> {
        if payload.len() < 64 || !payload.len().is_multiple_of(32) {
            return None;
        }
        let words: Vec<u64> = payload.chunks_exact(8).map(|word| u64_at(word, 0)).collect();
        let totals = |words: &[u64]| Totals {
            records: words[0],
            items: words[1],
            bytes: words[2],
        };
        (words[1] >= first).then(|| Summary {
            rebuilt,
            records: words[0],
            last_seq: words[1],
            min_time: words[2] as i64,
            max_time: words[3] as i64,
            all: totals(&words[4..7]),
            named: words[7..words.len() - 1]
                .chunks_exact(4)
                .map(|line| (line[0], totals(&line[1..])))
                .collect(),
        })
    }

    /// The footer of a sealed segment of `len` bytes and where it begins; `None` if there is none that is whole.
    pub(crate) fn read(file: &dyn DiskFile, first: u64, len: u64) -> io::Result<Option<(Summary, u64)>> {
        let mut tail = [0; 8];
        if len < SEGMENT_HEADER + RECORD_HEADER as u64 + 64 || read_full(file, &mut tail, len - 8)? < 8 {
            return Ok(None);
        }
        let footer = u64_at(&tail, 0);
        if footer < RECORD_HEADER as u64 + 64 || footer > (len - SEGMENT_HEADER).min(MAX_RECORD / 64) {
            return Ok(None);
        }
        let at = len - footer;
        let mut bytes = vec![0; footer as usize];
        if read_full(file, &mut bytes, at)? < bytes.len() {
            return Ok(None);
        }
        let payload = &bytes[RECORD_HEADER..];
        Ok(Header::decode(&bytes, first, at)
            .filter(|header| {
                header.flags == FOOTER && header.len() == footer && header.payload_crc == crc32c::crc32c(payload)
            })
            .and_then(|header| Summary::decode(payload, first, header.kind == 1))
            .map(|summary| (summary, at)))
    }
}
