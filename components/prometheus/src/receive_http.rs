//! `prometheus.receive_http`: takes samples that clients push by remote write.

mod args;
mod decode;
mod handler;
#[cfg(test)]
mod tests;

pub use args::Arguments;

use arc_swap::ArcSwap;
use component::prelude::*;
use decode::Settings;
use handler::Shared;
use intake::Server;
use promtext::RegisterError;
use value::Object;

/// `prometheus.receive_http` in the catalogue.
pub const COMPONENT: Registration =
    Registration::of::<ReceiveHttp>("prometheus.receive_http", Stability::GenerallyAvailable);

/// A `prometheus.receive_http`.
pub struct ReceiveHttp {
    shared: Arc<Shared>,
    server: Arc<Server>,
}

fn settings(args: &Arguments) -> Arc<Settings> {
    Arc::new(Settings {
        accepted: args.accepted(),
        families: args.append_metadata,
        type_labels: args.enable_type_and_unit_labels,
    })
}

impl Shared {
    fn new(cx: &Context<()>, args: &Arguments) -> std::result::Result<Shared, RegisterError> {
        let seconds = [
            0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
        ];
        let registry = cx.metrics();
        Ok(Shared {
            cx: cx.clone(),
            out: cx.fan_out(),
            settings: ArcSwap::new(settings(args)),
            table: cx.series(),
            forwarded: registry.counter(
                "prometheus_forwarded_samples_total",
                "Total number of samples sent to downstream components.",
            )?,
            latency: registry.histogram(
                "prometheus_fanout_latency",
                "Write latency for sending to direct and indirect components",
                &seconds,
            )?,
            invalid_labels: registry.counter(
                "prometheus_api_remote_write_invalid_labels_samples_total",
                "The total number of received remote write samples and histogram samples which were rejected due to invalid labels.",
            )?,
        })
    }
}

impl Component for ReceiveHttp {
    type Arguments = Arguments;
    type Exports = ();

    fn check(args: &Arguments, _: &Known<'_>) -> Vec<Error> {
        args.problems()
    }

    fn caveats(_: &Arguments) -> Vec<Caveat> {
        let text =
            "is answerable for samples from its 2xx on: a client that gets another answer, or none, has to send again";
        vec![Caveat::note(text)]
    }

    fn build(cx: &Context<()>, args: Arguments) -> Result<Self> {
        args.settled(cx.stability())?;
        let shared = Shared::new(cx, &args).map_err(|error| Error::caused("cannot register metrics", error))?;
        let server = Server::new(cx, "prometheus_receive_http", args.server())?;
        shared.out.set(MetricsReceiver::present(&args.forward_to));
        Ok(ReceiveHttp {
            shared: Arc::new(shared),
            server,
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        self.server.run(self.shared.clone(), stop).await
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        args.settled(self.shared.cx.stability())?;
        let server = self.server.prepare(args.server())?;
        Ok(Change::new(move || {
            self.shared.out.set(MetricsReceiver::present(&args.forward_to));
            self.shared.settings.store(settings(&args));
            server.apply();
        }))
    }

    fn debug_info(&self) -> Option<Value> {
        let address = self.server.address()?;
        let mut info = Object::ordered();
        info.insert("listen_address", Value::string(address.to_string()));
        Some(Value::object(info))
    }
}
