//! When to try again.

use host::Random;
use jiff::fmt::rfc2822;
use std::time::Duration;

/// Pauses that grow: each is drawn from a range whose ends double until they reach the longest pause.
#[derive(Clone, Debug)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    low: Duration,
    high: Duration,
}

impl Backoff {
    /// Pauses from `min` to `max`; both at least a millisecond, so that nobody spins.
    pub fn new(min: Duration, max: Duration) -> Self {
        let min = min.max(Duration::from_millis(1));
        let max = max.max(min);
        let mut backoff = Backoff {
            min,
            max,
            low: min,
            high: max,
        };
        backoff.reset();
        backoff
    }

    /// The next pause starts from the shortest again.
    pub fn reset(&mut self) {
        self.low = self.min;
        self.high = (self.min * 2).min(self.max);
    }

    /// The next pause.
    pub fn next(&mut self, random: &dyn Random) -> Duration {
        let pause = self.low + (self.high - self.low).mul_f64(random.unit());
        self.low = (self.low * 2).min(self.max);
        self.high = (self.high * 2).min(self.max);
        pause
    }
}

/// How long a `Retry-After` header asks to wait (RFC 9110, section 10.2.3): seconds, or a date, for which `now` is nanoseconds since
/// the Unix epoch. `None` if it says nothing that makes sense.
pub fn retry_after(value: &str, now: i64) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    let wait = date.as_nanosecond() - i128::from(now);
    Some(Duration::from_nanos(u64::try_from(wait).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::SeededRandom;

    #[test]
    fn pauses_double_within_their_ranges_up_to_the_longest() {
        let random = SeededRandom::new(7);
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(5));
        let mut low = 500;
        for _ in 0..8 {
            let pause = backoff.next(&random).as_millis();
            let high = (low * 2).min(5000);
            assert!((low..=high).contains(&pause), "{pause} is not within {low} to {high}");
            low = high;
        }
        backoff.reset();
        assert!(backoff.next(&random) <= Duration::from_secs(1));
    }

    #[test]
    fn ranges_that_make_no_sense_do_not_spin() {
        let mut backoff = Backoff::new(Duration::ZERO, Duration::ZERO);
        assert_eq!(backoff.next(&SeededRandom::new(1)), Duration::from_millis(1));
    }

    #[test]
    fn seconds_and_dates_are_understood() {
        let now = 784_111_777_000_000_000; // Sun, 06 Nov 1994 08:49:37 GMT
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after(" 0 ", now), Some(Duration::ZERO));
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now),
            Some(Duration::from_secs(60))
        );
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        for nonsense in ["", "-1", "1.5", "soon", "99999999999999999999999"] {
            assert_eq!(retry_after(nonsense, now), None, "{nonsense}");
        }
    }
}
