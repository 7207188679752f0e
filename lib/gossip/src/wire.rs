//! What packets look like.
//!
//! Numbers of more than one byte are big endian; a *varint* has seven bits a byte, the lowest first, the highest bit set while there are more. A *text* is
//! a byte with its length and UTF-8.
//!
//! ```text
//! packet  = version(1) kind(1) cluster:text sender:entry digest(8) body
//! node    = name:text family(1: 4 or 6) address(4 or 16) port(2) generation:varint
//! entry   = node incarnation(2) flags(1: liveness + 4 * state) time:varint
//! list    = count:varint entry*
//!
//! body of kind 1, message: length(2) header list     header and list are what foca says, with states
//! body of kind 2, list:    to:text list              whom it is for; empty while that is not known
//! body of kind 3, request: to:text list              the same, and the receiver's list is wanted
//! body of kind 4, stale:   entry                     who counts under the sender's name
//!
//! header  = src:node src_incarnation(2) dst:node message(1) [node] [probe(1)]
//! ```
//!
//! Liveness is 0 for alive, 1 for suspected, 2 for down. Nothing may follow the body.

use crate::node::{MAX_GENERATION, MAX_NAME, Node, State};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Version of the format.
pub const VERSION: u8 = 1;
/// Bytes of the largest packet.
pub const MAX_PACKET: usize = 1 << 20;
/// Members that a node keeps in mind, those that are down included, and entries of a list.
pub const MAX_MEMBERS: usize = 2048;

/// Why a packet was not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// It is of a version that is not known.
    Version,
    /// Anything else.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Liveness {
    Alive,
    Suspect,
    Down,
}

/// What is said about a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) node: Node,
    pub(crate) incarnation: u16,
    pub(crate) liveness: Liveness,
    pub(crate) state: State,
    pub(crate) time: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) cluster: &'a str,
    pub(crate) sender: Entry,
    pub(crate) digest: u64,
    pub(crate) body: Body<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body<'a> {
    Message {
        header: &'a [u8],
        entries: Vec<Entry>,
    },
    List {
        to: &'a str,
        request: bool,
        entries: Vec<Entry>,
    },
    Stale(Entry),
}

impl Frame<'_> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        let kind = match &self.body {
            Body::Message { .. } => 1,
            Body::List { request: false, .. } => 2,
            Body::List { request: true, .. } => 3,
            Body::Stale(_) => 4,
        };
        out.extend([VERSION, kind]);
        put_text(&mut out, self.cluster);
        put_entry(&mut out, &self.sender);
        out.extend(self.digest.to_be_bytes());
        match &self.body {
            Body::Message { header, entries } => {
                out.extend((header.len() as u16).to_be_bytes());
                out.extend(*header);
                put_list(&mut out, entries);
            }
            Body::List { to, entries, .. } => {
                put_text(&mut out, to);
                put_list(&mut out, entries);
            }
            Body::Stale(entry) => put_entry(&mut out, entry),
        }
        out
    }

    pub(crate) fn decode(data: &[u8]) -> Result<Frame<'_>, Malformed> {
        if data.len() > MAX_PACKET {
            return Err(Malformed::Other);
        }
        let mut reader = Reader::new(data);
        if reader.u8()? != VERSION {
            return Err(Malformed::Version);
        }
        let kind = reader.u8()?;
        let cluster = reader.text()?;
        let sender = reader.entry()?;
        let digest = u64::from_be_bytes(reader.array()?);
        let body = match kind {
            1 => {
                let length = usize::from(reader.u16()?);
                Body::Message {
                    header: reader.take(length)?,
                    entries: reader.list()?,
                }
            }
            2 | 3 => Body::List {
                to: reader.text()?,
                request: kind == 3,
                entries: reader.list()?,
            },
            4 => Body::Stale(reader.entry()?),
            _ => return Err(Malformed::Other),
        };
        match reader.rest.is_empty() {
            true => Ok(Frame {
                cluster,
                sender,
                digest,
                body,
            }),
            false => Err(Malformed::Other),
        }
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    // Names are checked where they come in.
    let length = u8::try_from(text.len()).expect("no name is longer than 255 bytes");
    out.push(length);
    out.extend(text.as_bytes());
}

