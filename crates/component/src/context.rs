//! What a component may ask for.

use crate::registration::Stability;
use host::Host;
use prommodel::Table;
use promtext::Registry;
use signals::{Budget, FanOut, Ledger, Payload};
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use value::{Block, Body, Value};

/// Services by their type: what one part of the program offers all components.
#[derive(Clone, Default)]
pub struct Services(Arc<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Services {
    /// These services and one more.
    pub fn with<T: Send + Sync + 'static>(&self, service: Arc<T>) -> Self {
        let mut map = (*self.0).clone();
        map.insert(TypeId::of::<T>(), service);
        Services(Arc::new(map))
    }

    /// The service of a type.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.get(&TypeId::of::<T>())?.clone().downcast().ok()
    }
}

/// Sees what happens inside a component, for live debugging and `invar process --inspect`.
pub trait Inspector: Send + Sync + 'static {
    /// Whether anyone looks at a component, by its global id. A component asks before it makes an event.
    fn active(&self, component: &str) -> bool;
    /// Whether who looks wants to see values too that nothing else needs, and for which a component has to be built.
    fn wants_all(&self) -> bool {
        false
    }
    /// Whether events also say, as member `before`, what the values that changed were before.
    fn wants_before(&self) -> bool {
        false
    }
    /// One thing that happened, as an object; `stage` names the part of the component.
    fn event(&self, component: &str, stage: &str, event: Value);
}

/// Everything of a [`Context`] that does not depend on the component's type; the runtime fills it in.
#[derive(Clone)]
pub struct ContextParts {
    /// Global id: `loki.write.default`, `module.x/loki.write.default`.
    pub id: Arc<str>,
    /// Where the component may keep files; it creates the directory itself when it needs it.
    pub data_path: PathBuf,
    /// Time, files, randomness.
    pub host: Host,
    /// The process-wide memory budget.
    pub budget: Budget,
    /// The process-wide ledger.
    pub ledger: Ledger,
    /// Metrics; carries the component's labels and ends with it.
    pub metrics: Registry,
    /// Services by type.
    pub services: Services,
    /// The lowest stability that the user allows.
    pub stability: Stability,
    /// The span in which the component logs.
    pub span: tracing::Span,
    /// Told when the exports changed.
    pub exported: Arc<dyn Fn() + Send + Sync>,
    /// Sees what happens inside, if anyone wants to.
    pub inspector: Option<Arc<dyn Inspector>>,
}

/// What a component may ask of the world. Cheap to clone; `E` is the component's exports.
pub struct Context<E: Block> {
    parts: ContextParts,
    exports: Arc<Mutex<E>>,
}

impl<E: Block> Clone for Context<E> {
    fn clone(&self) -> Self {
        Context {
            parts: self.parts.clone(),
            exports: self.exports.clone(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl<E: Block> Context<E> {
    /// A context from its parts, with zero exports.
    pub fn new(parts: ContextParts) -> Self {
        Context {
            parts,
            exports: Arc::new(Mutex::new(E::defaults())),
        }
    }

    /// Global id of the component.
    pub fn id(&self) -> &Arc<str> {
        &self.parts.id
    }

    /// Where the component may keep files. Not created yet.
    pub fn data_path(&self) -> &Path {
        &self.parts.data_path
    }

    /// Time, files, randomness.
    pub fn host(&self) -> &Host {
        &self.parts.host
    }

    /// The process-wide memory budget: a source takes a permit before it reads.
    pub fn budget(&self) -> &Budget {
        &self.parts.budget
    }

    /// Metrics of this component; they carry its labels and are gone with it.
    pub fn metrics(&self) -> &Registry {
        &self.parts.metrics
    }

    /// A service by its type.
    pub fn service<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.parts.services.get()
    }

    /// The process's label sets of metrics; one of its own where the program offers none.
    pub fn series(&self) -> Table {
        self.service::<Table>()
            .map_or_else(Table::new, |table| (*table).clone())
    }

    /// The lowest stability that the user allows.
    pub fn stability(&self) -> Stability {
        self.parts.stability
    }

    /// The span in which the component's log lines belong. The runtime enters it around `build`, `update` and `run`; a task
    /// or thread that the component starts enters it itself.
    pub fn span(&self) -> &tracing::Span {
        &self.parts.span
    }

    /// Sees what happens inside, when anyone looks.
    pub fn inspector(&self) -> Option<&Arc<dyn Inspector>> {
        self.parts.inspector.as_ref()
    }

    /// A fan-out from this component, without receivers yet.
    pub fn fan_out<P: Payload>(&self) -> FanOut<P> {
        FanOut::new(&self.parts.ledger, &self.parts.id)
    }

    /// The process-wide ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.parts.ledger
    }

    /// Publishes exports. Equal ones are not reported to anyone.
    pub fn export(&self, exports: E) {
        {
            let mut current = lock(&self.exports);
            if *current == exports {
                return;
            }
            *current = exports;
        }
        (self.parts.exported)();
    }

    pub(crate) fn exports_value(&self) -> Value {
        value::encode_object(&*lock(&self.exports))
    }

    pub(crate) fn exports_body(&self) -> Body {
        value::encode(&*lock(&self.exports))
    }
}
