//! The long forms of the tests in `crates/invar/tests/it/torture.rs`.

use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::PathBuf;
use std::process::Command;

#[derive(Args)]
pub struct Options {
    /// Only these: kills, outage, disk, alloy-3931, refusals, memory, flips, push, overload. All by default.
    names: Vec<String>,
    /// An Invar binary to use instead of building one.
    #[arg(long, value_name = "BINARY")]
    binary: Option<PathBuf>,
    /// The seed of every run; another one each time by default.
    #[arg(long)]
    seed: Option<u64>,
}

const ROTATIONS: &str = "--rotate=rename,copytruncate,gzip";
const LINES: &str = "--lines=2000000";
const MEMORY: &str = "--memory-limit=128MiB";
const ISSUE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../crates/invar/tests/configs/alloy-3931.alloy"
);

/// Every class of harm, by its name.
const RUNS: [(&str, &[&str]); 13] = [
    ("kills", &["--kill9=50", ROTATIONS, LINES]),
    ("kills", &["--kill9=20", "--sigterm=20", "--files=40", ROTATIONS, LINES]),
    ("outage", &["--kill9=50", ROTATIONS, LINES, "--outage=0.8"]),
    ("disk", &["--kill9=50", ROTATIONS, LINES, "--disk-full=30s"]),
    (
        "alloy-3931",
        &[
            ISSUE,
            "--rotate=rename",
            "--rotate-every=300ms",
            "--files=1",
            "--rate=10000",
            "--lines=2000000",
        ],
    ),
    ("refusals", &["--refuse=1000", ROTATIONS, LINES]),
    // Far more than the destination takes, for five minutes.
    (
        "memory",
        &[
            "--outage=0.95",
            "--rate=40000",
            "--lines=12000000",
            "--memory-limit=200MiB",
            ROTATIONS,
        ],
    ),
    ("flips", &["--flip=20", ROTATIONS, LINES]),
    ("push", &["--push=metrics", "--kill9=30", "--outage=0.6", LINES]),
    ("push", &["--push=otlp", "--kill9=30", "--outage=0.6", LINES]),
    // Ten times what the destination takes, from clients whose requests do not fit into the memory for them.
    (
        "overload",
        &[
            "--push=metrics",
            "--overload=10",
            "--kill9=10",
            "--files=64",
            "--rate=100000",
            "--lines=6000000",
            MEMORY,
        ],
    ),
    (
        "overload",
        &[
            "--push=otlp",
            "--overload=10",
            "--kill9=10",
            "--files=64",
            "--rate=20000",
            "--lines=2000000",
            MEMORY,
        ],
    ),
    (
        "overload",
        &[
            "--push=otlp-grpc",
            "--overload=10",
            "--kill9=10",
            "--files=64",
            "--rate=20000",
            "--lines=2000000",
            MEMORY,
        ],
    ),
];

/// Runs them one after the other and prints each result.
pub fn run(options: &Options) -> Result<()> {
    if let Some(unknown) = options
        .names
        .iter()
        .find(|name| RUNS.iter().all(|(known, _)| known != name))
    {
        bail!("there is no {unknown:?}");
    }
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => crate::bench::release_binary()?,
    };
    let mut failed = Vec::new();
    for (name, arguments) in RUNS {
        if !options.names.is_empty() && options.names.iter().all(|wanted| wanted != name) {
            continue;
        }
        let mut command = Command::new(&binary);
        command.arg("torture").args(arguments);
        if let Some(seed) = options.seed {
            command.arg(format!("--seed={seed}"));
        }
        println!("\n{name}: invar torture {}", arguments.join(" "));
        if !command.status().context("cannot start the binary")?.success() {
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}
