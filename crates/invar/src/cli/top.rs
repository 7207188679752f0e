//! `invar top`: its flags.

use super::{Server, duration};
use clap::{Args, ValueEnum};
use std::time::Duration;

#[derive(Args)]
pub struct Top {
    /// Time between two looks, over which rates are taken: 1s, 500ms.
    #[arg(long, default_value = "1s", value_parser = interval, value_name = "DURATION")]
    pub interval: Duration,
    /// Print the table once, as text, and end; that is what happens if standard output is no terminal.
    #[arg(long)]
    pub once: bool,
    /// What to sort by.
    #[arg(long, value_enum, default_value_t = SortBy::Cpu, value_name = "COLUMN")]
    pub sort: SortBy,
    /// Only components whose id, name, health or message has this in it.
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub filter: String,
    #[command(flatten)]
    pub server: Server,
}

/// Columns of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SortBy {
    /// Id of the component, in the order of the alphabet.
    Id,
    /// Health, the worst first.
    Health,
    /// CPU share.
    Cpu,
    /// Records a second that it took.
    In,
    /// Records a second that it passed on.
    Out,
    /// Records a second that it dropped.
    Drop,
    /// Bytes a second.
    Bytes,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if interval < Duration::from_millis(100) || interval > Duration::from_secs(3600) {
        return Err("use 100ms to 1h".to_owned());
    }
    Ok(interval)
}
