//! `otelcol.auth.headers` with `from_context`: each client's telemetry goes out with its own header.

use crate::kit;
use crate::rig::{FAST, Rig, batch, eventually, export, items};
use crate::sink::{Answer, OtlpSink, Received};
use component::{AuthHandler, HealthState, OtelConsumer};
use futures_util::future::join_all;
use otelcol::exporter::{otlp, otlphttp};
use otelcol::processor::batch::COMPONENT as BATCH;
use otelcol::receiver::otlp::COMPONENT as RECEIVER;
use signals::{Client, OtlpBatch, Permit, Refused, Signal};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

#[derive(Clone, Copy, Debug)]
enum Over {
    Http,
    Grpc,
}

const BOTH: [Over; 2] = [Over::Http, Over::Grpc];
/// A client, and what stands in its header: nothing, for the last one.
const CLIENTS: [(&str, Option<&str>); 3] = [("a", Some("secret-a")), ("b", Some("secret-b é")), ("c", None)];
const SIGNALS: [Signal; 3] = Signal::ALL;

fn exporter(over: Over, address: SocketAddr, client: &str, data: Option<&Path>, auth: Option<AuthHandler>) -> Rig {
    let (component, name, more) = match over {
        Over::Http => (
            &otlphttp::COMPONENT,
            "otelcol.exporter.otlphttp",
            format!("endpoint = \"http://{address}\""),
        ),
        Over::Grpc => (
            &otlp::COMPONENT,
            "otelcol.exporter.otlp",
            format!("endpoint = \"{address}\"\n tls {{\n insecure = true\n }}"),
        ),
    };
    let config = format!("client {{\n {more}\n {client}\n }}\n{FAST}");
    Rig::with(component, name, &config, data, auth)
}

/// The authentication that passes a header on.
fn passing() -> AuthHandler {
    let config = "header {\n key = \"X-Scope-OrgID\"\n from_context = \"X-Scope-OrgID\"\n }";
    kit::Rig::new(&otelcol::auth::headers::COMPONENT, config).handler()
}

/// Clients, a receiver, a processor that collects by tenant, and an exporter.
struct Chain {
    clients: Vec<(&'static str, Rig)>,
    receiver: kit::Rig,
    batch: kit::Rig,
    exporter: Rig,
}

impl Chain {
    fn new(over: Over, address: SocketAddr, data: Option<&Path>) -> Chain {
        let exporter = exporter(over, address, "", data, Some(passing()));
        let output = "output {\n logs = []\n metrics = []\n traces = []\n }";
        let config = format!("timeout = \"10ms\"\nsend_batch_size = 5\nmetadata_keys = [\"X-Scope-OrgID\"]\n{output}");
        let input: OtelConsumer = export(&exporter.instance, "input");
        let batch = kit::Rig::before(&BATCH, &config, input.0.unwrap().sink);
        let server = match over {
            Over::Http => "http",
            Over::Grpc => "grpc",
        };
        let config = format!("{server} {{\n endpoint = \"127.0.0.1:0\"\n include_metadata = true\n }}\n{output}");
        let receiver = kit::Rig::before(&RECEIVER, &config, batch.input());
        let clients = CLIENTS.map(|(name, value)| {
            let headers = value.map(|value| format!("headers = {{\"x-scope-orgid\" = {value:?}}}"));
            let headers = headers.unwrap_or_default();
            (
                name,
                self::exporter(over, receiver.address(server), &headers, None, None),
            )
        });
        Chain {
            clients: clients.into(),
            receiver,
            batch,
            exporter,
        }
    }

    /// Each client sends three records of each signal, all at the same time.
    async fn send(&self) {
        let mut offers = Vec::new();
        for number in 0..3 {
            for (name, client) in &self.clients {
                for signal in SIGNALS {
                    let record = format!("{name} {signal:?} {number}");
                    offers.push(async move { client.send(batch(signal, &[&record])).await });
                }
            }
        }
        for sent in join_all(offers).await {
            assert_eq!(sent, Ok(()));
        }
    }

