//! `prometheus.remote_write`: sends samples by Prometheus' remote write.

mod args;
mod body;
mod cloud;
mod destination;
mod families;
mod metrics;
mod order;
mod protocol;
mod selection;
mod series;

pub use args::{Arguments, EndpointArgs, Exports};

use component::prelude::*;
use delivery::{Sender, Surroundings, Transport, Verdict};
use destination::{Workshop, destinations};
use families::Families;
use host::Host;
use metrics::{EndpointMeter, Metrics};
use promtext::{Collector, Desc, Family, Kind};
use protocol::Write;
use std::sync::{Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// `prometheus.remote_write` in the catalogue.
pub const COMPONENT: Registration =
    Registration::of::<RemoteWrite>("prometheus.remote_write", Stability::GenerallyAvailable);

/// How often series are forgotten that an endpoint's rules have changed, and seconds without a sample after which they are.
const SWEEP: Duration = Duration::from_secs(120);
const REMEMBERED: u32 = 600;

/// Sends samples to one or more endpoints. An `accept` resolves when all of them have the samples or they are in the queue on disk, or
/// were refused for good. How they get there is the business of [`delivery`].
pub struct RemoteWrite {
    host: Host,
    sender: Sender<Write>,
    workshop: Workshop,
    registry: promtext::Registry,
    /// Endpoints that are told of families in requests of their own.
    told: Mutex<AllTold>,
    changed: Notify,
}

/// Endpoints that are told of families, as the arguments of some update have them.
#[derive(Default)]
struct AllTold {
    update: u64,
    list: Vec<Told>,
}

/// An endpoint of version 1.0 that gets families.
struct Told {
    args: EndpointArgs,
    transport: Arc<dyn Transport>,
    meter: EndpointMeter,
    due: Instant,
}

fn told(args: &Arguments, workshop: &Workshop, host: &Host) -> Result<Vec<Told>> {
    let asked = args
        .endpoints
        .iter()
        .filter(|one| one.metadata_config.send && one.protobuf_message == args::V1);
    let told = asked.map(|one| {
        Ok(Told {
            args: one.clone(),
            transport: destination::transport(one, host)?,
            meter: workshop.metrics.endpoint(&one.title(), one),
            due: Instant::now() + one.metadata_config.send_interval.as_std(),
        })
    });
    told.collect()
}

impl Told {
    /// Tells the endpoint of all families. What it does not take is told again the next time.
    async fn tell(&mut self, families: &Families) {
        self.due = Instant::now()
            + self
                .args
                .metadata_config
                .send_interval
                .as_std()
                .max(Duration::from_secs(1));
        let most = usize::try_from(self.args.metadata_config.max_samples_per_send)
            .unwrap_or(1)
            .max(1);
        for some in families.all().chunks(most) {
            let Ok(body) = body::families(some) else { continue };
            let bytes = body.len() as u64;
            let outcome = self.transport.push("", body.into()).await;
            let sent = outcome.verdict == Verdict::Delivered;
            self.meter.families(some.len() as u64, bytes, sent);
            if !sent {
                tracing::debug!(
                    endpoint = self.args.title(),
                    err = outcome.message.as_str(),
                    "the endpoint did not take metadata"
                );
                return;
            }
        }
    }
}

/// How much is on its way to each endpoint.
struct Pending(Weak<RemoteWrite>);

const PENDING: (&str, &str) = (
    "prometheus_remote_storage_samples_pending",
    "The number of samples pending in the queues shards to be sent to the remote storage.",
);

impl Collector for Pending {
    fn describe(&self) -> Vec<Desc> {
        vec![Desc {
            name: PENDING.0.into(),
            kind: Kind::Gauge,
        }]
    }

    fn collect(&self, families: &mut Vec<Family>) {
        let Some(component) = self.0.upgrade() else { return };
        let mut family = Family::new(PENDING.0, PENDING.1, Kind::Gauge);
        for (target, amount) in component.sender.pending() {
            let labels = [
                ("remote_name", target.spec.title.clone()),
                ("url", target.settings.args.public_url()),
            ];
            let labels = labels.map(|(name, value)| (name.into(), value.into()));
            family.push(labels.into(), amount.items as f64);
        }
        families.push(family);
    }
}

impl RemoteWrite {
    fn told(&self) -> std::sync::MutexGuard<'_, AllTold> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells endpoints of families and forgets what is not needed any more, for ever.
    async fn upkeep(&self) {
        let mut sweep = Instant::now() + SWEEP;
        loop {
            let next = self.told().list.iter().map(|one| one.due).min();
            tokio::select! {
                () = tokio::time::sleep_until(next.unwrap_or(sweep).min(sweep)) => {}
                () = self.changed.notified() => continue,
            }
            let now = Instant::now();
            if now >= sweep {
                sweep = now + SWEEP;
                let seconds = u32::try_from(self.host.clock.now() / 1_000_000_000).unwrap_or(u32::MAX);
                for (target, _) in self.sender.pending() {
                    target.settings.mapping.sweep(seconds.saturating_sub(REMEMBERED));
                }
            }
            let due = {
                let mut told = self.told();
                let at = told.list.iter().position(|one| one.due <= now);
                at.map(|at| (told.list.swap_remove(at), told.update))
            };
            if let Some((mut one, update)) = due {
                one.tell(&self.workshop.families).await;
                let mut told = self.told();
                // The arguments may be others by now.
                if told.update == update {
                    told.list.push(one);
                }
            }
        }
    }
}

impl Component for RemoteWrite {
    type Arguments = Arguments;
    type Exports = Exports;

    const STATE: &'static [&'static str] = &["its queue on disk", "its dead letters"];

    fn check(args: &Arguments, known: &Known<'_>) -> Vec<Error> {
        let mut found = Vec::new();
        for (number, endpoint) in args.endpoints.iter().enumerate() {
            let problems = endpoint.check().into_iter();
            found.extend(problems.map(|error| error.inside("endpoint", number)));
            let certain = |block: String| match endpoint.name.as_str() {
                "" => known.block(&block),
                _ => known.argument(&block, "name"),
            };
            if (0..=number).all(|number| certain(format!("endpoint#{number}"))) {
                found.extend(destination::twin(&args.endpoints, number));
            }
        }
        found
    }

    fn caveats(args: &Arguments) -> Vec<Caveat> {
        args.caveats()
    }

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        let workshop = Workshop {
            table: cx.series(),
            metrics: Metrics::new(cx.metrics()).map_err(|error| Error::caused("cannot register metrics", error))?,
            families: Arc::default(),
        };
        let destinations = destinations(&args, &workshop)?;
        let told = told(&args, &workshop, cx.host())?;
        let write = Write {
            clock: cx.host().clock.clone(),
            families: workshop.families.clone(),
            metrics: workshop.metrics.clone(),
        };
        let sender = Sender::new(Surroundings::of(cx), workshop.metrics.clone(), write, destinations)?;
        cx.export(Exports {
            receiver: MetricsReceiver(Some(sender.receiver())),
        });
        Ok(RemoteWrite {
            host: cx.host().clone(),
            sender,
            workshop,
            registry: cx.metrics().clone(),
            told: Mutex::new(AllTold { update: 0, list: told }),
            changed: Notify::new(),
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        let pending = self.registry.register(Arc::new(Pending(Arc::downgrade(&self))));
        let _pending = pending.map_err(|error| Error::caused("cannot register metrics", error))?;
        let sending = self.sender.run(stop);
        tokio::pin!(sending);
        tokio::select! {
            sent = &mut sending => sent,
            () = self.upkeep() => Ok(()),
        }
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        let plan = self.sender.plan(destinations(&args, &self.workshop)?)?;
        let told = told(&args, &self.workshop, &self.host)?;
        Ok(Change::new(move || {
            let write = Write {
                clock: self.host.clock.clone(),
                families: self.workshop.families.clone(),
                metrics: self.workshop.metrics.clone(),
            };
            self.sender.replace(plan, write);
            {
                let mut all = self.told();
                all.update += 1;
                all.list = told;
            }
            self.changed.notify_one();
        }))
    }

    fn health(&self) -> Option<Health> {
        self.sender.health()
    }
}
