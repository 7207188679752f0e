//! A component between clients and a sink of the test.

use component::{
    AuthHandler, CancellationToken, ContextParts, Instance, OtelConsumer, Prepared, Registration, Services, Stability,
};
use host::Host;
use promtext::Registry;
use serde_json::Value as Json;
use signals::{Accepting, Budget, Ledger, Otlp, OtlpBatch, Receiver, Refused, Signal, Sink};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use value::{Body, Capsule, Item, Value};

/// How long a test waits for what should happen soon.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Takes batches.
pub struct Taker {
    /// What it does with its next batches.
    pub script: Mutex<VecDeque<Refused>>,
    pub taken: Mutex<Vec<Otlp>>,
    pub offered: Mutex<usize>,
}

impl Taker {
    pub fn new() -> Arc<Taker> {
        Arc::new(Taker {
            script: Mutex::default(),
            taken: Mutex::default(),
            offered: Mutex::default(),
        })
    }

    pub fn refuse(&self, why: impl IntoIterator<Item = Refused>) {
        self.script.lock().unwrap().extend(why);
    }

    /// Numbers of records, batch by batch.
    pub fn sizes(&self) -> Vec<u64> {
        self.taken.lock().unwrap().iter().map(|one| one.records).collect()
    }

    /// What arrived of a signal, as JSON.
    pub fn json(&self, signal: Signal) -> Vec<Json> {
        let taken = self.taken.lock().unwrap();
        let taken = taken.iter().filter(|one| one.signal == signal);
        taken
            .map(|one| serde_json::from_slice(&otlp_wire::json::encode(signal, &one.payload.to_bytes())).unwrap())
            .collect()
    }
}

impl Sink<Otlp> for Taker {
    fn accept(self: Arc<Self>, batch: OtlpBatch) -> Accepting {
        Box::pin(async move {
            *self.offered.lock().unwrap() += 1;
            if let Some(why) = self.script.lock().unwrap().pop_front() {
                return Err(why);
            }
            let (payload, mut custody) = batch.into_parts();
            self.taken.lock().unwrap().push(payload);
            custody.deliver_rest();
            Ok(())
        })
    }
}

fn attribute(name: &str, value: Value) -> Item {
    Item::Attr {
        name: name.to_owned(),
        value: Ok(Some(value)),
        place: value::Place(u32::MAX),
    }
}

/// The block with these arguments, and the sink in `output` for the signals that it has as empty lists.
fn block(name: &str, config: &str, sink: &Arc<dyn Sink<Otlp>>, auth: Option<&AuthHandler>) -> Body {
    let text = format!("{name} \"test\" {{\n{config}\n}}\n");
    let (file, diagnostics) = syntax::parse("test.alloy", text.as_bytes());
    assert!(diagnostics.is_empty(), "{diagnostics:?}\n{text}");
    let mut body = eval::unevaluated_body(file.body.blocks().next().unwrap()).body;
    for item in &mut body.items {
        if let Item::Block { name, body, .. } = item {
            match name.as_str() {
                "output" => {
                    let signals: Vec<String> = body.items.iter().map(|item| item.name().to_owned()).collect();
                    let consumer = OtelConsumer(Some(Receiver {
                        owner: Arc::from("sink"),
                        sink: sink.clone(),
                    }));
                    let list = Value::array(vec![Value::Capsule(Capsule::new(consumer))]);
                    body.items = signals.iter().map(|signal| attribute(signal, list.clone())).collect();
                }
                "http" | "grpc" => {
                    let auth = auth.map(|auth| attribute("auth", Value::Capsule(Capsule::new(auth.clone()))));
                    body.items.extend(auth);
                }
                _ => {}
            }
        }
    }
    body
}

pub fn said(error: component::BuildError) -> String {
    match error {
        component::BuildError::Decode(error) => error.to_string(),
        component::BuildError::Component(error) => error.to_string(),
    }
}

/// The component with its surroundings.
pub struct Rig {
    pub name: &'static str,
    pub instance: Arc<dyn Instance>,
    pub sink: Arc<Taker>,
    /// Where telemetry goes: the sink, if nothing else was said.
    output: Arc<dyn Sink<Otlp>>,
    pub ledger: Ledger,
    pub registry: Registry,
    pub budget: Budget,
    stop: CancellationToken,
    running: Option<JoinHandle<component::Result<()>>>,
}

