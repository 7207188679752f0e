//! The service as the program holds it.

use crate::args::RemotecfgArgs;
use crate::graph::Graph;
use crate::machine::Machine;
use crate::server::{HttpServer, Server};
use crate::status::Status;
use component::{CancellationToken, Change};
use host::Host;
use promtext::Registry;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How long a load that is under way may take after the service was told to stop.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the service works with.
pub struct RemoteOptions {
    /// Time, files, randomness.
    pub host: Host,
    /// Folder for state.
    pub storage: PathBuf,
    /// Metrics of the process.
    pub metrics: Registry,
    /// Version of the program, as the server is told it.
    pub version: String,
    /// For how long components of a new configuration are looked at before it counts as good; zero for not at all.
    pub grace: Duration,
}

/// The service. Clones share it.
#[derive(Clone)]
pub struct RemoteConfig(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) options: RemoteOptions,
    pub(crate) setups: watch::Sender<Option<Arc<Setup>>>,
    status: Mutex<Status>,
}

/// What the block says, ready for use.
pub(crate) struct Setup {
    pub(crate) args: RemotecfgArgs,
    pub(crate) server: Arc<dyn Server>,
}

impl Shared {
    pub(crate) fn show(&self, status: Status) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }
}

impl RemoteConfig {
    /// A service that does nothing until it is run and its block names a server.
    pub fn new(options: RemoteOptions) -> Self {
        RemoteConfig(Arc::new(Shared {
            options,
            setups: watch::Sender::new(None),
            status: Mutex::default(),
        }))
    }

    /// Checks the block. With the change the server that it names is asked; without one, what was loaded from a server is unloaded.
    pub fn prepare(&self, args: RemotecfgArgs) -> component::Result<Change> {
        let setup = match args.url.as_str() {
            "" => None,
            _ => {
                let server = HttpServer::new(&args, self.0.options.host.fs.clone())?;
                Some(Arc::new(Setup {
                    args,
                    server: Arc::new(server),
                }))
            }
        };
        let service = self.clone();
        Ok(Change::new(move || service.set(setup)))
    }

    pub(crate) fn set(&self, setup: Option<Arc<Setup>>) {
        self.0.setups.send_if_modified(|current| {
            let args = |setup: &Option<Arc<Setup>>| setup.as_ref().map(|setup| setup.args.clone());
            let changed = args(current) != args(&setup);
            if changed {
                *current = setup;
            }
            changed
        });
    }

    /// What people see of it.
    pub fn status(&self) -> Status {
        self.0.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Works until `stop`; then stops what `graph` runs and tells the server so.
    pub async fn run(self, graph: Arc<dyn Graph>, stop: CancellationToken) {
        let mut machine = Machine::new(self.0.clone(), graph);
        let setups = self.0.setups.subscribe();
        {
            let work = machine.work(setups, stop.clone());
            let late = async {
                stop.cancelled().await;
                tokio::time::sleep(PATIENCE).await;
            };
            tokio::select! {
                () = work => {}
                () = late => {}
            }
        }
        machine.end().await;
    }
}
