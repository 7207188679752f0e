//! Bytes of segment headers and records. The crate's documentation describes the format.

/// Bytes of a segment's header.
pub(crate) const SEGMENT_HEADER: u64 = 32;
/// Bytes of a record's header.
pub(crate) const RECORD_HEADER: usize = 64;
/// What a record may take, so that a damaged length cannot ask for all memory.
pub(crate) const MAX_RECORD: u64 = 1 << 30;
/// Version of the format.
pub(crate) const VERSION: u32 = 1;
/// A `targets` count that means every cursor.
const ALL: u16 = u16::MAX;

const SEGMENT_MAGIC: &[u8; 8] = b"INVARWAL";
/// First bytes of every record; not text, not valid UTF-8, no protobuf tag that is in use.
pub(crate) const RECORD_MAGIC: [u8; 4] = [0xF7, b'r', 0xE5, 0x0A];

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let mut array = [0; 2];
    array.copy_from_slice(&bytes[at..at + 2]);
    u16::from_le_bytes(array)
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut array = [0; 4];
    array.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(array)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut array = [0; 8];
    array.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(array)
}

/// A name of 20 digits sorts like its number.
pub(crate) fn segment_name(first: u64) -> String {
    format!("{first:020}.seg")
}

/// The first sequence number of the segment with this name.
pub(crate) fn segment_first(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg")?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

/// A segment's header: magic, version, first sequence number, time of creation (ns), CRC.
pub(crate) fn segment_header(first: u64, created: i64) -> [u8; SEGMENT_HEADER as usize] {
    let mut header = [0; SEGMENT_HEADER as usize];
    header[..8].copy_from_slice(SEGMENT_MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..20].copy_from_slice(&first.to_le_bytes());
    header[20..28].copy_from_slice(&created.to_le_bytes());
    let crc = crc32c::crc32c(&header[..28]);
    header[28..].copy_from_slice(&crc.to_le_bytes());
    header
}

/// What a segment's header says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SegmentHeader {
    Good,
    /// Written by a newer program.
    Newer(u32),
    Damaged,
}

pub(crate) fn read_segment_header(bytes: &[u8], first: u64) -> SegmentHeader {
    if bytes.len() < SEGMENT_HEADER as usize
        || &bytes[..8] != SEGMENT_MAGIC
        || crc32c::crc32c(&bytes[..28]) != u32_at(bytes, 28)
        || u64_at(bytes, 12) != first
    {
        return SegmentHeader::Damaged;
    }
    match u32_at(bytes, 8) {
        VERSION => SegmentHeader::Good,
        other => SegmentHeader::Newer(other),
    }
}

/// What a stable name is called in records: FNV-1a, which every release computes alike.
pub(crate) fn name_hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A record's header, decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) seq: u64,
    pub(crate) time: i64,
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) items: u32,
    pub(crate) bytes: u64,
    /// How many cursors are named; `None` for all.
    pub(crate) targets: Option<u16>,
    pub(crate) keys: u16,
    pub(crate) payload: u32,
    pub(crate) meta_crc: u32,
    pub(crate) payload_crc: u32,
}

/// Not a record: takes the place of damaged bytes that were moved to quarantine.
pub(crate) const FILLER: u16 = 1;
/// Not a record: the summary at the end of a sealed segment.
pub(crate) const FOOTER: u16 = 2;

impl Header {
    /// Bytes of targets and keys.
    pub(crate) fn meta_len(&self) -> usize {
        8 * (usize::from(self.targets.unwrap_or(0)) + usize::from(self.keys))
    }

    /// Bytes of the whole record.
    pub(crate) fn len(&self) -> u64 {
        RECORD_HEADER as u64 + self.meta_len() as u64 + u64::from(self.payload)
    }

    /// Where the payload begins, counted from the record's first byte.
    pub(crate) fn payload_at(&self) -> u64 {
        RECORD_HEADER as u64 + self.meta_len() as u64
    }

    /// The CRC covers the place too, so that a record within another one's payload is never mistaken for one of this log.
    fn crc(bytes: &[u8], segment: u64, offset: u64) -> u32 {
        let mut crc = crc32c::crc32c(&segment.to_le_bytes());
        crc = crc32c::crc32c_append(crc, &offset.to_le_bytes());
        crc32c::crc32c_append(crc, &bytes[..RECORD_HEADER - 4])
    }

