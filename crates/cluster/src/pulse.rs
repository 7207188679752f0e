//! Whether this process runs: one that was stopped for long may have been declared down, and others do its work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// When the driver ran last.
pub(crate) struct Pulse {
    start: Instant,
    /// Milliseconds since the start.
    beat: AtomicU64,
    limit: Duration,
}

impl Pulse {
    /// A pulse that is too late after `limit`.
    pub(crate) fn new(limit: Duration) -> Self {
        Pulse {
            start: Instant::now(),
            beat: AtomicU64::new(0),
            limit,
        }
    }

    /// How often the driver runs at least.
    pub(crate) fn period(&self) -> Duration {
        self.limit / 5
    }

    /// The driver runs.
    pub(crate) fn beat(&self) {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat.store(millis, Ordering::Release);
    }

    /// For how long the driver has not run, if that is too long.
    pub(crate) fn gap(&self) -> Option<Duration> {
        let beat = Duration::from_millis(self.beat.load(Ordering::Acquire));
        let gap = self.start.elapsed().saturating_sub(beat);
        (gap > self.limit).then_some(gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_does_not_run_for_long_is_late() {
        let pulse = Pulse::new(Duration::from_secs(5));
        assert_eq!(pulse.period(), Duration::from_secs(1));
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(pulse.gap(), None);
        pulse.beat();
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(pulse.gap(), Some(Duration::from_secs(6)));
        pulse.beat();
        assert_eq!(pulse.gap(), None);
    }
}
