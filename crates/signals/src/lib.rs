//! What flows on the wires between components, and who answers for it.
//!
//! A source makes a [`Batch`] under a memory [`Permit`] and offers it with [`Sink::accept`]. The call resolves when
//! every record is delivered or durable, or was dropped by a named rule; until then the sender keeps the responsibility:
//! it commits a file position, or answers a client, only afterwards. There is no other acknowledgement and no other
//! back-pressure.
//!
//! # Order
//!
//! An `accept` takes its place **when it is polled for the first time**. A sender that offers batch 1, polls it, offers
//! batch 2 and polls that, may have both in flight and is promised that the records of one stream arrive in that order.
//! [`Courier`] does this for sources. A component that passes records on does everything up to the first poll of the
//! next `accept` without waiting, or holds a first-come-first-served lock while it waits.
//!
//! # Refusals
//!
//! [`Refused`] returns the responsibility for the *whole* batch: nothing of it will arrive unless it is offered again.
//! A sink that refuses a batch with [`Refused::retry`] also refuses what was offered after it and is still waiting, so that a
//! sender which offers all of them again keeps the order.
//!
//! # Custody
//!
//! A batch carries a [`Custody`]: the obligation to say what became of each record. [`Edge`] checks when an `accept`
//! resolves that every record has a fate; one without is counted as `lost`, and panics where debug assertions are on.

mod batch;
mod budget;
pub mod busy;
mod courier;
mod custody;
mod examples;
mod fanout;
mod labels;
mod ledger;
mod logs;
mod metrics;
mod otlp;
mod receipt;
mod redact;
mod runs;
mod sink;
mod tap;

pub use batch::{Batch, Payload};
pub use budget::{Budget, Cache, Permit};
pub use courier::{Courier, Landed};
pub use custody::Custody;
pub use examples::{Due, Example, Examples};
pub use fanout::{FanOut, Receiver};
pub use labels::{Labels, LabelsBuilder};
pub use ledger::{Amount, Edge, EdgeSnapshot, Fate, Ledger, Watching};
pub use logs::{Entry, LogBatch, LogStream, Logs, Metadata};
pub use metrics::{Exemplar, Family, HistogramSample, MetricBatch, Metrics, SAMPLE_BYTES, Sample};
pub use otlp::{Client, Otlp, OtlpBatch, Rope, Signal};
pub use receipt::{Held, Receipt, receipt};
pub use redact::redact;
pub use runs::{Run, Runs, rows_of};
pub use sink::{Accepting, Refused, Sink};
pub use tap::{Seen, Tap};
