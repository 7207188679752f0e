//! Builds and runs components from the text of their blocks.

use component::{Budget, CancellationToken, ContextParts, Instance, Ledger, Prepared, Result, Services, Stability};
use eval::{HostFacts, Scope, Stdlib};
use host::Host;
use promtext::Registry;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use value::{Body, Value};

/// The arguments of a block that is written like this.
pub fn body(name: &str, arguments: &str) -> Body {
    let text = format!("{name} \"test\" {{\n{arguments}\n}}\n");
    let (file, diagnostics) = syntax::parse("test.alloy", text.as_bytes());
    assert!(diagnostics.is_empty(), "{diagnostics:?}\n{text}");
    let block = file.body.blocks().next().unwrap();
    let stdlib = Stdlib::new(&HostFacts {
        hostname: "box".to_owned(),
        os: "linux".to_owned(),
        arch: "amd64".to_owned(),
        version: "v1.2.3".to_owned(),
        env: Arc::new(|_| None),
    });
    let source = syntax::Source::new("test.alloy", text.as_bytes());
    eval::evaluate_body(&source, block, &Scope::new(value::Object::new(), &stdlib)).body
}

pub struct Rig {
    pub instance: Arc<dyn Instance>,
    pub metrics: Registry,
    pub exported: Arc<AtomicUsize>,
    name: &'static str,
    stop: CancellationToken,
    running: JoinHandle<Result<()>>,
}

pub fn parts(name: &str, metrics: &Registry, exported: &Arc<AtomicUsize>, services: &Services) -> ContextParts {
    let exported = exported.clone();
    ContextParts {
        id: Arc::from(format!("{name}.test")),
        data_path: PathBuf::new(),
        host: Host::real(),
        budget: Budget::unlimited(),
        ledger: Ledger::default(),
        metrics: metrics.clone(),
        services: services.clone(),
        stability: Stability::GenerallyAvailable,
        span: tracing::Span::none(),
        exported: Arc::new(move || {
            exported.fetch_add(1, Ordering::SeqCst);
        }),
        inspector: None,
    }
}

pub fn build(name: &'static str, arguments: &str) -> Result<(), String> {
    let registration = discovery::COMPONENTS.iter().find(|one| one.name == name).unwrap();
    let (metrics, exported) = (Registry::new(), Arc::default());
    let built = registration.build(
        parts(name, &metrics, &exported, &Services::default()),
        &body(name, arguments),
    );
    built.map(drop).map_err(|error| match error {
        component::BuildError::Decode(error) => format!("{:?}", error.problem),
        component::BuildError::Component(error) => error.to_string(),
    })
}

impl Rig {
    pub fn start(name: &'static str, arguments: &str) -> Rig {
        Rig::start_with(name, arguments, &Services::default())
    }

    pub fn start_with(name: &'static str, arguments: &str, services: &Services) -> Rig {
        let registration = discovery::COMPONENTS.iter().find(|one| one.name == name).unwrap();
        let (metrics, exported) = (Registry::new(), Arc::default());
        let parts = parts(name, &metrics, &exported, services);
        let instance = match registration.build(parts, &body(name, arguments)) {
            Ok(instance) => instance,
            Err(component::BuildError::Decode(error)) => panic!("{error:?}"),
            Err(component::BuildError::Component(error)) => panic!("{error}"),
        };
        let stop = CancellationToken::new();
        let running = tokio::spawn(instance.clone().run(stop.clone()));
        Rig {
            instance,
            metrics,
            exported,
            name,
            stop,
            running,
        }
    }

    pub fn update(&self, arguments: &str) {
        match self.instance.clone().prepare(&body(self.name, arguments)) {
            Ok(Prepared::Changed(change)) => change.apply(),
            Ok(Prepared::Unchanged) => panic!("nothing changed"),
            Err(_) => panic!("the update was refused"),
        }
    }

    pub fn targets(&self) -> Vec<Value> {
        let exports = self.instance.exports();
        let targets = exports.fields().unwrap().get("targets").unwrap().clone();
        targets.items().unwrap().into_owned()
    }

    /// Each target on a line: the values of some labels.
    pub fn lines(&self, labels: &[&str]) -> Vec<String> {
        let line = |target: &Value| {
            let fields = target.fields().unwrap();
            let value = |label: &&str| match fields.get(label) {
                Some(Value::String(text)) => text.to_str_lossy().into_owned(),
                _ => "-".to_owned(),
            };
            labels.iter().map(value).collect::<Vec<_>>().join(" ")
        };
        self.targets().iter().map(line).collect()
    }

    pub async fn until_lines(&self, labels: &[&str], expected: &[&str]) {
        let mut last = Vec::new();
        for _ in 0..3000 {
            last = self.lines(labels);
            if last == expected {
                return;
            }
            moment().await;
        }
        panic!(
            "expected {expected:#?}, got {last:#?}; health {:?}",
            self.instance.health()
        );
    }

    pub async fn until_unhealthy(&self, containing: &str) {
        let mut last = None;
        for _ in 0..3000 {
            last = self.instance.health();
            if last.as_ref().is_some_and(|health| health.message.contains(containing)) {
                return;
            }
            moment().await;
        }
        panic!("not unhealthy with {containing:?}, but {last:?}");
    }

    pub async fn until_healthy(&self) {
        for _ in 0..3000 {
            if self.instance.health().is_none() {
                return;
            }
            moment().await;
        }
        panic!("still {:?}", self.instance.health());
    }

    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let text = promtext::encode(&self.metrics.gather().families, promtext::Format::Text);
        promtext::parse_text(&text).unwrap().value(name, labels)
    }

    pub async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
    }
}

/// A little real time.
pub async fn moment() {
    tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(5)))
        .await
        .unwrap();
}