    async fn stop(mut self) {
        for (_, client) in self.clients {
            client.stop().await;
        }
        self.receiver.stop().await;
        self.batch.stop().await;
        self.exporter.stop().await;
    }
}

/// The header of a request, and whose it should be.
fn header(request: &Received) -> Option<String> {
    let value = request.headers.get("x-scope-orgid")?;
    Some(String::from_utf8(value.as_bytes().to_vec()).unwrap())
}

/// Everything arrived, with its own header.
fn assert_separate(sink: &OtlpSink) {
    let mut expected = Vec::new();
    for (name, _) in CLIENTS {
        for signal in SIGNALS {
            expected.extend((0..3).map(|number| format!("{name} {signal:?} {number}")));
        }
    }
    expected.sort();
    assert_eq!(sink.taken(), expected);
    for request in sink.received() {
        let header = header(&request);
        let (name, _) = CLIENTS
            .into_iter()
            .find(|(_, value)| *value == header.as_deref())
            .unwrap();
        assert!(
            request.records.iter().all(|record| record.starts_with(name)),
            "{header:?} {:?}",
            request.records
        );
    }
}

#[tokio::test]
async fn each_client_s_telemetry_arrives_with_its_own_header() {
    for over in BOTH {
        let sink = OtlpSink::new().await;
        let chain = Chain::new(over, sink.address, None);
        chain.send().await;
        assert_separate(&sink);
        let text = promtext::encode(&chain.exporter.registry.gather().families, promtext::Format::Text);
        assert!(!text.contains("secret"), "{text}");
        let sent = text
            .lines()
            .find(|line| line.starts_with("otelcol_exporter_sent_spans_total"));
        assert!(sent.unwrap().ends_with(" 9"), "{sent:?}");
        chain.stop().await;
    }
}

#[tokio::test]
async fn what_waits_on_disk_over_a_restart_keeps_its_header() {
    for over in BOTH {
        let data = tempfile::tempdir().unwrap();
        let sink = OtlpSink::new().await;
        let address = sink.address;
        let chain = Chain::new(over, address, Some(data.path()));
        drop(sink);
        chain.send().await;
        assert!(data.path().join("queue").exists());
        chain.stop().await;
        let sink = OtlpSink::at(address).await;
        let second = exporter(over, address, "", Some(data.path()), Some(passing()));
        eventually("replay", || sink.taken().len() == 27).await;
        assert_separate(&sink);
        second.stop().await;
    }
}

/// Log records of a client with these values in its header.
fn from(values: &[&str], names: &[&str]) -> OtlpBatch {
    let mut payload = batch(Signal::Logs, names).payload().clone();
    payload.client = Some(Arc::new(Client {
        address: None,
        metadata: values
            .iter()
            .map(|value| ("x-scope-orgid".to_owned(), (*value).to_owned()))
            .collect(),
    }));
    OtlpBatch::new(payload, Permit::none())
}

#[tokio::test]
async fn a_client_that_the_destination_does_not_know_holds_no_other_up() {
    for over in BOTH {
        let data = tempfile::tempdir().unwrap();
        let sink = OtlpSink::new().await;
        sink.script(|request| match header(request).as_deref() {
            Some("secret-a") => Answer::Take,
            _ => Answer::Denied,
        });
        let rig = exporter(over, sink.address, "", Some(data.path()), Some(passing()));
        assert_eq!(rig.send(from(&["secret-b"], &["b1", "b2", "b3"])).await, Ok(()));
        assert_eq!(sink.received().len(), 1, "nothing else need be tried");
        assert_eq!(rig.send(from(&["secret-a"], &["a1"])).await, Ok(()));
        assert_eq!(rig.send(from(&[], &["c1"])).await, Ok(()));
        assert_eq!(sink.taken(), ["a1"]);
        assert_eq!(items(rig.edge().dead_lettered["refused"]), 4);
        let health = rig.instance.health();
        assert!(health.is_none_or(|health| health.state != HealthState::Unhealthy));
        rig.stop().await;
        let mut letters = Vec::new();
        for file in std::fs::read_dir(data.path().join("dead-letters")).unwrap() {
            letters.extend(std::fs::read(file.unwrap().path()).unwrap());
        }
        let letters = String::from_utf8_lossy(&letters);
        assert!(
            letters.contains("b3") && letters.contains("\"tenant\":\"logs\""),
            "{letters}"
        );
        assert!(!letters.contains("secret"), "{letters}");
    }
}

#[tokio::test]
async fn a_request_with_several_values_is_refused() {
    let sink = OtlpSink::new().await;
    let rig = exporter(Over::Http, sink.address, "", None, Some(passing()));
    let refused = rig.send(from(&["secret-a", "secret-b"], &["x"])).await.unwrap_err();
    let message = "the request has several values of \"x-scope-orgid\", but a header has one";
    assert_eq!(refused, Refused::permanent("client_metadata", message));
    assert_eq!(items(rig.edge().returned), 1);
    assert!(sink.received().is_empty());
    rig.stop().await;
}
