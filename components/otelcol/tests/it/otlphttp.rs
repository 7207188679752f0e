//! `otelcol.exporter.otlphttp`.

use crate::rig::{FAST, Rig, batch, batch_from, eventually, items};
use crate::sink::{Answer, OtlpSink};
use otelcol::exporter::otlphttp::COMPONENT;
use otlp_wire::Signal;
use std::path::Path;
use std::time::Duration;

fn rig(sink: &OtlpSink, client: &str, more: &str, data: Option<&Path>) -> Rig {
    let endpoint = format!("http://{}", sink.address);
    let config = format!("client {{\n endpoint = {endpoint:?}\n {client}\n }}\n{more}\n{FAST}");
    Rig::new(&COMPONENT, "otelcol.exporter.otlphttp", &config, data)
}

#[tokio::test]
async fn each_signal_is_delivered_once_to_its_address() {
    let sink = OtlpSink::new().await;
    let rig = rig(&sink, "headers = {\"X-Scope-OrgID\" = \"team\"}", "", None);
    for (signal, names) in [
        (Signal::Logs, ["a", "b"]),
        (Signal::Metrics, ["c", "d"]),
        (Signal::Traces, ["e", "f"]),
    ] {
        assert_eq!(rig.send(batch(signal, &names)).await, Ok(()));
    }
    let received = sink.received();
    let paths: Vec<&str> = received.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["/v1/logs", "/v1/metrics", "/v1/traces"]);
    assert_eq!(sink.taken(), ["a", "b", "c", "d", "e", "f"]);
    assert_eq!(received[0].headers["x-scope-orgid"], "team");
    assert_eq!(received[0].headers["content-encoding"], "gzip");
    assert_eq!(items(rig.edge().delivered), 6);
    let series = |what: &str| {
        format!("otelcol_exporter_sent_{what}_total{{exporter=\"otlphttp/otelcol_exporter_otlphttp_test\"}}")
    };
    for what in ["log_records", "metric_points", "spans"] {
        assert_eq!(rig.metric(&series(what)), Some(2.0), "{what}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn bodies_are_written_as_the_configuration_says() {
    for compression in ["none", "gzip", "zstd", "snappy", "zlib", "deflate", "lz4"] {
        for encoding in ["proto", "json"] {
            let sink = OtlpSink::new().await;
            let client = format!("compression = {compression:?}");
            let rig = rig(&sink, &client, &format!("encoding = {encoding:?}"), None);
            assert_eq!(rig.send(batch(Signal::Logs, &["a", "b"])).await, Ok(()));
            assert_eq!(sink.taken(), ["a", "b"], "{compression} {encoding}");
            let coding = sink.received()[0].headers.get("content-encoding").cloned();
            let expected = Some(compression).filter(|name| *name != "none");
            assert_eq!(coding.as_ref().map(|value| value.to_str().unwrap()), expected);
            rig.stop().await;
        }
    }
    let sink = OtlpSink::new().await;
    let client = "compression = \"zstd\"\n compression_params {\n level = 11\n }";
    let rig = rig(&sink, client, "", None);
    assert_eq!(rig.send(batch(Signal::Traces, &["a"])).await, Ok(()));
    assert_eq!(sink.taken(), ["a"]);
    rig.stop().await;
}

#[tokio::test]
async fn what_is_unavailable_is_asked_again() {
    let sink = OtlpSink::new().await;
    sink.first(&[Answer::Later(None), Answer::Later(Some(Duration::ZERO))]);
    let rig = rig(&sink, "", "", None);
    assert_eq!(rig.send(batch(Signal::Metrics, &["a", "b"])).await, Ok(()));
    assert_eq!(
        (sink.received().len(), sink.taken()),
        (3, vec!["a".to_owned(), "b".to_owned()])
    );
    rig.stop().await;
}

#[tokio::test]
async fn one_bad_record_is_isolated_and_kept_and_the_others_arrive() {
    let data = tempfile::tempdir().unwrap();
    let sink = OtlpSink::new().await;
    sink.script(|request| match request.records.iter().any(|name| name == "bad") {
        true => Answer::Bad,
        false => Answer::Take,
    });
    let rig = rig(&sink, "", "", Some(data.path()));
    let names: Vec<String> = (0..100)
        .map(|n| if n == 37 { "bad".to_owned() } else { format!("{n:02}") })
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(rig.send(batch(Signal::Logs, &names)).await, Ok(()));
    let mut good: Vec<&str> = names.iter().copied().filter(|name| *name != "bad").collect();
    good.sort_unstable();
    assert_eq!(sink.taken(), good);
    let edge = rig.edge();
    assert_eq!(items(edge.delivered), 99);
    assert_eq!(items(edge.dead_lettered["refused"]), 1);
    let failed = "otelcol_exporter_send_failed_log_records_total{exporter=\"otlphttp/otelcol_exporter_otlphttp_test\"}";
    assert_eq!(rig.metric(failed), Some(1.0));
    let example = &rig.ledger.examples().all()[0];
    assert!(example.line.contains("bad"), "{}", example.line);
    assert!(data.path().join("dead-letters").exists());
    rig.stop().await;
}

#[tokio::test]
async fn what_is_too_large_is_sent_in_parts() {
    let sink = OtlpSink::new().await;
    sink.script(|request| match request.records.len() > 2 {
        true => Answer::Large,
        false => Answer::Take,
    });
    let rig = rig(&sink, "", "", None);
    assert_eq!(
        rig.send(batch(Signal::Traces, &["a", "b", "c", "d", "e"])).await,
        Ok(())
    );
    assert_eq!(sink.taken(), ["a", "b", "c", "d", "e"]);
    assert_eq!(items(rig.edge().delivered), 5);
    rig.stop().await;
}

#[tokio::test]
async fn partial_success_is_counted_and_nothing_is_sent_again() {
    let sink = OtlpSink::new().await;
    sink.script(|_| Answer::Part(2));
    let rig = rig(&sink, "", "", None);
    assert_eq!(rig.send(batch(Signal::Logs, &["a", "b", "c"])).await, Ok(()));
    let edge = rig.edge();
    assert_eq!((items(edge.delivered), items(edge.rejected["refused"])), (1, 2));
    assert_eq!(sink.received().len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn what_cannot_be_delivered_is_kept_on_disk_over_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let sink = OtlpSink::new().await;
    let address = sink.address;
    let first = rig(&sink, "", "", Some(data.path()));
    drop(sink);
    assert_eq!(first.send(batch(Signal::Logs, &["a", "b"])).await, Ok(()));
    assert_eq!(first.send(batch(Signal::Traces, &["c"])).await, Ok(()));
    assert!(data.path().join("queue").exists());
    first.stop().await;
    let sink = OtlpSink::at(address).await;
    let second = rig(
        &sink,
        "compression = \"none\"",
        "encoding = \"json\"",
        Some(data.path()),
    );
    eventually("replay", || sink.taken().len() == 3).await;
    assert_eq!(sink.taken(), ["a", "b", "c"]);
    // As it was written, not as it would be written now.
    assert_eq!(sink.received()[0].headers["content-type"], "application/x-protobuf");
    second.stop().await;
}

#[tokio::test]
async fn a_batch_block_collects_and_bounds_requests() {
    let sink = OtlpSink::new().await;
    let queue = "sending_queue {\n batch {\n flush_timeout = \"10s\"\n min_size = 4\n max_size = 5\n }\n }";
    let rig = rig(&sink, "", queue, None);
    let (one, two) = (batch(Signal::Logs, &["a", "b"]), batch(Signal::Logs, &["c", "d"]));
    let sent = tokio::join!(rig.send(one), rig.send(two));
    assert_eq!(sent, (Ok(()), Ok(())));
    assert_eq!(sink.received().len(), 1);
    let large = ["e", "f", "g", "h", "i", "j", "k", "l", "m"];
    assert_eq!(rig.send(batch(Signal::Logs, &large)).await, Ok(()));
    let sizes: Vec<usize> = sink.received().iter().map(|request| request.records.len()).collect();
    assert_eq!(sizes, [4, 5, 4]);
    rig.stop().await;
}

#[tokio::test]
async fn what_may_not_be_sent_is_held_and_the_component_is_unhealthy() {
    let data = tempfile::tempdir().unwrap();
    let sink = OtlpSink::new().await;
    sink.script(|_| Answer::Denied);
    let rig = rig(&sink, "", "", Some(data.path()));
    assert_eq!(rig.send(batch(Signal::Logs, &["a"])).await, Ok(()));
    let unhealthy = || {
        let health = rig.instance.health();
        health.is_some_and(|health| health.state == component::HealthState::Unhealthy)
    };
    eventually("trouble", unhealthy).await;
    sink.script(|_| Answer::Take);
    eventually("delivery", || sink.taken() == ["a"]).await;
    rig.stop().await;
}

#[tokio::test]
async fn time_for_attempts_is_bounded_if_the_configuration_says_so() {
    let data = tempfile::tempdir().unwrap();
    let sink = OtlpSink::new().await;
    sink.script(|_| Answer::Later(None));
    let endpoint = format!("http://{}", sink.address);
    let config = format!(
        "client {{\n endpoint = {endpoint:?}\n }}\nretry_on_failure {{\n initial_interval = \"5ms\"\n max_elapsed_time = \"100ms\"\n }}"
    );
    let rig = Rig::new(&COMPONENT, "otelcol.exporter.otlphttp", &config, Some(data.path()));
    assert_eq!(rig.send(batch(Signal::Logs, &["a"])).await, Ok(()));
    assert_eq!(items(rig.edge().rejected["refused"]), 1);
    assert!(sink.received().len() > 1);
    rig.stop().await;
}

#[tokio::test]
async fn many_resources_are_sent_at_the_same_time_and_each_in_order() {
    let sink = OtlpSink::new().await;
    let rig = rig(&sink, "", "", None);
    let mut offers = Vec::new();
    for n in 0..50 {
        let service = format!("service-{}", n % 5);
        let name = format!("{n:02}");
        offers.push(rig.send(batch_from(&service, Signal::Logs, &[&name])));
    }
    for sent in futures_util::future::join_all(offers).await {
        assert_eq!(sent, Ok(()));
    }
    let order: Vec<String> = sink
        .received()
        .into_iter()
        .flat_map(|request| request.records)
        .collect();
    for service in 0..5 {
        let of: Vec<&String> = order
            .iter()
            .filter(|name| name.parse::<usize>().unwrap() % 5 == service)
            .collect();
        assert!(of.is_sorted() && of.len() == 10);
    }
    rig.stop().await;
}
