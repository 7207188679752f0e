//! The cursors on disk: two copies written in turn, each with a generation and a checksum.
//!
//! A copy is overwritten in place while the other one stays whole, so saving costs one sync and needs no new space.

use crate::cursor::{Cursor, Held, Place};
use crate::disk::{Disk, read_full, write_full};
use crate::layout::{name_hash, u32_at, u64_at};
use crate::summary::Totals;
use std::io;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"INVARCUR";
pub(crate) const NAMES: [&str; 2] = ["cursors.0", "cursors.1"];
/// A file that claims to be larger is not one of ours.
const MAX: u64 = 256 << 20;
const HEAD: usize = 24;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Saved {
    pub(crate) generation: u64,
    pub(crate) next_seq: u64,
    /// The segments that a cursor had not finished with.
    pub(crate) segments: Vec<u64>,
    pub(crate) cursors: Vec<Cursor>,
}

struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8).map(|word| u64_at(word, 0))
    }

    fn totals(&mut self) -> Option<Totals> {
        Some(Totals {
            records: self.u64()?,
            items: self.u64()?,
            bytes: self.u64()?,
        })
    }

    fn place(&mut self) -> Option<Place> {
        Some(Place {
            segment: self.u64()?,
            offset: self.u64()?,
        })
    }
}

impl Saved {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let word = |body: &mut Vec<u8>, words: &[u64]| {
            for word in words {
                body.extend_from_slice(&word.to_le_bytes());
            }
        };
        word(&mut body, &[self.generation, self.next_seq, self.segments.len() as u64]);
        word(&mut body, &self.segments);
        word(&mut body, &[self.cursors.len() as u64]);
        for cursor in &self.cursors {
            word(&mut body, &[cursor.name.len() as u64]);
            body.extend_from_slice(cursor.name.as_bytes());
            let Totals { records, items, bytes } = cursor.consumed;
            let Place { segment, offset } = cursor.at;
            let held = cursor.held.len() as u64;
            word(&mut body, &[cursor.high, segment, offset, records, items, bytes, held]);
            for (seq, held) in &cursor.held {
                let Totals { records, items, bytes } = held.totals;
                let Place { segment, offset } = held.place;
                word(
                    &mut body,
                    &[*seq, segment, offset, records, items, bytes, held.time as u64],
                );
            }
        }
        let mut file = MAGIC.to_vec();
        file.extend_from_slice(&(body.len() as u64).to_le_bytes());
        file.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
        let crc = crc32c::crc32c(&file);
        file.extend_from_slice(&crc.to_le_bytes());
        file.extend_from_slice(&body);
        file
    }

    pub(crate) fn decode(file: &[u8]) -> Option<Saved> {
        if file.len() < HEAD || &file[..8] != MAGIC || crc32c::crc32c(&file[..20]) != u32_at(file, 20) {
            return None;
        }
        let len = usize::try_from(u64_at(file, 8)).ok()?;
        let body = file.get(HEAD..)?.get(..len)?;
        if crc32c::crc32c(body) != u32_at(file, 16) {
            return None;
        }
        let mut words = Words(body);
        let mut saved = Saved {
            generation: words.u64()?,
            next_seq: words.u64()?,
            ..Saved::default()
        };
        for _ in 0..words.u64()? {
            saved.segments.push(words.u64()?);
        }
        for _ in 0..words.u64()? {
            let len = usize::try_from(words.u64()?).ok()?;
            let name = std::str::from_utf8(words.take(len)?).ok()?;
            let mut cursor = Cursor::new(name, name_hash(name), words.u64()?, words.place()?, words.totals()?);
            for _ in 0..words.u64()? {
                let seq = words.u64()?;
                let held = Held {
                    place: words.place()?,
                    totals: words.totals()?,
                    time: words.u64()? as i64,
                };
                cursor.held.insert(seq, held);
                // Nobody holds it in this process: it is handed out again.
                cursor.back.insert(seq);
            }
            saved.cursors.push(cursor);
        }
        Some(saved)
    }
}

fn read(disk: &dyn Disk, path: &Path) -> io::Result<Option<Saved>> {
    let file = disk.open(path, false)?;
    let len = file.len()?;
    if len > MAX {
        return Ok(None);
    }
    let mut bytes = vec![0; len as usize];
    let got = read_full(&*file, &mut bytes, 0)?;
    Ok(Saved::decode(&bytes[..got]))
}

/// The newest whole copy and its slot. A copy that cannot be read counts as one that is not whole.
pub(crate) fn load(disk: &dyn Disk, dir: &Path) -> Option<(Saved, usize)> {
    (0..NAMES.len())
        .filter_map(|slot| Some((read(disk, &dir.join(NAMES[slot])).ok()??, slot)))
        .max_by_key(|(saved, _)| saved.generation)
}

/// Where the next copy goes.
pub(crate) struct Store {
    dir: PathBuf,
    slot: usize,
    generation: u64,
    /// Whether the copy's name is known to be durable.
    named: [bool; 2],
}

impl Store {
    /// Never overwrites the newest whole copy first.
    pub(crate) fn new(dir: &Path, newest: Option<(u64, usize)>) -> Self {
        let (generation, slot) = newest.unwrap_or((0, 1));
        Store {
            dir: dir.to_owned(),
            slot: 1 - slot,
            generation,
            named: [false; 2],
        }
    }

    pub(crate) fn save(&mut self, disk: &dyn Disk, mut saved: Saved) -> io::Result<()> {
        self.generation += 1;
        saved.generation = self.generation;
        let path = self.dir.join(NAMES[self.slot]);
        let file = match disk.open(&path, true) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => disk.create(&path)?,
            opened => opened?,
        };
        write_full(&*file, &saved.encode(), 0)?;
        file.sync()?;
        if !self.named[self.slot] {
            disk.sync_dir(&self.dir)?;
            self.named[self.slot] = true;
        }
        // Only a copy that is safe allows the other one to be overwritten.
        self.slot = 1 - self.slot;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_reads_back_and_every_flipped_bit_is_noticed() {
        let mut cursor = Cursor::new(
            "loki",
            name_hash("loki"),
            9,
            Place { segment: 1, offset: 40 },
            Totals::default(),
        );
        let held = Held {
            place: Place { segment: 1, offset: 32 },
            totals: Totals {
                records: 1,
                items: 2,
                bytes: 3,
            },
            time: -1,
        };
        cursor.held.insert(7, held);
        cursor.back.insert(7);
        let saved = Saved {
            generation: 3,
            next_seq: 11,
            segments: vec![1, 5],
            cursors: vec![cursor],
        };
        let mut bytes = saved.encode();
        assert_eq!(Saved::decode(&bytes), Some(saved.clone()));
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Saved::decode(&bytes), None, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        // What an earlier, longer copy left behind does no harm.
        bytes.extend_from_slice(b"rest");
        assert_eq!(Saved::decode(&bytes), Some(saved));
    }
}
