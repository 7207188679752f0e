//! The `tpm` block of clients and servers.

use value::Block;

/// A key in a trusted platform module.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct TpmArgs {
    /// Whether the key is in one. Not supported.
    #[arg(default)]
    pub enabled: bool,
    /// Path of the device.
    #[arg(default)]
    pub path: String,
    /// Password of the owner.
    #[arg(default)]
    pub owner_auth: String,
    /// Password of the key.
    #[arg(default)]
    pub auth: String,
}
