//! `otelcol.exporter.otlp`.

use crate::rig::{FAST, Rig, batch, eventually, items};
use crate::sink::{Answer, OtlpSink};
use otelcol::exporter::otlp::COMPONENT;
use otlp_wire::Signal;
use std::path::Path;
use std::time::Duration;

fn rig(sink: &OtlpSink, client: &str, data: Option<&Path>) -> Rig {
    let endpoint = sink.address.to_string();
    let config = format!("client {{\n endpoint = {endpoint:?}\n tls {{\n insecure = true\n }}\n {client}\n }}\n{FAST}");
    Rig::new(&COMPONENT, "otelcol.exporter.otlp", &config, data)
}

#[tokio::test]
async fn each_signal_is_delivered_once_to_its_service() {
    let sink = OtlpSink::new().await;
    let client =
        "headers = {\"X-Scope-OrgID\" = \"team\"}\n authority = \"tempo\"\n keepalive {\n ping_wait = \"10s\"\n }";
    let rig = rig(&sink, client, None);
    for (signal, names) in [
        (Signal::Logs, ["a", "b"]),
        (Signal::Metrics, ["c", "d"]),
        (Signal::Traces, ["e", "f"]),
    ] {
        assert_eq!(rig.send(batch(signal, &names)).await, Ok(()));
    }
    let received = sink.received();
    assert_eq!(
        received[2].path,
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    );
    assert_eq!(sink.taken(), ["a", "b", "c", "d", "e", "f"]);
    assert_eq!(received[0].headers["x-scope-orgid"], "team");
    assert_eq!(received[0].headers["grpc-timeout"], "5000m");
    let sent = "otelcol_exporter_sent_spans_total{exporter=\"otlp/otelcol_exporter_otlp_test\"}";
    assert_eq!(rig.metric(sent), Some(2.0));
    rig.stop().await;
}

#[tokio::test]
async fn messages_are_compressed_as_the_configuration_says() {
    for compression in ["none", "gzip", "zstd", "snappy"] {
        let sink = OtlpSink::new().await;
        let rig = rig(&sink, &format!("compression = {compression:?}"), None);
        assert_eq!(rig.send(batch(Signal::Logs, &["a", "b"])).await, Ok(()));
        assert_eq!(sink.taken(), ["a", "b"], "{compression}");
        rig.stop().await;
    }
}

#[tokio::test]
async fn what_is_unavailable_is_asked_again_and_a_delay_is_honoured() {
    let sink = OtlpSink::new().await;
    sink.first(&[Answer::Later(None), Answer::Later(Some(Duration::from_millis(1)))]);
    let rig = rig(&sink, "", None);
    assert_eq!(rig.send(batch(Signal::Metrics, &["a", "b"])).await, Ok(()));
    assert_eq!(
        (sink.received().len(), sink.taken()),
        (3, vec!["a".to_owned(), "b".to_owned()])
    );
    rig.stop().await;
}

#[tokio::test]
async fn one_bad_record_is_isolated_and_kept_and_what_is_too_large_is_cut() {
    let data = tempfile::tempdir().unwrap();
    let sink = OtlpSink::new().await;
    sink.script(|request| match request.records.iter().any(|name| name == "bad") {
        _ if request.records.len() > 20 => Answer::Large,
        true => Answer::Bad,
        false => Answer::Take,
    });
    let rig = rig(&sink, "", Some(data.path()));
    let names: Vec<String> = (0..50)
        .map(|n| if n == 37 { "bad".to_owned() } else { format!("{n:02}") })
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(rig.send(batch(Signal::Traces, &names)).await, Ok(()));
    assert_eq!(sink.taken().len(), 49);
    let edge = rig.edge();
    assert_eq!((items(edge.delivered), items(edge.dead_lettered["refused"])), (49, 1));
    rig.stop().await;
}

#[tokio::test]
async fn partial_success_is_counted_and_nothing_is_sent_again() {
    let sink = OtlpSink::new().await;
    sink.script(|_| Answer::Part(1));
    let rig = rig(&sink, "", None);
    assert_eq!(rig.send(batch(Signal::Metrics, &["a", "b", "c"])).await, Ok(()));
    let edge = rig.edge();
    assert_eq!((items(edge.delivered), items(edge.rejected["refused"])), (2, 1));
    assert_eq!(sink.received().len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn what_cannot_be_delivered_is_kept_on_disk_and_a_new_server_is_found() {
    let data = tempfile::tempdir().unwrap();
    let sink = OtlpSink::new().await;
    let address = sink.address;
    let first = rig(&sink, "", Some(data.path()));
    assert_eq!(first.send(batch(Signal::Logs, &["0"])).await, Ok(()));
    drop(sink);
    assert_eq!(first.send(batch(Signal::Logs, &["a", "b"])).await, Ok(()));
    assert!(data.path().join("queue").exists());
    let sink = OtlpSink::at(address).await;
    eventually("delivery", || sink.taken().len() == 2).await;
    drop(sink);
    assert_eq!(first.send(batch(Signal::Traces, &["c"])).await, Ok(()));
    first.stop().await;
    let sink = OtlpSink::at(address).await;
    let second = rig(&sink, "", Some(data.path()));
    eventually("replay", || sink.taken() == ["c"]).await;
    second.stop().await;
}
