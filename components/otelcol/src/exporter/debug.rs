//! `otelcol.exporter.debug`

mod detailed;
mod normal;

use crate::debug_metrics::DebugMetricsArgs;
use crate::lock;
use crate::output::{self, Exports};
use arc_swap::ArcSwap;
use component::prelude::*;
use otlp_wire::{logs, metrics, traces};
use signals::{Accepting, Otlp, OtlpBatch, Signal, Sink};
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;
use value::{Choice, Invalid};

/// The component.
pub const COMPONENT: Registration = Registration::of::<Debug>("otelcol.exporter.debug", Stability::Experimental);

/// How much is told.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// Numbers of records.
    #[choice("basic")]
    Basic,
    /// A line for each record.
    #[choice("normal")]
    Normal,
    /// All fields of each record.
    #[choice("detailed")]
    Detailed,
}

/// Writes telemetry to Invar's own log, or to the console.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = Arguments::validate)]
pub struct Arguments {
    /// How much is told: `basic`, `normal` or `detailed`.
    #[arg(default = Verbosity::Basic)]
    pub verbosity: Verbosity,
    /// How many batches are told of in each second before it is only some of them.
    #[arg(default = 2)]
    pub sampling_initial: i64,
    /// Of how many batches one is told of after that; 0 for none.
    #[arg(default = 1)]
    pub sampling_thereafter: i64,
    /// Whether it goes to Invar's own log.
    #[arg(default = true)]
    pub use_internal_logger: bool,
    /// Where it goes otherwise: `stdout`, `stderr` or files.
    #[arg(default = vec!["stdout".to_owned()])]
    pub output_paths: Vec<String>,
    /// Metrics about the component itself.
    #[arg(block, default)]
    pub debug_metrics: DebugMetricsArgs,
}

impl Arguments {
    fn validate(&self) -> Result<(), Invalid> {
        if self.output_paths.is_empty() {
            return Err(Error::about("output_paths", "must not be empty").into());
        }
        Ok(())
    }
}

/// An `otelcol.exporter.debug`.
pub struct Debug {
    printer: Arc<Printer>,
}

struct Printer {
    args: ArcSwap<Arguments>,
    /// By signal.
    samplers: [Mutex<Sampler>; 3],
}

/// Counts batches by the second.
#[derive(Default)]
struct Sampler {
    began: Option<Instant>,
    seen: i64,
}

impl Sampler {
    fn wants(&mut self, args: &Arguments) -> bool {
        const TICK: Duration = Duration::from_secs(1);
        if self.began.is_none_or(|began| began.elapsed() >= TICK) {
            self.began = Some(Instant::now());
            self.seen = 0;
        }
        self.seen += 1;
        let beyond = self.seen - args.sampling_initial;
        beyond <= 0 || (args.sampling_thereafter > 0 && beyond % args.sampling_thereafter == 0)
    }
}

/// Resources and, of metrics, metrics.
fn count(signal: Signal, request: &[u8]) -> (usize, usize) {
    match signal {
        Signal::Logs => (logs::resources(request).count(), 0),
        Signal::Traces => (traces::resources(request).count(), 0),
        Signal::Metrics => {
            let scopes = || metrics::resources(request).flat_map(|resource| resource.scopes());
            (
                metrics::resources(request).count(),
                scopes().map(|scope| scope.metrics().count()).sum(),
            )
        }
    }
}

impl Printer {
    fn print(&self, payload: &Otlp) {
        let args = self.args.load();
        let signal = payload.signal;
        if !lock(&self.samplers[signal as usize]).wants(&args) {
            return;
        }
        let request = payload.payload.to_bytes();
        let (resources, metrics) = count(signal, &request);
        let records = payload.records;
        let text = match args.verbosity {
            Verbosity::Basic => String::new(),
            Verbosity::Normal => normal::text(signal, &request),
            Verbosity::Detailed => detailed::text(signal, &request),
        };
        if args.use_internal_logger {
            match signal {
                Signal::Logs => tracing::info!("resource logs" = resources, "log records" = records, "Logs"),
                Signal::Traces => tracing::info!("resource spans" = resources, "spans" = records, "Traces"),
                Signal::Metrics => {
                    tracing::info!(
                        "resource metrics" = resources,
                        "metrics" = metrics,
                        "data points" = records,
                        "Metrics"
                    );
                }
            }
            if !text.is_empty() {
                tracing::info!("{}", text.trim_end());
            }
            return;
        }
        let mut out = match signal {
            Signal::Logs => format!("info\tLogs\t{{\"resource logs\": {resources}, \"log records\": {records}}}\n"),
            Signal::Traces => format!("info\tTraces\t{{\"resource spans\": {resources}, \"spans\": {records}}}\n"),
            Signal::Metrics => format!(
                "info\tMetrics\t{{\"resource metrics\": {resources}, \"metrics\": {metrics}, \"data points\": {records}}}\n"
            ),
        };
        if !text.is_empty() {
            let _ = writeln!(out, "info\t{}", text.trim_end());
        }
        for path in &args.output_paths {
            let written = match path.as_str() {
                "stdout" => std::io::stdout().write_all(out.as_bytes()),
                "stderr" => std::io::stderr().write_all(out.as_bytes()),
                path => append(path, out.as_bytes()),
            };
            if let Err(error) = written {
                tracing::warn!(path, err = %error, "cannot write telemetry");
            }
        }
    }
}

fn append(path: &str, bytes: &[u8]) -> std::io::Result<()> {
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(bytes))
}

impl Sink<Otlp> for Printer {
    fn accept(self: Arc<Self>, batch: OtlpBatch) -> Accepting {
        Box::pin(async move {
            let (payload, mut custody) = batch.into_shared_parts();
            self.print(&payload);
            custody.deliver_rest();
            Ok(())
        })
    }
}

impl Component for Debug {
    type Arguments = Arguments;
    type Exports = Exports;

    fn caveats(_: &Arguments) -> Vec<Caveat> {
        vec![Caveat::note(
            "tells of telemetry, of some batches only if there are many, and keeps none",
        )]
    }

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        let printer = Arc::new(Printer {
            args: ArcSwap::from_pointee(args),
            samplers: Default::default(),
        });
        cx.export(output::input(cx, printer.clone()));
        Ok(Debug { printer })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        Ok(Change::new(move || self.printer.args.store(Arc::new(args))))
    }
}

/// An identifier in hexadecimal; nothing if it is absent or all zeros.
fn hex(id: Option<&[u8]>) -> String {
    match id {
        Some(id) if id.iter().any(|byte| *byte != 0) => id.iter().map(|byte| format!("{byte:02x}")).collect(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests;
