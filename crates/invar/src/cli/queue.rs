//! `invar queue`: its commands and flags.

use super::duration;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Args)]
pub struct Queue {
    #[command(subcommand)]
    pub command: QueueCommand,
}

#[derive(Subcommand)]
pub enum QueueCommand {
    /// List queues and dead-letter logs: size, cursors, what is not delivered, what is damaged.
    Ls(Ls),
    /// Read everything and name each damaged place; exit with 1 if there is one.
    Verify(Verify),
    /// Print what is in a log, one JSON object a line.
    Dump(Dump),
    /// Send what is not acknowledged to a Loki push URL, in order.
    Replay(Replay),
    /// Drop records that are not acknowledged.
    Trim(Trim),
    /// Move damaged bytes to quarantine, so that what is left reads without a gap.
    Repair(Repair),
}

/// Which logs to look at.
#[derive(Args)]
pub struct Where {
    /// Folders of logs, or folders above them; all below the storage path if there is none.
    #[arg(value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// Folder in which Invar keeps its state, as `invar run` was told.
    #[arg(long = "storage.path", default_value = "data-alloy/", value_name = "DIR")]
    pub storage: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Ls {
    #[command(flatten)]
    pub place: Where,
}

#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    pub place: Where,
}

#[derive(Args)]
pub struct Dump {
    /// Folder of the log; may be left out if there is only one below the storage path.
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Folder in which Invar keeps its state, as `invar run` was told.
    #[arg(long = "storage.path", default_value = "data-alloy/", value_name = "DIR")]
    pub storage: PathBuf,
    /// Only what this cursor has not acknowledged.
    #[arg(long, value_name = "NAME")]
    pub cursor: Option<String>,
    /// Only records from this sequence number on.
    #[arg(long, default_value_t = 0, value_name = "SEQ")]
    pub from: u64,
    /// Print at most so many lines.
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Has no effect: the output always is JSON, one object a line.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Replay {
    /// Folder of the log.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Where to push: http://loki:3100/loki/api/v1/push; a user and password before the host are sent as basic authentication.
    #[arg(long, value_name = "URL")]
    pub url: String,
    /// Whose records; may be left out if there is only one cursor.
    #[arg(long, value_name = "NAME")]
    pub cursor: Option<String>,
    /// Send everything to this tenant instead of the one that it was kept for.
    #[arg(long, value_name = "TENANT")]
    pub tenant: Option<String>,
    /// Acknowledge nothing: everything stays in the log. Works while a process uses the log.
    #[arg(long)]
    pub keep: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(group(clap::ArgGroup::new("what").required(true).multiple(true).args(["before_seq", "older_than", "all"])))]
pub struct Trim {
    /// Folder of the log.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Of this cursor alone.
    #[arg(long, value_name = "NAME")]
    pub cursor: Option<String>,
    /// Drop records with a lower sequence number than this.
    #[arg(long, value_name = "N")]
    pub before_seq: Option<u64>,
    /// Drop records that were appended longer ago: 24h.
    #[arg(long, value_parser = duration, value_name = "DURATION")]
    pub older_than: Option<Duration>,
    /// Drop everything.
    #[arg(long, conflicts_with_all = ["before_seq", "older_than"])]
    pub all: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Repair {
    /// Folder of the log.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}
