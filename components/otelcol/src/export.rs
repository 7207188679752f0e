//! How OTLP gets to its destinations, whatever carries it: over [`delivery`], as the two exporters have it in common.
//!
//! A request is of one signal. The engine collects requests by *tenant*, a word that OTLP has no use for: here it is the name of the signal
//! (`logs`, `metrics`, `traces`), so that requests of different signals stay apart, and what waits on disk says which it is. If the
//! authentication wants metadata of the clients, what is known of it stands behind the name: see [`context`].

mod body;
mod context;
mod metrics;
mod protocol;
mod spec;

pub(crate) use body::{Compression, Format, Packed};
pub(crate) use context::{Context, context_keys};
pub(crate) use metrics::{Metrics, QueueMetrics};
pub(crate) use protocol::{Connection, Otlps, Settings};
pub(crate) use spec::{Manner, spec};
