//! An embedded, bounded, in-memory store of traces that speaks a useful part of Tempo's HTTP API.
//!
//! For trying a pipeline out and for tests: whatever sends OTLP over HTTP can push to it, and Grafana can show a trace of it by its id. It keeps the
//! spans of the last minutes ([`Config::retention`]), as far as they fit into [`Config::max_bytes`]; nothing is written to disk.
//!
//! - [`Store`] holds the spans, by trace, as the bytes that came.
//! - [`router`] serves a store: `/v1/traces` takes OTLP; `/api/traces/{id}` and `/api/v2/traces/{id}` give a trace, `/api/search` the newest ones,
//!   `/api/echo` and `/api/status/buildinfo` what Grafana asks for.

mod http;
mod search;
mod store;

pub use http::router;
pub use search::{Filter, FilterError, Summary};
pub use store::{Config, Pushed, State, Store, TraceId};
