//! Live debugging, and what else is told of what passes.

use crate::support::{Server, component};
use component::HealthState;
use serde_json::Value;
use signals::{Accepting, Entry, FanOut, Labels, LogBatch, LogStream, Permit, Receiver, Sink};
use std::sync::Arc;
use std::time::Duration;

struct Takes;

impl Sink for Takes {
    fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
        let (_, mut custody) = batch.into_parts();
        custody.deliver_rest();
        Box::pin(std::future::ready(Ok(())))
    }
}

fn batch(lines: &[&str]) -> LogBatch {
    let entries = lines.iter().map(|line| Entry::new(1, line.to_string())).collect();
    let labels = Labels::from_pairs([("job", "api")]);
    LogBatch::new(vec![LogStream { labels, entries }], Permit::none())
}

fn pipeline(server: &Server, from: &str, to: &str) -> FanOut {
    let out = FanOut::new(&server.ledger, from);
    out.set(vec![Receiver {
        owner: Arc::from(to),
        sink: Arc::new(Takes),
    }]);
    out
}

/// Sends lines until a stream shows some; gives what it shows.
async fn watch(out: &FanOut, lines: &[&str], mut stream: reqwest::Response) -> String {
    assert_eq!(stream.status(), 200);
    loop {
        out.accept(batch(lines)).await.unwrap();
        let chunk = tokio::time::timeout(Duration::from_millis(100), stream.chunk());
        if let Ok(Ok(Some(chunk))) = chunk.await
            && !chunk.is_empty()
        {
            return String::from_utf8(chunk.to_vec()).unwrap();
        }
    }
}

#[tokio::test]
async fn who_taps_sees_records_that_pass_and_no_secrets() {
    let server = Server::start().await;
    let out = pipeline(&server, "loki.source.file.a", "loki.write.b");
    let path = "/api/v0/invar/tap?pattern=loki.source.*&where=%7C%3D%20%22error%22";
    let text = watch(&out, &["an error password=hunter2", "fine"], server.get(path).await).await;
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["from"], "loki.source.file.a");
    assert_eq!(first["to"], "loki.write.b");
    assert_eq!(first["signal"], "logs");
    assert_eq!(first["moment"], "edge");
    assert_eq!(first["labels"]["job"], "api");
    assert_eq!(first["timestamp"], "1970-01-01T00:00:00.000000001Z");
    assert!(first["line"].as_str().unwrap().starts_with("an error"), "{first}");
    assert!(!text.contains("hunter2") && !text.contains("fine"), "{text}");
    for bad in ["where=x", "sample=0", "sample=2", "sample=x"] {
        let answer = server.get(&format!("/api/v0/invar/tap?{bad}")).await;
        assert_eq!(answer.status(), 400, "{bad}");
    }
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_told_what_it_missed() {
    let server = Server::start().await;
    let out = pipeline(&server, "a.b", "c.d");
    let mut stream = server.live.open(tap::Query::default());
    let lines: Vec<String> = (0..1500).map(|number| number.to_string()).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    out.accept(batch(&lines)).await.unwrap();
    out.accept(batch(&lines)).await.unwrap();
    let items = stream.next().await;
    assert_eq!(items.len(), 1001);
    assert_eq!(items.last(), Some(&tap::Item::Missed(2000)));
}

