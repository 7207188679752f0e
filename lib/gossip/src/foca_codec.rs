//! How `foca` writes and reads headers and members.

use crate::node::Node;
use crate::wire::{Malformed, Reader, put_node};
use bytes::{Buf, BufMut};
use foca::{Codec, Header, Member, Message, State};
use std::fmt;

/// Why something was not written or read.
#[derive(Debug)]
pub(crate) enum CodecError {
    /// It does not fit.
    Full,
    /// It is not what it should be.
    Malformed,
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CodecError::Full => "the packet is full",
            CodecError::Malformed => "the packet is malformed",
        })
    }
}

impl std::error::Error for CodecError {}

impl From<Malformed> for CodecError {
    fn from(_: Malformed) -> Self {
        CodecError::Malformed
    }
}

pub(crate) struct NodeCodec;

/// Reads one item and moves the buffer behind it.
fn read<T>(mut buf: impl Buf, item: impl FnOnce(&mut Reader<'_>) -> Result<T, Malformed>) -> Result<T, CodecError> {
    let chunk = buf.chunk();
    let mut reader = Reader::new(chunk);
    let read = item(&mut reader)?;
    let used = chunk.len() - reader.rest.len();
    buf.advance(used);
    Ok(read)
}

fn write(bytes: &[u8], mut buf: impl BufMut) -> Result<(), CodecError> {
    if buf.remaining_mut() < bytes.len() {
        return Err(CodecError::Full);
    }
    buf.put_slice(bytes);
    Ok(())
}

pub(crate) fn header(reader: &mut Reader<'_>) -> Result<Header<Node>, Malformed> {
    let src = reader.node()?;
    let src_incarnation = reader.u16()?;
    let dst = reader.node()?;
    let message = match reader.u8()? {
        0 => Message::Ping(reader.u8()?),
        1 => Message::Ack(reader.u8()?),
        2 => Message::PingReq {
            target: reader.node()?,
            probe_number: reader.u8()?,
        },
        3 => Message::IndirectPing {
            origin: reader.node()?,
            probe_number: reader.u8()?,
        },
        4 => Message::IndirectAck {
            target: reader.node()?,
            probe_number: reader.u8()?,
        },
        5 => Message::ForwardedAck {
            origin: reader.node()?,
            probe_number: reader.u8()?,
        },
        6 => Message::Announce,
        7 => Message::Feed,
        8 => Message::Gossip,
        9 => Message::TurnUndead,
        _ => return Err(Malformed::Other),
    };
    Ok(Header {
        src,
        src_incarnation,
        dst,
        message,
    })
}

pub(crate) fn member(reader: &mut Reader<'_>) -> Result<Member<Node>, Malformed> {
    let node = reader.node()?;
    let incarnation = reader.u16()?;
    let state = match reader.u8()? {
        0 => State::Alive,
        1 => State::Suspect,
        2 => State::Down,
        _ => return Err(Malformed::Other),
    };
    Ok(Member::new(node, incarnation, state))
}

impl Codec<Node> for NodeCodec {
    type Error = CodecError;

    fn encode_header(&mut self, header: &Header<Node>, buf: impl BufMut) -> Result<(), CodecError> {
        let mut out = Vec::with_capacity(128);
        put_node(&mut out, &header.src);
        out.extend(header.src_incarnation.to_be_bytes());
        put_node(&mut out, &header.dst);
        let mut put = |kind: u8, node: Option<&Node>, probe: Option<u8>| {
            out.push(kind);
            if let Some(node) = node {
                put_node(&mut out, node);
            }
            out.extend(probe);
        };
        match &header.message {
            Message::Ping(probe) => put(0, None, Some(*probe)),
            Message::Ack(probe) => put(1, None, Some(*probe)),
            Message::PingReq { target, probe_number } => put(2, Some(target), Some(*probe_number)),
            Message::IndirectPing { origin, probe_number } => put(3, Some(origin), Some(*probe_number)),
            Message::IndirectAck { target, probe_number } => put(4, Some(target), Some(*probe_number)),
            Message::ForwardedAck { origin, probe_number } => put(5, Some(origin), Some(*probe_number)),
            Message::Announce => put(6, None, None),
            Message::Feed => put(7, None, None),
            Message::Gossip => put(8, None, None),
            Message::TurnUndead => put(9, None, None),
            // Nothing here makes custom broadcasts.
            Message::Broadcast => return Err(CodecError::Malformed),
        }
        write(&out, buf)
    }

    fn decode_header(&mut self, buf: impl Buf) -> Result<Header<Node>, CodecError> {
        read(buf, header)
    }

    fn encode_member(&mut self, member: &Member<Node>, buf: impl BufMut) -> Result<(), CodecError> {
        let mut out = Vec::with_capacity(64);
        put_node(&mut out, member.id());
        out.extend(member.incarnation().to_be_bytes());
        out.push(match member.state() {
            State::Alive => 0,
            State::Suspect => 1,
            State::Down => 2,
        });
        write(&out, buf)
    }

    fn decode_member(&mut self, buf: impl Buf) -> Result<Member<Node>, CodecError> {
        read(buf, member)
    }
}
