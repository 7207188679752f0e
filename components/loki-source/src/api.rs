//! `loki.source.api`

mod args;
mod decode;
mod handler;
mod metrics;

pub use args::Arguments;

use arc_swap::ArcSwap;
use component::prelude::*;
use decode::{Settings, Stamps};
use handler::Shared;
use intake::Server;
use metrics::Metrics;
use value::Object;

/// The component.
pub const COMPONENT: Registration = Registration::of::<Api>("loki.source.api", Stability::GenerallyAvailable);

/// A `loki.source.api`.
pub struct Api {
    shared: Arc<Shared>,
    server: Arc<Server>,
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

impl Component for Api {
    type Arguments = Arguments;
    type Exports = ();

    fn check(args: &Arguments, _: &Known<'_>) -> Vec<Error> {
        args.server().problems()
    }

    fn caveats(_: &Arguments) -> Vec<Caveat> {
        let text =
            "is answerable for lines from its 2xx on: a client that gets another answer, or none, has to send again";
        vec![Caveat::note(text)]
    }

    fn build(cx: &Context<()>, args: Arguments) -> Result<Self> {
        let metrics = Metrics::new(cx.metrics()).map_err(|error| Error::caused("cannot register metrics", error))?;
        let server = Server::new(cx, "loki_source_api", args.server())?;
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
            server,
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        self.server.run(self.shared.clone(), stop).await
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        let server = self.server.prepare(args.server())?;
        Ok(Change::new(move || {
            self.shared.out.set(LogsReceiver::present(&args.forward_to));
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
