//! What a controller works with, and what components get to see of it.

use crate::catalogue::Catalogue;
use component::{ContextParts, Inspector, Services};
use host::Host;
use promtext::Registry as Metrics;
use signals::{Budget, Ledger};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What a controller works with.
pub struct Options {
    /// Stands in front of every global id, as the id of a module does, if it is not empty: `remotecfg/loki.write.default`. Such a
    /// configuration runs beside the program's own, under the rules of modules: it configures nothing but its components.
    pub id: String,
    /// Components and config blocks.
    pub catalogue: Catalogue,
    /// Functions and constants of the language.
    pub stdlib: eval::Stdlib,
    /// Time, files, randomness.
    pub host: Host,
    /// Memory budget of the process.
    pub budget: Budget,
    /// Ledger of the process.
    pub ledger: Ledger,
    /// Metrics of the process.
    pub metrics: Metrics,
    /// Services for components.
    pub services: Services,
    /// Folder for state; each component gets one below it.
    pub storage: PathBuf,
    /// What `module_path` is in the configuration: the folder that it stands in.
    pub module_path: String,
    /// Number of workers that evaluate.
    pub workers: usize,
    /// How long a component may take to stop; `None` means for ever.
    pub shutdown_deadline: Option<Duration>,
    /// Sees what happens inside components.
    pub inspector: Option<Arc<dyn Inspector>>,
}

/// What a component gets to see of the world. `scope` is the global id of the module instance that it is in.
pub(crate) fn context(
    options: &Options,
    scope: &str,
    id: &str,
    silent: bool,
    exported: Arc<dyn Fn() + Send + Sync>,
) -> ContextParts {
    let global = crate::scope::join(scope, id);
    let path = format!("/{scope}");
    let labels = [("component_path", path.as_str()), ("component_id", id)];
    let metrics = match silent {
        true => Metrics::new(),
        false => options
            .metrics
            .scoped(&labels)
            .expect("both label names are well formed"),
    };
    ContextParts {
        data_path: options.storage.join(&global),
        id: Arc::from(global),
        host: options.host.clone(),
        budget: options.budget.clone(),
        ledger: options.ledger.clone(),
        metrics,
        services: options.services.clone(),
        stability: options.catalogue.allowed.stability,
        span: tracing::info_span!("component", component_path = path, component_id = id),
        exported,
        inspector: options.inspector.clone(),
    }
}
