//! Steps from record to record, and over damage to the next good header.

use crate::damage::What;
use crate::disk::{DiskFile, read_full};
use crate::layout::{Header, Meta, RECORD_HEADER, RECORD_MAGIC};
use memchr::memmem;
use std::io;

/// One read brings the header and, mostly, addressees and keys.
const HEAD: usize = 512;
const CHUNK: usize = 64 << 10;

/// A record whose header and addressees are good; its payload was not looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    pub(crate) offset: u64,
    pub(crate) header: Header,
    pub(crate) meta: Meta,
}

pub(crate) enum Step {
    Record(Found),
    /// Not a record: a filler or a footer of so many bytes.
    Other(u64),
    Damage {
        len: u64,
        header: Option<Header>,
        what: What,
    },
    End,
}

/// What is at `offset` of a segment whose records end at `end` (bytes).
pub(crate) fn step(file: &dyn DiskFile, first: u64, offset: u64, end: u64) -> io::Result<Step> {
    if offset >= end {
        return Ok(Step::End);
    }
    let mut head = [0; HEAD];
    let want = (end - offset).min(HEAD as u64) as usize;
    let got = read_full(file, &mut head[..want], offset)?;
    let Some(header) = Header::decode(&head[..got], first, offset).filter(|header| header.len() <= end - offset) else {
        let next = resync(file, first, offset + 1, end)?;
        return Ok(Step::Damage {
            len: next - offset,
            header: None,
            what: What::RecordHeader,
        });
    };
    if header.flags != 0 {
        return Ok(Step::Other(header.len()));
    }
    let until = RECORD_HEADER + header.meta_len();
    let meta = if until <= got {
        header.meta(&head[RECORD_HEADER..until])
    } else {
        let mut meta = vec![0; header.meta_len()];
        let got = read_full(file, &mut meta, offset + RECORD_HEADER as u64)?;
        header.meta(&meta[..got])
    };
    Ok(match meta {
        Some(meta) => Step::Record(Found { offset, header, meta }),
        None => Step::Damage {
            len: header.len(),
            header: Some(header),
            what: What::Addresses,
        },
    })
}

/// The next place from `from` on where a good header stands, or `end`.
fn resync(file: &dyn DiskFile, first: u64, mut from: u64, end: u64) -> io::Result<u64> {
    let mut chunk = vec![0; CHUNK];
    while from + RECORD_HEADER as u64 <= end {
        let want = (end - from).min(CHUNK as u64) as usize;
        let got = read_full(file, &mut chunk[..want], from)?;
        for at in memmem::find_iter(&chunk[..got], &RECORD_MAGIC) {
            let offset = from + at as u64;
            if let Some(header) = Header::decode(&chunk[at..got], first, offset)
                && header.len() <= end - offset
            {
                return Ok(offset);
            }
        }
        if got < RECORD_HEADER {
            break;
        }
        // A header may lie across two chunks.
        from += (got - RECORD_HEADER + 1) as u64;
    }
    Ok(end)
}

/// Whether the payload is what was written.
pub(crate) fn payload_is_good(file: &dyn DiskFile, found: &Found) -> io::Result<bool> {
    let mut chunk = vec![0; CHUNK.min(found.header.payload as usize)];
    let (mut at, mut crc) = (0, 0);
    while at < u64::from(found.header.payload) {
        let want = (u64::from(found.header.payload) - at).min(CHUNK as u64) as usize;
        let got = read_full(file, &mut chunk[..want], found.offset + found.header.payload_at() + at)?;
        if got == 0 {
            return Ok(false);
        }
        crc = crc32c::crc32c_append(crc, &chunk[..got]);
        at += got as u64;
    }
    Ok(crc == found.header.payload_crc)
}

/// The payload, or `None` if it is not what was written.
pub(crate) fn payload(file: &dyn DiskFile, found: &Found) -> io::Result<Option<Vec<u8>>> {
    let mut payload = vec![0; found.header.payload as usize];
    let got = read_full(file, &mut payload, found.offset + found.header.payload_at())?;
    Ok((got == payload.len() && crc32c::crc32c(&payload) == found.header.payload_crc).then_some(payload))
}
