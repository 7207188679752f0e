//! `otelcol.exporter.prometheus`.

use crate::bridge::Bridge;
use crate::rig::{batch, batch_of, export, items};
use component::{MetricsReceiver, OtelConsumer};
use otelcol::exporter::prometheus::COMPONENT;
use otlp_wire::common::AnyValue;
use otlp_wire::metrics::{
    Exemplar, ExponentialHistogramPoint, HistogramPoint, Metric, Number, NumberPoint, SummaryPoint,
};
use otlp_wire::write::{Writer, number};
use otlp_wire::{Signal, metrics};
use prommodel::{Counts, is_stale};
use signals::{Metrics, Otlp, OtlpBatch, Refused};
use value::{Capsule, Value};

const MILLI: u64 = 1_000_000;

fn bridge(config: &str) -> Bridge<Otlp, Metrics> {
    Bridge::new(
        (&COMPONENT, "otelcol.exporter.prometheus"),
        config,
        ("", "forward_to"),
        |receiver| Value::Capsule(Capsule::new(MetricsReceiver(Some(receiver)))),
        |instance| export::<OtelConsumer>(instance, "input").0,
    )
}

/// A request of one resource and scope.
fn request(write: impl FnOnce(&mut Writer)) -> OtlpBatch {
    let mut out = Writer::new();
    out.container(number::RESOURCES, |out| {
        out.message(number::RESOURCE, |out| {
            for (key, value) in [
                ("service.name", "api"),
                ("service.namespace", "shop"),
                ("service.instance.id", "i1"),
                ("host.name", "h1"),
            ] {
                out.attribute(
                    number::RESOURCE_ATTRIBUTES,
                    key.as_bytes(),
                    AnyValue::String(value.as_bytes()),
                );
            }
        });
        out.container(number::SCOPES, |out| {
            out.message(number::SCOPE, |out| {
                let mut scope = otlp_wire::common::Scope::default();
                (scope.name, scope.version) = (b"lib", b"1");
                scope.write(out);
                out.attribute(number::SCOPE_ATTRIBUTES, b"team", AnyValue::String(b"t"));
            });
            write(out);
        });
    });
    batch_of(Signal::Metrics, out.finish())
}

fn metric(out: &mut Writer, name: &str, unit: &str, data: u32, write: impl FnOnce(&mut Writer)) {
    out.message(number::RECORDS, |out| {
        let mut metric = Metric::default();
        (metric.name, metric.unit, metric.description) = (name.as_bytes(), unit.as_bytes(), b"what it is");
        metric.write(out);
        out.message(data, write);
    });
}

fn sum(out: &mut Writer, name: &str, temporality: i32, is_monotonic: bool, write: impl FnOnce(&mut Writer)) {
    metric(out, name, "By", number::SUM, |out| {
        let mut sum = metrics::Sum::default();
        (sum.aggregation_temporality, sum.is_monotonic) = (temporality, is_monotonic);
        sum.write(out);
        write(out);
    });
}

fn exemplar(out: &mut Writer, field: u32, millis: u64, value: f64) {
    out.message(field, |out| {
        let mut exemplar = Exemplar::default();
        exemplar.time_unix_nano = millis * MILLI;
        exemplar.trace_id = Some(&[0xab; 16]);
        exemplar.span_id = Some(&[1; 8]);
        exemplar.write(out);
        out.exemplar_value(Number::Double(value));
    });
}

fn point(
    out: &mut Writer,
    millis: u64,
    value: Number,
    flags: u32,
    attributes: &[(&str, &str)],
    more: impl FnOnce(&mut Writer),
) {
    out.message(number::POINTS, |out| {
        let mut point = NumberPoint::default();
        (point.time_unix_nano, point.flags) = (millis * MILLI, flags);
        point.start_time_unix_nano = 500 * MILLI;
        point.write(out);
        if flags == 0 {
            out.point_value(value);
        }
        for (key, value) in attributes {
            out.attribute(
                number::NUMBER_ATTRIBUTES,
                key.as_bytes(),
                AnyValue::String(value.as_bytes()),
            );
        }
        more(out);
    });
}

