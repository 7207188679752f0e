//! `prometheus.remote_write` against a receiver.

use crate::receiver::RemoteWriteServer;
use crate::rig::World;
use component::MetricsReceiver;
use prommodel::{Histogram, Kind};
use signals::{Exemplar, Family, FanOut, HistogramSample, MetricBatch, Metrics, Permit, Sample};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use value::FromValue;

const NAME: &str = "prometheus.remote_write";

pub fn endpoint(url: &str, more: &str) -> String {
    format!(
        "endpoint {{\nurl = {url:?}\nqueue_config {{\nbatch_send_deadline = \"20ms\"\nmin_backoff = \"10ms\"\nmax_backoff = \"50ms\"\n}}\n{more}\n}}"
    )
}

pub fn samples(world: &World, series: usize, time: i64) -> Metrics {
    let sample = |at: usize| {
        let number = at.to_string();
        Sample {
            series: world.table.intern([("__name__", "m"), ("number", number.as_str())]),
            timestamp: time,
            value: at as f64,
        }
    };
    Metrics {
        samples: (0..series).map(sample).collect(),
        ..Metrics::default()
    }
}

pub fn out(world: &World, running: &crate::rig::Running) -> FanOut<Metrics> {
    let out = FanOut::new(&world.ledger, "source");
    let receiver = MetricsReceiver::from_value(&running.receiver()).unwrap();
    out.set(MetricsReceiver::present(&[receiver]));
    out
}

pub async fn send(out: &FanOut<Metrics>, metrics: Metrics) {
    let batch = MetricBatch::new(metrics, Permit::none());
    tokio::time::timeout(Duration::from_secs(20), out.accept(batch))
        .await
        .expect("it is taken in time")
        .expect("it is taken");
}

pub fn balanced(world: &World, delivered: u64) {
    let edge = world.ledger.edge("source", "prometheus.remote_write.x").snapshot();
    assert_eq!(edge.delivered.items, delivered, "{edge:?}");
    assert_eq!(edge.lost.items, 0);
}

#[tokio::test]
async fn samples_arrive_with_external_labels_and_relabelled() {
    let dir = tempfile::tempdir().unwrap();
    let (world, server) = (World::new(dir.path()), RemoteWriteServer::start().await);
    let rules = "write_relabel_config {\nsource_labels = [\"number\"]\nregex = \"1?7\"\naction = \"drop\"\n}";
    let config = format!(
        "external_labels = {{ cluster = \"c1\", number = \"none\" }}\n{}",
        endpoint(&server.url, rules)
    );
    let running = world.start(NAME, &config, &[]);
    let out = out(&world, &running);
    for time in [1000, 2000] {
        send(&out, samples(&world, 20, time)).await;
    }
    let got = server.samples();
    assert_eq!(got.len(), 36, "7 and 17 are dropped");
    for (labels, _, bits) in &got {
        assert_eq!(labels["cluster"], "c1");
        assert_eq!(labels["number"], f64::from_bits(*bits).to_string());
    }
    let (headers, _, _) = &server.requests()[0];
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(headers["x-prometheus-remote-write-version"], "0.1.0");
    let edge = world.ledger.edge("source", "prometheus.remote_write.x").snapshot();
    assert_eq!((edge.delivered.items, edge.filtered["write_relabel"].items), (36, 4));
    running.stop().await;
}

#[tokio::test]
async fn order_within_a_series_is_kept_and_requests_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let (world, server) = (World::new(dir.path()), RemoteWriteServer::start().await);
    let config = format!(
        "endpoint {{\nurl = {:?}\nqueue_config {{\nbatch_send_deadline = \"20ms\"\nmin_shards = 3\nmax_samples_per_send = 100\n}}\n}}",
        server.url
    );
    let running = world.start(NAME, &config, &[]);
    let out = out(&world, &running);
    let rounds = (1..=20).map(|round| send(&out, samples(&world, 300, round)));
    futures_util::future::join_all(rounds).await;
    let got = server.samples();
    assert_eq!(got.len(), 6000);
    assert!(server.requests().iter().all(|(_, samples, _)| *samples <= 100));
    for number in 0..300 {
        let times = got
            .iter()
            .filter(|(labels, _, _)| labels["number"] == number.to_string());
        let times: Vec<i64> = times.map(|(_, time, _)| *time).collect();
        assert_eq!(times, (1..=20).collect::<Vec<_>>());
    }
    balanced(&world, 6000);
    running.stop().await;
}

