//! `otelcol.*`: components of the OpenTelemetry Collector. What they pass on are OTLP requests as bytes ([`signals::Otlp`]).

mod output;

use component::Registration;

/// The components of the family.
pub static COMPONENTS: &[Registration] = &[];
