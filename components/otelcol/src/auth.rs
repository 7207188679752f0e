//! `otelcol.auth.*`

pub mod basic;
pub mod bearer;
pub mod headers;
mod htpasswd;

use component::AuthHandler;
use value::Block;

/// What components for authentication export.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Exports {
    /// Adds credentials to requests of clients, or checks those of servers.
    #[arg]
    pub handler: AuthHandler,
}