#[tokio::test]
async fn the_stream_of_a_component_and_the_rates_of_the_graph() {
    let server = Server::start().await;
    let process = component("loki.process", "a", HealthState::Healthy);
    server.controller.components.lock().unwrap().push(process);
    let out = pipeline(&server, "loki.process.a", "m.x/loki.write.b");
    let stream = server.get("/api/v0/web/debug/loki.process.a").await;
    let text = watch(&out, &["hello"], stream).await;
    let expected = "[OUT]: timestamp: 1970-01-01T00:00:00.000000001Z, entry: hello, labels: {job=\"api\"}, \
                    structured_metadata: {}|;|";
    assert!(text.starts_with(expected), "{text}");
    assert_eq!(server.get("/api/v0/web/debug/no.such").await.status(), 404);
    let bad = server.get("/api/v0/web/debug/loki.process.a?sampleProb=x").await;
    assert_eq!(
        (bad.status(), bad.text().await.unwrap()),
        (400.try_into().unwrap(), "Invalid sample probability\n".into())
    );

    let text = watch(&out, &["1", "2"], server.get("/api/v0/web/graph?window=1").await).await;
    let rates: Value = serde_json::from_str(text.strip_suffix("|;|").unwrap()).unwrap();
    assert_eq!(rates[0]["componentID"], "loki.process.a");
    assert_eq!(
        rates[0]["targetComponentIDs"],
        serde_json::json!(["m.x"]),
        "the module that it is in"
    );
    assert_eq!(rates[0]["type"], "loki_log");
    assert!(rates[0]["rate"].as_f64().unwrap() > 0.0);
    assert_eq!(server.get("/api/v0/web/graph?window=61").await.status(), 400);
}

#[tokio::test]
async fn pages_of_other_sites_see_nothing_unless_the_configuration_says_so() {
    let server = Server::start().await;
    let ask = async |host: &str| {
        let request = server.client.get(server.url("/api/v0/invar/tap")).header("host", host);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask("localhost:1").await, 200);
    assert_eq!(ask("rebound.example").await, 403);
    server.live.prepare(tap::Arguments { enabled: true }).apply();
    assert_eq!(ask("rebound.example").await, 200);
}

#[tokio::test]
async fn components_are_listed_with_their_work() {
    let server = Server::start().await;
    let process = component("loki.process", "a", HealthState::Healthy);
    server.controller.components.lock().unwrap().push(process);
    let out = pipeline(&server, "loki.process.a", "loki.write.b");
    out.accept(batch(&["1", "22"])).await.unwrap();
    let page = server.json("/api/v0/invar/top").await;
    let row = &page["components"][0];
    assert_eq!(row["id"], "loki.process.a");
    assert_eq!(row["out"], serde_json::json!({"items": 2, "bytes": 3}));
    assert_eq!(row["in"]["items"], 0);
    assert!(page["process"]["residentBytes"].as_f64().unwrap() > 0.0);
    let one = server.json("/api/v0/invar/components/loki.process.a").await;
    assert_eq!(one["id"], "loki.process.a");
    assert_eq!(server.get("/api/v0/invar/components/no.such").await.status(), 404);
    assert_eq!(server.json("/api/v0/invar/remotecfg").await["configured"], false);
}

#[tokio::test]
async fn queues_say_when_they_will_be_full() {
    let server = Server::start().await;
    let mut write = component("loki.write", "b", HealthState::Healthy);
    write.module_id = "m.x".to_owned();
    server.controller.components.lock().unwrap().push(write);
    server.ledger.edge("m.x/loki.write.b", "m.x/loki.write.b#far");
    server.ledger.edge("gone", "gone#far");
    let labels = [("component_path", "/m.x"), ("component_id", "loki.write.b")];
    let registry = server.metrics.scoped(&labels).unwrap();
    for (name, value) in [
        ("invar_queue_items", 3.0),
        ("invar_queue_bytes", 300.0),
        ("invar_queue_oldest_seconds", 7.0),
    ] {
        registry
            .gauge_vec(name, "Help.", &["endpoint"])
            .unwrap()
            .with(&["far"])
            .set(value);
    }
    let page = server.json("/api/v0/invar/queues").await;
    let queue = &page["queues"][0];
    assert_eq!(queue["component"], "m.x/loki.write.b");
    assert_eq!(queue["destination"], "far");
    assert_eq!(page["queues"].as_array().unwrap().len(), 1);
    assert_eq!(queue["state"], "catching up", "as far as is known");
    assert_eq!(queue["depthRecords"], 3.0);
    assert_eq!(queue["oldestSeconds"], 7.0);
    assert_eq!(queue["limitBytes"], 1000);
    assert_eq!(queue["secondsToLoss"], Value::Null, "nothing is known of its rates yet");
}
