//! The `retry_on_failure` block.

use component::{Caveat, Error};
use value::{Block, GoDuration, Invalid};

/// What becomes of requests that fail.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = RetryArgs::validate)]
pub struct RetryArgs {
    /// Whether a request is sent again; otherwise what it holds is given up and counted.
    #[arg(default = true)]
    pub enabled: bool,
    /// First pause between attempts.
    #[arg(default = GoDuration::seconds(5))]
    pub initial_interval: GoDuration,
    /// Checked, and without effect: pauses are drawn from a range that doubles.
    #[arg(default = 0.5)]
    pub randomization_factor: f64,
    /// Checked, and without effect: pauses are drawn from a range that doubles.
    #[arg(default = 1.5)]
    pub multiplier: f64,
    /// Longest pause between attempts.
    #[arg(default = GoDuration::seconds(30))]
    pub max_interval: GoDuration,
    /// How long a request is tried until it is given up and counted. Without it, or if it is 0, for ever.
    #[arg(default)]
    pub max_elapsed_time: Option<GoDuration>,
}

impl RetryArgs {
    fn validate(&self) -> Result<(), Invalid> {
        component::first(self.problems())
    }

    /// Everything that is wrong.
    pub(crate) fn problems(&self) -> Vec<Error> {
        let mut found = Vec::new();
        if !self.enabled {
            return found;
        }
        for (name, value) in [
            ("initial_interval", self.initial_interval),
            ("max_interval", self.max_interval),
        ] {
            if value.0 <= 0 {
                found.push(Error::about(name, "must be greater than 0"));
            }
        }
        if self.multiplier <= 1.0 || self.multiplier.is_nan() {
            found.push(Error::about("multiplier", "must be greater than 1"));
        }
        if !(0.0..=1.0).contains(&self.randomization_factor) {
            found.push(Error::about("randomization_factor", "must be between 0 and 1"));
        }
        if self.max_elapsed_time.is_some_and(|time| time.0 < 0) {
            found.push(Error::about("max_elapsed_time", "must not be less than 0"));
        }
        found
    }

    /// How long a request is tried, if there is a limit.
    pub(crate) fn longest(&self) -> Option<std::time::Duration> {
        let time = self.max_elapsed_time.filter(|time| time.0 > 0)?;
        Some(time.as_std())
    }

    /// What it makes of the promise that records arrive.
    pub(crate) fn caveats(&self) -> Vec<Caveat> {
        let at = |text: String, argument| Caveat::best_effort(text).at("retry_on_failure#0", argument);
        if !self.enabled {
            return vec![at(
                "gives up after one attempt, by retry_on_failure".to_owned(),
                "enabled",
            )];
        }
        let limit = self.max_elapsed_time.filter(|time| time.0 > 0);
        let text = |time: GoDuration| {
            let time = gotime::format_duration(time.0);
            format!("gives up what it tried to send for {time}, by max_elapsed_time")
        };
        limit
            .map(|time| at(text(time), "max_elapsed_time"))
            .into_iter()
            .collect()
    }
}
