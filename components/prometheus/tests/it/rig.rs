//! Components with the surroundings of a program.

use component::{
    CancellationToken, Cluster, ContextParts, Instance, Prepared, QueuePolicy, Registration, Services, Stability,
};
use host::Host;
use prommodel::Table;
use promtext::Registry;
use signals::{Budget, Ledger};
use std::path::Path;
use std::sync::Arc;
use value::Value;

pub struct World {
    pub ledger: Ledger,
    pub registry: Registry,
    pub budget: Budget,
    pub table: Table,
    /// The machine; the real one unless a test has another.
    pub host: Host,
    /// The cluster that components find; none unless a test has one.
    pub cluster: Option<Arc<Cluster>>,
    data: std::path::PathBuf,
}

pub struct Running {
    pub instance: Arc<dyn Instance>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn registration(name: &str) -> &'static Registration {
    prometheus::COMPONENTS
        .iter()
        .find(|one| one.name == name)
        .expect("the family has it")
}

impl World {
    pub fn new(data: &Path) -> World {
        World::with_budget(data, 256 << 20)
    }

    pub fn with_budget(data: &Path, bytes: u64) -> World {
        World {
            ledger: Ledger::default(),
            registry: Registry::new(),
            budget: Budget::new(bytes),
            table: Table::new(),
            host: Host::real(),
            cluster: None,
            data: data.to_owned(),
        }
    }

    fn parts(&self, id: &str) -> ContextParts {
        ContextParts {
            id: Arc::from(id),
            data_path: self.data.join(id),
            host: self.host.clone(),
            budget: self.budget.clone(),
            ledger: self.ledger.clone(),
            metrics: self.registry.scoped(&[("component_id", id)]).expect("a free name"),
            services: self.services(),
            stability: Stability::Experimental,
            span: tracing::Span::none(),
            exported: Arc::new(|| {}),
            inspector: None,
        }
    }

    fn services(&self) -> Services {
        let services = Services::default()
            .with(Arc::new(QueuePolicy::default()))
            .with(Arc::new(self.table.clone()));
        match &self.cluster {
            Some(cluster) => services.with(cluster.clone()),
            None => services,
        }
    }

    /// What `name "id"` with this body says against itself: where, and what.
    pub fn refused(&self, name: &str, config: &str) -> String {
        match registration(name).build(self.parts(&format!("{name}.x")), &body(name, config, &[])) {
            Ok(_) => panic!("it is built"),
            Err(error) => format!("{error:?}"),
        }
    }

    /// Builds and runs `name "id"` with this body and receivers to forward to.
    pub fn start(&self, name: &str, config: &str, forward_to: &[Value]) -> Running {
        let instance = registration(name)
            .build(self.parts(&format!("{name}.x")), &body(name, config, forward_to))
            .unwrap_or_else(|error| panic!("{error:?}"));
        let stop = CancellationToken::new();
        let (running, token) = (instance.clone(), stop.clone());
        let task = tokio::spawn(async move { running.run(token).await.expect("it ends well") });
        Running { instance, stop, task }
    }
}

/// A block as the runtime evaluates it.
fn body(name: &str, config: &str, forward_to: &[Value]) -> value::Body {
    let text = format!("{name} \"x\" {{\n{config}\n}}\n");
    let (file, diagnostics) = syntax::parse("test.alloy", text.as_bytes());
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let mut body = eval::unevaluated_body(file.body.blocks().next().unwrap()).body;
    if !forward_to.is_empty() {
        body.items.push(value::Item::Attr {
            name: "forward_to".to_owned(),
            value: Ok(Some(Value::array(forward_to.to_vec()))),
            place: value::Place(u32::MAX),
        });
    }
    body
}

impl Running {
    /// What it exports as `receiver`.
    pub fn receiver(&self) -> Value {
        match self.instance.exports() {
            Value::Object(exports) => exports.get("receiver").expect("it exports a receiver").clone(),
            other => panic!("{other:?}"),
        }
    }

    pub fn update(&self, name: &str, config: &str, forward_to: &[Value]) {
        match self.instance.clone().prepare(&body(name, config, forward_to)) {
            Ok(Prepared::Changed(change)) => change.apply(),
            Ok(Prepared::Unchanged) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("it does not panic");
    }
}
