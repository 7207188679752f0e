//! Bodies of requests.

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body of a request, in pieces that are sent one after the other and never joined. Clones share the bytes.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// None of them is empty.
    pieces: VecDeque<Bytes>,
    len: usize,
}

impl Body {
    /// A body without anything.
    pub fn new() -> Body {
        Body::default()
    }

    /// Appends a piece.
    pub fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.len += piece.len();
            self.pieces.push_back(piece);
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

    /// The pieces, none of them empty.
    pub fn pieces(&self) -> impl ExactSizeIterator<Item = &Bytes> {
        self.pieces.iter()
    }

    /// The first byte, which is taken off; `None` if there is none.
    pub fn take_first(&mut self) -> Option<u8> {
        let piece = self.pieces.front_mut()?;
        let first = piece.split_to(1);
        self.len -= 1;
        if piece.is_empty() {
            self.pieces.pop_front();
        }
        first.first().copied()
    }

    /// All bytes in one piece: shared if there is one, copied otherwise.
    pub fn into_bytes(mut self) -> Bytes {
        match self.pieces.len() {
            0 | 1 => self.pieces.pop_front().unwrap_or_default(),
            _ => {
                let mut all = Vec::with_capacity(self.len);
                self.pieces.iter().for_each(|piece| all.extend_from_slice(piece));
                all.into()
            }
        }
    }
}

impl From<Bytes> for Body {
    fn from(piece: Bytes) -> Body {
        [piece].into_iter().collect()
    }
}

impl FromIterator<Bytes> for Body {
    fn from_iter<I: IntoIterator<Item = Bytes>>(pieces: I) -> Body {
        let mut body = Body::new();
        pieces.into_iter().for_each(|piece| body.push(piece));
        body
    }
}

impl From<Body> for reqwest::Body {
    fn from(body: Body) -> reqwest::Body {
        // What is in one piece can be sent again if a server that closes a connection has not looked at it.
        match body.pieces.len() {
            0 | 1 => body.into_bytes().into(),
            _ => reqwest::Body::wrap(body),
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.pop_front();
        self.len -= piece.as_ref().map_or(0, Bytes::len);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_shared_and_joined_only_if_there_are_several() {
        let piece = Bytes::from_static(b"\x01abc");
        let mut body = Body::from(piece.clone());
        assert_eq!(body.clone().into_bytes().as_ptr(), piece.as_ptr());
        body.push(Bytes::new());
        body.push(Bytes::from_static(b"d"));
        assert_eq!((body.len(), body.pieces().len()), (5, 2));
        assert_eq!(body.take_first(), Some(1));
        assert_eq!(
            (body.len(), body.clone().into_bytes()),
            (4, Bytes::from_static(b"abcd"))
        );
        let mut short: Body = [Bytes::from_static(b"a"), Bytes::from_static(b"b")]
            .into_iter()
            .collect();
        assert_eq!((short.take_first(), short.pieces().len()), (Some(b'a'), 1));
        assert_eq!(
            (short.take_first(), short.take_first(), short.is_empty()),
            (Some(b'b'), None, true)
        );
    }
}
