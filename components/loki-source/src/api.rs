//! `loki.source.api`

mod args;
mod body;
mod decode;
mod handler;
mod metrics;
mod order;
mod server;

pub use args::{Arguments, GrpcArgs, Http2Args, HttpArgs, TlsArgs};

use arc_swap::ArcSwap;
use component::prelude::*;
use decode::{Settings, Stamps};
use handler::Shared;
use metrics::Metrics;
use server::{Port, Ready};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tracing::Instrument;
use value::Object;

/// The component.
pub const COMPONENT: Registration = Registration::of::<Api>("loki.source.api", Stability::GenerallyAvailable);

/// A `loki.source.api`.
pub struct Api {
    shared: Arc<Shared>,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    args: Arguments,
    /// The port; held from the beginning until the component stops.
    port: Option<Arc<Port>>,
    /// The server that is to start.
    next: Option<Ready>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn settings(args: &Arguments) -> Arc<Settings> {
    Arc::new(Settings {
        labels: args
            .labels
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        rules: args.relabel_rules.clone(),
        use_incoming_timestamp: args.use_incoming_timestamp,
        max_bytes: usize::try_from(args.max_send_message_size.0).unwrap_or_default(),
    })
}

/// Whether the same server does for both.
fn same_server(one: &Arguments, other: &Arguments) -> bool {
    one.http == other.http && one.grpc == other.grpc && one.graceful_shutdown_timeout == other.graceful_shutdown_timeout
}

impl Component for Api {
    type Arguments = Arguments;
    type Exports = ();

    fn check(args: &Arguments, _: &Known<'_>) -> Vec<Error> {
        args.problems()
    }

    fn caveats(_: &Arguments) -> Vec<Caveat> {
        let text =
            "is answerable for lines from its 2xx on: a client that gets another answer, or none, has to send again";
        vec![Caveat::note(text)]
    }

    fn build(cx: &Context<()>, args: Arguments) -> Result<Self> {
        let metrics = Metrics::new(cx.metrics()).map_err(|error| Error::caused("cannot register metrics", error))?;
        // A port that is in use is an error of the configuration, before anything changes. It is free again if the component is dropped.
        let ready = Ready::new(cx, &args, None)?;
        let shared = Shared {
            cx: cx.clone(),
            out: cx.fan_out(),
            settings: ArcSwap::new(settings(&args)),
            metrics,
            stamps: Stamps::default(),
        };
        shared.out.set(LogsReceiver::present(&args.forward_to));
        Ok(Api {
            shared: Arc::new(shared),
            state: Mutex::new(State {
                args,
                port: Some(ready.port.clone()),
                next: Some(ready),
            }),
            changed: Notify::new(),
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        let mut servers = JoinSet::new();
        let mut current: Option<CancellationToken> = None;
        let outcome = loop {
            let next = lock(&self.state).next.take();
            if let Some(ready) = next {
                let token = stop.child_token();
                let serving = ready.serve(self.shared.clone(), token.clone());
                servers.spawn(serving.instrument(self.shared.cx.span().clone()));
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

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        let ready = {
            let state = lock(&self.state);
            match same_server(&state.args, &args) {
                true => None,
                false => Some(Ready::new(&self.shared.cx, &args, state.port.as_ref())?),
            }
        };
        Ok(Change::new(move || {
            self.shared.out.set(LogsReceiver::present(&args.forward_to));
            self.shared.settings.store(settings(&args));
            let mut state = lock(&self.state);
            state.args = args;
            if let Some(ready) = ready {
                state.port = Some(ready.port.clone());
                state.next = Some(ready);
                self.changed.notify_one();
            }
        }))
    }

    fn debug_info(&self) -> Option<Value> {
        let address = lock(&self.state).port.as_ref()?.address();
        let mut info = Object::ordered();
        info.insert("listen_address", Value::string(address.to_string()));
        Some(Value::object(info))
    }
}
