//! The HTTP server: Alloy's paths, texts and JSON shapes, on one port that speaks HTTP/1.1 and HTTP/2, plain or in TLS.

mod answer;
mod api;
mod auth;
mod history;
mod ledger;
mod listen;
mod options;
mod page;
mod routes;

pub use listen::Limits;
pub use options::{AuthArgs, BasicArgs, FilterArgs, HttpArgs, TlsArgs};

use crate::controller::Controller;
use arc_swap::ArcSwap;
use component::{CancellationToken, Change, Error};
use host::Clock;
use net::server::ServerConfig;
use promtext::Registry;
use signals::{Budget, Ledger};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// What the command line says about the server.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Address to listen on, `127.0.0.1:12345`; `:12345` means all addresses.
    pub listen: String,
    /// Path under which the user interface is served: `/` or `/alloy/`.
    pub ui_prefix: String,
    /// Name of this process among its peers.
    pub node_name: String,
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
}

/// The server. It holds its port from [`Http::bind`] on, so that a port that is in use is an error before anything starts,
/// and answers from [`Http::serve`] on.
pub struct Http {
    listener: std::net::TcpListener,
    address: SocketAddr,
    options: HttpOptions,
    policy: Arc<ArcSwap<Policy>>,
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
    pub(crate) node_name: String,
    pub(crate) address: SocketAddr,
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
            clock: state.clock,
            policy: self.policy,
            ui_prefix: normal_prefix(&self.options.ui_prefix),
            node_name: self.options.node_name,
            address: self.address,
        });
        tracing::info!(service = "http", addr = %self.address, "now listening for http traffic");
        let sampling = AbortOnDropHandle::new(tokio::spawn(sample(app.clone())));
        listen::serve(listener, app, self.options.limits, stop).await;
        drop(sampling);
        Ok(())
    }
}

/// Notes the counters of the ledger from time to time.
async fn sample(app: Arc<App>) {
    loop {
        tokio::time::sleep(history::EVERY).await;
        app.history.sample(app.clock.now(), &app.ledger.snapshot());
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