/// Samples as text, without `target_info`.
fn texts(taken: &[Metrics]) -> Vec<String> {
    let samples = taken.iter().flat_map(|metrics| &metrics.samples);
    samples
        .filter(|sample| sample.series.metric() != "target_info")
        .map(|sample| format!("{} {} @{}", sample.series, sample.value, sample.timestamp))
        .collect()
}

#[tokio::test]
async fn numbers_have_names_labels_and_values() {
    let bridge = bridge("");
    let batch = request(|out| {
        metric(out, "cpu.utilization", "1", number::GAUGE, |out| {
            point(
                out,
                1000,
                Number::Double(0.5),
                0,
                &[("cpu.id", "0"), ("empty", ""), ("job", "mine")],
                |_| {},
            );
            point(out, 1000, Number::Int(7), 0, &[("cpu.id", "1")], |_| {});
        });
        sum(out, "net.io", 2, true, |out| {
            point(out, 1000, Number::Int(9), 0, &[], |_| {})
        });
        sum(out, "queue", 2, false, |out| {
            point(out, 1000, Number::Int(-3), 0, &[], |_| {})
        });
        sum(out, "delta", 1, true, |out| {
            point(out, 1000, Number::Int(9), 0, &[], |_| {})
        });
        metric(out, "gone", "", number::GAUGE, |out| {
            point(out, 1000, Number::Int(0), 1, &[], |_| {})
        });
        metric(out, "empty", "", number::GAUGE, |_| {});
    });
    let taken = bridge.pass(batch).await;
    let mut lines = texts(&taken);
    assert!(is_stale(taken[0].samples.last().unwrap().value));
    lines.pop();
    assert_eq!(
        lines,
        [
            r#"cpu_utilization_ratio{cpu_id="0", instance="i1", job="mine"} 0.5 @1000"#,
            r#"cpu_utilization_ratio{cpu_id="1", instance="i1", job="shop/api"} 7 @1000"#,
            r#"net_io_bytes_total{instance="i1", job="shop/api"} 9 @1000"#,
            r#"queue_bytes{instance="i1", job="shop/api"} -3 @1000"#,
        ]
    );
    let info = taken[0]
        .samples
        .iter()
        .find(|sample| sample.series.metric() == "target_info")
        .unwrap();
    assert_eq!(
        info.series.to_string(),
        r#"target_info{host_name="h1", instance="i1", job="shop/api"}"#
    );
    assert_eq!(info.value, 1.0);
    assert!(taken[0].families.is_empty());
    let edge = bridge.edge();
    assert_eq!(items(edge.delivered), 5);
    assert_eq!(items(edge.filtered["delta_temporality"]), 1);
    bridge.stop().await;
}

