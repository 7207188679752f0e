//! `otelcol.receiver.prometheus`.

use crate::bridge::Bridge;
use crate::rig::{export, items};
use component::{MetricsReceiver, OtelConsumer};
use otelcol::receiver::prometheus::COMPONENT;
use otlp_wire::metrics::{self, Data, Metric, Number};
use otlp_wire::{Signal, json};
use prommodel::{Counts, Histogram, Kind, STALE_NAN, Series, Span, Table};
use signals::{Exemplar, Family, HistogramSample, MetricBatch, Metrics, Otlp, Permit, Refused, Sample};
use std::sync::Arc;
use value::{Capsule, Value};

fn bridge() -> Bridge<Metrics, Otlp> {
    Bridge::new(
        (&COMPONENT, "otelcol.receiver.prometheus"),
        "",
        ("output", "metrics"),
        |receiver| Value::Capsule(Capsule::new(OtelConsumer(Some(receiver)))),
        |instance| export::<MetricsReceiver>(instance, "receiver").0,
    )
}

struct Made {
    table: Table,
    metrics: Metrics,
}

impl Made {
    fn new() -> Made {
        Made {
            table: Table::new(),
            metrics: Metrics::default(),
        }
    }

    fn family(&mut self, name: &str, kind: Kind, unit: &str) {
        self.metrics.families.push(Arc::new(Family {
            name: name.into(),
            kind,
            unit: unit.into(),
            help: Arc::from("help"),
        }));
    }

    fn series(&self, name: &str, labels: &[(&str, &str)]) -> Series {
        let mut pairs = vec![("__name__", name), ("job", "api"), ("instance", "h1:8080")];
        pairs.extend_from_slice(labels);
        self.table.series_of(&pairs)
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let series = self.series(name, labels);
        self.metrics.samples.push(Sample {
            series,
            timestamp: 1000,
            value,
        });
    }

    fn batch(&self) -> MetricBatch {
        MetricBatch::new(self.metrics.clone(), Permit::none())
    }
}

trait SeriesOf {
    fn series_of(&self, pairs: &[(&str, &str)]) -> Series;
}

impl SeriesOf for Table {
    fn series_of(&self, pairs: &[(&str, &str)]) -> Series {
        let mut builder = prommodel::SeriesBuilder::new(self);
        for (name, value) in pairs {
            builder.set(name, value);
        }
        builder.build()
    }
}

/// What was taken, as JSON of its resources.
fn resources(taken: &[Otlp]) -> Vec<serde_json::Value> {
    let text = json::encode(Signal::Metrics, &taken[0].payload.to_bytes());
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
    value["resourceMetrics"].as_array().unwrap().clone()
}

/// Attributes as text.
fn attributes(list: &serde_json::Value) -> Vec<String> {
    let pairs = list.as_array().map(Vec::as_slice).unwrap_or_default();
    pairs
        .iter()
        .map(|pair| {
            format!(
                "{}={}",
                pair["key"].as_str().unwrap(),
                pair["value"]["stringValue"].as_str().unwrap()
            )
        })
        .collect()
}

fn metric<'a>(request: &'a [u8], name: &str) -> Metric<'a> {
    metrics::resources(request)
        .flat_map(|resource| resource.scopes())
        .flat_map(|scope| scope.metrics())
        .find(|metric| metric.name == name.as_bytes())
        .unwrap_or_else(|| panic!("there is no {name}"))
}

