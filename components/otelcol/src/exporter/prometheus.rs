//! `otelcol.exporter.prometheus`: metrics of OTLP as samples of Prometheus.

mod convert;
mod histogram;
mod names;
mod seen;

pub(crate) use convert::{hex, identity};
pub(crate) use names::label;

use crate::output::{Exports, input};
use arc_swap::ArcSwap;
use component::prelude::*;
use convert::{Converter, Dropped, Options};
use host::Host;
use prommodel::Table;
use promtext::{CounterVec, GaugeVec};
use seen::{Keys, Seen};
use signals::{
    Accepting, Amount, Custody, FanOut, MetricBatch, Metrics, Otlp, OtlpBatch, Payload, Refused, Signal, Sink,
};
use value::GoDuration;

/// `otelcol.exporter.prometheus` in the catalogue.
pub const COMPONENT: Registration =
    Registration::of::<Prometheus>("otelcol.exporter.prometheus", Stability::GenerallyAvailable);

/// Why a batch of another signal is not taken.
pub(crate) const UNSUPPORTED: &str = "unsupported_signal";

/// Makes samples of metrics and forwards them.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Arguments {
    /// Whether each resource has a series `target_info` with its attributes.
    #[arg(default = true)]
    pub include_target_info: bool,
    /// Whether each scope has a series `otel_scope_info` with its attributes.
    #[arg(default)]
    pub include_scope_info: bool,
    /// Whether all series have `otel_scope_name` and `otel_scope_version`. Only if it is set to true, as in Alloy it has no effect.
    #[arg(default)]
    pub include_scope_labels: Option<bool>,
    /// Has no effect beyond how often series are forgotten that had no points for five minutes.
    #[arg(default = GoDuration::minutes(5))]
    pub gc_frequency: GoDuration,
    /// Where samples go: each receiver gets all of them.
    #[arg]
    pub forward_to: Vec<MetricsReceiver>,
    /// Whether names of metrics end with their unit and type.
    #[arg(default = true)]
    pub add_metric_suffixes: bool,
    /// Whether attributes of resources become labels of all their series.
    #[arg(default)]
    pub resource_to_telemetry_conversion: bool,
    /// Whether `target_info` keeps `service.name`, `service.namespace` and `service.instance.id` as labels.
    #[arg(default)]
    pub keep_identifying_resource_attributes: bool,
    /// Whether type, unit and description of metrics are forwarded. Experimental.
    #[arg(default)]
    pub honor_metadata: bool,
    /// Whether histograms become native ones with their bounds. Experimental.
    #[arg(default)]
    pub convert_classic_histograms_to_nhcb: bool,
    /// Whether counting begins with a sample of 0. Experimental.
    #[arg(default)]
    pub start_timestamp_zero_ingestion: bool,
}

impl Arguments {
    fn options(&self) -> Options {
        Options {
            target_info: self.include_target_info,
            scope_info: self.include_scope_info,
            scope_labels: self.include_scope_labels == Some(true),
            suffixes: self.add_metric_suffixes,
            resource_labels: self.resource_to_telemetry_conversion,
            keep_identifying: self.keep_identifying_resource_attributes,
            metadata: self.honor_metadata,
            custom_buckets: self.convert_classic_histograms_to_nhcb,
            zero_samples: self.start_timestamp_zero_ingestion,
        }
    }

    fn allowed(&self, stability: Stability) -> Result<()> {
        if stability <= Stability::Experimental {
            return Ok(());
        }
        let experimental = [
            ("honor_metadata", self.honor_metadata),
            (
                "convert_classic_histograms_to_nhcb",
                self.convert_classic_histograms_to_nhcb,
            ),
            ("start_timestamp_zero_ingestion", self.start_timestamp_zero_ingestion),
        ];
        match experimental.iter().find(|(_, set)| *set) {
            Some((name, _)) => Err(Error::about(
                *name,
                "is experimental; allow it with --stability.level=experimental",
            )),
            None => Ok(()),
        }
    }
}

/// Makes samples of metrics.
pub struct Prometheus {
    flow: Arc<Flow>,
    stability: Stability,
    gc: ArcSwap<GoDuration>,
}

struct Flow {
    out: FanOut<Metrics>,
    options: ArcSwap<Options>,
    table: Table,
    host: Host,
    seen: Seen,
    keys: Keys,
    dropped: CounterVec,
    series: GaugeVec,
}

