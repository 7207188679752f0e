//! `loki.write`: sends entries to Loki.

mod args;
mod destination;
mod metrics;
mod push;
#[cfg(test)]
mod simulation;
mod streams;

pub use args::{Arguments, EndpointArgs, Exports, QueueArgs, WalArgs};

use component::prelude::*;
use delivery::{Sender, Surroundings};
use destination::destinations;
use metrics::Metrics;
use push::Push;
use std::time::Duration;

/// `loki.write` in the catalogue.
pub const COMPONENT: Registration = Registration::of::<Write>("loki.write", Stability::GenerallyAvailable);

/// Sends entries to one or more endpoints. An `accept` resolves when all of them have the entries or they are in the queue on disk, or
/// were refused for good. How they get there is the business of [`delivery`]; what is Loki's own is in [`push`] and [`destination`].
pub struct Write {
    sender: Sender<Push>,
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
                destination::twin(&args.endpoints, number)
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
        let metrics = Metrics::new(cx.metrics()).map_err(|error| Error::caused("cannot register metrics", error))?;
        let destinations = destinations(&args)?;
        let give_up = give_up(&args);
        let sender = Sender::new(
            Surroundings::of(cx),
            metrics,
            Push::new(args.external_labels),
            destinations,
        )?;
        sender.set_give_up(give_up);
        cx.export(Exports {
            receiver: LogsReceiver(Some(sender.receiver())),
        });
        Ok(Write { sender })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        self.sender.run(stop).await
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        let plan = self.sender.plan(destinations(&args)?)?;
        Ok(Change::new(move || {
            self.sender.set_give_up(give_up(&args));
            self.sender.replace(plan, Push::new(args.external_labels));
        }))
    }

    fn health(&self) -> Option<Health> {
        self.sender.health()
    }
}

/// When entries may be given up that wait in a full queue.
fn give_up(args: &Arguments) -> Option<Duration> {
    args.wal.enabled.then(|| args.wal.max_segment_age.as_std())
}
