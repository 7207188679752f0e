//! Places that are not what was written.

use std::fmt;

/// What is wrong at a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// The header of a segment. Its records are read all the same.
    SegmentHeader,
    /// The header of one or more records: everything up to the next good header is lost.
    RecordHeader,
    /// A record's addressees or keys.
    Addresses,
    /// A record's payload.
    Payload,
    /// The end of a segment that was not closed: ordinary after a crash. Opening cuts it off.
    TornTail,
    /// The file is gone although a cursor had not finished with it.
    Missing,
    /// The operating system cannot read it: why.
    Unreadable(String),
    /// A newer program wrote the segment: its version.
    Newer(u32),
    /// None of the copies of the cursors is whole. Cursors that are opened now begin at the oldest record.
    Cursors,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::SegmentHeader => f.write_str("the segment's header is damaged"),
            What::RecordHeader => f.write_str("a record's header is damaged"),
            What::Addresses => f.write_str("a record's addressees are damaged"),
            What::Payload => f.write_str("a record's payload is damaged"),
            What::TornTail => f.write_str("the end is torn"),
            What::Missing => f.write_str("the file is missing"),
            What::Unreadable(why) => write!(f, "cannot be read: {why}"),
            What::Newer(version) => write!(f, "written in format {version} by a newer program"),
            What::Cursors => f.write_str("the cursors are lost: everything that is left is delivered again"),
        }
    }
}

/// A damaged place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// First sequence number of the segment, which is its name.
    pub segment: u64,
    /// Where it begins, in bytes from the segment's start.
    pub offset: u64,
    /// Bytes that are lost.
    pub len: u64,
    /// The record that was hit, where its header is still legible.
    pub seq: Option<u64>,
    /// What is wrong.
    pub what: What,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}.seg at {}, {} bytes", self.segment, self.offset, self.len)?;
        if let Some(seq) = self.seq {
            write!(f, ", record {seq}")?;
        }
        write!(f, ": {}", self.what)
    }
}
