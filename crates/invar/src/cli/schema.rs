//! `invar schema`: its flags.

use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct Schema {
    /// Component or config block to describe; all are listed if there is none.
    #[arg(value_name = "COMPONENT")]
    pub name: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Write the reference pages of the documentation into a folder.
    #[arg(long, hide = true, value_name = "DIR", conflicts_with_all = ["name", "json"])]
    pub markdown: Option<PathBuf>,
}