impl Component for Prometheus {
    type Arguments = Arguments;
    type Exports = Exports;

    fn check(args: &Arguments, _: &Known<'_>) -> Vec<Error> {
        match args.gc_frequency.0 {
            ..=0 => vec![Error::about("gc_frequency", "must be greater than 0")],
            _ => Vec::new(),
        }
    }

    fn caveats(_: &Arguments) -> Vec<Caveat> {
        vec![Caveat::drops(
            "drops points with delta temporality and points that are not newer than those before",
        )]
    }

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        args.allowed(cx.stability())?;
        let failed = |error: promtext::RegisterError| Error::caused("cannot register metrics", error);
        let dropped = cx
            .metrics()
            .counter_vec(
                "invar_otelcol_exporter_prometheus_dropped_points_total",
                "Number of data points that have no place in Prometheus, by why.",
                &["reason"],
            )
            .map_err(failed)?;
        let series = cx
            .metrics()
            .gauge_vec(
                "invar_otelcol_exporter_prometheus_series",
                "Number of series whose newest sample is remembered.",
                &[],
            )
            .map_err(failed)?;
        let flow = Arc::new(Flow {
            out: cx.fan_out(),
            options: ArcSwap::from_pointee(args.options()),
            table: cx.series(),
            host: cx.host().clone(),
            seen: Seen::new(),
            keys: Keys::default(),
            dropped,
            series,
        });
        flow.out.set(MetricsReceiver::present(&args.forward_to));
        cx.export(input(cx, flow.clone()));
        Ok(Prometheus {
            flow,
            stability: cx.stability(),
            gc: ArcSwap::from_pointee(args.gc_frequency),
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        loop {
            let pause = self.gc.load().as_std().max(std::time::Duration::from_secs(1));
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {
                    self.flow.seen.forget();
                    self.flow.series.with(&[]).set(self.flow.seen.len() as f64);
                }
            }
        }
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        args.allowed(self.stability)?;
        Ok(Change::new(move || {
            self.gc.store(Arc::new(args.gc_frequency));
            let options = Arc::new(args.options());
            if *self.flow.options.swap(options.clone()) != *options {
                self.flow.seen.forget_series();
            }
            self.flow.out.set(MetricsReceiver::present(&args.forward_to));
        }))
    }
}

/// Settles records that are not forwarded, with their share of the bytes.
pub(crate) fn filter(custody: &mut Custody, rule: &str, items: u64, whole: Amount) {
    if items > 0 {
        let bytes = u128::from(whole.bytes) * u128::from(items) / u128::from(whole.items.max(1));
        custody.filter(
            rule,
            Amount {
                items,
                bytes: bytes as u64,
            },
        );
    }
}

impl Flow {
    async fn accept(&self, batch: OtlpBatch) -> std::result::Result<(), Refused> {
        let whole = batch.amount();
        let (payload, mut custody) = batch.into_shared_parts();
        if payload.signal != Signal::Metrics {
            return Err(Refused::permanent(UNSUPPORTED, "telemetry type is not supported"));
        }
        let mut changes = self.seen.changes();
        let (samples, dropped) = {
            let mut state = self.seen.lock();
            let mut converter = Converter {
                options: **self.options.load(),
                table: &self.table,
                keys: &self.keys,
                state: &mut state,
                changes: &mut changes,
                now: self.host.clock.now() / 1_000_000,
                out: Metrics::default(),
                dropped: Dropped::default(),
            };
            for request in payload.payload.segments() {
                converter.request(request);
            }
            (converter.out, converter.dropped)
        };
        drop(payload);
        if !samples.is_empty() {
            debug_assert!(samples.amount().items > 0 || !samples.families.is_empty());
            self.out.accept(MetricBatch::derived(samples, &custody)).await?;
        }
        changes.keep();
        let rules = [
            ("delta_temporality", dropped.delta),
            ("not_newer", dropped.not_newer),
            ("unusable_point", dropped.unusable),
        ];
        for (rule, count) in rules {
            if count > 0 {
                self.dropped.with(&[rule]).add(count);
            }
            filter(&mut custody, rule, count, whole);
        }
        custody.deliver_rest();
        Ok(())
    }
}

impl Sink<Otlp> for Flow {
    fn accept(self: Arc<Self>, batch: OtlpBatch) -> Accepting {
        Box::pin(async move { Flow::accept(&self, batch).await })
    }
}
