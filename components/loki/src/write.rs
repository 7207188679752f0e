//! `loki.write`: sends entries to Loki.

mod args;
mod backlog;
mod dead;
mod endpoint;
mod intake;
mod metrics;
mod push;
mod queue;
mod request;
mod shard;
#[cfg(test)]
mod simulation;
mod streams;
mod supervisor;
mod ticket;
mod trouble;
mod upkeep;

pub use args::{Arguments, EndpointArgs, Exports, QueueArgs, WalArgs};

use component::QueuePolicy;
use component::prelude::*;
use dead::DeadLetters;
use endpoint::{Endpoint, Environment, Spec};
use intake::Intake;
use metrics::Metrics;
use queue::{GiveUp, Queue};
use signals::Due;
use std::sync::{Mutex, PoisonError};
use supervisor::{Command, Supervisor};
use tokio::sync::mpsc;
use upkeep::{Gauges, Upkeep};

/// `loki.write` in the catalogue.
pub const COMPONENT: Registration = Registration::of::<Write>("loki.write", Stability::GenerallyAvailable);

/// Sends entries to one or more endpoints. An `accept` resolves when all of them have the entries or they are in the queue on disk, or
/// were refused for good.
///
/// ```text
/// accept ─► intake ─► for each endpoint: shard (by stream) ─► worker ─► requests ─► HTTP
///              ▲                                                 │ │         late     ▲
///              └───────────── ticket: the fate of each part ◄────┘ └──► queue ─► lane ┘
/// ```
///
/// A request that an endpoint does not take within a second goes to the queue on disk and counts as accepted; see [`backlog`].
pub struct Write {
    intake: Arc<Intake>,
    environment: Arc<Environment>,
    commands: mpsc::UnboundedSender<Command>,
    orders: Mutex<Option<mpsc::UnboundedReceiver<Command>>>,
}

impl Component for Write {
    type Arguments = Arguments;
    type Exports = Exports;

    const STATE: &'static [&'static str] = &["its queue on disk", "its dead letters"];

    fn check(args: &Arguments, known: &Known<'_>) -> Vec<Error> {
        let mut found = Vec::new();
        for (number, endpoint) in args.endpoints.iter().enumerate() {
            let problems = endpoint.check().into_iter();
            found.extend(problems.map(|error| error.inside("endpoint", number)));
            let certain = |first: usize| match endpoint.name.as_str() {
                "" => known.block(&format!("endpoint#{first}")),
                _ => known.argument(&format!("endpoint#{first}"), "name"),
            };
            found.extend(
                twin(&args.endpoints, number)
                    .filter(|(first, _)| certain(*first))
                    .map(|(_, error)| error),
            );
        }
        found.extend(
            args.wal
                .validate()
                .err()
                .map(|message| Error::new(message).inside("wal", 0)),
        );
        found
    }

    fn caveats(args: &Arguments) -> Vec<Caveat> {
        args.caveats()
    }

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        let policy = cx
            .service::<QueuePolicy>()
            .map_or_else(QueuePolicy::default, |policy| *policy);
        let environment = Arc::new(Environment {
            host: cx.host().clone(),
            budget: cx.budget().clone(),
            metrics: Metrics::new(cx.metrics()).map_err(|error| Error::caused("cannot register metrics", error))?,
            span: cx.span().clone(),
            id: cx.id().clone(),
            ledger: cx.ledger().clone(),
            queue: Queue::new(cx.data_path().join("queue"), policy, cx.host().clock.clone()),
            dead: DeadLetters::new(cx.data_path().join("dead-letters"), policy, cx.host().clock.clone()),
            gauges: Gauges::new(cx.metrics()).map_err(|error| Error::caused("cannot register metrics", error))?,
            #[cfg(test)]
            script: None,
            due: Due::default(),
        });
        let endpoints = endpoints(&args, &environment, &[])?;
        environment.queue.set_give_up(give_up(&args));
        let (commands, orders) = mpsc::unbounded_channel();
        for endpoint in &endpoints {
            // The receiver is at hand: this cannot fail.
            let _ = commands.send(Command::Start {
                endpoint: endpoint.clone(),
                before: Vec::new(),
            });
        }
        let intake = Arc::new(Intake::new(endpoints, args.external_labels));
        cx.budget().register(&intake);
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
        let upkeep = Upkeep::new(&self.environment);
        Supervisor::new(self.intake.clone(), upkeep).run(orders, stop).await;
        Ok(())
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        let current = self.intake.endpoints();
        let endpoints = endpoints(&args, &self.environment, &current)?;
        Ok(Change::new(move || {
            self.environment.queue.set_give_up(give_up(&args));
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
    if let Some(twins) = (1..args.endpoints.len()).find_map(|number| twin(&args.endpoints, number)) {
        return Err(twins.1);
    }
    let mut endpoints: Vec<Arc<Endpoint>> = Vec::with_capacity(args.endpoints.len());
    for one in &args.endpoints {
        let mut key = key(one);
        let namesakes = endpoints
            .iter()
            .filter(|other| other.spec().key.split(" (").next() == Some(&key));
        match namesakes.count() {
            0 => {}
            n => key.push_str(&format!(" ({})", n + 1)),
        }
        let spec = Spec {
            args: one.clone(),
            max_streams: usize::try_from(args.max_streams).ok().filter(|&n| n > 0),
            key,
        };
        endpoints.push(match current.iter().find(|endpoint| *endpoint.spec() == spec) {
            Some(same) => same.clone(),
            None => Endpoint::new(spec, environment.clone())?,
        });
    }
    Ok(endpoints)
}

/// The endpoint before this one that has its name, if there is one, and the error that this is.
fn twin(endpoints: &[EndpointArgs], number: usize) -> Option<(usize, Error)> {
    let one = endpoints.get(number)?;
    let first = endpoints[..number].iter().position(|other| match one.name.as_str() {
        "" => other == one,
        name => other.name == name,
    })?;
    let message = format!(
        "two endpoints are named {:?}; give each endpoint block its own \"name\"",
        push::name(one)
    );
    let error = match one.name.as_str() {
        "" => Error::new(message),
        _ => Error::about("name", message),
    };
    Some((first, error.inside("endpoint", number)))
}

/// What an endpoint is called in the queue and in the ledger: its name, or its address without credentials.
fn key(args: &EndpointArgs) -> String {
    if !args.name.is_empty() {
        return args.name.clone();
    }
    let mut key = match net::Url::parse(&args.url) {
        Ok(mut url) => {
            // Only addresses without a host refuse this, and they have no credentials.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            url.to_string()
        }
        Err(_) => "?".to_owned(),
    };
    if !args.tenant_id.is_empty() {
        key.push_str(" as ");
        key.push_str(&args.tenant_id);
    }
    key
}

/// When entries may be given up that wait in a full queue.
fn give_up(args: &Arguments) -> Option<GiveUp> {
    args.wal.enabled.then(|| GiveUp {
        after: args.wal.max_segment_age.as_std(),
    })
}
