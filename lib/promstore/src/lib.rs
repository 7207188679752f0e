//! An embedded, bounded, in-memory store of metrics that speaks a useful part of Prometheus' HTTP API.
//!
//! For trying a pipeline out and for tests: whatever can send remote write can push to it, and Grafana can be pointed at it.
//! It keeps the last minutes ([`Config::retention`]) of samples, as far as they fit into [`Config::max_bytes`]; nothing is
//! written to disk.
//!
//! - [`Store`] holds the samples. Appending compresses them and is cheap; a query scans the series.
//! - [`Query`] is an expression of the part of PromQL that is understood, as Prometheus 3 understands it: selectors with matchers, ranges and
//!   `offset`; `rate`, `increase`, `irate`, `delta` and the other functions that [`Query::parse`] names; aggregations with
//!   `by` and `without`; arithmetic, comparisons and set operators. Not subqueries, `@`, `group_left` and native histograms.
//! - [`router`] serves a store: `/api/v1/` with `write` (remote write 1.0 and 2.0), `query`, `query_range`, `series`, `labels`,
//!   `label/{name}/values`, `metadata`, `status/buildinfo` and the empty answers that Grafana wants.

mod aggregate;
mod ast;
mod binary;
mod chunk;
mod eval;
mod functions;
mod http;
mod lex;
mod over_time;
mod params;
mod parse;
mod quantile;
mod render;
mod store;

pub use ast::{Matcher, MatcherKind};
pub use eval::{Answer, Labels, Limits, Query, QueryError, Sample, Track};
pub use http::router;
pub use store::{Config, State, Store, WriteError};
