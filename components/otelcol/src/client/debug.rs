//! The `debug_metrics` block.

use value::Block;

/// What metrics tell about the component itself.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct DebugMetricsArgs {
    /// Has no effect: there are no metrics with a series for each peer.
    #[arg(default = true)]
    pub disable_high_cardinality_metrics: bool,
    /// Has no effect.
    #[arg(default = "detailed".to_owned())]
    pub level: String,
}