pub(crate) fn put_node(out: &mut Vec<u8>, node: &Node) {
    put_text(out, &node.name);
    match node.address.ip() {
        IpAddr::V4(ip) => {
            out.push(4);
            out.extend(ip.octets());
        }
        IpAddr::V6(ip) => {
            out.push(6);
            out.extend(ip.octets());
        }
    }
    out.extend(node.address.port().to_be_bytes());
    put_varint(out, node.generation);
}

fn put_entry(out: &mut Vec<u8>, entry: &Entry) {
    put_node(out, &entry.node);
    out.extend(entry.incarnation.to_be_bytes());
    out.push(entry.liveness as u8 | (entry.state as u8) << 2);
    put_varint(out, entry.time);
}

fn put_list(out: &mut Vec<u8>, entries: &[Entry]) {
    put_varint(out, entries.len() as u64);
    for entry in entries {
        put_entry(out, entry);
    }
}

/// Takes values off the front of bytes.
pub(crate) struct Reader<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Reader { rest }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed::Other)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Malformed::Other)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed::Other)
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = usize::from(self.u8()?);
        std::str::from_utf8(self.take(length)?).map_err(|_| Malformed::Other)
    }

    pub(crate) fn node(&mut self) -> Result<Node, Malformed> {
        let name = self.text()?;
        debug_assert!(name.len() <= MAX_NAME);
        let ip: IpAddr = match self.u8()? {
            4 => Ipv4Addr::from(self.array::<4>()?).into(),
            6 => Ipv6Addr::from(self.array::<16>()?).into(),
            _ => return Err(Malformed::Other),
        };
        let address = SocketAddr::new(ip, self.u16()?);
        let generation = self.varint()?;
        if generation > MAX_GENERATION {
            return Err(Malformed::Other);
        }
        Node::new(name, address, generation).map_err(|_| Malformed::Other)
    }

    fn entry(&mut self) -> Result<Entry, Malformed> {
        let node = self.node()?;
        let incarnation = self.u16()?;
        let flags = self.u8()?;
        let liveness = match flags & 3 {
            0 => Liveness::Alive,
            1 => Liveness::Suspect,
            2 => Liveness::Down,
            _ => return Err(Malformed::Other),
        };
        let state = State::ALL.get(usize::from(flags >> 2)).ok_or(Malformed::Other)?;
        Ok(Entry {
            node,
            incarnation,
            liveness,
            state: *state,
            time: self.varint()?,
        })
    }

    fn list(&mut self) -> Result<Vec<Entry>, Malformed> {
        let count = self.varint()?;
        if count > MAX_MEMBERS as u64 {
            return Err(Malformed::Other);
        }
        (0..count).map(|_| self.entry()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, state: State) -> Entry {
        Entry {
            node: Node::new(name, "[::1]:80".parse().unwrap(), 1 << 40).unwrap(),
            incarnation: 3,
            liveness: Liveness::Down,
            state,
            time: 300,
        }
    }

    #[test]
    fn packets_come_out_as_they_went_in() {
        let entries = vec![entry("b", State::Viewer), entry("c", State::Participant)];
        let bodies = [
            Body::Message {
                header: b"header",
                entries: entries.clone(),
            },
            Body::List {
                to: "b",
                request: false,
                entries: entries.clone(),
            },
            Body::List {
                to: "",
                request: true,
                entries: Vec::new(),
            },
            Body::Stale(entry("b", State::Terminating)),
        ];
        for body in bodies {
            let frame = Frame {
                cluster: "c",
                sender: entry("a", State::Participant),
                digest: u64::MAX - 1,
                body,
            };
            let bytes = frame.encode();
            assert_eq!(Frame::decode(&bytes), Ok(frame));
            for end in 0..bytes.len() {
                assert!(Frame::decode(&bytes[..end]).is_err(), "cut at {end}");
            }
            assert_eq!(Frame::decode(&[&bytes[..], &[0]].concat()), Err(Malformed::Other));
            assert_eq!(Frame::decode(&[&[9], &bytes[1..]].concat()), Err(Malformed::Version));
        }
    }

    #[test]
    fn numbers_have_one_size_limit() {
        for value in [0, 127, 128, 300, u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(Reader::new(&out).varint(), Ok(value));
        }
        assert_eq!(Reader::new(&[0xff; 10]).varint(), Err(Malformed::Other));
        assert_eq!(
            Reader::new(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2]).varint(),
            Err(Malformed::Other)
        );
    }
}