#[tokio::test]
async fn histograms_exemplars_and_families_go_where_they_are_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path());
    let (old, new) = (RemoteWriteServer::start().await, RemoteWriteServer::start().await);
    let config = format!(
        "{}\n{}",
        endpoint(&old.url, "metadata_config {\nsend_interval = \"100ms\"\n}"),
        endpoint(
            &new.url,
            "protobuf_message = \"io.prometheus.write.v2.Request\"\nsend_native_histograms = true"
        )
    );
    let running = world.start(NAME, &config, &[]);
    let out = out(&world, &running);
    let mut metrics = samples(&world, 3, 1000);
    let series = metrics.samples[0].series.clone();
    metrics.histograms.push(HistogramSample {
        series: series.clone(),
        timestamp: 1000,
        histogram: Arc::new(Histogram::default()),
    });
    metrics.exemplars.push(Exemplar {
        series,
        timestamp: 1000,
        value: 1.0,
        labels: Arc::new([("trace_id".into(), "abc".into())]),
    });
    metrics.families.push(Arc::new(Family {
        name: "m".into(),
        kind: Kind::Gauge,
        unit: "".into(),
        help: "Things.".into(),
    }));
    send(&out, metrics).await;
    assert_eq!(
        (old.samples().len(), old.histograms(), old.exemplars().len()),
        (3, 0, 1)
    );
    assert_eq!(
        (new.samples().len(), new.histograms(), new.exemplars().len()),
        (3, 1, 1)
    );
    assert!(new.exemplars()[0].contains("\"number\": \"0\"") && new.exemplars()[0].contains("abc"));
    assert!(
        new.families().iter().all(|family| family == "m Gauge Things."),
        "{:?}",
        new.families()
    );
    for _ in 0..200 {
        if !old.families().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(old.families()[0], "m Gauge Things.");
    running.stop().await;
}

#[tokio::test]
async fn one_bad_sample_keeps_no_other_away() {
    let dir = tempfile::tempdir().unwrap();
    let (world, server) = (World::new(dir.path()), RemoteWriteServer::start().await);
    server.judge(|samples| {
        if samples.iter().any(|(labels, _, _)| labels["number"] == "13") {
            400
        } else {
            204
        }
    });
    let running = world.start(NAME, &endpoint(&server.url, ""), &[]);
    let out = out(&world, &running);
    send(&out, samples(&world, 50, 1000)).await;
    let numbers: BTreeSet<String> = server
        .samples()
        .iter()
        .map(|(labels, _, _)| labels["number"].clone())
        .collect();
    assert_eq!(numbers.len(), 49);
    let edge = world.ledger.edge("source", "prometheus.remote_write.x").snapshot();
    assert_eq!(edge.delivered.items, 49);
    assert_eq!(edge.dead_lettered["refused"].items, 1, "{edge:?}");
    running.stop().await;
}

#[tokio::test]
async fn what_a_receiver_does_not_take_waits_on_disk_and_outlives_the_program() {
    let dir = tempfile::tempdir().unwrap();
    let server = RemoteWriteServer::start().await;
    server.judge(|_| 503);
    let config = endpoint(&server.url, "send_native_histograms = true");
    let world = World::new(dir.path());
    let running = world.start(NAME, &config, &[]);
    let out_ = out(&world, &running);
    for time in [1000, 2000, 3000] {
        // Accepted although the receiver is down.
        let mut metrics = samples(&world, 100, time);
        metrics.histograms.push(HistogramSample {
            series: metrics.samples[0].series.clone(),
            timestamp: time,
            histogram: Arc::new(Histogram::default()),
        });
        send(&out_, metrics).await;
    }
    assert_eq!(server.samples().len(), 0);
    running.stop().await;
    server.judge(|_| 204);
    let world = World::new(dir.path());
    let running = world.start(NAME, &config, &[]);
    server.wait(300).await;
    let out_ = out(&world, &running);
    send(&out_, samples(&world, 100, 4000)).await;
    // On a busy machine they are on disk first.
    server.wait(400).await;
    let got = server.samples();
    assert_eq!((got.len(), server.histograms()), (400, 3));
    for number in 0..100 {
        let times = got
            .iter()
            .filter(|(labels, _, _)| labels["number"] == number.to_string());
        let times: Vec<i64> = times.map(|(_, time, _)| *time).collect();
        assert_eq!(times, [1000, 2000, 3000, 4000]);
    }
    running.stop().await;
}

#[tokio::test]
async fn a_receiver_that_does_not_know_the_version_is_told_of() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path());
    // It answers 204 to anything.
    let router = axum::Router::new().fallback(|| async { axum::http::StatusCode::NO_CONTENT });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = endpoint(&url, "protobuf_message = \"io.prometheus.write.v2.Request\"");
    let running = world.start(NAME, &config, &[]);
    let out = out(&world, &running);
    send(&out, samples(&world, 1, 1000)).await;
    let health = running.instance.health().expect("it says something");
    assert!(health.message.contains("set protobuf_message"), "{}", health.message);
    running.stop().await;
}
