//! A `loki.write` between a source of the test and real servers on loopback.

use component::{CancellationToken, ContextParts, Health, Instance, Prepared, QueuePolicy, Services, Stability};
use host::Host;
use loki::write::{COMPONENT, Exports};
use promtext::Registry;
use signals::{Budget, EdgeSnapshot, Entry, FanOut, Labels, Ledger, LogBatch, LogStream, Refused};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use testkit::loki_sink::LokiSink;
use tokio::task::JoinHandle;
use value::FromValue;

/// How long a test waits for what should happen soon.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// An endpoint block with short times; `more` has further arguments.
pub fn endpoint(sink: &LokiSink, more: &str) -> String {
    endpoint_at(&sink.url(), more)
}

/// The same with a URL.
pub fn endpoint_at(url: &str, more: &str) -> String {
    let mut block = format!("endpoint {{\n url = {url:?}\n");
    for (name, value) in [
        ("batch_wait", "20ms"),
        ("min_backoff_period", "5ms"),
        ("max_backoff_period", "40ms"),
    ] {
        if !more.contains(name) {
            block.push_str(&format!(" {name} = {value:?}\n"));
        }
    }
    format!("{block}{more}\n}}\n")
}

/// The component with its surroundings.
pub struct Rig {
    pub instance: Arc<dyn Instance>,
    /// The source's side.
    pub source: Arc<FanOut>,
    pub ledger: Ledger,
    pub registry: Registry,
    pub budget: Budget,
    stop: CancellationToken,
    running: Option<JoinHandle<()>>,
}

fn block(config: &str) -> value::Body {
    let text = format!("loki.write \"test\" {{\n{config}\n}}\n");
    let (file, diagnostics) = syntax::parse("test.alloy", text.as_bytes());
    assert!(diagnostics.is_empty(), "{diagnostics:?}\n{text}");
    eval::unevaluated_body(file.body.blocks().next().unwrap()).body
}

fn parts(ledger: &Ledger, registry: &Registry, budget: &Budget, data: Option<&Path>) -> ContextParts {
    let policy = QueuePolicy {
        max_bytes: if data.is_some() { 1 << 30 } else { 0 },
        ..QueuePolicy::default()
    };
    ContextParts {
        id: Arc::from("loki.write.test"),
        data_path: data.unwrap_or(Path::new("/nonexistent")).into(),
        host: Host::real(),
        budget: budget.clone(),
        ledger: ledger.clone(),
        metrics: registry.clone(),
        // Tests of the queue on disk bring a folder of their own.
        services: Services::default().with(Arc::new(policy)),
        stability: Stability::GenerallyAvailable,
        span: tracing::Span::none(),
        exported: Arc::new(|| {}),
        inspector: None,
    }
}

/// Why a configuration is not accepted.
pub fn refusal(config: &str) -> String {
    match COMPONENT.build(
        parts(&Ledger::default(), &Registry::new(), &Budget::unlimited(), None),
        &block(config),
    ) {
        Ok(_) => panic!("it is accepted: {config}"),
        Err(component::BuildError::Decode(error)) => error.to_string(),
        Err(component::BuildError::Component(error)) => error.to_string(),
    }
}

impl Rig {
    /// Builds and runs a component.
    pub fn new(config: &str) -> Rig {
        Rig::with_budget(config, Budget::new(64 << 20))
    }

    /// The same with a memory budget.
    pub fn with_budget(config: &str, budget: Budget) -> Rig {
        Rig::with(config, budget, None)
    }

    /// The same with a queue on disk in a folder.
    pub fn queued(config: &str, data: &Path) -> Rig {
        Rig::with(config, Budget::new(64 << 20), Some(data))
    }

