//! Metrics, with the names that the Collector has for them.

use component::Context;
use promtext::{Counter, HistogramVec, RegisterError};
use signals::Signal;

/// Ways in which telemetry comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Grpc,
    Http,
}

/// Counters by signal and transport.
struct Counters([[Counter; 2]; 3]);

impl Counters {
    fn new(cx: &Context<()>, what: &str, help: &str) -> Result<Counters, RegisterError> {
        let id = crate::metric_id("otlp", cx.id());
        let counters = |items: &str, named: &str| {
            let name = format!("otelcol_receiver_{what}_{items}_total");
            let help = format!("Number of {named} {help}.");
            let counter = cx.metrics().counter_vec(&name, &help, &["receiver", "transport"])?;
            Ok([counter.with(&[&id, "grpc"]), counter.with(&[&id, "http"])])
        };
        Ok(Counters([
            counters("log_records", "log records")?,
            counters("metric_points", "metric points")?,
            counters("spans", "spans")?,
        ]))
    }

    fn add(&self, signal: Signal, transport: Transport, records: u64) {
        let signal = match signal {
            Signal::Logs => 0,
            Signal::Metrics => 1,
            Signal::Traces => 2,
        };
        self.0[signal][transport as usize].add(records);
    }
}

pub(super) struct Metrics {
    accepted: Counters,
    refused: Counters,
    /// How long calls took, in milliseconds.
    pub(super) calls: HistogramVec,
}

/// Buckets of durations, in milliseconds.
const MILLISECONDS: [f64; 15] = [
    0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10000.0,
];

impl Metrics {
    pub(super) fn new(cx: &Context<()>) -> Result<Self, RegisterError> {
        Ok(Metrics {
            accepted: Counters::new(cx, "accepted", "successfully pushed into the pipeline")?,
            refused: Counters::new(cx, "refused", "that could not be pushed into the pipeline")?,
            calls: cx.metrics().histogram_vec(
                "rpc_server_duration_milliseconds",
                "Measures the duration of inbound RPC.",
                &["rpc_grpc_status_code", "rpc_method", "rpc_service", "rpc_system"],
                &MILLISECONDS,
            )?,
        })
    }

    /// The clients were told that these records arrived.
    pub(super) fn accepted(&self, signal: Signal, transport: Transport, records: u64) {
        self.accepted.add(signal, transport, records);
    }

    /// Or that they did not.
    pub(super) fn refused(&self, signal: Signal, transport: Transport, records: u64) {
        self.refused.add(signal, transport, records);
    }
}
