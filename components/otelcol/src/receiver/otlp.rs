//! `otelcol.receiver.otlp`

mod args;
mod grpc;
mod http;
mod metrics;
mod server;
mod take;

pub use args::{Arguments, HttpArgs};

use crate::lock;
use crate::output::Outputs;
use crate::server::port::Port;
use component::prelude::*;
use metrics::Metrics;
use server::Ready;
use std::sync::Mutex;
use take::Shared;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tracing::Instrument;
use value::Object;

/// The component.
pub const COMPONENT: Registration =
    Registration::of::<Receiver>("otelcol.receiver.otlp", Stability::GenerallyAvailable);

/// An `otelcol.receiver.otlp`.
pub struct Receiver {
    shared: Arc<Shared>,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    args: Arguments,
    slots: [Slot; 2],
}

/// What serves gRPC, or HTTP.
#[derive(Default)]
struct Slot {
    /// The port; held from the beginning until the component stops.
    port: Option<Arc<Port>>,
    /// The server that is to start, or none in place of the one that runs.
    next: Option<Option<Ready>>,
}

/// The names of the servers' blocks.
const BLOCKS: [&str; 2] = ["grpc", "http"];

fn ready(cx: &Context<()>, args: &Arguments, held: [Option<&Arc<Port>>; 2]) -> Result<[Option<Ready>; 2]> {
    component::first::<Error>(args.problems())?;
    let about = |number: usize| move |error: Error| error.inside(BLOCKS[number], 0);
    let grpc = args
        .grpc
        .as_ref()
        .map(|args| Ready::grpc(cx, args, held[0]))
        .transpose();
    let grpc = grpc.map_err(about(0))?;
    let http = args
        .http
        .as_ref()
        .map(|args| Ready::http(cx, args, held[1]))
        .transpose();
    Ok([grpc, http.map_err(about(1))?])
}

impl Component for Receiver {
    type Arguments = Arguments;
    type Exports = ();

    fn check(args: &Arguments, _: &Known<'_>) -> Vec<Error> {
        args.problems()
    }

    fn caveats(_: &Arguments) -> Vec<Caveat> {
        let text = "is answerable for telemetry from the success of a request on: a client that gets another answer, or none, \
                    has to send again";
        vec![Caveat::note(text)]
    }

    fn build(cx: &Context<()>, args: Arguments) -> Result<Self> {
        let metrics = Metrics::new(cx).map_err(|error| Error::caused("cannot register metrics", error))?;
        // A port that is in use is an error of the configuration, before anything changes. It is free again if the component is dropped.
        let slots = ready(cx, &args, [None, None])?.map(|ready| Slot {
            port: ready.as_ref().map(|ready| ready.port.clone()),
            next: Some(ready),
        });
        let shared = Shared::new(cx, Outputs::new(cx), metrics);
        shared.set(&args.output);
        Ok(Receiver {
            shared: Arc::new(shared),
            state: Mutex::new(State { args, slots }),
            changed: Notify::new(),
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        let mut servers = JoinSet::new();
        let mut current: [Option<CancellationToken>; 2] = [None, None];
        let outcome = loop {
            for (number, current) in current.iter_mut().enumerate() {
                let Some(next) = lock(&self.state).slots[number].next.take() else {
                    continue;
                };
                let token = next.map(|ready| {
                    let token = stop.child_token();
                    let serving = ready.serve(self.shared.clone(), token.clone());
                    servers.spawn(serving.instrument(self.shared.cx.span().clone()));
                    token
                });
                // The new one listens; the old one finishes what it has.
                if let Some(old) = std::mem::replace(current, token) {
                    old.cancel();
                }
            }
            tokio::select! {
                () = stop.cancelled() => break Ok(()),
                () = self.changed.notified() => {}
                Some(ended) = servers.join_next(), if !servers.is_empty() => match ended {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => break Err(error),
                    Err(error) => break Err(Error::caused("a server ended unexpectedly", error)),
                },
            }
        };
        lock(&self.state).slots = Default::default();
        for current in current.into_iter().flatten() {
            current.cancel();
        }
        while servers.join_next().await.is_some() {}
        outcome
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        component::first::<Error>(args.problems())?;
        let (new, changed) = {
            let state = lock(&self.state);
            let changed = [state.args.grpc != args.grpc, state.args.http != args.http];
            // What stays as it is goes on.
            let mut wanted = args.clone();
            wanted.grpc = wanted.grpc.filter(|_| changed[0]);
            wanted.http = wanted.http.filter(|_| changed[1]);
            let held = [state.slots[0].port.as_ref(), state.slots[1].port.as_ref()];
            (ready(&self.shared.cx, &wanted, held)?, changed)
        };
        Ok(Change::new(move || {
            self.shared.set(&args.output);
            let mut state = lock(&self.state);
            state.args = args;
            for ((slot, ready), changed) in state.slots.iter_mut().zip(new).zip(changed) {
                if changed {
                    slot.port = ready.as_ref().map(|ready| ready.port.clone());
                    slot.next = Some(ready);
                }
            }
            self.changed.notify_one();
        }))
    }

    fn debug_info(&self) -> Option<Value> {
        let state = lock(&self.state);
        let mut info = Object::ordered();
        for (slot, block) in state.slots.iter().zip(BLOCKS) {
            if let Some(port) = &slot.port {
                info.insert(block, Value::string(port.address().to_string()));
            }
        }
        Some(Value::object(info))
    }
}
