//! Futures that wake each other within one task.

use futures_util::task::AtomicWaker;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Nobody polls.
const IDLE: u8 = 0;
/// Somebody polls.
const POLLED: u8 = 1;
/// Somebody polls, and was woken meanwhile.
const AGAIN: u8 = 2;
/// How often what wakes itself is polled before others have their turn.
const ROUNDS: usize = 16;

/// Polls futures that are each other's counterparts. Where one wakes another during a poll, they are polled once more at once; their task is not woken,
/// which would put it at the end of the scheduler's queue, and another thread of the scheduler to work.
pub(crate) struct Quiet {
    shared: Arc<Shared>,
    waker: Waker,
}

#[derive(Default)]
struct Shared {
    task: AtomicWaker,
    state: AtomicU8,
}

impl Default for Quiet {
    fn default() -> Self {
        let shared = Arc::<Shared>::default();
        Quiet {
            waker: shared.clone().into(),
            shared,
        }
    }
}

impl Quiet {
    /// Polls until it is ready, or nothing in it was woken meanwhile.
    pub(crate) fn poll<T>(&self, cx: &mut Context<'_>, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        self.shared.task.register(cx.waker());
        for _ in 0..ROUNDS {
            self.shared.state.store(POLLED, Ordering::Release);
            let polled = poll(&mut Context::from_waker(&self.waker));
            if self.shared.state.swap(IDLE, Ordering::AcqRel) != AGAIN || polled.is_ready() {
                return polled;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let before = self
            .state
            .compare_exchange(POLLED, AGAIN, Ordering::AcqRel, Ordering::Acquire);
        if before == Err(IDLE) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn what_is_woken_during_a_poll_is_polled_again_and_nobody_else_is_woken() {
        let (quiet, task) = (Quiet::default(), Arc::<Counted>::default());
        let waker = Waker::from(task.clone());
        let mut cx = Context::from_waker(&waker);
        let woken = || task.0.load(Ordering::SeqCst);
        let (mut polls, mut kept) = (0, None);
        let polled = quiet.poll(&mut cx, |cx| {
            polls += 1;
            kept = Some(cx.waker().clone());
            if polls < 3 {
                cx.waker().wake_by_ref();
            }
            Poll::<()>::Pending
        });
        assert_eq!((polled, polls, woken()), (Poll::Pending, 3, 0));
        // Between polls it is the task that is woken.
        kept.unwrap().wake();
        assert_eq!(woken(), 1);
        assert_eq!(quiet.poll(&mut cx, |_| Poll::Ready(7)), Poll::Ready(7));
        // Others have their turn.
        let endless = quiet.poll(&mut cx, |cx| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert_eq!((endless, woken()), (Poll::Pending, 2));
    }
}