impl Rig {
    pub fn new(registration: &Registration, config: &str) -> Rig {
        Rig::with(registration, config, Budget::new(256 << 20), None)
    }

    pub fn with(registration: &Registration, config: &str, budget: Budget, auth: Option<&AuthHandler>) -> Rig {
        Rig::build(registration, config, budget, auth, None)
    }

    /// A component whose telemetry goes on to another one.
    pub fn before(registration: &Registration, config: &str, output: Arc<dyn Sink<Otlp>>) -> Rig {
        Rig::build(registration, config, Budget::new(256 << 20), None, Some(output))
    }

    fn build(
        registration: &Registration,
        config: &str,
        budget: Budget,
        auth: Option<&AuthHandler>,
        output: Option<Arc<dyn Sink<Otlp>>>,
    ) -> Rig {
        let (ledger, registry, sink) = (Ledger::default(), Registry::new(), Taker::new());
        let output = output.unwrap_or_else(|| sink.clone());
        let parts = ContextParts {
            id: Arc::from(format!("{}.test", registration.name)),
            data_path: "/nonexistent".into(),
            host: Host::real(),
            budget: budget.clone(),
            ledger: ledger.clone(),
            metrics: registry.clone(),
            services: Services::default(),
            stability: Stability::Experimental,
            span: tracing::Span::none(),
            exported: Arc::new(|| {}),
            inspector: None,
        };
        let built = registration.build(parts, &block(registration.name, config, &output, auth));
        let instance = built.unwrap_or_else(|error| panic!("{}", said(error)));
        let stop = CancellationToken::new();
        let running = tokio::spawn(instance.clone().run(stop.clone()));
        Rig {
            name: registration.name,
            instance,
            sink,
            output,
            ledger,
            registry,
            budget,
            stop,
            running: Some(running),
        }
    }

    /// What others can send to.
    pub fn input(&self) -> Arc<dyn Sink<Otlp>> {
        let Value::Object(exports) = self.instance.exports() else {
            panic!("no exports");
        };
        let Some(Value::Capsule(input)) = exports.get("input") else {
            panic!("no input");
        };
        input.downcast_ref::<OtelConsumer>().unwrap().0.clone().unwrap().sink
    }

    /// The authentication that it exports.
    pub fn handler(&self) -> AuthHandler {
        let Value::Object(exports) = self.instance.exports() else {
            panic!("no exports");
        };
        let Some(Value::Capsule(handler)) = exports.get("handler") else {
            panic!("no handler");
        };
        handler.downcast_ref::<AuthHandler>().unwrap().clone()
    }

    /// Where a server of it listens.
    pub fn address(&self, server: &str) -> SocketAddr {
        let Some(Value::Object(info)) = self.instance.debug_info() else {
            panic!("it does not listen");
        };
        let Some(Value::String(address)) = info.get(server) else {
            panic!("no address");
        };
        address.to_str_lossy().parse().unwrap()
    }

    /// Gives the component other arguments.
    pub fn update(&self, config: &str) -> Result<(), String> {
        match self
            .instance
            .clone()
            .prepare(&block(self.name, config, &self.output, None))
        {
            Ok(Prepared::Changed(change)) => change.apply(),
            Ok(Prepared::Unchanged) => {}
            Err(error) => return Err(said(error)),
        }
        Ok(())
    }

    /// Stops the component and waits for it.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(running) = self.running.take() {
            let ended = tokio::time::timeout(PATIENCE, running).await.expect("it stops");
            ended.unwrap().unwrap();
        }
    }
}

/// A request of so many log records.
pub fn logs(first: usize, count: usize) -> Vec<u8> {
    let records = (first..first + count).map(|number| format!(r#"{{"body":{{"stringValue":"line {number}"}}}}"#));
    let text = format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{}]}}]}}]}}"#,
        records.collect::<Vec<_>>().join(",")
    );
    otlp_wire::json::decode(Signal::Logs, text.as_bytes())
        .unwrap()
        .0
        .to_vec()
}

/// The bodies of log records that arrived, in order.
pub fn bodies(sink: &Taker) -> Vec<String> {
    let mut out = Vec::new();
    for one in sink.taken.lock().unwrap().iter() {
        for resource in otlp_wire::logs::resources(&one.payload.to_bytes()) {
            for scope in resource.scopes() {
                out.extend(
                    scope
                        .records()
                        .map(|record| record.body.unwrap().as_str().unwrap().into_owned()),
                );
            }
        }
    }
    out
}
