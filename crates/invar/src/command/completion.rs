//! `invar completion SHELL`

use super::Outcome;
use crate::cli::{Cli, Completion};
use clap::CommandFactory;

/// Prints the completion script of a shell.
pub fn run(options: &Completion) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "invar", &mut script);
    crate::output::write(&script)?;
    Ok(())
}
