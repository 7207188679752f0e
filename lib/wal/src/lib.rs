//! A durable queue for everything that a collector has to keep: one log for all destinations, each with a cursor of its own.
//!
//! A record is a few numbers, some keys and opaque bytes. Nothing in here starts a thread or asks for the time by itself: calls block, the
//! clock and the [`Disk`] are handed in, and the owner calls [`maintain`](Wal::maintain) from time to time.
//!
//! ```
//! # use std::{sync::Arc, path::Path};
//! # use wal::{Append, Options, Targets, Wal, testing::SimDisk};
//! # fn main() -> Result<(), wal::Error> {
//! # let (disk, clock) = (Arc::new(SimDisk::new(0)), Arc::new(host::ManualClock::at(0)));
//! let log = Wal::open(disk, clock, Path::new("/data/queue"), Options::default())?;
//! let loki = log.cursor("loki.write.default/0")?;
//! log.append(&Append { kind: 1, items: 2, bytes: 11, targets: Targets::All, keys: &[7], payload: &[b"hello", b" world"] })?;
//! while let Some(record) = loki.next()? {
//!     assert_eq!(&record.payload[..], b"hello world");
//!     loki.ack(record.entry.seq);
//! }
//! log.close()
//! # }
//! ```
//!
//! # The directory
//!
//! ```text
//! lock                        held by whoever writes
//! cursors.0, cursors.1        two copies of the cursors, written in turn; the higher generation counts
//! 00000000000000000001.seg    segments, named by the first sequence number that they may hold
//! quarantine/                 damaged bytes: <segment>-<offset>.bad, and segments of newer formats
//! ```
//!
//! Numbers are little-endian, checksums are CRC-32C.
//!
//! **Segment**: a header, records, and, if it was closed, a footer.
//!
//! | bytes | header of a segment |
//! | --- | --- |
//! | 0..8 | `INVARWAL` |
//! | 8..12 | version: 1 |
//! | 12..20 | first sequence number |
//! | 20..28 | time of creation, ns since the Unix epoch |
//! | 28..32 | checksum of the above |
//!
//! | bytes | header of a record |
//! | --- | --- |
//! | 0..4 | `F7 72 E5 0A` |
//! | 4..12 | sequence number |
//! | 12..20 | time of appending, ns since the Unix epoch |
//! | 20..22 | kind, which is the appender's |
//! | 22..24 | 0: record; 1: filler in place of damaged bytes; 2: footer |
//! | 24..28 | items |
//! | 28..36 | decoded bytes |
//! | 36..38 | number of addressees; `FFFF` for every cursor |
//! | 38..40 | number of keys |
//! | 40..44 | bytes of the payload |
//! | 44..48 | checksum of addressees and keys |
//! | 48..52 | checksum of the payload |
//! | 52..60 | zero |
//! | 60..64 | checksum of the segment's first sequence number, the record's offset in it, and the header |
//!
//! Then come addressees (FNV-1a 64 of the cursors' names), keys, 8 bytes each, and the payload. Since a header's checksum covers its place, bytes
//! within a payload are never taken for a record. Damage to a payload costs that record; damage to a header costs what
//! lies before the next good header.
//!
//! **Footer**: a record, of kind 1 if it was made after a crash from what was legible, whose payload is number of records, last sequence number, oldest and newest time, then records, items and decoded bytes
//! that are for every cursor, then the same for each cursor that is named after its hash, then the footer's own length: eight bytes each. With it, opening
//! knows what a segment holds without walking it.
//!
//! **Cursors**: `INVARCUR`, length, checksum of the body, checksum of the above; then generation, next sequence number, the segments that have to be
//! there, and for each cursor its name, the place of the next new record, and each record before it that is not acknowledged.
//!
//! # What survives
//!
//! - With [`Durability::Always`], a record whose [`append`](Wal::append) returned is delivered after any crash until it is
//!   acknowledged. Acknowledgements since the last [`save`](Wal::save) are forgotten by a crash, and those records come again. After
//!   [`close`](Wal::close) nothing comes again.
//! - What was appended while a sync failed is reported as failed and not delivered; if a crash follows, it may be found again.
//! - Opening never asks for help. What is damaged is skipped, copied to quarantine, counted, and told by [`take_damage`](Wal::take_damage).
//! - If both copies of the cursors are lost, cursors begin at the oldest record: rather twice than never. All cursors should then
//!   be opened before records are acknowledged.

mod advance;
mod append;
mod cursor;
mod damage;
mod disk;
mod error;
mod layout;
mod log;
mod options;
mod quarantine;
mod reader;
mod reclaim;
mod recover;
mod saved;
mod scan;
mod state;
mod stats;
mod summary;
pub mod testing;
mod tools;

pub use append::{Append, Targets};
pub use cursor::Fates;
pub use damage::{Damage, What};
pub use disk::{Disk, DiskFile, DiskLock, RealDisk};
pub use error::Error;
pub use log::Wal;
pub use options::{Durability, OnFull, Options};
pub use reader::{Entry, Reader, Record};
pub use reclaim::Trim;
pub use stats::{CursorStats, Stats};
pub use summary::Totals;
pub use tools::{CursorInfo, Inspect, SegmentInfo, repair};
