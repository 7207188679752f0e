//! One byte budget for the whole process.
//!
//! Memory is counted where records enter, by their decoded size, not where it is allocated: what is admitted is bounded, so
//! what is buffered anywhere behind the door is bounded too. When the budget is used up pull sources wait in
//! [`Budget::acquire`] and push sources answer with what [`Budget::try_acquire`] tells them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, oneshot};

/// A process-wide bound on the bytes that are admitted and not yet settled. Clones share it.
#[derive(Clone)]
pub struct Budget(Arc<Inner>);

struct Inner {
    limit: u64,
    state: Mutex<State>,
    caches: Mutex<Caches>,
    pressed: Notify,
}

/// What can be given up without losing anything.
pub trait Cache: Send + Sync {
    /// Gives back what it holds. Called from where a source begins to wait for memory, so it must not wait itself.
    fn shrink(&self);
}

#[derive(Default)]
struct Caches {
    all: Vec<Weak<dyn Cache>>,
    shrunk: Option<Instant>,
}

/// How often caches are asked to shrink at the most: they have to fill again in between to be of any use.
const SHRINK_EVERY: Duration = Duration::from_secs(1);

#[derive(Default)]
struct State {
    used: u64,
    peak: u64,
    waiting: VecDeque<Waiter>,
}

struct Waiter {
    bytes: u64,
    admitted: oneshot::Sender<Permit>,
}

/// The right to hold some bytes; gives them back when it is dropped.
pub struct Permit {
    bytes: u64,
    budget: Option<Budget>,
    awaited: AtomicBool,
}

impl Budget {
    /// A budget of `limit` bytes, at least one.
    pub fn new(limit: u64) -> Self {
        Budget(Arc::new(Inner {
            limit: limit.max(1),
            state: Mutex::default(),
            caches: Mutex::default(),
            pressed: Notify::new(),
        }))
    }

    /// A budget that never makes anyone wait.
    pub fn unlimited() -> Self {
        Budget::new(u64::MAX)
    }

    /// The bound in bytes.
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// Bytes held by permits at the moment.
    pub fn used(&self) -> u64 {
        self.lock().used
    }

    /// The most bytes that were ever held at once.
    pub fn peak(&self) -> u64 {
        self.lock().peak
    }

    /// Number of senders that wait for room.
    pub fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Waits, first come first served, until `bytes` fit. A request beyond the whole budget waits until it is alone, so
    /// that one huge record passes instead of blocking for ever.
    pub async fn acquire(&self, bytes: u64) -> Permit {
        let admitted = {
            let mut state = self.lock();
            if state.waiting.is_empty() && self.fits(&state, bytes) {
                return self.grant(&mut state, bytes);
            }
            let (sender, admitted) = oneshot::channel();
            state.waiting.push_back(Waiter {
                bytes,
                admitted: sender,
            });
            admitted
        };
        self.0.pressed.notify_waiters();
        self.shrink_caches();
        admitted
            .await
            .expect("a waiter is dropped only after it was sent its permit, and the budget outlives this call")
    }

