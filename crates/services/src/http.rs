//! The HTTP server: Alloy's paths, texts and JSON shapes, on one port that speaks HTTP/1.1 and HTTP/2, plain or in TLS.

mod answer;
mod api;
mod auth;
mod health;
mod history;
mod inside;
mod insight;
mod ledger;
mod listen;
mod live;
mod options;
mod page;
mod rates;
mod routes;
mod service;

pub use inside::Inside;
pub use listen::Limits;
pub use options::{AuthArgs, BasicArgs, FilterArgs, HttpArgs, TlsArgs};
pub use service::{Handler, Parts, Remote};

use crate::controller::{ComponentInfo, Controller};
use arc_swap::ArcSwap;
use component::{CancellationToken, Change, Cluster, Error, Health};
use host::Clock;
use net::server::ServerConfig;
use promtext::Registry;
use signals::{Budget, Ledger};
use std::net::SocketAddr;
use std::sync::Arc;
use tap::LiveDebugging;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

/// What the command line says about the server.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Address to listen on, `127.0.0.1:12345`; `:12345` means all addresses.
    pub listen: String,
    /// Path under which the user interface is served: `/` or `/alloy/`.
    pub ui_prefix: String,
    /// A folder from which the pages are served while they are edited.
    pub ui_dir: Option<ui::Dir>,
    /// What clients may take.
    pub limits: Limits,
}

/// What the server shows.
pub struct HttpState {
    /// The running configuration.
    pub controller: Arc<dyn Controller>,
    /// All metrics of the process.
    pub metrics: Registry,
    /// The process's ledger.
    pub ledger: Ledger,
    /// The process's memory budget.
    pub budget: Budget,
    /// Time of day.
    pub clock: Arc<dyn Clock>,
    /// Shows records as they pass.
    pub live: Arc<LiveDebugging>,
    /// The cluster, or this process alone.
    pub cluster: Cluster,
    /// Most bytes of a queue on disk; 0 for no queue.
    pub queue_limit: u64,
    /// What else answers.
    pub parts: Parts,
}

/// The server. It holds its port from [`Http::bind`] on, so that a port that is in use is an error before anything starts,
/// and answers from [`Http::serve`] on.
pub struct Http {
    listener: std::net::TcpListener,
    address: SocketAddr,
    options: HttpOptions,
    policy: Arc<ArcSwap<Policy>>,
    inside: Inside,
}

/// What the `http` block says, ready for use.
#[derive(Default)]
pub(crate) struct Policy {
    pub(crate) auth: auth::Auth,
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

/// Everything that a handler may need.
pub(crate) struct App {
    pub(crate) controller: Arc<dyn Controller>,
    pub(crate) metrics: Registry,
    pub(crate) left_out: api::LeftOut,
    pub(crate) ledger: Ledger,
    pub(crate) budget: Budget,
    pub(crate) history: Arc<history::History>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) policy: Arc<ArcSwap<Policy>>,
    /// `""` or `/path`, without a slash at the end.
    pub(crate) ui_prefix: String,
    /// When it began to answer, in nanoseconds since the Unix epoch.
    pub(crate) started: i64,
    pub(crate) ui_dir: Option<ui::Dir>,
    pub(crate) health: health::HealthHistory,
    pub(crate) rates: rates::Rates,
    pub(crate) live: Arc<LiveDebugging>,
    pub(crate) cluster: Cluster,
    /// Streams that may be open at once.
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) queue_limit: u64,
    pub(crate) parts: Parts,
    /// The server is told to stop: answers that have no end of their own end.
    pub(crate) stop: CancellationToken,
}

/// What ids of the remote configuration begin with.
const REMOTE: &str = "remotecfg";