#[tokio::test]
async fn samples_have_types_by_their_families() {
    let bridge = bridge();
    let mut made = Made::new();
    made.family("http_requests_total", Kind::Counter, "");
    made.family("open", Kind::Counter, "bytes");
    made.family("temp", Kind::Gauge, "celsius");
    made.family("build", Kind::Info, "");
    made.sample("http_requests_total", &[("code", "200")], 5.0);
    made.sample("open_total", &[], 7.0);
    made.sample("open_created", &[], 0.5);
    made.sample("temp", &[], f64::from_bits(STALE_NAN));
    made.sample("build_info", &[("v", "1")], 1.0);
    made.sample(
        "mystery",
        &[("otel_scope_name", "lib"), ("otel_scope_version", "2")],
        3.0,
    );
    made.sample("target_info", &[("host_name", "h1")], 1.0);
    made.sample(
        "otel_scope_info",
        &[("otel_scope_name", "lib"), ("otel_scope_version", "2"), ("team", "t")],
        1.0,
    );
    made.metrics.exemplars.push(Exemplar {
        series: made.series("http_requests_total", &[("code", "200")]),
        timestamp: 900,
        value: 1.0,
        labels: Arc::from([
            ("trace_id".into(), "abc".into()),
            ("span_id".into(), "not hex".into()),
            ("user".into(), "u".into()),
        ]),
    });
    bridge.sink.refuse(1);
    assert_eq!(bridge.source.accept(made.batch()).await, Err(Refused::retry("not now")));
    let taken = bridge.pass(made.batch()).await;
    assert_eq!(taken[0].records, 5);
    let found = resources(&taken);
    assert_eq!(found.len(), 1);
    assert_eq!(
        attributes(&found[0]["resource"]["attributes"]),
        [
            "service.name=api",
            "service.instance.id=h1:8080",
            "server.address=h1",
            "server.port=8080",
            "host_name=h1"
        ]
    );
    let scopes = found[0]["scopeMetrics"].as_array().unwrap();
    assert_eq!(scopes[0]["scope"]["name"], "otelcol/prometheusreceiver");
    assert_eq!(
        (&scopes[1]["scope"]["name"], &scopes[1]["scope"]["version"]),
        (&"lib".into(), &"2".into())
    );
    assert_eq!(attributes(&scopes[1]["scope"]["attributes"]), ["team=t"]);
    let request = taken[0].payload.to_bytes();
    let counter = metric(&request, "http_requests_total");
    let Some(Data::Sum(sum)) = counter.data() else {
        panic!("{counter:?}")
    };
    assert!(sum.is_monotonic && sum.aggregation_temporality == 2);
    let point = sum.points().next().unwrap();
    assert_eq!(
        (point.value(), point.time_unix_nano),
        (Some(Number::Double(5.0)), 1_000_000_000)
    );
    let exemplar = point.exemplars().next().unwrap();
    let mut trace = [0; 16];
    (trace[14], trace[15]) = (0x0a, 0xbc);
    assert_eq!((exemplar.trace_id, exemplar.span_id), (Some(&trace), None));
    assert_eq!(exemplar.filtered_attributes().iter().count(), 2);
    assert_eq!(
        counter.metadata().get(b"prometheus.type").unwrap().as_str().unwrap(),
        "counter"
    );
    let open = metric(&request, "open_total");
    assert_eq!((open.unit, open.description), (&b"By"[..], &b"help"[..]));
    let Some(Data::Sum(sum)) = open.data() else {
        panic!("{open:?}")
    };
    assert_eq!(sum.points().next().unwrap().start_time_unix_nano, 500_000_000);
    let temp = metric(&request, "temp");
    assert_eq!(temp.unit, b"Cel");
    let Some(Data::Gauge(gauge)) = temp.data() else {
        panic!("{temp:?}")
    };
    let point = gauge.points().next().unwrap();
    assert_eq!((point.flags, point.value()), (1, None));
    assert!(matches!(metric(&request, "build_info").data(), Some(Data::Sum(sum)) if !sum.is_monotonic));
    assert!(matches!(metric(&request, "mystery").data(), Some(Data::Gauge(_))));
    assert_eq!(items(bridge.edge().delivered), 9);
    // Families are known from then on.
    made.metrics.families.clear();
    let taken = bridge.pass(made.batch()).await;
    let request = taken[0].payload.to_bytes();
    assert!(matches!(
        metric(&request, "http_requests_total").data(),
        Some(Data::Sum(_))
    ));
    bridge.stop().await;
}

