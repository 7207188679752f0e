//! An embedded, bounded, in-memory log store that speaks a useful part of Loki's HTTP API.
//!
//! For trying a pipeline out and for tests: whatever can push to Loki can push to it, whatever can query Loki's log
//! streams can query it. It keeps the newest logs that fit into [`Config::max_bytes`]; nothing is written to disk.
//!
//! - [`Store`] holds the logs. Pushing appends to chunks and is cheap; a query scans.
//! - [`router`] serves a store: `/loki/api/v1/` with `push`, `query_range`, `query`, `labels`, `label/{name}/values`,
//!   `series` and `tail`; `/ready`; `/api/v1/state`; a page to look at the logs at `/`.
//! - [`Store::subscribe`] follows new entries within the process.
//!
//! Tenants (`X-Scope-OrgID`) do not see each other and share the one bound.

mod chunk;
mod http;
mod live;
mod params;
mod query;
mod render;
mod selector;
mod store;
mod tail;

pub use http::router;
pub use live::{LiveBatch, LiveEntry, Subscription};
pub use query::{Direction, FoundEntry, FoundStream, Query, QueryError};
pub use store::{Config, PushError, State, Store};