#[tokio::test]
async fn arguments_change_labels_and_names() {
    let everything = "include_target_info = false\n include_scope_info = true\n include_scope_labels = true\n
        add_metric_suffixes = false\n resource_to_telemetry_conversion = true";
    let one = |millis| {
        request(|out| {
            metric(out, "cpu.time", "s", number::GAUGE, |out| {
                point(out, millis, Number::Int(1), 0, &[("host.name", "other")], |_| {});
            });
        })
    };
    let bridge = bridge(everything);
    let labels = r#"instance="i1", job="shop/api", otel_scope_name="lib", otel_scope_version="1""#;
    let taken = bridge.pass(one(1)).await;
    assert_eq!(
        taken[0].samples[0].series.to_string(),
        format!("otel_scope_info{{{labels}, team=\"t\"}}")
    );
    assert_eq!(
        texts(&taken)[1],
        format!(
            "cpu_time{{host_name=\"h1\", {labels}, service_instance_id=\"i1\", service_name=\"api\", service_namespace=\"shop\"}} 1 @1"
        )
    );
    bridge.update("keep_identifying_resource_attributes = true");
    let taken = bridge.pass(one(2)).await;
    assert_eq!(
        texts(&taken),
        [r#"cpu_time_seconds{host_name="other", instance="i1", job="shop/api"} 1 @2"#]
    );
    assert_eq!(
        taken[0].samples[0].series.to_string(),
        r#"target_info{host_name="h1", instance="i1", job="shop/api", service_instance_id="i1", service_name="api", service_namespace="shop"}"#
    );
    bridge.update("include_target_info = false\n honor_metadata = true");
    let taken = bridge.pass(one(3)).await;
    let family = &taken[0].families[0];
    assert_eq!(
        (
            family.name.as_str(),
            family.kind.as_str(),
            family.unit.as_str(),
            &*family.help
        ),
        ("cpu_time_seconds", "gauge", "s", "what it is")
    );
    bridge.stop().await;
}

#[tokio::test]
async fn what_is_not_newer_is_dropped_and_what_was_refused_may_come_again() {
    let bridge = bridge("include_target_info = false");
    let at = |millis| {
        request(|out| {
            metric(out, "g", "", number::GAUGE, |out| {
                point(out, millis, Number::Int(1), 0, &[], |_| {})
            });
        })
    };
    bridge.sink.refuse(1);
    assert_eq!(bridge.source.accept(at(5)).await, Err(Refused::retry("not now")));
    assert_eq!(bridge.pass(at(5)).await.len(), 1);
    assert_eq!(bridge.pass(at(5)).await.len(), 0);
    assert_eq!(bridge.pass(at(4)).await.len(), 0);
    assert_eq!(bridge.pass(at(6)).await.len(), 1);
    let edge = bridge.edge();
    assert_eq!((items(edge.delivered), items(edge.filtered["not_newer"])), (2, 2));
    let logs = bridge.source.accept(batch(Signal::Logs, &["a"])).await;
    assert!(logs.is_err_and(|refused| !refused.is_retryable()));
    bridge.stop().await;
}

#[tokio::test]
async fn histograms_and_summaries_are_several_series() {
    let bridge = bridge("include_target_info = false");
    let batch = request(|out| {
        metric(out, "latency", "s", number::HISTOGRAM, |out| {
            out.enumeration(2, 2);
            out.message(number::POINTS, |out| {
                let mut point = HistogramPoint::default();
                (point.time_unix_nano, point.count, point.sum) = (MILLI, 10, Some(2.5));
                point.write(out);
                out.fixed64s(number::HISTOGRAM_COUNTS, [5, 3, 2]);
                out.doubles(number::HISTOGRAM_BOUNDS, [0.1, 1e22]);
                exemplar(out, number::HISTOGRAM_EXEMPLARS, 2, 0.5);
                exemplar(out, number::HISTOGRAM_EXEMPLARS, 1, 0.01);
            });
        });
        metric(out, "old", "", number::SUMMARY, |out| {
            out.message(number::POINTS, |out| {
                let mut point = SummaryPoint::default();
                (point.time_unix_nano, point.count, point.sum) = (MILLI, 2, 3.0);
                point.write(out);
                for (quantile, value) in [(0.5, 1.0), (0.99, 2.0)] {
                    out.message(number::SUMMARY_QUANTILES, |out| {
                        out.double(1, quantile);
                        out.double(2, value);
                    });
                }
            });
        });
    });
    let taken = bridge.pass(batch).await;
    let labels = r#"instance="i1", job="shop/api""#;
    assert_eq!(
        texts(&taken),
        [
            format!("latency_seconds_sum{{{labels}}} 2.5 @1"),
            format!("latency_seconds_count{{{labels}}} 10 @1"),
            format!("latency_seconds_bucket{{{labels}, le=\"0.1\"}} 5 @1"),
            format!("latency_seconds_bucket{{{labels}, le=\"10000000000000000000000\"}} 8 @1"),
            format!("latency_seconds_bucket{{{labels}, le=\"+Inf\"}} 10 @1"),
            format!("old_sum{{{labels}}} 3 @1"),
            format!("old_count{{{labels}}} 2 @1"),
            format!("old{{{labels}, quantile=\"0.5\"}} 1 @1"),
            format!("old{{{labels}, quantile=\"0.99\"}} 2 @1"),
        ]
    );
    let examples: Vec<(f64, &str, &str)> = taken[0]
        .exemplars
        .iter()
        .map(|exemplar| {
            let le = exemplar.series.get("le").unwrap();
            (exemplar.value, le, exemplar.labels[0].1.as_str())
        })
        .collect();
    let trace = "ab".repeat(16);
    assert_eq!(
        examples,
        [
            (0.01, "0.1", trace.as_str()),
            (0.5, "10000000000000000000000", trace.as_str())
        ]
    );
    assert_eq!(items(bridge.edge().delivered), 2);
    bridge.stop().await;
}

fn exponential(out: &mut Writer, name: &str, scale: i32, offset: i32, counts: &[u64]) {
    metric(out, name, "", number::EXPONENTIAL_HISTOGRAM, |out| {
        out.enumeration(2, 2);
        out.message(number::POINTS, |out| {
            let mut point = ExponentialHistogramPoint::default();
            (point.time_unix_nano, point.scale, point.zero_count) = (MILLI, scale, 2);
            point.count = 2 + counts.iter().sum::<u64>();
            point.sum = Some(9.0);
            point.write(out);
            out.message(number::EXPONENTIAL_POSITIVE, |out| {
                out.sint32(number::BUCKETS_OFFSET, offset);
                out.varints(number::BUCKETS_COUNTS, counts.iter().copied());
            });
        });
    });
}

#[tokio::test]
async fn exponential_histograms_are_native_ones() {
    let bridge = bridge("include_target_info = false");
    let batch = request(|out| {
        exponential(out, "plain", 3, 1, &[4, 0, 0, 2, 0, 0, 0, 1]);
        exponential(out, "fine", 9, -1, &[1, 1, 1, 1]);
        exponential(out, "coarse", -5, 0, &[1]);
    });
    let taken = bridge.pass(batch).await;
    let shape = |at: usize| {
        let sample = &taken[0].histograms[at];
        let histogram = &sample.histogram;
        let Counts::Integer(buckets) = &histogram.counts else {
            panic!("{histogram:?}")
        };
        let spans: Vec<(i32, u32)> = histogram
            .positive_spans
            .iter()
            .map(|span| (span.offset, span.length))
            .collect();
        (
            sample.series.metric().to_owned(),
            histogram.schema,
            spans,
            buckets.positive.clone(),
            buckets.count,
        )
    };
    // Bucket 1 of OTLP is bucket 2 of Prometheus; three empty ones open a span, two do not.
    assert_eq!(
        shape(0),
        ("plain".to_owned(), 3, vec![(2, 4), (3, 1)], vec![4, -4, 0, 2, -1], 9)
    );
    // -1, 0, 1, 2 at scale 9 are -1, 0, 0, 1 at scale 8.
    assert_eq!(shape(1), ("fine".to_owned(), 8, vec![(0, 3)], vec![1, 1, -1], 6));
    assert_eq!(taken[0].histograms.len(), 2);
    assert_eq!(taken[0].histograms[0].histogram.zero_threshold, 1e-128);
    let edge = bridge.edge();
    assert_eq!((items(edge.delivered), items(edge.filtered["unusable_point"])), (2, 1));
    bridge.stop().await;
}

#[tokio::test]
async fn experimental_arguments_do_what_they_say() {
    let bridge = bridge(
        "include_target_info = false\n convert_classic_histograms_to_nhcb = true\n start_timestamp_zero_ingestion = true",
    );
    let batch = request(|out| {
        sum(out, "c", 2, true, |out| {
            point(out, 1000, Number::Int(9), 0, &[], |out| {
                exemplar(out, number::NUMBER_EXEMPLARS, 900, 1.0)
            });
        });
        metric(out, "h", "", number::HISTOGRAM, |out| {
            out.enumeration(2, 2);
            out.message(number::POINTS, |out| {
                let mut point = HistogramPoint::default();
                (point.time_unix_nano, point.count, point.sum) = (MILLI, 10, Some(2.5));
                point.write(out);
                out.fixed64s(number::HISTOGRAM_COUNTS, [5, 3, 2]);
                out.doubles(number::HISTOGRAM_BOUNDS, [0.1, 1.0]);
            });
        });
    });
    let taken = bridge.pass(batch).await;
    let labels = r#"c_bytes_total{instance="i1", job="shop/api"}"#;
    assert_eq!(texts(&taken), [format!("{labels} 0 @500"), format!("{labels} 9 @1000")]);
    assert_eq!(taken[0].exemplars.len(), 1);
    let histogram = &taken[0].histograms[0].histogram;
    assert_eq!(
        (histogram.schema, histogram.custom_values.as_slice()),
        (-53, &[0.1, 1.0][..])
    );
    bridge.stop().await;
}
