//! What a component holds.

use crate::dead::DeadLetters;
use crate::endpoint::{Endpoint, Environment};
use crate::intake::Intake;
use crate::protocol::Protocol;
use crate::queue::Queue;
use crate::spec::{Destination, Target};
use crate::supervisor::{Command, Supervisor};
use crate::trouble;
use crate::upkeep::{Gauges, Upkeep};
use component::{CancellationToken, Context, Error, Health, QueuePolicy, Result};
use host::Host;
use promtext::Registry;
use signals::{Amount, Budget, Due, Ledger, Receiver};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Where a component lives, as its [`Context`] says.
pub struct Surroundings {
    /// Global id of the component.
    pub id: Arc<str>,
    /// Its folder: `queue` and `dead-letters` are made in it when they are needed.
    pub data_path: PathBuf,
    /// Time, files, randomness.
    pub host: Host,
    /// The process-wide memory budget.
    pub budget: Budget,
    /// The process-wide ledger.
    pub ledger: Ledger,
    /// The component's metrics: those of the queue (`invar_queue_...`) are registered there.
    pub registry: Registry,
    /// The span in which it logs.
    pub span: tracing::Span,
    /// How it queues on disk.
    pub policy: QueuePolicy,
}

impl Surroundings {
    /// Those of a component that is being built.
    pub fn of<E: value::Block>(cx: &Context<E>) -> Self {
        let policy = cx.service::<QueuePolicy>();
        Surroundings {
            id: cx.id().clone(),
            data_path: cx.data_path().to_path_buf(),
            host: cx.host().clone(),
            budget: cx.budget().clone(),
            ledger: cx.ledger().clone(),
            registry: cx.metrics().clone(),
            span: cx.span().clone(),
            policy: policy.map_or_else(QueuePolicy::default, |policy| *policy),
        }
    }
}

/// Sends what a component takes to its endpoints.
pub struct Sender<P: Protocol> {
    intake: Arc<Intake<P>>,
    environment: Arc<Environment<P>>,
    commands: mpsc::UnboundedSender<Command<P>>,
    orders: Mutex<Option<mpsc::UnboundedReceiver<Command<P>>>>,
}

/// Endpoints that can take over at any time; see [`Sender::plan`].
pub struct Plan<P: Protocol>(Vec<Arc<Endpoint<P>>>);

impl<P: Protocol> Sender<P> {
    /// A sender to these destinations. Nothing is sent, and nothing on disk looked at, before [`run`](Sender::run); what is accepted
    /// waits. Fails if a destination cannot be connected or the metrics are registered already. Caches of `protocol` are given up
    /// when memory runs short.
    pub fn new(
        surroundings: Surroundings,
        metrics: Arc<P::Metrics>,
        protocol: P,
        destinations: Vec<Destination<P>>,
    ) -> Result<Self> {
        let Surroundings {
            id,
            data_path,
            host,
            budget,
            ledger,
            registry,
            span,
            policy,
        } = surroundings;
        let environment = Arc::new(Environment {
            queue: Queue::new(data_path.join("queue"), policy, host.clock.clone()),
            dead: DeadLetters::new(data_path.join("dead-letters"), policy, host.clock.clone()),
            gauges: Gauges::new(&registry).map_err(|error| Error::caused("cannot register metrics", error))?,
            host,
            budget,
            metrics,
            span,
            id,
            ledger,
            due: Due::default(),
        });
        let endpoints = endpoints(destinations, &environment, &[])?;
        let (commands, orders) = mpsc::unbounded_channel();
        for endpoint in &endpoints {
            // The receiver is at hand: this cannot fail.
            let _ = commands.send(Command::Start {
                endpoint: endpoint.clone(),
                before: Vec::new(),
            });
        }
        let intake = Arc::new(Intake::new(endpoints, protocol));
        environment.budget.register(&intake);
        Ok(Sender {
            intake,
            environment,
            commands,
            orders: Mutex::new(Some(orders)),
        })
    }

    /// Takes batches, as the component exports it. It stays the same while endpoints come and go.
    pub fn receiver(&self) -> Receiver<P::Payload> {
        Receiver {
            owner: self.environment.id.clone(),
            sink: self.intake.clone(),
        }
    }

    /// When the queue on disk is full, entries that wait for longer than this make room for others; without it, which is how it
    /// begins, sources wait.
    pub fn set_give_up(&self, after: Option<Duration>) {
        self.environment.queue.set_give_up(after);
    }

    /// Prepares other destinations. Endpoints whose [`Target`] stays as it is are kept, with all that they hold. Has no effect yet;
    /// fails if a destination cannot be connected.
    pub fn plan(&self, destinations: Vec<Destination<P>>) -> Result<Plan<P>> {
        endpoints(destinations, &self.environment, &self.intake.endpoints()).map(Plan)
    }

    /// Goes over to other destinations, between two batches. What is left for an endpoint that goes is taken over by its successor: a
    /// new one of the same name, or else address, or else any; if there is none it is sent within the drain time.
    pub fn replace(&self, plan: Plan<P>, protocol: P) {
        for command in self.intake.replace(plan.0, protocol) {
            // After the end of `run` nobody is there to follow, and nothing to be done.
            let _ = self.commands.send(command);
        }
    }

    /// Sends until `stop`; then goes on for each endpoint's drain time, leaves the rest in the queue on disk, or with its sources,
    /// and refuses what comes. Fails if it was called before.
    pub async fn run(&self, stop: CancellationToken) -> Result<()> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner).take();
        let orders = orders.ok_or_else(|| Error::new("it was run before"))?;
        let upkeep = Upkeep::new(&self.environment);
        Supervisor::new(self.intake.clone(), upkeep).run(orders, stop).await;
        Ok(())
    }

    /// What is wrong with the endpoints; `None` if there is nothing to say. What only time can mend is healthy, what a person has to
    /// mend is not.
    pub fn health(&self) -> Option<Health> {
        trouble::health(&self.intake.endpoints())
    }

    /// What is on its way to each endpoint and not in the queue on disk.
    pub fn pending(&self) -> Vec<(Arc<Target<P>>, Amount)> {
        let endpoints = self.intake.endpoints();
        endpoints
            .iter()
            .map(|endpoint| (endpoint.target().clone(), endpoint.pending()))
            .collect()
    }
}

/// The endpoints of a configuration. Those of `current` that stay as they are are kept, with all that they hold.
fn endpoints<P: Protocol>(
    destinations: Vec<Destination<P>>,
    environment: &Arc<Environment<P>>,
    current: &[Arc<Endpoint<P>>],
) -> Result<Vec<Arc<Endpoint<P>>>> {
    let mut endpoints: Vec<Arc<Endpoint<P>>> = Vec::with_capacity(destinations.len());
    for Destination { mut target, connect } in destinations {
        let key = &mut target.spec.key;
        let namesakes = endpoints
            .iter()
            .filter(|other| other.spec().key.split(" (").next() == Some(key));
        match namesakes.count() {
            0 => {}
            n => key.push_str(&format!(" ({})", n + 1)),
        }
        endpoints.push(match current.iter().find(|endpoint| **endpoint.target() == target) {
            Some(same) => same.clone(),
            None => Endpoint::new(target, connect(&environment.host)?, environment.clone()),
        });
    }
    Ok(endpoints)
}
