//! The servers of a component that take turns on its port.

use crate::answer::{Handler, Serving};
use crate::args::Settings;
use crate::metrics::Metrics;
use crate::port::{Port, Ready};
use component::{CancellationToken, Context, Error, Result};
use host::Host;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tracing::{Instrument, Span};
use value::Block;

/// The server of a component, whose settings may change while it runs.
pub struct Server {
    id: Arc<str>,
    host: Host,
    span: Span,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    settings: Settings,
    /// The port; held from the beginning until the component stops.
    port: Option<Arc<Port>>,
    /// The server that is to start.
    next: Option<Ready>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Other settings, ready to be applied.
pub struct Prepared {
    server: Arc<Server>,
    settings: Settings,
    ready: Option<Ready>,
}

impl Server {
    /// Takes the port: one that is in use is an error of the configuration, before anything changes. It is free again if the result
    /// is dropped. `prefix` begins the names of its metrics.
    ///
    /// # Errors
    /// Ports that are not to be had, certificates that cannot be read.
    pub fn new<E: Block>(cx: &Context<E>, prefix: &str, settings: Settings) -> Result<Arc<Server>> {
        let metrics =
            Metrics::new(cx.metrics(), prefix).map_err(|error| Error::caused("cannot register metrics", error))?;
        let ready = Ready::new(cx.id(), cx.host(), &settings, None)?;
        Ok(Arc::new(Server {
            id: cx.id().clone(),
            host: cx.host().clone(),
            span: cx.span().clone(),
            metrics: Arc::new(metrics),
            state: Mutex::new(State {
                settings,
                port: Some(ready.port.clone()),
                next: Some(ready),
            }),
            changed: Notify::new(),
        }))
    }

    /// Serves until `stop`, then lets what is being answered finish.
    ///
    /// # Errors
    /// A server that ended by itself.
    pub async fn run<H: Handler>(&self, handler: Arc<H>, stop: CancellationToken) -> Result<()> {
        let serving = Arc::new(Serving {
            id: self.id.clone(),
            handler,
            metrics: self.metrics.clone(),
        });
        let mut servers = JoinSet::new();
        let mut current: Option<CancellationToken> = None;
        let outcome = loop {
            let next = lock(&self.state).next.take();
            if let Some(ready) = next {
                let token = stop.child_token();
                servers.spawn(
                    ready
                        .serve(serving.clone(), token.clone())
                        .instrument(self.span.clone()),
                );
                // The new one listens; the old one finishes what it has.
                if let Some(old) = current.replace(token) {
                    old.cancel();
                }
            }
            tokio::select! {
                () = stop.cancelled() => break Ok(()),
                () = self.changed.notified() => {}
                Some(ended) = servers.join_next(), if !servers.is_empty() => match ended {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => break Err(error),
                    Err(error) => break Err(Error::caused("the server ended unexpectedly", error)),
                },
            }
        };
        {
            let mut state = lock(&self.state);
            state.port = None;
            state.next = None;
        }
        if let Some(current) = current {
            current.cancel();
        }
        while servers.join_next().await.is_some() {}
        outcome
    }

    /// Prepares for other settings. The same server goes on if they are equal.
    ///
    /// # Errors
    /// As in [`Server::new`].
    pub fn prepare(self: &Arc<Self>, settings: Settings) -> Result<Prepared> {
        let ready = {
            let state = lock(&self.state);
            match state.settings == settings {
                true => None,
                false => Some(Ready::new(&self.id, &self.host, &settings, state.port.as_ref())?),
            }
        };
        Ok(Prepared {
            server: self.clone(),
            settings,
            ready,
        })
    }

    /// Where it listens, with the port that the system chose if it was asked to.
    pub fn address(&self) -> Option<SocketAddr> {
        lock(&self.state).port.as_ref().map(|port| port.address())
    }
}

impl Prepared {
    /// Puts them in place.
    pub fn apply(self) {
        let mut state = lock(&self.server.state);
        state.settings = self.settings;
        if let Some(ready) = self.ready {
            state.port = Some(ready.port.clone());
            state.next = Some(ready);
            self.server.changed.notify_one();
        }
    }
}
