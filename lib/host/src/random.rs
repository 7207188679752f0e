//! Randomness for jitter and sampling.

use std::sync::Mutex;

/// Pseudo-random numbers. Not for keys or secrets.
pub trait Random: Send + Sync + 'static {
    /// 64 uniformly distributed bits.
    fn next_u64(&self) -> u64;

    /// A number in `[0, 1)`.
    fn unit(&self) -> f64 {
        // 53 bits are what a double's mantissa holds.
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Seeded by the operating system, one generator a thread.
pub struct SystemRandom;

impl Random for SystemRandom {
    fn next_u64(&self) -> u64 {
        fastrand::u64(..)
    }
}

/// The same sequence for the same seed.
pub struct SeededRandom(Mutex<fastrand::Rng>);

impl SeededRandom {
    /// A generator that starts from `seed`.
    pub fn new(seed: u64) -> Self {
        SeededRandom(Mutex::new(fastrand::Rng::with_seed(seed)))
    }
}

impl Random for SeededRandom {
    fn next_u64(&self) -> u64 {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).u64(..)
    }
}
