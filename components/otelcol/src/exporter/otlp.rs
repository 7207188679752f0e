//! `otelcol.exporter.otlp`: sends telemetry over gRPC, as OTLP.

mod args;
mod status;
mod transport;

pub use args::{Arguments, ClientArgs, KeepaliveArgs};

use crate::export::{Connection, Manner, Metrics, Otlps, QueueMetrics, Settings, context_keys, spec};
use crate::output::{Exports, input};
use component::prelude::*;
use delivery::{Destination, Sender, Surroundings, Target};
use transport::GrpcEndpoint;

/// `otelcol.exporter.otlp` in the catalogue.
pub const COMPONENT: Registration =
    Registration::of::<OtlpGrpc>("otelcol.exporter.otlp", Stability::GenerallyAvailable);

/// Sends telemetry to an endpoint. An `accept` resolves when it has the records or they are in the queue on disk, or were refused for good. How they get
/// there is the business of [`delivery`] and [`crate::export`]; what is gRPC's own is here.
pub struct OtlpGrpc {
    sender: Arc<Sender<Otlps>>,
}

impl Component for OtlpGrpc {
    type Arguments = Arguments;
    type Exports = Exports;

    const STATE: &'static [&'static str] = &["its queue on disk", "its dead letters"];

    fn check(args: &Arguments, _: &Known<'_>) -> Vec<Error> {
        args.check()
    }

    fn caveats(args: &Arguments) -> Vec<Caveat> {
        args.caveats()
    }

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        let failed = |error: promtext::RegisterError| Error::caused("cannot register metrics", error);
        let metrics = Metrics::new(cx.metrics(), "otlp", cx.id()).map_err(failed)?;
        let capacity = args.sending_queue.queue_size;
        let destinations = vec![destination(args)];
        let sender = Sender::new(Surroundings::of(cx), metrics.clone(), Otlps::default(), destinations)?;
        let sender = Arc::new(sender);
        QueueMetrics::register(cx.metrics(), &metrics, &sender, capacity).map_err(failed)?;
        cx.export(input(cx, sender.receiver().sink));
        Ok(OtlpGrpc { sender })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        self.sender.run(stop).await
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        let plan = self.sender.plan(vec![destination(args)])?;
        Ok(Change::new(move || self.sender.replace(plan, Otlps::default())))
    }

    fn health(&self) -> Option<Health> {
        self.sender.health()
    }
}

/// The endpoint of a configuration.
fn destination(args: Arguments) -> Destination<Otlps> {
    Destination {
        target: Target {
            spec: spec(Manner {
                address: &args.client.endpoint,
                host: args.client.title(),
                retry: &args.retry_on_failure,
                queue: &args.sending_queue,
            }),
            settings: Settings {
                format: args.format(),
                context: context_keys(&args.client.auth),
                connection: Connection::Grpc(Box::new(args.clone())),
            },
        },
        connect: Box::new(move |host| Ok(Arc::new(GrpcEndpoint::new(&args, host)?))),
    }
}
