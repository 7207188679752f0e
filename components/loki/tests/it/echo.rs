//! `loki.echo` writes what it gets to the log.

use component::{ContextParts, Services, Stability};
use loki::echo::{COMPONENT, Exports};
use signals::{Amount, Budget, Entry, FanOut, Labels, Ledger, LogBatch, LogStream, Metadata, Permit};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use value::{Body, FromValue};

/// Fields of the events that were logged.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<BTreeMap<String, String>>>>);

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl<S: tracing::Subscriber> Layer<S> for Events {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        fields
            .0
            .insert("level".to_owned(), event.metadata().level().to_string());
        self.0.lock().unwrap().push(fields.0);
    }
}

#[tokio::test]
async fn each_entry_is_one_line_with_all_that_it_has() {
    let events = Events::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(events.clone()));
    let ledger = Ledger::default();
    let parts = ContextParts {
        id: Arc::from("loki.echo.test"),
        data_path: "/nonexistent".into(),
        host: host::Host::real(),
        budget: Budget::unlimited(),
        ledger: ledger.clone(),
        metrics: promtext::Registry::new(),
        services: Services::default(),
        stability: Stability::GenerallyAvailable,
        span: tracing::Span::none(),
        exported: Arc::new(|| {}),
        inspector: None,
    };
    let Ok(instance) = COMPONENT.build(parts, &Body::default()) else {
        panic!("it is not built")
    };
    let source = FanOut::new(&ledger, "source");
    source.set(
        Exports::from_value(&instance.exports())
            .unwrap()
            .receiver
            .0
            .into_iter()
            .collect(),
    );
    let mut entry = Entry::new(1_700_000_000_000_000_001, b"hello \xff".to_vec());
    entry.metadata = Metadata::from_pairs([("k", "v")]);
    let labels = Labels::from_pairs([("b", "2"), ("a", "1")]);
    let stream = LogStream {
        labels,
        entries: vec![entry, Entry::new(0, "")],
    };
    assert_eq!(source.accept(LogBatch::new(vec![stream], Permit::none())).await, Ok(()));
    let events = events.0.lock().unwrap();
    assert_eq!(events.len(), 2);
    let field = |name: &str| events[0][name].as_str();
    assert_eq!((field("level"), field("entry")), ("INFO", "hello \u{fffd}"));
    assert_eq!(field("entry_timestamp"), "2023-11-14T22:13:20.000000001Z");
    assert_eq!(field("labels"), r#"{a="1", b="2"}"#);
    assert_eq!(field("structured_metadata"), r#"[{"name":"k","value":"v"}]"#);
    assert_eq!(
        ledger.edge("source", "loki.echo.test").snapshot().delivered,
        Amount { items: 2, bytes: 9 }
    );
}