#[tokio::test]
async fn histograms_and_summaries_are_put_together() {
    let bridge = bridge();
    let mut made = Made::new();
    made.family("latency", Kind::Histogram, "seconds");
    made.family("old", Kind::Summary, "");
    made.family("gh", Kind::GaugeHistogram, "");
    made.family("alone", Kind::Histogram, "");
    for (le, value) in [("+Inf", 10.0), ("0.5", 4.0), ("1", 9.0)] {
        made.sample("latency_bucket", &[("le", le), ("path", "/")], value);
    }
    made.sample("latency_sum", &[("path", "/")], 6.5);
    made.sample("latency_count", &[("path", "/")], 10.0);
    made.sample("latency_created", &[("path", "/")], 0.25);
    made.sample("old", &[("quantile", "0.99")], 3.0);
    made.sample("old", &[("quantile", "0.5")], 1.0);
    made.sample("old_sum", &[], 5.0);
    made.sample("old_count", &[], 2.0);
    made.sample("gh_bucket", &[("le", "1")], 2.0);
    made.sample("alone_bucket", &[("le", "1")], 2.0);
    let taken = bridge.pass(made.batch()).await;
    assert_eq!(taken[0].records, 2);
    let request = taken[0].payload.to_bytes();
    let Some(Data::Histogram(data)) = metric(&request, "latency").data() else {
        panic!()
    };
    let point = data.points().next().unwrap();
    assert_eq!(
        (point.count, point.sum, point.start_time_unix_nano),
        (10, Some(6.5), 250_000_000)
    );
    assert_eq!(point.explicit_bounds.iter().collect::<Vec<_>>(), [0.5, 1.0]);
    assert_eq!(point.bucket_counts.iter().collect::<Vec<_>>(), [4, 5, 1]);
    assert_eq!(point.attributes().iter().count(), 1);
    let Some(Data::Summary(data)) = metric(&request, "old").data() else {
        panic!()
    };
    let point = data.points().next().unwrap();
    assert_eq!((point.count, point.sum), (2, 5.0));
    let quantiles: Vec<(f64, f64)> = point
        .quantile_values()
        .map(|value| (value.quantile, value.value))
        .collect();
    assert_eq!(quantiles, [(0.5, 1.0), (0.99, 3.0)]);
    let edge = bridge.edge();
    assert_eq!(items(edge.delivered), 10);
    assert_eq!(
        (
            items(edge.filtered["gauge_histogram"]),
            items(edge.filtered["without_count"])
        ),
        (1, 1)
    );
    bridge.stop().await;
}

#[tokio::test]
async fn native_histograms_are_exponential_or_have_their_bounds() {
    let bridge = bridge();
    let mut made = Made::new();
    let mut native = Histogram::default();
    let buckets = native.integer();
    (buckets.count, buckets.zero_count) = (9, 2);
    buckets.positive = vec![4, -4, 2];
    native.positive_spans = vec![Span { offset: 2, length: 2 }, Span { offset: 3, length: 1 }];
    (native.schema, native.sum, native.zero_threshold) = (3, 1.5, 1e-128);
    let mut custom = Histogram::default();
    let buckets = custom.float();
    buckets.count = 3.4;
    buckets.positive = vec![1.2, 2.2];
    custom.positive_spans = vec![Span { offset: 1, length: 2 }];
    custom.custom_values = vec![0.1, 1.0];
    (custom.schema, custom.sum) = (prommodel::CUSTOM_BOUNDS, 2.0);
    assert!(matches!(custom.counts, Counts::Float(_)));
    for (name, histogram) in [("n", native), ("c", custom)] {
        let series = made.series(name, &[]);
        made.metrics.histograms.push(HistogramSample {
            series,
            timestamp: 1000,
            histogram: Arc::new(histogram),
        });
    }
    let taken = bridge.pass(made.batch()).await;
    let request = taken[0].payload.to_bytes();
    let Some(Data::ExponentialHistogram(data)) = metric(&request, "n").data() else {
        panic!()
    };
    let point = data.points().next().unwrap();
    assert_eq!(
        (point.scale, point.count, point.zero_count, point.sum),
        (3, 9, 2, Some(1.5))
    );
    let positive = point.positive.unwrap();
    assert_eq!(
        (positive.offset, positive.bucket_counts.collect::<Vec<_>>()),
        (1, vec![4, 0, 0, 0, 0, 2])
    );
    let Some(Data::Histogram(data)) = metric(&request, "c").data() else {
        panic!()
    };
    let point = data.points().next().unwrap();
    assert_eq!(point.count, 3);
    assert_eq!(point.explicit_bounds.iter().collect::<Vec<_>>(), [0.1, 1.0]);
    assert_eq!(point.bucket_counts.iter().collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(items(bridge.edge().delivered), 2);
    bridge.stop().await;
}
