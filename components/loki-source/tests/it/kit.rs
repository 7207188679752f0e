//! A `loki.source.api` between HTTP clients and a sink of the test.

use component::{CancellationToken, ContextParts, Instance, LogsReceiver, Prepared, RelabelRules, Services, Stability};
use host::Host;
use loki_source::api::COMPONENT;
use promtext::Registry;
use signals::{Accepting, Budget, EdgeSnapshot, Ledger, LogBatch, LogStream, Receiver, Refused, Sink};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use value::{Capsule, Value};

/// How long a test waits for what should happen soon.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What the sink does with its next batch.
pub enum Step {
    Refuse,
    RefuseForGood,
}

/// Takes batches in order while it is open.
pub struct Taker {
    open: tokio::sync::watch::Sender<bool>,
    /// Batches that were offered, taken or not.
    pub offered: Mutex<usize>,
    steps: Mutex<VecDeque<Step>>,
    streams: Mutex<Vec<LogStream>>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Taker {
    pub fn new() -> Arc<Taker> {
        Arc::new(Taker {
            open: tokio::sync::watch::Sender::new(true),
            offered: Mutex::default(),
            steps: Mutex::default(),
            streams: Mutex::default(),
            turn: Arc::default(),
        })
    }

    pub fn open(&self, open: bool) {
        self.open.send_replace(open);
    }

    pub fn script(&self, steps: impl IntoIterator<Item = Step>) {
        self.steps.lock().unwrap().extend(steps);
    }

    pub fn offered(&self) -> usize {
        *self.offered.lock().unwrap()
    }

    pub fn streams(&self) -> Vec<LogStream> {
        self.streams.lock().unwrap().clone()
    }

    /// `labels: line, line`, by stream as it arrived.
    pub fn texts(&self) -> Vec<String> {
        let text = |stream: &LogStream| {
            let lines = stream
                .entries
                .iter()
                .map(|entry| String::from_utf8_lossy(&entry.line).into_owned());
            format!("{}: {}", stream.labels, lines.collect::<Vec<_>>().join(", "))
        };
        self.streams().iter().map(text).collect()
    }

    pub fn lines(&self) -> Vec<String> {
        let streams = self.streams();
        let entries = streams.iter().flat_map(|stream| &stream.entries);
        entries
            .map(|entry| String::from_utf8_lossy(&entry.line).into_owned())
            .collect()
    }
}

impl Sink for Taker {
    fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
        Box::pin(async move {
            *self.offered.lock().unwrap() += 1;
            let _turn = self.turn.clone().lock_owned().await;
            self.open.subscribe().wait_for(|open| *open).await.unwrap();
            let step = self.steps.lock().unwrap().pop_front();
            match step {
                Some(Step::Refuse) => return Err(Refused::retry("the sink is busy")),
                Some(Step::RefuseForGood) => return Err(Refused::permanent("bad", "the sink never takes it")),
                None => {}
            }
            let (streams, mut custody) = batch.into_parts();
            self.streams.lock().unwrap().extend(streams);
            custody.deliver_rest();
            Ok(())
        })
    }
}

/// A port on loopback that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Arguments in the language, with an `http` block on this port of loopback.
pub fn on_port(port: u16, more: &str) -> String {
    format!("http {{\n listen_address = \"127.0.0.1\"\n listen_port = {port}\n}}\n{more}")
}

/// The component with its surroundings.
pub struct Rig {
    pub instance: Arc<dyn Instance>,
    pub sink: Arc<Taker>,
    pub ledger: Ledger,
    pub registry: Registry,
    pub budget: Budget,
    pub client: reqwest::Client,
    stop: CancellationToken,
    running: Option<JoinHandle<component::Result<()>>>,
}

/// The block with these arguments, with `rules` as `relabel_rules` and `sink` in `forward_to`.
fn block(config: &str, rules: Option<&RelabelRules>, sink: &Arc<Taker>) -> value::Body {
    let text = format!("loki.source.api \"test\" {{\n{config}\n}}\n");
    let (file, diagnostics) = syntax::parse("test.alloy", text.as_bytes());
    assert!(diagnostics.is_empty(), "{diagnostics:?}\n{text}");
    let mut body = eval::unevaluated_body(file.body.blocks().next().unwrap()).body;
    let mut set = |name: &str, value: Value| {
        body.items.push(value::Item::Attr {
            name: name.to_owned(),
            value: Ok(Some(value)),
            place: value::Place(u32::MAX),
        });
    };
    let receiver = LogsReceiver(Some(Receiver {
        owner: Arc::from("sink"),
        sink: sink.clone(),
    }));
    set("forward_to", Value::array(vec![Value::Capsule(Capsule::new(receiver))]));
    if let Some(rules) = rules {
        set("relabel_rules", Value::Capsule(Capsule::new(rules.clone())));
    }
    body
}

fn parts(ledger: &Ledger, registry: &Registry, budget: &Budget) -> ContextParts {
    ContextParts {
        id: Arc::from("loki.source.api.test"),
        data_path: "/nonexistent".into(),
        host: Host::real(),
        budget: budget.clone(),
        ledger: ledger.clone(),
        metrics: registry.clone(),
        services: Services::default(),
        stability: Stability::GenerallyAvailable,
        span: tracing::Span::none(),
        exported: Arc::new(|| {}),
        inspector: None,
    }
}

