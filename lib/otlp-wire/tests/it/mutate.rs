//! Other bytes that mean the same, nearly the same, or nothing.

use fastrand::Rng;
use protowire::{Field, Reader, push_varint};

/// Changes any bytes: cut off, flipped, overwritten, moved, repeated.
pub fn bytes(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..rng.usize(1..4) {
        if bytes.is_empty() {
            bytes.extend((0..rng.usize(0..8)).map(|_| rng.u8(..)));
            continue;
        }
        let at = rng.usize(0..bytes.len());
        match rng.u8(0..7) {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << rng.u8(0..8),
            2 => bytes[at] = rng.u8(..),
            3 => bytes[at] = [0, 0x7f, 0x80, 0xff, 0x0a, 0x12][rng.usize(0..6)],
            4 => bytes.insert(at, rng.u8(..)),
            5 => drop(bytes.remove(at)),
            _ => {
                let end = rng.usize(at..=bytes.len().min(at + 40));
                let part = bytes[at..end].to_vec();
                let to = rng.usize(0..=bytes.len());
                bytes.splice(to..to, part);
            }
        }
    }
}

/// Writes a message anew, as legal protobuf that no encoder would write: fields in another order, twice or not at all, messages in two parts,
/// numbers that are not packed, unknown fields, varints with padding.
pub fn fields(rng: &mut Rng, message: &[u8], odds: u32) -> Vec<u8> {
    rewrite(rng, message, odds, 12).unwrap_or_else(|| message.to_vec())
}

/// `None` if it is no message.
fn rewrite(rng: &mut Rng, message: &[u8], odds: u32, depth: u32) -> Option<Vec<u8>> {
    let mut reader = Reader::new(message);
    let mut fields: Vec<(u64, Vec<u8>)> = Vec::new();
    let hit = |rng: &mut Rng| rng.u32(0..odds) == 0;
    while let Some((number, field)) = reader.field().ok()? {
        let mut one = |wire: u64, content: &[u8]| {
            let mut out = Vec::new();
            varint(rng, &mut out, number << 3 | wire, odds);
            out.extend_from_slice(content);
            fields.push((number, out));
        };
        match field {
            Field::Varint(v) => {
                let mut content = Vec::new();
                push_varint(&mut content, v);
                one(0, &content);
            }
            Field::Fixed64(v) => one(1, &v.to_le_bytes()),
            Field::Fixed32(v) => one(5, &v.to_le_bytes()),
            Field::Bytes(bytes, _) => {
                let (numbers, rest) = bytes.as_chunks::<8>();
                let pair = matches!(bytes.first(), Some(0x0a | 0x12));
                if rest.is_empty() && (6..8).contains(&number) && !pair && hit(rng) {
                    // Perhaps packed.
                    for number_of_8 in numbers {
                        let mut out = Vec::new();
                        push_varint(&mut out, number << 3 | 1);
                        out.extend_from_slice(number_of_8);
                        fields.push((number, out));
                    }
                    continue;
                }
                // Texts and identifiers can look like messages.
                let text = bytes.iter().all(|byte| *byte >= 0x20) || matches!(bytes.len(), 8 | 16);
                let inner = if depth == 0 || text {
                    None
                } else {
                    rewrite(rng, bytes, odds, depth - 1)
                };
                let inner = inner.unwrap_or_else(|| bytes.to_vec());
                let split = if !text && hit(rng) { boundary(rng, &inner) } else { None };
                let parts = match split {
                    Some(at) => vec![&inner[..at], &inner[at..]],
                    None => vec![&inner[..]],
                };
                for part in parts {
                    let mut out = Vec::new();
                    varint(rng, &mut out, number << 3 | 2, odds);
                    varint(rng, &mut out, part.len() as u64, odds);
                    out.extend_from_slice(part);
                    fields.push((number, out));
                }
            }
        }
    }
    if hit(rng) {
        let unknown: &[u8] = match rng.u8(0..5) {
            0 => b"\xa0\x1f\x05",
            1 => b"\xa2\x1f\x03abc",
            2 => b"\xa1\x1f12345678",
            3 => b"\xa5\x1f1234",
            _ => b"\xa3\x1f\x08\x01\x13\x0a\x01x\x14\xa4\x1f",
        };
        let at = rng.usize(0..=fields.len());
        fields.insert(at, (0, unknown.to_vec()));
    }
    if fields.len() > 1 && hit(rng) {
        rng.shuffle(&mut fields);
    }
    if !fields.is_empty() && hit(rng) {
        let at = rng.usize(0..fields.len());
        let twice = fields[at].clone();
        let to = rng.usize(0..=fields.len());
        fields.insert(to, twice);
    }
    Some(fields.into_iter().flat_map(|(_, bytes)| bytes).collect())
}

/// The beginning of one of the fields of a message.
fn boundary(rng: &mut Rng, message: &[u8]) -> Option<usize> {
    let ends = (0..=message.len()).filter(|end| {
        let mut reader = Reader::new(&message[..*end]);
        loop {
            match reader.field() {
                Ok(Some(_)) => {}
                end => break end.is_ok(),
            }
        }
    });
    let ends: Vec<_> = ends.collect();
    Some(ends[rng.usize(0..ends.len())])
}

/// A varint, sometimes longer than it has to be.
fn varint(rng: &mut Rng, out: &mut Vec<u8>, value: u64, odds: u32) {
    push_varint(out, value);
    if rng.u32(0..odds * 4) == 0
        && let Some(last) = out.last_mut()
    {
        *last |= 0x80;
        out.extend_from_slice(&[0x80, 0x00][rng.usize(0..2)..]);
    }
}
