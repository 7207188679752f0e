//! How OTLP gets to its destinations, whatever carries it: over [`delivery`], as the two exporters have it in common.
//!
//! A request is of one signal. The engine collects requests by *tenant*, a word that OTLP has no use for: here it is the name of the signal
//! (`logs`, `metrics`, `traces`), so that requests of different signals stay apart, and what waits on disk says which it is.

mod body;
mod metrics;
mod protocol;
mod spec;

pub(crate) use body::{Compression, Format, Packed};
pub(crate) use metrics::{Metrics, QueueMetrics};
pub(crate) use protocol::{Connection, Otlps, Settings, signal_named};
pub(crate) use spec::{Manner, spec};