    /// Resolves when a sender begins to wait for room, or for the fate of what it has sent: for who holds records back to collect them.
    pub fn pressed(&self) -> Notified<'_> {
        self.0.pressed.notified()
    }

    /// A permit if there is room right now and nobody waits for it.
    pub fn try_acquire(&self, bytes: u64) -> Option<Permit> {
        let mut state = self.lock();
        (state.waiting.is_empty() && self.fits(&state, bytes)).then(|| self.grant(&mut state, bytes))
    }

    /// A permit at once, even beyond the limit: for the small copies that a stage makes of records that were admitted
    /// already. It counts, so admission waits until the excess is gone.
    pub fn force(&self, bytes: u64) -> Permit {
        self.grant(&mut self.lock(), bytes)
    }

    /// Whoever cannot be admitted makes this cache shrink first of all, for as long as it lives.
    pub fn register(&self, cache: &Arc<impl Cache + 'static>) {
        let cache: Weak<dyn Cache> = Arc::downgrade(cache) as Weak<dyn Cache>;
        let mut caches = self.0.caches.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        caches.all.retain(|cache| cache.strong_count() > 0);
        caches.all.push(cache);
    }

    fn shrink_caches(&self) {
        let all: Vec<Arc<dyn Cache>> = {
            let mut caches = self.0.caches.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            if caches.shrunk.is_some_and(|last| last.elapsed() < SHRINK_EVERY) {
                return;
            }
            caches.shrunk = Some(Instant::now());
            caches.all.iter().filter_map(Weak::upgrade).collect()
        };
        for cache in all {
            cache.shrink();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn fits(&self, state: &State, bytes: u64) -> bool {
        state.used == 0 || state.used.saturating_add(bytes) <= self.0.limit
    }

    fn grant(&self, state: &mut State, bytes: u64) -> Permit {
        state.used += bytes;
        state.peak = state.peak.max(state.used);
        Permit {
            bytes,
            budget: Some(self.clone()),
            awaited: AtomicBool::new(false),
        }
    }

    fn release(&self, bytes: u64) {
        let mut refused = Vec::new();
        let mut state = self.lock();
        state.used = state.used.saturating_sub(bytes);
        while let Some(first) = state.waiting.front() {
            if !self.fits(&state, first.bytes) {
                break;
            }
            if let Some(waiter) = state.waiting.pop_front() {
                let permit = self.grant(&mut state, waiter.bytes);
                // The one who waited may have gone away; its permit is dropped below, without the lock.
                refused.extend(waiter.admitted.send(permit).err());
            }
        }
        drop(state);
        drop(refused);
    }
}

impl Permit {
    /// A permit for nothing, for records that were not admitted by a budget (tests, internal lines).
    pub fn none() -> Self {
        Permit {
            bytes: 0,
            budget: None,
            awaited: AtomicBool::new(false),
        }
    }

    /// Somebody waits for the answer: who collects records for a request does not collect these for long.
    pub fn awaited(self) -> Self {
        self.hurry();
        self
    }

    /// From now on somebody waits.
    pub(crate) fn hurry(&self) {
        if !self.awaited.swap(true, Ordering::Release)
            && let Some(budget) = &self.budget
        {
            budget.0.pressed.notify_waiters();
        }
    }

    pub(crate) fn is_awaited(&self) -> bool {
        self.awaited.load(Ordering::Acquire)
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The budget it came from.
    pub fn budget(&self) -> Option<&Budget> {
        self.budget.as_ref()
    }

    /// Holds `bytes` more if there is room right now and nobody waits for it, or if this permit is the only one: what would not fit
    /// into the whole budget passes alone. False if there is no room; the permit stays as it is.
    pub fn try_grow(&mut self, bytes: u64) -> bool {
        let Some(budget) = &self.budget else { return true };
        let mut state = budget.lock();
        let alone = state.used == self.bytes;
        let fits = state.waiting.is_empty() && state.used.saturating_add(bytes) <= budget.0.limit;
        if alone || fits {
            state.used += bytes;
            state.peak = state.peak.max(state.used);
            self.bytes += bytes;
        }
        alone || fits
    }

    /// Gives back what exceeds `bytes`.
    pub fn shrink(&mut self, bytes: u64) {
        if bytes < self.bytes {
            let excess = self.bytes - bytes;
            self.bytes = bytes;
            if let Some(budget) = &self.budget {
                budget.release(excess);
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(budget) = self.budget.take() {
            budget.release(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn admission_waits_in_order_and_never_exceeds_the_limit() {
        let budget = Budget::new(100);
        let first = budget.acquire(60).await;
        let mut large = Box::pin(budget.acquire(50));
        assert!(large.as_mut().now_or_never().is_none());
        // A small one that would fit does not overtake the large one.
        assert!(budget.try_acquire(1).is_none());
        let mut small = Box::pin(budget.acquire(10));
        assert!(small.as_mut().now_or_never().is_none());
        drop(first);
        let (large, small) = (large.await, small.await);
        assert_eq!(budget.used(), 60);
        drop((large, small));
        assert_eq!((budget.used(), budget.peak()), (0, 60));
    }

    #[tokio::test]
    async fn caches_shrink_before_anyone_waits() {
        struct Counted(std::sync::atomic::AtomicU32);
        impl Cache for Counted {
            fn shrink(&self) {
                self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        }
        let budget = Budget::new(10);
        let (kept, gone) = (Arc::new(Counted(0.into())), Arc::new(Counted(0.into())));
        budget.register(&kept);
        budget.register(&gone);
        drop(gone);
        let first = budget.acquire(10).await;
        assert_eq!(kept.0.load(std::sync::atomic::Ordering::Relaxed), 0);
        for _ in 0..3 {
            assert!(Box::pin(budget.acquire(1)).now_or_never().is_none());
        }
        assert_eq!(
            kept.0.load(std::sync::atomic::Ordering::Relaxed),
            1,
            "not for each one that waits"
        );
        drop(first);
    }

    #[tokio::test]
    async fn a_record_larger_than_the_budget_passes_alone() {
        let budget = Budget::new(10);
        let small = budget.acquire(5).await;
        let mut huge = Box::pin(budget.acquire(50));
        assert!(huge.as_mut().now_or_never().is_none());
        drop(small);
        assert_eq!(huge.await.bytes(), 50);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test]
    async fn a_permit_grows_while_there_is_room_or_when_it_is_alone() {
        let budget = Budget::new(100);
        let mut one = budget.try_acquire(10).expect("room");
        let other = budget.try_acquire(50).expect("room");
        assert!(one.try_grow(40));
        assert!(!one.try_grow(1));
        assert_eq!((one.bytes(), budget.used()), (50, 100));
        drop(other);
        assert!(one.try_grow(200), "alone it passes");
        assert_eq!(budget.used(), 250);
        drop(one);
        assert_eq!(budget.used(), 0);
        // Nobody who waits is overtaken.
        let (mut small, held) = (
            budget.try_acquire(10).expect("room"),
            budget.try_acquire(20).expect("room"),
        );
        let mut waiting = Box::pin(budget.acquire(90));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(!small.try_grow(1));
        drop(held);
    }

    #[tokio::test]
    async fn a_waiter_that_gives_up_holds_nothing() {
        let budget = Budget::new(10);
        let held = budget.acquire(10).await;
        let mut gone = Box::pin(budget.acquire(10));
        assert!(gone.as_mut().now_or_never().is_none());
        drop(gone);
        drop(held);
        assert_eq!(budget.used(), 0);
        assert!(budget.try_acquire(10).is_some());
    }
}