    /// The same with a memory budget and perhaps a queue.
    pub fn with(config: &str, budget: Budget, data: Option<&Path>) -> Rig {
        let (ledger, registry) = (Ledger::default(), Registry::new());
        let instance = match COMPONENT.build(parts(&ledger, &registry, &budget, data), &block(config)) {
            Ok(instance) => instance,
            Err(error) => panic!("{error:?}"),
        };
        let exports = Exports::from_value(&instance.exports()).unwrap();
        let source = FanOut::new(&ledger, "source");
        source.set(exports.receiver.0.into_iter().collect());
        let stop = CancellationToken::new();
        let run = instance.clone().run(stop.clone());
        Rig {
            instance,
            source: Arc::new(source),
            ledger,
            registry,
            budget,
            stop,
            running: Some(tokio::spawn(async move { run.await.unwrap() })),
        }
    }

    /// Gives the component other arguments.
    pub fn update(&self, config: &str) {
        match self.instance.clone().prepare(&block(config)) {
            Ok(Prepared::Changed(change)) => change.apply(),
            Ok(Prepared::Unchanged) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Stops the component and waits for it.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(running) = self.running.take() {
            tokio::time::timeout(PATIENCE, running)
                .await
                .expect("it stops")
                .unwrap();
        }
    }

    /// Ends the component as a crash of its task would.
    pub async fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
            assert!(running.await.unwrap_err().is_cancelled());
        }
    }

    /// The edge into the component.
    pub fn edge(&self) -> EdgeSnapshot {
        self.ledger.edge("source", "loki.write.test").snapshot()
    }

    pub fn health(&self) -> Option<Health> {
        self.instance.health()
    }

    /// Sum of the samples of a metric whose labels contain `labels`.
    pub fn metric(&self, name: &str, labels: &str) -> f64 {
        let text = promtext::encode(&self.registry.gather().families, promtext::Format::Text);
        text.lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')) && line.contains(labels))
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    /// A batch of one stream, `{name="..."}`.
    pub fn batch<L: AsRef<[u8]>>(&self, stream: &str, lines: &[L]) -> LogBatch {
        self.batch_of(Labels::from_pairs([("name", stream)]), lines)
    }

    pub fn batch_of<L: AsRef<[u8]>>(&self, labels: Labels, lines: &[L]) -> LogBatch {
        let entries: Vec<Entry> = lines.iter().map(|line| Entry::new(7, line.as_ref().to_vec())).collect();
        let bytes = entries.iter().map(Entry::size).sum();
        LogBatch::new(vec![LogStream { labels, entries }], self.budget.force(bytes))
    }

    /// Offers lines of one stream and waits for their fate.
    pub async fn send<L: AsRef<[u8]>>(&self, stream: &str, lines: &[L]) -> Result<(), Refused> {
        let accept = FanOut::accept(&self.source, self.batch(stream, lines));
        tokio::time::timeout(PATIENCE, accept).await.expect("an answer")
    }

    /// Offers a batch in a task; it has its place in the order when this returns.
    pub async fn offer(&self, batch: LogBatch) -> JoinHandle<Result<(), Refused>> {
        let (source, before) = (self.source.clone(), self.edge().entered);
        let offered = tokio::spawn(async move { FanOut::accept(&source, batch).await });
        while self.edge().entered == before {
            tokio::task::yield_now().await;
        }
        offered
    }

    /// Checks that each record has its fate and the memory is free.
    pub fn assert_balanced(&self) {
        let edge = self.edge();
        assert_eq!(
            (edge.in_flight().items, edge.in_flight().bytes, edge.lost.items),
            (0, 0, 0),
            "{edge:?}"
        );
        assert_eq!(self.budget.used(), 0);
    }
}

/// Waits for the fate of what was offered.
pub async fn fate(offered: JoinHandle<Result<(), Refused>>) -> Result<(), Refused> {
    tokio::time::timeout(PATIENCE, offered)
        .await
        .expect("an answer")
        .unwrap()
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

/// Lines `0` to `n`.
pub fn numbered(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("line {i}")).collect()
}
