//! `invar tap`: its flags.

use super::Server;
use clap::{Args, ValueEnum};

/// What one line of the output is.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TapFormat {
    /// For people.
    Text,
    /// A JSON object.
    Json,
}

#[derive(Args)]
pub struct Tap {
    /// Ids of components, or edges as FROM->TO; * stands for any text, ? for any character.
    #[arg(value_name = "PATTERN", default_value = "*")]
    pub pattern: String,
    /// Only these records: a selector of labels, a filter of lines, or both: '{job="api"} |= "error"'.
    #[arg(long = "where", value_name = "EXPR", default_value = "")]
    pub filter: String,
    /// Show also what each stage of the components changed.
    #[arg(long)]
    pub before_after: bool,
    /// Show this part of the records, chosen by chance: above 0 and up to 1.
    #[arg(long, value_name = "FRACTION", default_value_t = 1.0)]
    pub sample: f64,
    /// End after so many records.
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// What a line of the output is.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TapFormat,
    #[command(flatten)]
    pub server: Server,
}
