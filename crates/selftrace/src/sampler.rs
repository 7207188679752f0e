//! Which traces that begin here are kept.

use crate::remote::Strategy;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// Decides about traces that begin here.
pub(crate) struct Sampler {
    rule: Rule,
}

enum Rule {
    Fraction(Fraction),
    Limit(Mutex<Bucket>),
    Operations(Operations),
}

/// A part of all traces, by their ids, so that all programs that see a trace decide alike.
#[derive(Clone, Copy)]
struct Fraction(u64);

/// So many traces a second.
struct Bucket {
    rate: f64,
    /// What it may hold: one at least, so that rates below one keep a trace now and then.
    most: f64,
    left: f64,
    since: Option<Instant>,
}

/// A rule for each operation.
struct Operations {
    default: Fraction,
    /// Traces a second that are kept of each operation whatever its fraction is.
    at_least: f64,
    most: usize,
    known: Mutex<HashMap<String, (Fraction, Bucket)>>,
}

impl Fraction {
    fn new(fraction: f64) -> Self {
        // A cast of what is not a number gives 0, and one of what is too large the largest.
        Fraction((fraction.clamp(0.0, 1.0) * (1u64 << 63) as f64) as u64)
    }

    fn keeps(self, trace_id: &[u8; 16]) -> bool {
        let mut low = [0; 8];
        low.copy_from_slice(&trace_id[8..]);
        u64::from_be_bytes(low) >> 1 < self.0
    }
}

impl Bucket {
    fn new(rate: f64) -> Self {
        let rate = if rate.is_finite() { rate.max(0.0) } else { 0.0 };
        let most = rate.max(1.0);
        Bucket {
            rate,
            most,
            left: if rate > 0.0 { most } else { 0.0 },
            since: None,
        }
    }

    fn take(&mut self) -> bool {
        let now = Instant::now();
        if let Some(since) = self.since.replace(now) {
            let earned = now.saturating_duration_since(since).as_secs_f64() * self.rate;
            self.left = (self.left + earned).min(self.most);
        }
        let enough = self.left >= 1.0;
        if enough {
            self.left -= 1.0;
        }
        enough
    }
}

impl Sampler {
    /// Keeps a part of all traces, from 0 to 1.
    pub(crate) fn fraction(fraction: f64) -> Self {
        Sampler {
            rule: Rule::Fraction(Fraction::new(fraction)),
        }
    }

    /// Does what a server says; at most `operations` have rules of their own.
    pub(crate) fn of(strategy: &Strategy, operations: usize) -> Self {
        let rule = match strategy {
            Strategy::Fraction(fraction) => Rule::Fraction(Fraction::new(*fraction)),
            Strategy::Limit(rate) => Rule::Limit(Mutex::new(Bucket::new(*rate))),
            Strategy::Operations {
                default,
                at_least,
                each,
            } => {
                let rules = each.iter().take(operations).map(|(name, fraction)| {
                    let rule = (Fraction::new(*fraction), Bucket::new(*at_least));
                    (name.clone(), rule)
                });
                Rule::Operations(Operations {
                    default: Fraction::new(*default),
                    at_least: *at_least,
                    most: operations,
                    known: Mutex::new(rules.collect()),
                })
            }
        };
        Sampler { rule }
    }

    /// Whether a new trace is kept that begins with `operation`.
    pub(crate) fn keeps(&self, trace_id: &[u8; 16], operation: &str) -> bool {
        match &self.rule {
            Rule::Fraction(fraction) => fraction.keeps(trace_id),
            Rule::Limit(bucket) => bucket.lock().unwrap_or_else(PoisonError::into_inner).take(),
            Rule::Operations(operations) => operations.keep(trace_id, operation),
        }
    }
}

impl Operations {
    fn keep(&self, trace_id: &[u8; 16], operation: &str) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains_key(operation) {
            if known.len() >= self.most {
                return self.default.keeps(trace_id);
            }
            known.insert(operation.to_owned(), (self.default, Bucket::new(self.at_least)));
        }
        let Some((fraction, bucket)) = known.get_mut(operation) else {
            return false;
        };
        // What the fraction keeps counts for the bucket too.
        let kept = fraction.keeps(trace_id);
        bucket.take() || kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn id(low: u64) -> [u8; 16] {
        let mut id = [7; 16];
        id[8..].copy_from_slice(&low.to_be_bytes());
        id
    }

    #[test]
    fn fractions_keep_what_all_programs_keep() {
        for (fraction, kept, dropped) in [
            (0.5, id(u64::MAX / 2 - 1), id(u64::MAX / 2 + 1)),
            (0.25, id(u64::MAX / 4 - 1), id(u64::MAX / 4 + 1)),
        ] {
            let sampler = Sampler::fraction(fraction);
            assert!(sampler.keeps(&kept, "") && !sampler.keeps(&dropped, ""), "{fraction}");
        }
        for (fraction, all) in [(1.0, true), (2.0, true), (0.0, false), (-1.0, false), (f64::NAN, false)] {
            let sampler = Sampler::fraction(fraction);
            assert_eq!(sampler.keeps(&id(0), ""), all, "{fraction}");
            assert_eq!(sampler.keeps(&id(u64::MAX), ""), all, "{fraction}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_earns_with_time() {
        let sampler = Sampler::of(&Strategy::Limit(2.0), 1);
        let mut kept = 0;
        for _ in 0..10 {
            kept += usize::from(sampler.keeps(&id(0), ""));
        }
        assert_eq!(kept, 2);
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(sampler.keeps(&id(0), "") && !sampler.keeps(&id(0), ""));
        assert!(!Sampler::of(&Strategy::Limit(0.0), 1).keeps(&id(0), ""));
        assert!(Sampler::of(&Strategy::Limit(0.1), 1).keeps(&id(0), ""));
    }

    #[tokio::test(start_paused = true)]
    async fn operations_have_rules_of_their_own_as_far_as_there_is_room() {
        let strategy = Strategy::Operations {
            default: 0.0,
            at_least: 1.0,
            each: vec![
                ("always".to_owned(), 1.0),
                ("never".to_owned(), 0.0),
                ("more".to_owned(), 1.0),
            ],
        };
        let sampler = Sampler::of(&strategy, 3);
        let far = id(u64::MAX - 1);
        assert!(sampler.keeps(&far, "always") && sampler.keeps(&far, "always"));
        assert!(sampler.keeps(&far, "never"), "one a second");
        assert!(!sampler.keeps(&far, "never"));
        assert!(!sampler.keeps(&far, "another"), "there is no room for it");
        let roomy = Sampler::of(&strategy, 4);
        assert!(roomy.keeps(&far, "another") && !roomy.keeps(&far, "another"));
        assert!(!roomy.keeps(&far, "one more"));
        assert!(
            !Sampler::of(&strategy, 2).keeps(&far, "more"),
            "beyond the limit of rules"
        );
    }
}