    pub(crate) fn encode(&self, segment: u64, offset: u64) -> [u8; RECORD_HEADER] {
        let mut bytes = [0; RECORD_HEADER];
        bytes[..4].copy_from_slice(&RECORD_MAGIC);
        bytes[4..12].copy_from_slice(&self.seq.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.time.to_le_bytes());
        bytes[20..22].copy_from_slice(&self.kind.to_le_bytes());
        bytes[22..24].copy_from_slice(&self.flags.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.items.to_le_bytes());
        bytes[28..36].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[36..38].copy_from_slice(&self.targets.unwrap_or(ALL).to_le_bytes());
        bytes[38..40].copy_from_slice(&self.keys.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.payload.to_le_bytes());
        bytes[44..48].copy_from_slice(&self.meta_crc.to_le_bytes());
        bytes[48..52].copy_from_slice(&self.payload_crc.to_le_bytes());
        // 52..60 are reserved and zero.
        let crc = Self::crc(&bytes, segment, offset);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` unless `bytes` are the header of a record at this place.
    pub(crate) fn decode(bytes: &[u8], segment: u64, offset: u64) -> Option<Header> {
        if bytes.len() < RECORD_HEADER
            || bytes[..4] != RECORD_MAGIC
            || Self::crc(bytes, segment, offset) != u32_at(bytes, 60)
        {
            return None;
        }
        let targets = u16_at(bytes, 36);
        let header = Header {
            seq: u64_at(bytes, 4),
            time: u64_at(bytes, 12) as i64,
            kind: u16_at(bytes, 20),
            flags: u16_at(bytes, 22),
            items: u32_at(bytes, 24),
            bytes: u64_at(bytes, 28),
            targets: (targets != ALL).then_some(targets),
            keys: u16_at(bytes, 38),
            payload: u32_at(bytes, 40),
            meta_crc: u32_at(bytes, 44),
            payload_crc: u32_at(bytes, 48),
        };
        (header.len() <= MAX_RECORD && header.seq >= segment).then_some(header)
    }

    /// Targets and keys out of the bytes that follow the header.
    pub(crate) fn meta(&self, bytes: &[u8]) -> Option<Meta> {
        if bytes.len() != self.meta_len() || crc32c::crc32c(bytes) != self.meta_crc {
            return None;
        }
        let mut words = bytes.chunks_exact(8).map(|word| u64_at(word, 0));
        let targets = self.targets.map(|n| words.by_ref().take(usize::from(n)).collect());
        Some(Meta {
            targets,
            keys: words.collect(),
        })
    }
}

/// What stands between a record's header and its payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Meta {
    /// Hashes of the names of the cursors that it is addressed to; `None` for all.
    pub(crate) targets: Option<Vec<u64>>,
    pub(crate) keys: Vec<u64>,
}

impl Meta {
    pub(crate) fn addressed(&self, cursor: u64) -> bool {
        self.targets.as_ref().is_none_or(|targets| targets.contains(&cursor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_only_at_its_own_place() {
        let header = Header {
            seq: 7,
            time: -3,
            kind: 2,
            flags: 0,
            items: 5,
            bytes: 99,
            targets: Some(1),
            keys: 2,
            payload: 10,
            meta_crc: 1,
            payload_crc: 2,
        };
        let bytes = header.encode(5, 32);
        assert_eq!(Header::decode(&bytes, 5, 32), Some(header));
        assert_eq!(Header::decode(&bytes, 5, 33), None);
        assert_eq!(Header::decode(&bytes, 4, 32), None);
        for bit in 0..RECORD_HEADER * 8 {
            let mut hit = bytes;
            hit[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&hit, 5, 32), None, "bit {bit}");
        }
    }

    #[test]
    fn segment_names() {
        assert_eq!(segment_first(&segment_name(42)), Some(42));
        assert_eq!(segment_first(&segment_name(u64::MAX)), Some(u64::MAX));
        for name in [
            "42.seg",
            "x.seg",
            "99999999999999999999.seg",
            "00000000000000000042.seg.tmp",
        ] {
            assert_eq!(segment_first(name), None, "{name}");
        }
    }
}
