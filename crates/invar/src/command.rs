//! The commands, one file each.

pub mod completion;
pub mod eval;
pub mod fmt;
pub mod gql;
pub mod ledger;
pub mod plan;
pub mod process;
pub mod queue;
pub mod remotecfg_server;
pub mod run;
pub mod schema;
pub mod tap;
pub mod top;
pub mod torture;
pub mod try_;
pub mod validate;
pub mod why;

/// A command that failed: its message goes to standard error, unless it was printed already.
#[derive(Debug)]
pub enum Failure {
    /// Print this after `Error: `.
    Message(String),
    /// Everything was said.
    Reported,
    /// Everything was said, and this exit code says the rest.
    Code(u8),
}

impl<E: std::fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Message(error.to_string())
    }
}

/// Outcome of a command.
pub type Outcome = Result<(), Failure>;
