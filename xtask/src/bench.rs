//! Benchmarks: the same load for Invar and for each peer, one after the other, against a counting sink on loopback.

mod discovery;
mod load;
mod logs;
mod metrics;
mod otlp;
mod peers;
mod program;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;

#[derive(Subcommand)]
pub enum Scenario {
    /// Files on disk, through json, timestamp, labels and drop stages, to a Loki push endpoint.
    Logs(logs::Options),
    /// Targets that are scraped, through relabelling rules, to a remote write endpoint.
    Metrics(metrics::Options),
    /// Pods of a large cluster, through relabelling rules, to a scraper that keeps few of them.
    Discovery(discovery::Options),
    /// Requests of OTLP that are received, put together, given an attribute or not, and sent on.
    Otlp(otlp::Options),
    /// Load a configuration of thousands of components, and reload it with one of them changed.
    Load(load::Options),
}

/// Runs a scenario.
pub fn run(scenario: Scenario) -> Result<()> {
    match scenario {
        Scenario::Logs(options) => logs::run(&options),
        Scenario::Metrics(options) => metrics::run(&options),
        Scenario::Discovery(options) => discovery::run(&options),
        Scenario::Otlp(options) => otlp::run(&options),
        Scenario::Load(options) => load::run(&options),
    }
}

/// Serves the counting sink until the process is killed.
pub fn sink(addr: SocketAddr) -> Result<()> {
    // Every push is decoded: what is counted is what arrived, whole.
    testkit::loki_sink::serve_blocking(addr, testkit::loki_sink::CountOnly { decode_every: 1 })?;
    Ok(())
}

/// A port on loopback that was free a moment ago.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Builds the binary as it is shipped and returns its path.
pub(crate) fn release_binary() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "build",
            "--profile",
            "dist",
            "--package",
            "invar",
            "--message-format",
            "json-render-diagnostics",
        ])
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo build --profile dist failed");
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "invar")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo named no executable for invar")
}
