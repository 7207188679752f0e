//! What the destination does to pushes while it has trouble.

use std::time::Duration;
use testkit::loki_sink::Mode;

/// A stretch of time, from the start of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Begin.
    pub from: Duration,
    /// End.
    pub to: Duration,
    /// What happens in it.
    pub trouble: Trouble,
}

/// Ways to be of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// The port is closed.
    Down,
    /// 500.
    Error,
    /// 503.
    Unavailable,
    /// 429 with Retry-After.
    TooMany,
    /// The connection is closed when the push was read.
    Closed,
    /// Nothing is answered.
    Silent,
    /// The push is stored, but the answer is lost.
    LostAnswer,
    /// Answers take their time.
    Slow,
}

impl Trouble {
    const ALL: [Trouble; 8] = [
        Trouble::Down,
        Trouble::Error,
        Trouble::Unavailable,
        Trouble::TooMany,
        Trouble::Closed,
        Trouble::Silent,
        Trouble::LostAnswer,
        Trouble::Slow,
    ];

    /// Whether lines are stored without a look at them, also those that a healthy destination refuses.
    fn stores(self) -> bool {
        matches!(self, Trouble::LostAnswer | Trouble::Slow)
    }

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Trouble::Down => "down",
            Trouble::Error => "500",
            Trouble::Unavailable => "503",
            Trouble::TooMany => "429",
            Trouble::Closed => "closed connections",
            Trouble::Silent => "no answer",
            Trouble::LostAnswer => "lost answers",
            Trouble::Slow => "slow",
        }
    }

    /// How the sink does it.
    pub fn mode(self) -> Mode {
        match self {
            Trouble::Down => Mode::Refuse,
            Trouble::Error => Mode::status(500),
            Trouble::Unavailable => Mode::status(503),
            Trouble::TooMany => Mode::retry_after(429, 1),
            Trouble::Closed => Mode::Close,
            Trouble::Silent => Mode::Hang,
            Trouble::LostAnswer => Mode::LoseResponse,
            Trouble::Slow => Mode::Slow(Duration::from_millis(300)),
        }
    }
}

/// Trouble for `share` of `length`, in turns with health. The last turn ends with the time. None that stores what is `refused` otherwise.
pub fn windows(share: f64, length: Duration, refused: bool, random: &mut fastrand::Rng) -> Vec<Window> {
    let mut windows = Vec::new();
    if share <= 0.0 {
        return windows;
    }
    // Every kind comes before any comes again.
    let mut kinds = Vec::new();
    let mut at = Duration::ZERO;
    while at < length {
        let cycle = Duration::from_secs_f64(2.0 + 4.0 * random.f64()).min(length - at);
        if kinds.is_empty() {
            kinds = Trouble::ALL.to_vec();
            kinds.retain(|kind| !(refused && kind.stores()));
            random.shuffle(&mut kinds);
        }
        windows.push(Window {
            from: at + cycle.mul_f64(1.0 - share.min(1.0)),
            to: at + cycle,
            trouble: kinds.pop().unwrap_or(Trouble::Down),
        });
        at += cycle;
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_kept_and_every_kind_comes() {
        let mut random = fastrand::Rng::with_seed(1);
        let length = Duration::from_secs(100);
        let windows = windows(0.8, length, false, &mut random);
        let bad: Duration = windows.iter().map(|window| window.to - window.from).sum();
        assert!((bad.as_secs_f64() - 80.0).abs() < 0.01, "{bad:?}");
        let mut kinds: Vec<Trouble> = windows.iter().map(|window| window.trouble).collect();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), 8);
        assert!(windows.windows(2).all(|pair| pair[0].to <= pair[1].from));
        let strict = super::windows(0.8, length, true, &mut random);
        assert!(strict.iter().all(|window| !window.trouble.stores()));
        assert_eq!(super::windows(0.0, length, false, &mut random), []);
    }
}