fn said(error: component::BuildError) -> String {
    match error {
        component::BuildError::Decode(error) => error.to_string(),
        component::BuildError::Component(error) => error.to_string(),
    }
}

/// Builds a component and drops it.
pub fn build_only(config: &str) {
    let parts = parts(&Ledger::default(), &Registry::new(), &Budget::unlimited());
    let built = COMPONENT.build(parts, &block(config, None, &Taker::new()));
    drop(built.unwrap_or_else(|error| panic!("{}", said(error))));
}

/// Why a configuration is not accepted.
pub fn refusal(config: &str) -> String {
    let parts = parts(&Ledger::default(), &Registry::new(), &Budget::unlimited());
    match COMPONENT.build(parts, &block(config, None, &Taker::new())) {
        Ok(_) => panic!("it is accepted: {config}"),
        Err(error) => said(error),
    }
}

impl Rig {
    /// Builds and runs a component on a port that the system chooses.
    pub fn new(config: &str) -> Rig {
        Rig::with(&on_port(0, config), None, Budget::new(64 << 20))
    }

    pub fn with(config: &str, rules: Option<&RelabelRules>, budget: Budget) -> Rig {
        let (ledger, registry, sink) = (Ledger::default(), Registry::new(), Taker::new());
        let built = COMPONENT.build(parts(&ledger, &registry, &budget), &block(config, rules, &sink));
        let instance = built.unwrap_or_else(|error| panic!("{}", said(error)));
        let stop = CancellationToken::new();
        let running = tokio::spawn(instance.clone().run(stop.clone()));
        Rig {
            instance,
            sink,
            ledger,
            registry,
            budget,
            client: client(),
            stop,
            running: Some(running),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        let Some(Value::Object(info)) = self.instance.debug_info() else {
            panic!("it does not listen");
        };
        let Some(Value::String(address)) = info.get("listen_address") else {
            panic!("no address");
        };
        address.to_str_lossy().parse().unwrap()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// Gives the component other arguments.
    pub fn update(&self, config: &str, rules: Option<&RelabelRules>) -> Result<(), String> {
        match self.instance.clone().prepare(&block(config, rules, &self.sink)) {
            Ok(Prepared::Changed(change)) => change.apply(),
            Ok(Prepared::Unchanged) => {}
            Err(error) => return Err(said(error)),
        }
        Ok(())
    }

    /// Tells the component to stop.
    pub fn tell_to_stop(&self) {
        self.stop.cancel();
    }

    /// Stops the component and waits for it.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(running) = self.running.take() {
            let ended = tokio::time::timeout(PATIENCE, running).await.expect("it stops");
            ended.unwrap().unwrap();
        }
    }

    /// Posts a JSON push; status, body, `Retry-After`.
    pub async fn push(&self, streams: &str) -> Said {
        self.post(
            "/loki/api/v1/push",
            &[("content-type", "application/json")],
            json(streams),
        )
        .await
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Said {
        post(&self.client, &self.url(path), headers, body).await
    }

    pub fn edge(&self) -> EdgeSnapshot {
        self.ledger.edge("loki.source.api.test", "sink").snapshot()
    }

    /// The value of a sample, by its name and labels as printed.
    pub fn metric(&self, sample: &str) -> Option<f64> {
        let text = promtext::encode(&self.registry.gather().families, promtext::Format::Text);
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ').map(str::to_owned))?;
        line.parse().ok()
    }

    /// Checks that each record has its fate and the memory is free once the sink lets go of what it has.
    pub fn assert_balanced(&self) {
        let edge = self.edge();
        assert_eq!((edge.in_flight().items, edge.lost.items), (0, 0), "{edge:?}");
        assert_eq!(self.budget.used(), 0);
    }
}

/// A client with connections of its own.
pub fn client() -> reqwest::Client {
    // The second one finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// One that speaks HTTP/2 from the first word.
pub fn http2_client() -> reqwest::Client {
    let _ = client();
    let builder = reqwest::Client::builder().no_proxy().http2_prior_knowledge();
    builder.build().unwrap()
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    pub status: u16,
    pub body: String,
    pub retry_after: bool,
}

pub async fn post(
    client: &reqwest::Client,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> Said {
    let mut request = client.post(url).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = tokio::time::timeout(PATIENCE, request.send())
        .await
        .expect("an answer")
        .unwrap();
    Said {
        status: answer.status().as_u16(),
        retry_after: answer.headers().contains_key("retry-after"),
        body: answer.text().await.unwrap().trim_end().to_owned(),
    }
}

/// A JSON push of streams, written as `{"stream":..., "values":...}`.
pub fn json(streams: &str) -> String {
    format!("{{\"streams\":[{streams}]}}")
}

/// One stream of a JSON push.
pub fn stream(app: &str, lines: &[&str]) -> String {
    let values = lines.iter().map(|line| format!("[\"7\",{line:?}]"));
    let values: Vec<String> = values.collect();
    format!("{{\"stream\":{{\"app\":{app:?}}},\"values\":[{}]}}", values.join(","))
}

/// Waits until something is so.
pub async fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !so() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "not within {PATIENCE:?}: {what}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
