//! What this program calls itself.

/// Version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What `--version` prints after the name.
pub const TEXT: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\n  configuration: compatible with Grafana Alloy v1.18\n  license:       Apache-2.0"
);
