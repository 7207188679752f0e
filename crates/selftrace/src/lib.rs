//! The `tracing` block: traces of what this program does itself, requests to its HTTP server first of all.
//!
//! Spans are made by hand: [`Tracer::start_request`] for a request, [`Tracer::span`] for work inside, [`RequestSpan::scope`] and [`Span::scope`] for what belongs
//! below them. A span that is not sampled keeps only its ids, so that what comes after it is not sampled either; without `write_to` a span is nothing, and
//! asking for one costs the load of an atomic.
//!
//! Who ends a span never waits: it goes to a queue of 2,048, and [`Tracer::run`] sends what is there, 512 at a time or what there is after five
//! seconds. What does not fit is counted in `invar_tracing_spans_dropped_total`.

mod args;
mod context;
mod export;
mod metrics;
mod remote;
mod sampler;
mod span;
mod tracer;

pub use args::{JaegerRemoteArgs, SamplerArgs, TracingArgs};
pub use context::SpanContext;
pub use span::{Attribute, RequestSpan, Span};
pub use tracer::{Tracer, TracerParts, TracingPolicy};
