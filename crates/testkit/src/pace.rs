//! A bound of throughput.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Lets requests through one after the other, each when those before it have had their time.
pub(crate) struct Pace {
    /// Bytes a second; none for any number.
    rate: watch::Sender<Option<u64>>,
    /// When the next one has its turn.
    free: Mutex<Option<Instant>>,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            rate: watch::Sender::new(None),
            free: Mutex::new(None),
        }
    }
}

impl Pace {
    pub(crate) fn set(&self, bytes_per_second: Option<u64>) {
        self.rate.send_if_modified(|rate| {
            let changed = *rate != bytes_per_second;
            *rate = bytes_per_second;
            changed
        });
    }

    /// Waits until a request of so many bytes has been let through.
    pub(crate) async fn turn(&self, bytes: usize) {
        let mut rate = self.rate.subscribe();
        let Some(now) = *rate.borrow_and_update() else { return };
        let due = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            let from = free.map_or_else(Instant::now, |free| free.max(Instant::now()));
            *free.insert(from + Duration::from_secs_f64(bytes as f64 / now.max(1) as f64))
        };
        tokio::select! {
            () = tokio::time::sleep_until(due) => {}
            // Whoever waits is let through when there is no bound any more.
            _ = rate.wait_for(Option::is_none) => {
                *self.free.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_have_their_turn_one_after_the_other() {
        let (pace, begin) = (Pace::default(), Instant::now());
        pace.turn(1 << 40).await;
        assert_eq!(begin.elapsed(), Duration::ZERO);
        pace.set(Some(100));
        tokio::join!(pace.turn(100), pace.turn(200));
        assert_eq!(begin.elapsed().as_secs(), 3);
        let all = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            pace.set(None);
        };
        tokio::join!(pace.turn(100_000), all);
        assert_eq!(begin.elapsed().as_secs(), 4);
        pace.set(Some(100));
        pace.turn(100).await;
        assert_eq!(begin.elapsed().as_secs(), 5, "what was let through owes nothing");
    }
}
