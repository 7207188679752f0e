//! How long components work.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Time that threads spent with one component: its own code and what it calls, without other components that it hands batches to.
#[derive(Debug, Default)]
pub struct Meter(AtomicU64);

impl Meter {
    /// All of it since the start.
    pub fn busy(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    fn add(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(nanos, Ordering::Relaxed);
    }
}

/// Whose code a thread runs: the innermost last, and since when.
struct Stack {
    meters: Vec<Arc<Meter>>,
    since: Option<Instant>,
}

thread_local! {
    static STACK: RefCell<Stack> = const { RefCell::new(Stack { meters: Vec::new(), since: None }) };
}

impl Stack {
    /// Gives the time up to now to whom it belongs.
    fn settle(&mut self) {
        let now = Instant::now();
        if let (Some(meter), Some(since)) = (self.meters.last(), self.since) {
            meter.add(now - since);
        }
        self.since = Some(now);
    }
}

/// From now on this thread works for a component, until [`leave`].
pub fn enter(meter: &Arc<Meter>) {
    STACK.with_borrow_mut(|stack| {
        stack.settle();
        stack.meters.push(meter.clone());
    });
}

/// The end of the last [`enter`] on this thread.
pub fn leave() {
    STACK.with_borrow_mut(|stack| {
        stack.settle();
        stack.meters.pop();
    });
}

/// The thread works for the component while it lives.
#[must_use = "it ends at once otherwise"]
pub fn on(meter: &Arc<Meter>) -> Entered {
    enter(meter);
    Entered(())
}

/// See [`on`].
pub struct Entered(());

impl Drop for Entered {
    fn drop(&mut self) {
        leave();
    }
}

/// A future whose polls count as a component's work.
pub(crate) struct Metered<F> {
    pub(crate) meter: Arc<Meter>,
    pub(crate) future: F,
}

impl<F: Future + Unpin> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _entered = on(&self.meter);
        Pin::new(&mut self.future).poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inner_component_s_time_is_not_the_outer_one_s() {
        let (outer, inner) = (Arc::new(Meter::default()), Arc::new(Meter::default()));
        let long = Duration::from_millis(40);
        enter(&outer);
        enter(&inner);
        std::thread::sleep(long);
        leave();
        leave();
        assert!(inner.busy() >= long);
        assert!(outer.busy() < inner.busy());
        let before = outer.busy();
        std::thread::sleep(Duration::from_millis(2));
        enter(&inner);
        leave();
        assert_eq!(outer.busy(), before, "nobody's time");
    }
}
