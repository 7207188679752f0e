//! `loki.echo`: writes entries to Invar's own log.

use component::prelude::*;
use signals::{Accepting, LogBatch, LogStream, Sink};

/// `loki.echo` in the catalogue.
pub const COMPONENT: Registration = Registration::of::<Echo>("loki.echo", Stability::GenerallyAvailable);

/// Writes every entry that it receives to Invar's own log.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Arguments {}

/// What others refer to.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Exports {
    /// Takes entries.
    #[arg]
    pub receiver: LogsReceiver,
}

/// The component.
pub struct Echo(());

struct Printer {
    span: tracing::Span,
}

impl Component for Echo {
    type Arguments = Arguments;
    type Exports = Exports;

    fn caveats(_: &Arguments) -> Vec<Caveat> {
        vec![Caveat::best_effort("only prints: nothing is kept")]
    }

    fn build(cx: &Context<Exports>, _: Arguments) -> Result<Self> {
        cx.export(Exports {
            receiver: LogsReceiver(Some(signals::Receiver {
                owner: cx.id().clone(),
                sink: Arc::new(Printer {
                    span: cx.span().clone(),
                }),
            })),
        });
        Ok(Echo(()))
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, _: Arguments) -> Result<Change> {
        Ok(Change::new(|| {}))
    }
}

impl Sink for Printer {
    fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
        Box::pin(async move {
            let (streams, mut custody) = batch.into_shared_parts();
            self.span.in_scope(|| streams.iter().for_each(print));
            custody.deliver_rest();
            Ok(())
        })
    }
}

fn print(stream: &LogStream) {
    let labels = stream.labels.to_string();
    for entry in &stream.entries {
        let metadata: Vec<serde_json::Value> = entry
            .metadata
            .pairs()
            .iter()
            .map(|(name, value)| serde_json::json!({"name": name.as_str(), "value": value.as_str()}))
            .collect();
        tracing::info!(
            entry = %String::from_utf8_lossy(&entry.line),
            entry_timestamp = %gotime::format_rfc3339_nano(entry.timestamp),
            labels = %labels,
            structured_metadata = %serde_json::Value::Array(metadata),
            "received"
        );
    }
}