impl App {
    /// Whether an id is one of the remote configuration.
    fn is_remote(&self, id: &str) -> bool {
        id.strip_prefix(REMOTE)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The configuration that an id belongs to: the one of the command line, or the remote one.
    pub(crate) fn controller_of(&self, id: &str) -> &dyn Controller {
        match &self.parts.remote {
            Some(remote) if self.is_remote(id) => &**remote,
            _ => &*self.controller,
        }
    }

    /// A component by its global id.
    pub(crate) async fn component(&self, id: &str) -> Option<ComponentInfo> {
        self.controller_of(id).component(id).await
    }

    /// Where a component stands, or a block in it; see [`Controller::place`].
    pub(crate) async fn place(&self, id: &str, block: &str) -> Option<String> {
        self.controller_of(id).place(id, block).await
    }

    /// How all components are doing, those of the remote configuration too.
    pub(crate) async fn healths(&self) -> Vec<(String, String, Health)> {
        let mut all = self.controller.healths().await;
        if let Some(remote) = &self.parts.remote {
            all.extend(remote.healths().await);
        }
        all
    }
}

impl Http {
    /// Takes the port.
    pub fn bind(options: HttpOptions) -> Result<Http, Error> {
        let listener = listen::bind(&options.listen)?;
        let address = listener
            .local_addr()
            .map_err(|error| Error::caused(format!("cannot listen on {:?}", options.listen), error))?;
        Ok(Http {
            listener,
            address,
            options,
            policy: Arc::default(),
            inside: Inside::default(),
        })
    }

    /// The address it listens on, with the port that the system chose if it was asked for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle that applies the `http` block, for as long as the server lives.
    pub fn policy(&self) -> HttpPolicy {
        HttpPolicy(self.policy.clone())
    }

    /// Asks the server from inside of the process, once it serves.
    pub fn inside(&self) -> Inside {
        self.inside.clone()
    }

    /// Answers until `stop`, then finishes what is being answered.
    pub async fn serve(self, state: HttpState, stop: CancellationToken) -> Result<(), Error> {
        let listener = TcpListener::from_std(self.listener)
            .map_err(|error| Error::caused(format!("cannot listen on {:?}", self.options.listen), error))?;
        let app = Arc::new(App {
            controller: state.controller,
            metrics: state.metrics,
            left_out: api::LeftOut::default(),
            ledger: state.ledger,
            budget: state.budget,
            history: Arc::new(history::History::new(state.clock.now())),
            started: state.clock.now(),
            health: health::HealthHistory::default(),
            rates: rates::Rates::default(),
            live: state.live,
            cluster: state.cluster,
            streams: Arc::new(Semaphore::new(live::MAX_STREAMS)),
            queue_limit: state.queue_limit,
            parts: state.parts,
            stop: stop.clone(),
            clock: state.clock,
            policy: self.policy,
            ui_prefix: normal_prefix(&self.options.ui_prefix),
            ui_dir: self.options.ui_dir,
        });
        self.inside.set(&app);
        tracing::info!(service = "http", addr = %self.address, "now listening for http traffic");
        let sampling = AbortOnDropHandle::new(tokio::spawn(sample(app.clone())));
        let healths = AbortOnDropHandle::new(tokio::spawn(sample_health(app.clone())));
        listen::serve(listener, app, self.options.limits, stop).await;
        drop((sampling, healths));
        Ok(())
    }
}

/// Notes the counters of the ledger from time to time.
async fn sample(app: Arc<App>) {
    loop {
        tokio::time::sleep(history::EVERY).await;
        let (now, snapshot) = (app.clock.now(), app.ledger.snapshot());
        app.history.sample(now, &snapshot);
        app.rates.sample(now, &snapshot);
    }
}

/// Notes how components are doing, from time to time.
async fn sample_health(app: Arc<App>) {
    loop {
        app.health.sample(&app.healths().await);
        tokio::time::sleep(health::EVERY).await;
    }
}

/// Applies the `http` block to a server.
#[derive(Clone)]
pub struct HttpPolicy(Arc<ArcSwap<Policy>>);

impl HttpPolicy {
    /// Checks the block and reads its files. The change holds for new requests, and its encryption for new connections.
    pub fn prepare(&self, args: HttpArgs) -> component::Result<Change> {
        let tls = args.tls.as_ref().map(TlsArgs::server_config).transpose()?;
        let policy = Arc::new(Policy {
            auth: auth::Auth::new(args.auth.as_ref()),
            tls: tls.map(Arc::new),
        });
        let current = self.0.clone();
        Ok(Change::new(move || current.store(policy)))
    }
}

fn normal_prefix(prefix: &str) -> String {
    match prefix.trim_matches('/') {
        "" => String::new(),
        path => format!("/{path}"),
    }
}
