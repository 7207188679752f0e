//! Something that ends: fetched by one, awaited by all, renewed before its end.

use crate::error::SendError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// It is not used for the last seconds: clocks differ, and a request takes a while.
const EARLY: Duration = Duration::from_secs(10);
/// How long a renewal is not tried again, and how old it is at least when it is doubted.
const PAUSE: Duration = Duration::from_secs(30);

/// What was fetched, and how long it is good for; `None` for as long as nobody doubts it.
pub(crate) type Fetched<T> = (T, Option<Duration>);

pub(crate) struct Cached<T> {
    state: Mutex<State<T>>,
    /// Attempts that have failed.
    failures: AtomicU64,
}

struct State<T> {
    held: Option<Held<T>>,
    failed: Option<SendError>,
}

struct Held<T> {
    value: T,
    since: Instant,
    renew: Option<Instant>,
    end: Option<Instant>,
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Cached {
            state: Mutex::new(State {
                held: None,
                failed: None,
            }),
            failures: AtomicU64::new(0),
        }
    }
}

impl<T: Clone> Cached<T> {
    /// The value; `fetch` is awaited if there is none or its end is near.
    pub(crate) async fn get(&self, fetch: impl Future<Output = Result<Fetched<T>, SendError>>) -> Result<T, SendError> {
        let failures = self.failures.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        let now = Instant::now();
        if let Some(held) = &state.held
            && held.renew.is_none_or(|at| now < at)
        {
            return Ok(held.value.clone());
        }
        // Who has waited for an attempt that failed does not make another.
        if let Some(error) = &state.failed
            && self.failures.load(Ordering::Acquire) != failures
        {
            return Err(error.clone());
        }
        match fetch.await {
            Ok((value, lifetime)) => {
                let now = Instant::now();
                let end = |part: Duration| now.checked_add(part);
                state.held = Some(Held {
                    value: value.clone(),
                    since: now,
                    renew: lifetime.and_then(|lifetime| end(lifetime * 3 / 4)),
                    end: lifetime.and_then(|lifetime| end(lifetime.saturating_sub(EARLY))),
                });
                Ok(value)
            }
            Err(error) => {
                let now = Instant::now();
                if let Some(held) = &mut state.held
                    && held.end.is_none_or(|end| now < end)
                {
                    held.renew = Some(held.end.map_or(now + PAUSE, |end| end.min(now + PAUSE)));
                    tracing::warn!(err = %error, "cannot renew credentials; those that are still valid stay in use");
                    return Ok(held.value.clone());
                }
                state.held = None;
                state.failed = Some(error.clone());
                self.failures.fetch_add(1, Ordering::AcqRel);
                Err(error)
            }
        }
    }

    /// Somebody has refused the value: it is renewed with the next request, unless it is new. One that is refused for what it may, and not
    /// for what it is, does not make every attempt fetch another.
    pub(crate) async fn doubt(&self) {
        if let Some(held) = &mut self.state.lock().await.held {
            let at = held.since + PAUSE;
            held.renew = Some(held.renew.map_or(at, |renew| renew.min(at)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    /// Gives 1, 2, 3 … for a minute each, and fails while it is to fail.
    #[derive(Default)]
    struct Source {
        count: AtomicU32,
        failing: std::sync::atomic::AtomicBool,
    }

    impl Source {
        async fn fetch(&self) -> Result<Fetched<u32>, SendError> {
            let number = self.count.fetch_add(1, Ordering::SeqCst) + 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
            match self.failing.load(Ordering::SeqCst) {
                true => Err(SendError::new(format!("no {number}"))),
                false => Ok((number, Some(Duration::from_secs(60)))),
            }
        }
    }

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_fetched_once_and_renewed_before_its_end() {
        let (source, cached) = (Source::default(), Cached::default());
        let one = || cached.get(source.fetch());
        assert_eq!(tokio::join!(one(), one(), one()), (Ok(1), Ok(1), Ok(1)));
        pass(44).await;
        assert_eq!(cached.get(source.fetch()).await, Ok(1));
        pass(1).await;
        assert_eq!(cached.get(source.fetch()).await, Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn while_renewals_fail_it_is_used_until_its_end() {
        let (source, cached) = (Source::default(), Cached::default());
        assert_eq!(cached.get(source.fetch()).await, Ok(1));
        source.failing.store(true, Ordering::SeqCst);
        pass(46).await;
        assert_eq!(cached.get(source.fetch()).await, Ok(1));
        assert_eq!(source.count.load(Ordering::SeqCst), 2);
        pass(5).await;
        assert_eq!(cached.get(source.fetch()).await.unwrap_err().to_string(), "no 3");
        source.failing.store(false, Ordering::SeqCst);
        assert_eq!(cached.get(source.fetch()).await, Ok(4));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_an_attempt_that_fails_makes_no_other() {
        let (source, cached) = (Source::default(), Cached::default());
        source.failing.store(true, Ordering::SeqCst);
        let one = async || cached.get(source.fetch()).await.unwrap_err().to_string();
        let (a, b, c) = tokio::join!(one(), one(), one());
        assert_eq!([a, b, c], ["no 1", "no 1", "no 1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_refused_is_renewed_unless_it_is_new() {
        let (source, cached) = (Source::default(), Cached::default());
        assert_eq!(cached.get(source.fetch()).await, Ok(1));
        cached.doubt().await;
        assert_eq!(cached.get(source.fetch()).await, Ok(1));
        pass(30).await;
        assert_eq!(cached.get(source.fetch()).await, Ok(2));
    }
}
