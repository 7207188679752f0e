//! What the answers of one connection wait for: the server, or a client that does not take them.

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Bytes of an answer that are handed to HTTP/2 at once: a frame. A stream that takes not even one in time is not read.
const PIECE: usize = 16 << 10;
/// Looks for each wait that may be too long.
const LOOKS: u32 = 4;

/// Why a connection should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// The client asked for an answer and does not take it.
    Unread,
    /// Nothing was asked for a while.
    Idle,
}

/// The requests of a connection that are being answered.
#[derive(Clone)]
pub(super) struct Pace(Arc<Mutex<State>>);

struct State {
    next: u64,
    /// Since when the client does not take what there is of an answer; none while the server works on it.
    answers: HashMap<u64, Option<Instant>>,
    idle: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        Pace(Arc::new(Mutex::new(State {
            next: 0,
            answers: HashMap::new(),
            idle: Instant::now(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request came. It is being answered until what comes back is dropped, and all of the answer was sent.
    pub(super) fn begin(&self) -> Answer {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.answers.insert(number, None);
        Answer {
            pace: self.clone(),
            number,
        }
    }

    /// From now on it is idle, if it is.
    pub(super) fn touch(&self) {
        self.lock().idle = Instant::now();
    }

    /// Waits until some answer was not taken for as long as `unread`, or nothing was asked for as long as `idle`.
    pub(super) async fn overdue(&self, unread: Duration, idle: Duration) -> Overdue {
        let pause = (unread.min(idle) / LOOKS).max(Duration::from_millis(1));
        loop {
            sleep(pause).await;
            let state = self.lock();
            let mut waiting = state.answers.values().flatten();
            if waiting.any(|since| since.elapsed() >= unread) {
                return Overdue::Unread;
            }
            if state.answers.is_empty() && state.idle.elapsed() >= idle {
                return Overdue::Idle;
            }
        }
    }
}

/// One request that is being answered.
pub(super) struct Answer {
    pace: Pace,
    number: u64,
}

impl Answer {
    fn set(&self, waits: Option<Instant>) {
        if let Some(answer) = self.pace.lock().answers.get_mut(&self.number) {
            *answer = waits;
        }
    }

    /// The client took something.
    fn moves(&self) {
        if let Some(Some(since)) = self.pace.lock().answers.get_mut(&self.number) {
            *since = Instant::now();
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let mut state = self.pace.lock();
        state.answers.remove(&self.number);
        state.idle = Instant::now();
    }
}

/// A part of an answer on its way.
struct Piece {
    bytes: Bytes,
    answer: Arc<Answer>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.answer.moves();
    }
}

/// The body of an answer, which notes who keeps whom waiting.
pub(super) struct Paced<B> {
    inner: Pin<Box<B>>,
    answer: Arc<Answer>,
    /// The rest of what the body gave.
    rest: Bytes,
    /// HTTP/1 takes all at once: where nothing moves, it is the connection that does not.
    pieces: bool,
}

impl<B> Paced<B> {
    pub(super) fn new(inner: B, answer: Answer, pieces: bool) -> Self {
        Paced {
            inner: Box::pin(inner),
            answer: Arc::new(answer),
            rest: Bytes::new(),
            pieces,
        }
    }
}

impl<B: Body<Data = Bytes>> Body for Paced<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        if this.rest.is_empty() {
            this.answer.set(None);
            match ready!(this.inner.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => return Poll::Ready(Some(Ok(Frame::data(data)))),
                    Ok(data) => this.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                ended => return Poll::Ready(ended),
            }
        }
        let bytes = match this.pieces {
            true => this.rest.split_to(PIECE.min(this.rest.len())),
            false => std::mem::take(&mut this.rest),
        };
        if this.pieces {
            this.answer.set(Some(Instant::now()));
        }
        let answer = this.answer.clone();
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(Piece { bytes, answer })))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Full};

    #[tokio::test(start_paused = true)]
    async fn the_one_who_keeps_the_other_waiting_is_known() {
        let (unread, idle) = (Duration::from_secs(10), Duration::from_secs(20));
        let pace = Pace::new();
        let begun = Instant::now();
        assert_eq!(pace.overdue(unread, idle).await, Overdue::Idle);
        assert!(begun.elapsed() >= idle);
        // However long the server takes, the client is not to blame.
        let answer = pace.begin();
        let wait = tokio::time::timeout(Duration::from_secs(1000), pace.overdue(unread, idle));
        assert!(wait.await.is_err());
        let mut body = Paced::new(Full::new(Bytes::from(vec![0; PIECE + 1])), answer, true);
        assert_eq!(body.size_hint().exact(), Some(PIECE as u64 + 1));
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!((first.len(), body.is_end_stream()), (PIECE, false));
        assert_eq!(pace.overdue(unread, idle).await, Overdue::Unread);
        drop(first);
        let last = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!((last.len(), body.is_end_stream()), (1, true));
        drop(body);
        assert_eq!(pace.overdue(unread, idle).await, Overdue::Unread, "it is not sent yet");
        drop(last);
        assert_eq!(pace.overdue(unread, idle).await, Overdue::Idle);
    }
}
