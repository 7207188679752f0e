//! Pushes and their answers.

use crate::kit::{Rig, Said, Step, eventually, json, on_port, stream};
use component::{RelabelAction, RelabelRule, RelabelRules};
use flate2::Compression;
use signals::Budget;
use std::io::Write;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use value::Block;

const PUSH: &str = "/loki/api/v1/push";
const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

/// A protobuf push in its snappy block.
fn protobuf(streams: &[(&str, &[&str])]) -> Vec<u8> {
    let mut encoder = lokipush::Encoder::new();
    for (labels, lines) in streams {
        encoder.begin_stream(labels);
        for line in *lines {
            encoder.plain_entry(7, line.as_bytes());
        }
    }
    let mut compressor = lokipush::Compressor::new();
    compressor.compress(encoder.finish()).unwrap().to_vec()
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn check(said: &Said, status: u16, text: &str) {
    assert_eq!(said.status, status, "{said:?}");
    assert!(said.body.contains(text), "{said:?}");
}

#[test]
fn arguments_are_alloys() {
    let component = loki_source::api::COMPONENT;
    let schemas = ((component.arguments)(), (component.exports)());
    if let Some(differences) = testkit::schema::differences(component.name, schemas.0, schemas.1) {
        // Alloy documents the argument and refuses it; here it means what the documentation says.
        let expected = ["http", "grpc"].map(|server| format!("argument {server}.tls.client_ca_pem is not Alloy's"));
        assert_eq!(differences, expected);
    }
}

#[tokio::test]
async fn every_form_and_encoding_arrives() {
    let mut rig = Rig::new("");
    let document = json(&stream("a", &["x", "y"]));
    let block = protobuf(&[("{app=\"a\"}", &["x", "y"])]);
    for (path, headers, body) in [
        (PUSH, vec![JSON], document.clone().into_bytes()),
        ("/api/v1/push", vec![JSON], document.clone().into_bytes()),
        (
            PUSH,
            vec![JSON, ("content-encoding", "gzip")],
            gzip(document.as_bytes()),
        ),
        (
            PUSH,
            vec![JSON, ("content-encoding", "deflate")],
            deflate(document.as_bytes()),
        ),
        (PUSH, vec![PROTOBUF], block.clone()),
        (PUSH, vec![PROTOBUF, ("content-encoding", "snappy")], block.clone()),
        (PUSH, vec![PROTOBUF, ("content-encoding", "gzip")], gzip(&block)),
        (
            PUSH,
            vec![("content-type", "text/plain"), ("content-encoding", "deflate")],
            deflate(&block),
        ),
    ] {
        let before = rig.sink.texts().len();
        let said = rig.post(path, &headers, body).await;
        assert_eq!(said.status, 204, "{path} {headers:?}: {said:?}");
        assert_eq!(rig.sink.texts()[before..], ["{app=\"a\"}: x, y"], "{path} {headers:?}");
    }
    assert_eq!(rig.metric("loki_source_api_entries_written"), Some(16.0));
    assert_eq!(
        rig.metric(
            "loki_source_api_request_duration_seconds_count{method=\"POST\",route=\"loki_api_v1_push\",status_code=\"204\",ws=\"false\"}"
        ),
        Some(7.0)
    );
    assert_eq!(
        rig.metric("loki_source_api_inflight_requests{method=\"POST\",route=\"loki_api_v1_push\"}"),
        Some(0.0)
    );
    rig.stop().await;
    assert_eq!(
        rig.metric("loki_source_api_tcp_connections{protocol=\"http\"}"),
        Some(0.0)
    );
    rig.assert_balanced();
}

#[tokio::test]
async fn an_empty_push_succeeds_and_other_paths_do_not() {
    let rig = Rig::new("");
    assert_eq!(rig.push("").await.status, 204);
    assert_eq!(rig.sink.offered(), 0);
    let get = |path: &str| rig.client.get(rig.url(path)).send();
    let ready = get("/ready").await.unwrap();
    assert_eq!(
        (ready.status().as_u16(), ready.text().await.unwrap().trim_end()),
        (200, "ready")
    );
    assert_eq!(get("/api/prom/push").await.unwrap().status(), 404);
    let wrong = get(PUSH).await.unwrap();
    assert_eq!(
        (wrong.status().as_u16(), wrong.headers()["allow"].to_str().unwrap()),
        (405, "POST")
    );
    check(
        &rig.post(PUSH, &[], json("")).await,
        400,
        "Content-Type header is missing",
    );
    let encoding = [JSON, ("content-encoding", "br")];
    check(
        &rig.post(PUSH, &encoding, json("")).await,
        400,
        "Content-Encoding \"br\"",
    );
    check(&rig.post(PUSH, &[JSON], "{").await, 400, "malformed JSON");
    check(&rig.post(PUSH, &[PROTOBUF], "xx").await, 400, "snappy");
}

#[tokio::test]
async fn labels_rules_and_tenants_make_the_stream() {
    let rules = RelabelRules::new(vec![
        RelabelRule {
            source_labels: vec!["app".to_owned()],
            regex: "noise".to_owned(),
            action: RelabelAction::Drop,
            ..RelabelRule::defaults()
        },
        RelabelRule {
            source_labels: vec!["app".to_owned(), "env".to_owned()],
            separator: "/".to_owned(),
            target_label: "job".to_owned(),
            ..RelabelRule::defaults()
        },
    ])
    .unwrap();
    let rig = Rig::with(
        &on_port(
            0,
            "labels = { env = \"prod\", __hidden = \"h\" }\nuse_incoming_timestamp = true",
        ),
        Some(&rules),
        Budget::new(1 << 20),
    );
    let body = protobuf(&[
        ("{app=\"a\", env=\"mine\"}", &["x"]),
        ("{app=\"noise\"}", &["n", "n"]),
        ("{app=\"b\", __meta=\"m\"}", &["y"]),
    ]);
    let said = rig.post(PUSH, &[PROTOBUF, ("x-scope-orgid", "team")], body).await;
    assert_eq!(said.status, 204, "{said:?}");
    assert_eq!(
        rig.sink.texts(),
        [
            "{__tenant_id__=\"team\", app=\"a\", env=\"prod\", job=\"a/prod\"}: x",
            "{__tenant_id__=\"team\", app=\"b\", env=\"prod\", job=\"b/prod\"}: y"
        ]
    );
    assert!(rig.sink.streams().iter().all(|stream| stream.entries[0].timestamp == 7));
    assert_eq!(rig.metric("loki_source_api_entries_written"), Some(2.0));
    assert_eq!(rig.metric("loki_source_api_entries_filtered_total"), Some(2.0));
}

#[tokio::test]
async fn structured_metadata_stays_and_no_time_is_given_twice() {
    let rig = Rig::new("");
    let values = r#"{"stream":{"app":"a"},"values":[["1","x",{"trace":"t"}],["1","x"],["1","x"]]}"#;
    assert_eq!(rig.push(values).await.status, 204);
    let streams = rig.sink.streams();
    let entries = &streams[0].entries;
    assert_eq!(entries[0].metadata.get("trace").map(|value| value.as_str()), Some("t"));
    let times: std::collections::BTreeSet<i64> = entries.iter().map(|entry| entry.timestamp).collect();
    assert_eq!(times.len(), 3);
    assert!(times.iter().all(|time| *time > 1_600_000_000_000_000_000), "{times:?}");
}

#[tokio::test]
async fn raw_lines_get_the_configured_labels_alone() {
    let rules = RelabelRules::new(vec![RelabelRule {
        action: RelabelAction::Drop,
        ..RelabelRule::defaults()
    }])
    .unwrap();
    let config = on_port(0, "labels = { job = \"raw\" }");
    let rig = Rig::with(&config, Some(&rules), Budget::new(1 << 20));
    let body = "one\r\n\n\r\ntwo \nthree";
    for path in ["/loki/api/v1/raw", "/api/v1/raw"] {
        let said = rig.post(path, &[("x-scope-orgid", "team")], body).await;
        assert_eq!(said.status, 204, "{said:?}");
    }
    let expect = "{job=\"raw\"}: one, two , three";
    assert_eq!(rig.sink.texts(), [expect, expect]);
}

#[tokio::test]
async fn a_push_with_one_bad_stream_is_refused_whole() {
    let rig = Rig::new("");
    let good: &[&str] = &["x"];
    let body = protobuf(&[("{app=\"a\"}", good), ("{app=b}", good), ("{app=\"c\"}", good)]);
    let said = rig.post(PUSH, &[PROTOBUF], body).await;
    check(&said, 400, "stream 2 of the request, {app=b}: invalid labels at byte 5");
    // A bad entry behind good streams.
    let said = rig
        .push(&format!(
            "{},{{\"stream\":{{}},\"values\":[[1,\"x\"]]}}",
            stream("a", &["x"])
        ))
        .await;
    check(&said, 400, "at line 1 column");
    assert_eq!(rig.sink.offered(), 0, "nothing of it was passed on");
    assert_eq!(rig.budget.used(), 0);
}

#[tokio::test]
async fn bodies_are_limited_as_they_come_and_after_each_decoding() {
    let rig = Rig::new("max_send_message_size = \"1KiB\"");
    let long = "x".repeat(2000);
    let document = json(&stream("a", &[&long]));
    let too_large = |said: Said| check(&said, 413, "the limit is 1024");
    too_large(rig.post(PUSH, &[JSON], document.clone()).await);
    let packed = gzip(document.as_bytes());
    assert!(packed.len() < 1024);
    too_large(rig.post(PUSH, &[JSON, ("content-encoding", "gzip")], packed).await);
    let block = protobuf(&[("{app=\"a\"}", &[&long])]);
    assert!(block.len() < 1024);
    too_large(rig.post(PUSH, &[PROTOBUF], block).await);
    too_large(rig.post("/loki/api/v1/raw", &[], long.clone()).await);
    // In pieces, so that the size is not known before.
    let piece = format!("64\r\n{}\r\n", "x".repeat(100));
    let request = "POST /api/v1/raw HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut connection = tokio::net::TcpStream::connect(rig.address()).await.unwrap();
    let text = format!("{request}{}0\r\n\r\n", piece.repeat(40));
    connection.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(rig.push(&stream("a", &["short"])).await.status, 204);
    assert_eq!(rig.sink.lines(), ["short"]);
    assert_eq!(rig.budget.used(), 0);
}

#[tokio::test]
async fn refusals_are_answered_so_that_clients_do_what_helps() {
    let rig = Rig::new("");
    rig.sink.script([Step::Refuse, Step::RefuseForGood]);
    let said = rig.push(&stream("a", &["x"])).await;
    assert_eq!((said.status, said.retry_after), (503, true), "{said:?}");
    assert!(said.body.contains("the sink is busy"));
    let said = rig.push(&stream("a", &["x"])).await;
    assert_eq!((said.status, said.retry_after), (422, false), "{said:?}");
    assert!(said.body.contains("the sink never takes it"));
    assert_eq!(rig.push(&stream("a", &["x"])).await.status, 204);
    assert_eq!(rig.sink.lines(), ["x"]);
    assert_eq!(rig.metric("loki_source_api_entries_written"), Some(1.0));
    rig.assert_balanced();
}

#[tokio::test]
async fn a_success_is_answered_only_when_the_lines_have_arrived() {
    let rig = std::sync::Arc::new(Rig::new(""));
    rig.sink.open(false);
    let pushing = tokio::spawn({
        let rig = rig.clone();
        async move { rig.push(&stream("a", &["x"])).await }
    });
    eventually("the push is offered", || rig.sink.offered() == 1).await;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(!pushing.is_finished());
    rig.sink.open(true);
    assert_eq!(pushing.await.unwrap().status, 204);
    assert_eq!(rig.sink.lines(), ["x"]);
}

#[tokio::test]
async fn clients_are_told_to_come_back_when_the_memory_is_used_up() {
    let budget = Budget::new(100_000);
    let rig = Rig::with(&on_port(0, ""), None, budget.clone());
    let held = budget.force(99_000);
    let line = "x".repeat(3000);
    let document = json(&stream("a", &[&line]));
    let retry = |said: Said| assert_eq!((said.status, said.retry_after), (429, true), "{said:?}");
    // The body alone, what it is decompressed to, and its entries.
    retry(rig.post(PUSH, &[JSON], document.clone()).await);
    retry(
        rig.post(PUSH, &[JSON, ("content-encoding", "gzip")], gzip(document.as_bytes()))
            .await,
    );
    retry(
        rig.post(PUSH, &[PROTOBUF], protobuf(&[("{app=\"a\"}", &[&line])]))
            .await,
    );
    let many = vec!["y"; 10];
    retry(rig.post(PUSH, &[PROTOBUF], protobuf(&[("{app=\"a\"}", &many)])).await);
    assert_eq!(rig.sink.offered(), 0);
    assert_eq!(budget.used(), 99_000);
    drop(held);
    assert_eq!(rig.post(PUSH, &[JSON], document).await.status, 204);
    // Memory for as long as the lines are on their way, not longer.
    assert_eq!(budget.used(), 0);
    assert!(budget.peak() > 100);
}

#[tokio::test]
async fn a_push_larger_than_the_budget_passes_when_it_is_alone() {
    let budget = Budget::new(10_000);
    let rig = Rig::with(&on_port(0, ""), None, budget.clone());
    let line = "x".repeat(30_000);
    let said = rig
        .post(PUSH, &[PROTOBUF], protobuf(&[("{app=\"a\"}", &[&line])]))
        .await;
    assert_eq!(said.status, 204, "{said:?}");
    assert_eq!(rig.sink.lines(), [line]);
}

#[tokio::test]
async fn what_is_on_its_way_counts_with_its_decoded_size() {
    let rig = std::sync::Arc::new(Rig::new(""));
    rig.sink.open(false);
    let line = "x".repeat(200_000);
    let body = protobuf(&[("{app=\"a\"}", &[&line])]);
    assert!(body.len() < 20_000);
    let pushing = tokio::spawn({
        let rig = rig.clone();
        async move { rig.post(PUSH, &[PROTOBUF], body).await.status }
    });
    eventually("the push is offered", || rig.sink.offered() == 1).await;
    let used = rig.budget.used();
    assert!((200_000..210_000).contains(&used), "{used}");
    rig.sink.open(true);
    assert_eq!(pushing.await.unwrap(), 204);
    assert_eq!(rig.budget.used(), 0);
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_offer_back() {
    let rig = Rig::new("");
    rig.sink.open(false);
    let body = json(&stream("a", &["x"]));
    let request = format!(
        "POST {PUSH} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut connection = tokio::net::TcpStream::connect(rig.address()).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    eventually("the push is offered", || rig.sink.offered() == 1).await;
    assert_eq!(rig.edge().in_flight().items, 1);
    drop(connection);
    eventually("the offer is taken back", || rig.edge().returned.items == 1).await;
    rig.sink.open(true);
    assert_eq!(rig.push(&stream("a", &["again"])).await.status, 204);
    assert_eq!(rig.sink.lines(), ["again"]);
    rig.assert_balanced();
}

#[tokio::test]
async fn requests_of_one_connection_are_in_order_and_connections_run_side_by_side() {
    let rig = std::sync::Arc::new(Rig::new(""));
    rig.sink.open(false);
    // One connection, all requests at once.
    let mut requests = String::new();
    for n in 0..20 {
        let body = json(&stream("a", &[&format!("line {n}")]));
        requests.push_str(&format!(
            "POST {PUSH} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{body}",
            body.len(),
            if n == 19 { "Connection: close\r\n" } else { "" }
        ));
    }
    let mut connection = tokio::net::TcpStream::connect(rig.address()).await.unwrap();
    connection.write_all(requests.as_bytes()).await.unwrap();
    eventually("the first is offered", || rig.sink.offered() == 1).await;
    // Others come in beside it.
    let others: Vec<_> = (0..3)
        .map(|_| {
            let rig = rig.clone();
            tokio::spawn(async move { rig.push(&stream("b", &["b"])).await.status })
        })
        .collect();
    eventually("the others are offered", || rig.sink.offered() == 4).await;
    rig.sink.open(true);
    let mut answers = String::new();
    connection.read_to_string(&mut answers).await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 204").count(), 20, "{answers}");
    for other in others {
        assert_eq!(other.await.unwrap(), 204);
    }
    let expect: Vec<String> = (0..20).map(|n| format!("line {n}")).collect();
    let lines: Vec<String> = rig.sink.lines().into_iter().filter(|line| line != "b").collect();
    assert_eq!(lines, expect);
}

#[tokio::test]
async fn large_bodies_come_in_pieces_and_are_decoded_beside_the_others() {
    let rig = Rig::new("");
    let lines: Vec<String> = (0..3000).map(|n| format!("{n} {}", "x".repeat(1000))).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let document = json(&stream("a", &lines));
    assert!(document.len() > 3_000_000);
    assert_eq!(rig.post(PUSH, &[JSON], document.clone()).await.status, 204);
    let packed = gzip(document.as_bytes());
    let said = rig.post(PUSH, &[JSON, ("content-encoding", "gzip")], packed).await;
    assert_eq!(said.status, 204, "{said:?}");
    assert_eq!(rig.sink.lines(), [&lines[..], &lines[..]].concat());
    rig.assert_balanced();
}

#[tokio::test]
async fn http2_is_spoken_where_it_is_wanted() {
    let config = "http {\n listen_address = \"127.0.0.1\"\n listen_port = 0\n http2 {\n enabled = true\n }\n}";
    let client = crate::kit::http2_client();
    let rig = Rig::with(config, None, Budget::new(1 << 20));
    let url = rig.url(PUSH);
    let pushes = (0..50).map(|n| {
        let (client, url) = (client.clone(), url.clone());
        async move {
            let body = json(&stream("a", &[&n.to_string()]));
            crate::kit::post(&client, &url, &[JSON], body).await.status
        }
    });
    let said = futures_util::future::join_all(pushes).await;
    assert!(said.iter().all(|status| *status == 204), "{said:?}");
    let mut numbers: Vec<u32> = rig.sink.lines().iter().map(|line| line.parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());
    // Elsewhere it is not.
    let plain = Rig::new("");
    assert!(client.get(plain.url("/ready")).send().await.is_err());
}

#[tokio::test]
async fn heads_are_limited_in_size_and_requests_in_time() {
    let config = "http {\n listen_address = \"127.0.0.1\"\n listen_port = 0\n server_read_timeout = \"200ms\"\n \
                  server_write_timeout = \"600ms\"\n server_idle_timeout = \"400ms\"\n}";
    let rig = Rig::with(config, None, Budget::new(1 << 20));
    let answer = |text: Vec<u8>| {
        let address = rig.address();
        async move {
            let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
            // The server may close before all is written.
            let _ = connection.write_all(&text).await;
            let mut answer = Vec::new();
            let _ = connection.read_to_end(&mut answer).await;
            String::from_utf8_lossy(&answer).into_owned()
        }
    };
    let long = format!("GET /ready HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(200 << 10));
    let said = answer(long.into_bytes()).await;
    assert!(!said.contains("200 OK"), "{said}");
    // Nothing, half a head, half a body: each connection ends.
    assert_eq!(answer(Vec::new()).await, "");
    assert!(!answer(b"GET /ready HTT".to_vec()).await.contains("200 OK"));
    let said = answer(format!("POST {PUSH} HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf").into_bytes()).await;
    assert!(
        said.starts_with("HTTP/1.1 503") && said.contains("retry-after"),
        "{said}"
    );
    assert_eq!(rig.budget.used(), 0);
    // A delivery that takes too long: the client may come back, and the offer is taken back.
    rig.sink.open(false);
    let said = rig.push(&stream("a", &["x"])).await;
    assert_eq!((said.status, said.retry_after), (503, true), "{said:?}");
    assert_eq!(rig.edge().returned.items, 1);
}
