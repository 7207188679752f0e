//! What the process measures of itself: its build, its configuration, its resources, its ledger and budget.

mod config;
mod flow;
mod process;
mod series;

pub use config::ConfigMetrics;
pub use process::Proc;
pub use series::LabelService;

use crate::logging::Logging;
use flow::{BudgetMetrics, LedgerMetrics, LogMetrics, TaskMetrics};
use promtext::{RegisterError, Registry};
use signals::{Budget, Ledger};
use std::sync::Arc;

/// What was built.
#[derive(Clone, Copy, Debug)]
pub struct Build<'a> {
    /// Version of the program.
    pub version: &'a str,
    /// Commit it was built from; empty if that is not known.
    pub revision: &'a str,
    /// Branch it was built from; empty if that is not known.
    pub branch: &'a str,
}

/// Registers everything here that lasts as long as the process.
pub fn register(
    registry: &Registry,
    build: Build<'_>,
    proc: Proc,
    ledger: &Ledger,
    budget: &Budget,
    logging: &Logging,
) -> Result<(), RegisterError> {
    let info = registry.gauge_vec(
        "alloy_build_info",
        "A metric with a constant '1' value labeled by version, revision, branch and platform.",
        &["branch", "goarch", "goos", "goversion", "revision", "tags", "version"],
    )?;
    info.with(&[build.branch, go_arch(), go_os(), "", build.revision, "", build.version])
        .set(1.0);
    registry.register(Arc::new(proc))?.forever();
    registry.register(Arc::new(LedgerMetrics(ledger.clone())))?.forever();
    registry.register(Arc::new(BudgetMetrics(budget.clone())))?.forever();
    registry.register(Arc::new(LogMetrics(logging.clone())))?.forever();
    if let Ok(tokio) = tokio::runtime::Handle::try_current() {
        registry.register(Arc::new(TaskMetrics(tokio)))?.forever();
    }
    Ok(())
}

/// The processor as Go names it.
fn go_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}

/// The operating system as Go names it.
fn go_os() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    }
}
