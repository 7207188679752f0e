//! `loki.write`: sends entries to Loki.

mod args;
mod endpoint;
mod intake;
mod metrics;
mod push;
mod request;
mod shard;
mod streams;
mod supervisor;
mod ticket;
mod trouble;

pub use args::{Arguments, EndpointArgs, Exports, QueueArgs, WalArgs};

use component::prelude::*;
use endpoint::{Endpoint, Environment, Spec};
use intake::Intake;
use metrics::Metrics;
use std::sync::{Mutex, PoisonError};
use supervisor::{Command, Supervisor};
use tokio::sync::mpsc;

/// `loki.write` in the catalogue.
pub const COMPONENT: Registration = Registration::of::<Write>("loki.write", Stability::GenerallyAvailable);

/// Sends entries to one or more endpoints. An `accept` resolves when all of them have the entries, or refused them for good.
///
/// ```text
/// accept ─► intake ─► for each endpoint: shard (by stream) ─► worker ─► requests ─► HTTP
///              ▲                                                 │
///              └───────────── ticket: the fate of each part ◄────┘
/// ```
pub struct Write {
    intake: Arc<Intake>,
    environment: Arc<Environment>,
    commands: mpsc::UnboundedSender<Command>,
    orders: Mutex<Option<mpsc::UnboundedReceiver<Command>>>,
}

impl Component for Write {
    type Arguments = Arguments;
    type Exports = Exports;

    fn caveats(args: &Arguments) -> Vec<Caveat> {
        args.caveats()
    }

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        let environment = Arc::new(Environment {
            host: cx.host().clone(),
            budget: cx.budget().clone(),
            metrics: Metrics::new(cx.metrics()).map_err(|error| Error::caused("cannot register metrics", error))?,
            span: cx.span().clone(),
        });
        let endpoints = endpoints(&args, &environment, &[])?;
        tell_about_wal(&args);
        let (commands, orders) = mpsc::unbounded_channel();
        for endpoint in &endpoints {
            // The receiver is at hand: this cannot fail.
            let _ = commands.send(Command::Start {
                endpoint: endpoint.clone(),
                before: Vec::new(),
            });
        }
        let intake = Arc::new(Intake::new(endpoints, args.external_labels));
        cx.export(Exports {
            receiver: LogsReceiver(Some(signals::Receiver {
                owner: cx.id().clone(),
                sink: intake.clone(),
            })),
        });
        Ok(Write {
            intake,
            environment,
            commands,
            orders: Mutex::new(Some(orders)),
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner).take();
        let orders = orders.ok_or_else(|| Error::new("it was run before"))?;
        Supervisor::new(self.intake.clone()).run(orders, stop).await;
        Ok(())
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        let current = self.intake.endpoints();
        let endpoints = endpoints(&args, &self.environment, &current)?;
        tell_about_wal(&args);
        Ok(Change::new(move || {
            for command in self.intake.replace(endpoints, args.external_labels) {
                // After the end of `run` nobody is there to follow, and nothing to be done.
                let _ = self.commands.send(command);
            }
        }))
    }

    fn health(&self) -> Option<Health> {
        trouble::health(&self.intake.endpoints())
    }
}

/// The endpoints of a configuration. Those of `current` that stay as they are are kept, with all that they hold.
fn endpoints(
    args: &Arguments,
    environment: &Arc<Environment>,
    current: &[Arc<Endpoint>],
) -> Result<Vec<Arc<Endpoint>>> {
    if args.endpoints.is_empty() {
        return Err("at least one endpoint block is needed".into());
    }
    let mut endpoints: Vec<Arc<Endpoint>> = Vec::with_capacity(args.endpoints.len());
    for one in &args.endpoints {
        let spec = Spec {
            args: one.clone(),
            max_streams: usize::try_from(args.max_streams).ok().filter(|&n| n > 0),
        };
        let twin = endpoints.iter().find(|other| match one.name.as_str() {
            "" => other.spec().args == *one,
            name => other.spec().args.name == name,
        });
        if let Some(twin) = twin {
            return Err(format!(
                "two endpoints are named {:?}; give each endpoint block its own \"name\"",
                twin.name()
            )
            .into());
        }
        endpoints.push(match current.iter().find(|endpoint| *endpoint.spec() == spec) {
            Some(same) => same.clone(),
            None => Endpoint::new(spec, environment.clone())?,
        });
    }
    Ok(endpoints)
}

fn tell_about_wal(args: &Arguments) {
    if args.wal.enabled {
        tracing::info!(
            "the wal block needs no log on disk here: sources keep what they have read until Loki has acknowledged it"
        );
    }
}
