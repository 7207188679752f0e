//! The parts that every command which runs a configuration needs.

use crate::catalogue::{Targets, catalogue};
use crate::{memory, version};
use component::{Cluster, Exporters, HostName, Inspector, ProcessMetrics, QueuePolicy, Services, Stability};
use eval::{HostFacts, Stdlib};
use host::Host;
use prommodel::Table;
use promtext::Registry;
use runtime::registry::Allowed;
use runtime::{Controller, Options};
use signals::{Budget, Ledger};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How to run a configuration.
#[derive(Clone)]
pub struct AppOptions {
    /// The configuration: a file or a folder. What `module_path` is comes from it.
    pub config: PathBuf,
    /// Folder for state.
    pub storage: PathBuf,
    /// What the configuration may use.
    pub allowed: Allowed,
    /// Bound for the memory of the process, in bytes; a quarter of the machine's by default.
    pub memory_limit: Option<u64>,
    /// How long a component may take to stop; `None` means for ever.
    pub shutdown_deadline: Option<Duration>,
    /// Sees what happens inside components.
    pub inspector: Option<Arc<dyn Inspector>>,
    /// Who else shares the work; nobody without one.
    pub cluster: Option<Cluster>,
    /// How sinks queue on disk.
    pub queue: QueuePolicy,
}

/// What belongs to the process and not to a configuration.
#[derive(Clone)]
pub struct Process {
    /// Time, files, randomness.
    pub host: Host,
    /// Where every record went.
    pub ledger: Ledger,
    /// Memory for records.
    pub budget: Budget,
    /// Metrics.
    pub metrics: Registry,
    /// The label sets of metrics.
    pub series: Table,
    /// Components that expose metrics.
    pub exporters: Arc<Exporters>,
}

impl Process {
    /// A process that may use `memory_limit` bytes.
    pub fn new(memory_limit: Option<u64>) -> Self {
        let limit = memory_limit.unwrap_or_else(memory::default_limit);
        Process {
            host: Host::real(),
            ledger: Ledger::default(),
            budget: Budget::new(memory::budget(limit)),
            metrics: Registry::new(),
            series: Table::new(),
            exporters: Arc::default(),
        }
    }
}

/// A controller with everything that it works with.
pub struct App {
    /// Runs the configuration.
    pub controller: Controller,
    /// What belongs to the process.
    pub process: Process,
    options: AppOptions,
    services: Services,
}

impl App {
    /// An app without services. Must be called within a Tokio runtime.
    pub fn new(options: AppOptions) -> Self {
        let process = Process::new(options.memory_limit);
        App::with(options, process, Targets::default())
    }

    /// An app whose config blocks act on `targets`. Must be called within a Tokio runtime.
    pub fn with(options: AppOptions, process: Process, targets: Targets) -> Self {
        let for_runtime = options.clone().for_runtime(&process, targets);
        let services = for_runtime.services.clone();
        App {
            controller: Controller::new(for_runtime),
            process,
            options,
            services,
        }
    }

    /// A controller for a configuration that runs beside the app's, with components of the same process. Its id stands in front of
    /// those of its components.
    pub fn guest(&self, id: &str) -> Controller {
        let options = self.options.clone();
        Controller::new(Options {
            module_path: options.storage.join(id).display().to_string(),
            id: id.to_owned(),
            ..options.with_services(&self.process, Targets::default(), self.services.clone())
        })
    }
}

impl AppOptions {
    /// What the runtime works with.
    pub fn for_runtime(self, process: &Process, targets: Targets) -> Options {
        let services = discovery::services(
            Services::default()
                .with(Arc::new(self.queue))
                .with(Arc::new(process.series.clone()))
                .with(process.exporters.clone())
                .with(Arc::new(ProcessMetrics(process.metrics.clone())))
                .with(Arc::new(HostName(hostname()))),
        );
        let services = match &self.cluster {
            Some(cluster) => services.with(Arc::new(cluster.clone())),
            None => services,
        };
        self.with_services(process, targets, services)
    }

    fn with_services(self, process: &Process, targets: Targets, services: Services) -> Options {
        Options {
            id: String::new(),
            catalogue: catalogue(self.allowed, targets),
            stdlib: stdlib(self.allowed.stability),
            host: process.host.clone(),
            budget: process.budget.clone(),
            ledger: process.ledger.clone(),
            metrics: process.metrics.clone(),
            services,
            storage: self.storage,
            module_path: module_path(&self.config),
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            shutdown_deadline: self.shutdown_deadline,
            inspector: self.inspector,
        }
    }
}

/// The folder of a configuration: its own, or the one that its file is in.
pub fn module_path(config: &Path) -> String {
    let folder = match config.is_dir() {
        true => config,
        false => config.parent().unwrap_or(config),
    };
    match folder.as_os_str().is_empty() {
        true => ".".to_owned(),
        false => folder.display().to_string(),
    }
}

/// The language's functions and constants on this machine.
pub fn stdlib(lowest: Stability) -> Stdlib {
    Stdlib::new(&facts()).with_experimental(lowest <= Stability::Experimental)
}

fn facts() -> HostFacts {
    HostFacts {
        hostname: hostname(),
        os: match std::env::consts::OS {
            "macos" => "darwin".to_owned(),
            other => other.to_owned(),
        },
        arch: match std::env::consts::ARCH {
            "x86_64" => "amd64".to_owned(),
            "aarch64" => "arm64".to_owned(),
            other => other.to_owned(),
        },
        version: format!("v{}", version::VERSION),
        env: Arc::new(|name| std::env::var(name).ok()),
    }
}

/// Name of this machine.
pub fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
