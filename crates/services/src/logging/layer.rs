//! The `tracing` layer: decides which events are worth a line and reads them off.

use super::Shared;
use super::record::{Fields, Record, Severity};
use signals::busy::Meter;
use std::sync::Arc;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record as Recorded};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Crates of others that speak `tracing`. What they say below info is about their own inner life, and their spans add
/// nothing to our lines.
const DEPENDENCIES: &[&str] = &[
    "axum",
    "h2",
    "hyper",
    "hyper_util",
    "jiff",
    "reqwest",
    "rustls",
    "tokio",
    "tokio_util",
    "tower",
    "tower_http",
];

fn is_dependency(target: &str) -> bool {
    let krate = target.split("::").next().unwrap_or_default();
    DEPENDENCIES.contains(&krate)
}

/// Name of the span in which a component works.
const COMPONENT: &str = "component";

/// Whose work is done in a span.
struct Work(Arc<Meter>);

/// Turns events into lines of the log. Made by [`Logging::layer`](super::Logging::layer).
pub struct LogLayer(pub(super) Arc<Shared>);

impl LogLayer {
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let dependency = is_dependency(metadata.target());
        if metadata.is_span() {
            // Spans give a line its `component_id`; an error must have it whatever the level of the span.
            return !dependency && *metadata.level() <= tracing::Level::INFO;
        }
        match Severity::of(metadata.level()) {
            Some(severity) => self.0.is_enabled(severity) && !(dependency && severity < Severity::Info),
            None => false,
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LogLayer {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Asked again for every call site when the level changes, so a disabled one costs a load and a branch.
        if self.wants(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // Never below info, because the hint holds for spans too.
        Some(if self.0.is_enabled(Severity::Debug) {
            LevelFilter::DEBUG
        } else {
            LevelFilter::INFO
        })
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if span.name() == COMPONENT
            && let Some(id) = fields.text("component_id")
        {
            let id = global_id(fields.text("component_path").unwrap_or_default(), id);
            span.extensions_mut().insert(Work(self.0.ledger.meter(&id)));
        }
        span.extensions_mut().insert(fields);
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(Work(meter)) = span.extensions().get::<Work>()
        {
            signals::busy::enter(meter);
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && span.extensions().get::<Work>().is_some()
        {
            signals::busy::leave();
        }
    }

    fn on_record(&self, id: &Id, values: &Recorded<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(severity) = Severity::of(event.metadata().level()) else {
            return;
        };
        let mut pairs = Vec::new();
        let mut component = None;
        if let Some(scope) = context.event_scope(event) {
            for span in scope.from_root() {
                if let Some(fields) = span.extensions().get::<Fields>() {
                    if let Some(id) = fields.text("component_id") {
                        component = Some(global_id(fields.text("component_path").unwrap_or_default(), id));
                    }
                    pairs.extend(fields.pairs.iter().cloned());
                }
            }
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        pairs.append(&mut fields.pairs);
        self.0.emit(Record {
            timestamp: self.0.now(),
            severity,
            message: fields.message.unwrap_or_default(),
            pairs,
            component,
        });
    }
}

/// The global id of a component from what its lines carry: the path of its module, `/` or `/a.b`, and its local id.
pub(crate) fn global_id(path: &str, id: &str) -> String {
    match path.trim_matches('/') {
        "" => id.to_owned(),
        path => format!("{path}/{id}"),
    }
}
