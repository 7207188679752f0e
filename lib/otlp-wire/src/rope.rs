//! Requests in several pieces.

use bytes::Bytes;

/// A payload as a list of segments, each of which is a whole request: the concatenation of requests is a request that has the resources of all of
/// them. Clones share the bytes.
///
/// That every segment is a request is what those promise who make one; nothing checks it.
#[derive(Clone, Debug, Default)]
pub struct Rope {
    /// None is empty.
    segments: Vec<Bytes>,
    len: usize,
}

impl Rope {
    /// A payload without records.
    pub const fn new() -> Self {
        Rope {
            segments: Vec::new(),
            len: 0,
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a request.
    pub fn push(&mut self, request: Bytes) {
        if !request.is_empty() {
            self.len += request.len();
            self.segments.push(request);
        }
    }

    /// Appends the requests of another payload: joins the two. Copies no bytes.
    pub fn concat(&mut self, other: Rope) {
        self.len += other.len;
        if self.segments.is_empty() {
            self.segments = other.segments;
        } else {
            self.segments.extend(other.segments);
        }
    }

    /// The requests, none of them empty, for vectored writes among others.
    pub fn segments(&self) -> &[Bytes] {
        &self.segments
    }

    /// All bytes in one piece: shared if there is one segment, copied otherwise.
    pub fn to_bytes(&self) -> Bytes {
        match self.segments.as_slice() {
            [] => Bytes::new(),
            [one] => one.clone(),
            many => many.concat().into(),
        }
    }

    /// Appends all bytes to `out`.
    pub fn copy_to(&self, out: &mut Vec<u8>) {
        out.reserve(self.len);
        self.segments.iter().for_each(|segment| out.extend_from_slice(segment));
    }
}

impl From<Bytes> for Rope {
    fn from(request: Bytes) -> Self {
        let mut rope = Rope::new();
        rope.push(request);
        rope
    }
}

impl From<Vec<u8>> for Rope {
    fn from(request: Vec<u8>) -> Self {
        Bytes::from(request).into()
    }
}

impl IntoIterator for Rope {
    type Item = Bytes;
    type IntoIter = std::vec::IntoIter<Bytes>;

    fn into_iter(self) -> Self::IntoIter {
        self.segments.into_iter()
    }
}

impl FromIterator<Bytes> for Rope {
    fn from_iter<I: IntoIterator<Item = Bytes>>(requests: I) -> Self {
        let mut rope = Rope::new();
        requests.into_iter().for_each(|request| rope.push(request));
        rope
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joining_shares_and_flattening_copies_only_what_is_in_pieces() {
        let one = Bytes::from_static(b"\x0a\x00");
        let mut rope = Rope::from(one.clone());
        assert_eq!(rope.to_bytes().as_ptr(), one.as_ptr());
        rope.push(Bytes::new());
        rope.concat(rope.clone());
        assert_eq!((rope.len(), rope.segments().len()), (4, 2));
        assert_eq!(rope.to_bytes(), b"\x0a\x00\x0a\x00".as_slice());
        let mut out = vec![1];
        rope.copy_to(&mut out);
        assert_eq!(out, b"\x01\x0a\x00\x0a\x00");
        assert_eq!(rope.clone().into_iter().collect::<Rope>().len(), 4);
        assert!(Rope::new().to_bytes().is_empty() && Rope::default().is_empty());
    }
}
