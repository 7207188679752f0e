//! What the tests and benchmarks of several crates share: peers that misbehave on demand.

pub mod loki_sink;
pub mod schema;
pub mod tls_front;
pub mod txtar;
