//! Whether the cluster is large enough.

use std::time::Duration;
use tokio::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Too small; the time at which that does not matter any more.
    NotReady(Option<Instant>),
    Ready,
    /// Too small, and waited for long enough.
    Passed,
}

/// Follows the size of the cluster.
pub(crate) struct Readiness {
    size: usize,
    timeout: Duration,
    state: State,
}

impl Readiness {
    /// Waits for `size` members, none if it is zero, and at most as long as `timeout`, forever if that is zero.
    pub(crate) fn new(size: usize, timeout: Duration, now: Instant) -> Self {
        let mut readiness = Readiness {
            size,
            timeout,
            state: State::Ready,
        };
        readiness.update(0, now);
        readiness
    }

    pub(crate) fn ready(&self) -> bool {
        !matches!(self.state, State::NotReady(_))
    }

    /// When it should be updated even if the size stays.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::NotReady(deadline) => deadline,
            State::Ready | State::Passed => None,
        }
    }

    pub(crate) fn update(&mut self, size: usize, now: Instant) {
        self.state = match self.state {
            _ if size >= self.size => State::Ready,
            State::Ready => State::NotReady((!self.timeout.is_zero()).then(|| now + self.timeout)),
            State::NotReady(Some(deadline)) if deadline <= now => State::Passed,
            state => state,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_for_members_or_for_a_time() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut readiness = Readiness::new(3, Duration::from_secs(10), start);
        readiness.update(1, start);
        assert!(!readiness.ready());
        assert_eq!(readiness.deadline(), Some(at(10)));
        readiness.update(2, at(9));
        assert!(!readiness.ready());
        // The time passes: it goes on, once.
        readiness.update(2, at(10));
        assert!(readiness.ready());
        assert_eq!(readiness.deadline(), None);
        readiness.update(1, at(30));
        assert!(readiness.ready());
        readiness.update(3, at(40));
        assert!(readiness.ready());
        // Too small again, and a new time.
        readiness.update(2, at(50));
        assert!(!readiness.ready());
        assert_eq!(readiness.deadline(), Some(at(60)));
        readiness.update(3, at(55));
        assert!(readiness.ready());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_size_there_is_no_waiting_and_without_a_time_no_end() {
        let now = Instant::now();
        assert!(Readiness::new(0, Duration::ZERO, now).ready());
        let mut readiness = Readiness::new(2, Duration::ZERO, now);
        readiness.update(1, now + Duration::from_secs(1_000_000));
        assert!(!readiness.ready());
        assert_eq!(readiness.deadline(), None);
    }
}
