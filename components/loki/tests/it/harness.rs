//! A `loki.process` between a source and a sink of the test.

use component::{CancellationToken, ContextParts, Inspector, Instance, Prepared, Services, Stability};
use host::Host;
use loki::process::{COMPONENT, Exports};
use promtext::Registry;
use signals::{
    Accepting, Budget, EdgeSnapshot, Entry, FanOut, Labels, Ledger, LogBatch, LogStream, Receiver, Refused, Sink,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use value::{Capsule, FromValue, Value};

/// What the sink does with its next batches; afterwards it takes them at once.
pub enum Step {
    Take(Duration),
    Refuse,
    RefuseForGood,
}

/// Takes batches in order, one after the other.
#[derive(Default)]
pub struct Taker {
    script: Mutex<VecDeque<Step>>,
    streams: Mutex<Vec<LogStream>>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Taker {
    pub fn script(&self, steps: impl IntoIterator<Item = Step>) {
        self.script.lock().unwrap().extend(steps);
    }

    /// Lines in the order of their arrival.
    pub fn lines(&self) -> Vec<String> {
        let streams = self.streams.lock().unwrap();
        let entries = streams.iter().flat_map(|stream| &stream.entries);
        entries
            .map(|entry| String::from_utf8_lossy(&entry.line).into_owned())
            .collect()
    }

    /// The same by label set.
    pub fn by_stream(&self) -> BTreeMap<String, Vec<String>> {
        let mut map: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for stream in self.streams.lock().unwrap().iter() {
            let lines = stream
                .entries
                .iter()
                .map(|entry| String::from_utf8_lossy(&entry.line).into_owned());
            map.entry(stream.labels.to_string()).or_default().extend(lines);
        }
        map
    }
}

impl Sink for Taker {
    fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
        Box::pin(async move {
            let _turn = self.turn.clone().lock_owned().await;
            let step = self
                .script
                .lock()
                .unwrap()
                .pop_front()
                .unwrap_or(Step::Take(Duration::ZERO));
            match step {
                Step::Take(after) if !after.is_zero() => tokio::time::sleep(after).await,
                Step::Take(_) => {}
                Step::Refuse => return Err(Refused::retry("not now")),
                Step::RefuseForGood => return Err(Refused::permanent("bad", "never")),
            }
            let (streams, mut custody) = batch.into_parts();
            self.streams.lock().unwrap().extend(streams);
            custody.deliver_rest();
            Ok(())
        })
    }
}

/// The component with its surroundings.
pub struct Rig {
    pub instance: Arc<dyn Instance>,
    pub sink: Arc<Taker>,
    /// The source's side.
    pub source: Arc<FanOut>,
    pub ledger: Ledger,
    pub registry: Registry,
    pub budget: Budget,
    stop: CancellationToken,
    running: Option<tokio::task::JoinHandle<()>>,
    receiver: Value,
}

/// The component's block; in `config` a semicolon stands for a line break.
fn block(config: &str, receiver: &Value) -> value::Body {
    let config = config.replace(';', "\n");
    let text = format!("loki.process \"test\" {{\n{config}\n}}\n");
    let (file, diagnostics) = syntax::parse("test.alloy", text.as_bytes());
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let mut body = eval::unevaluated_body(file.body.blocks().next().unwrap()).body;
    body.items.push(value::Item::Attr {
        name: "forward_to".to_owned(),
        value: Ok(Some(Value::array(vec![receiver.clone()]))),
        place: value::Place(u32::MAX),
    });
    body
}

impl Rig {
    /// Builds and runs a component with these stages.
    pub fn new(config: &str) -> Rig {
        Rig::build(config, None)
    }

    /// The same, and somebody looks.
    pub fn inspected(config: &str, inspector: Arc<dyn Inspector>) -> Rig {
        Rig::build(config, Some(inspector))
    }

    fn build(config: &str, inspector: Option<Arc<dyn Inspector>>) -> Rig {
        let (ledger, registry, sink) = (Ledger::default(), Registry::new(), Arc::new(Taker::default()));
        let budget = Budget::new(64 << 20);
        let parts = ContextParts {
            id: Arc::from("loki.process.test"),
            data_path: "/nonexistent".into(),
            host: Host::real(),
            budget: budget.clone(),
            ledger: ledger.clone(),
            metrics: registry.clone(),
            services: Services::default(),
            stability: Stability::GenerallyAvailable,
            span: tracing::Span::none(),
            exported: Arc::new(|| {}),
            inspector,
        };
        let receiver = component::LogsReceiver(Some(Receiver {
            owner: Arc::from("sink"),
            sink: sink.clone(),
        }));
        let receiver = Value::Capsule(Capsule::new(receiver));
        let instance = match COMPONENT.build(parts, &block(config, &receiver)) {
            Ok(instance) => instance,
            Err(error) => panic!("{error:?}"),
        };
        let exports = Exports::from_value(&instance.exports()).unwrap();
        let source = FanOut::new(&ledger, "source");
        source.set(exports.receiver.0.into_iter().collect());
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let run = instance.clone().run(stop.clone());
            async move { run.await.unwrap() }
        });
        Rig {
            instance,
            sink,
            source: Arc::new(source),
            ledger,
            registry,
            budget,
            stop,
            running: Some(running),
            receiver,
        }
    }

    /// Gives the component other stages.
    pub fn update(&self, config: &str) {
        match self.instance.clone().prepare(&block(config, &self.receiver)) {
            Ok(Prepared::Changed(change)) => change.apply(),
            Ok(Prepared::Unchanged) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Stops the component and waits for it.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(running) = self.running.take() {
            running.await.unwrap();
        }
    }

    /// The edge into the component.
    pub fn edge(&self) -> EdgeSnapshot {
        self.ledger.edge("source", "loki.process.test").snapshot()
    }

    /// A sample of the component's metrics.
    pub fn metric(&self, sample: &str) -> Option<f64> {
        let text = promtext::encode(&self.registry.gather().families, promtext::Format::Text);
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ').map(str::to_owned))?;
        line.parse().ok()
    }

    /// A batch of lines of one stream.
    pub fn batch<L: AsRef<[u8]>>(&self, stream: &str, lines: &[L]) -> LogBatch {
        let entries: Vec<Entry> = lines.iter().map(|line| Entry::new(0, line.as_ref().to_vec())).collect();
        let bytes = entries.iter().map(Entry::size).sum();
        let labels = Labels::from_pairs([("stream_id", stream)]);
        LogBatch::new(vec![LogStream { labels, entries }], self.budget.force(bytes))
    }

    /// Offers a batch and waits for its fate.
    pub async fn send<L: AsRef<[u8]>>(&self, lines: &[L]) -> Result<(), Refused> {
        FanOut::accept(&self.source, self.batch("a", lines)).await
    }

    /// Offers a batch in a task.
    pub fn spawn<L: AsRef<[u8]>>(&self, lines: &[L]) -> tokio::task::JoinHandle<Result<(), Refused>> {
        let (source, batch) = (self.source.clone(), self.batch("a", lines));
        tokio::spawn(async move { FanOut::accept(&source, batch).await })
    }
}
