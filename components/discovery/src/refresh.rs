//! Mechanisms that ask again and again.

use crate::board::Board;
use crate::group::Group;
use crate::metrics::RefreshMetrics;
use component::prelude::*;
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;
use tokio::time::MissedTickBehavior;

/// What came of asking.
pub(crate) enum Refreshed {
    /// Everything that there is.
    All(Vec<Group>),
    /// What there is from some sources; from the others there may be what was there before. What went wrong.
    Some(Vec<Group>, String),
}

/// Asks at once and then every `interval`, which is greater than zero.
pub(crate) async fn refresh<F: Future<Output = Result<Refreshed, String>> + Send>(
    board: &Board,
    metrics: &RefreshMetrics,
    interval: Duration,
    ask: impl Fn() -> F + Send,
) -> Result<()> {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let began = Instant::now();
        let result = ask().await;
        metrics.done(began.elapsed(), result.is_ok());
        match result {
            Ok(Refreshed::All(groups)) => {
                board.fine();
                board.replace(groups);
            }
            Ok(Refreshed::Some(groups, error)) => {
                let any = !groups.is_empty();
                groups.into_iter().for_each(|group| board.set(group));
                if any {
                    board.ready();
                }
                board.failed(error);
            }
            Err(error) => {
                tracing::error!(err = %error, "cannot refresh targets; those that were found last stay");
                board.failed(error);
            }
        }
    }
}

/// Refuses intervals that are no intervals.
pub(crate) fn check_interval(interval: value::GoDuration) -> Result<()> {
    match interval.0 > 0 {
        true => Ok(()),
        false => Err(Error::about("refresh_interval", "must be greater than 0")),
    }
}
