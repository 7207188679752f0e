//! The order of one connection's requests.

use std::sync::Mutex;
use tokio::sync::oneshot;

/// Hands out places, one after the other. HTTP/2 has many requests of one connection under way at once; what they bring is passed on
/// in the order in which they came.
#[derive(Default)]
pub(crate) struct Queue(Mutex<Option<oneshot::Receiver<()>>>);

/// A place in a [`Queue`]; dropping it lets the next one pass.
pub struct Place {
    before: Option<oneshot::Receiver<()>>,
    _done: oneshot::Sender<()>,
}

impl Queue {
    /// The next place.
    pub(crate) fn place(&self) -> Place {
        let (done, after) = oneshot::channel();
        let mut last = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        Place {
            before: last.replace(after),
            _done: done,
        }
    }
}

impl Place {
    /// Waits until everyone before has passed.
    pub async fn turn(&mut self) {
        if let Some(before) = &mut self.before {
            // It ends when the other end is dropped, as an error.
            let _ = before.await;
            self.before = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn places_pass_in_order_and_one_that_is_given_up_holds_up_nobody() {
        let queue = Queue::default();
        let (mut first, mut second, mut third) = (queue.place(), queue.place(), queue.place());
        assert!(first.turn().now_or_never().is_some());
        assert!(second.turn().now_or_never().is_none());
        assert!(third.turn().now_or_never().is_none());
        drop(first);
        assert!(second.turn().now_or_never().is_some());
        assert!(third.turn().now_or_never().is_none());
        drop(second);
        assert!(third.turn().now_or_never().is_some());
    }
}
