//! Blocks that clients of OTLP have in common.

mod queue;
mod retry;
mod tls;

pub use queue::QueueArgs;
pub use retry::RetryArgs;
pub use tls::TlsArgs;
