//! The same pipeline in two languages.

use super::{ATTRIBUTE, Case, Edit};
use std::net::SocketAddr;
use testkit::otlp_peers::Transport;

pub(super) fn alloy(case: Case, addr: SocketAddr, sink: SocketAddr) -> String {
    let signal = case.signal.name();
    let transport = case.transport.as_str();
    let compression = case.coding.as_str();
    let (exporter, client) = match case.transport {
        Transport::Grpc => (
            "otlp",
            format!("endpoint = \"{sink}\"\n\n\t\ttls {{\n\t\t\tinsecure = true\n\t\t}}"),
        ),
        Transport::Http => ("otlphttp", format!("endpoint = \"http://{sink}\"")),
    };
    let out = format!("otelcol.exporter.{exporter}.bench.input");
    let (next, edit) = match case.edit {
        Edit::Off => (out, String::new()),
        Edit::On => (
            "otelcol.processor.attributes.bench.input".to_owned(),
            format!(
                r#"
otelcol.processor.attributes "bench" {{
	action {{
		key    = "{ATTRIBUTE}"
		value  = "eu-1"
		action = "insert"
	}}

	output {{
		{signal} = [{out}]
	}}
}}
"#
            ),
        ),
    };
    format!(
        r#"logging {{
	level = "warn"
}}

otelcol.receiver.otlp "bench" {{
	{transport} {{
		endpoint = "{addr}"
	}}

	output {{
		{signal} = [otelcol.processor.batch.bench.input]
	}}
}}

otelcol.processor.batch "bench" {{
	output {{
		{signal} = [{next}]
	}}
}}
{edit}
otelcol.exporter.{exporter} "bench" {{
	client {{
		compression = "{compression}"
		{client}
	}}
}}
"#
    )
}

/// For an OpenTelemetry Collector, with the sizes that Alloy has by default.
pub(super) fn collector(case: Case, addr: SocketAddr, sink: SocketAddr) -> String {
    let signal = case.signal.name();
    let transport = case.transport.as_str();
    let compression = case.coding.as_str();
    let (exporter, client) = match case.transport {
        Transport::Grpc => ("otlp", format!("endpoint: \"{sink}\", tls: {{insecure: true}}")),
        Transport::Http => ("otlphttp", format!("endpoint: \"http://{sink}\"")),
    };
    let processors = match case.edit {
        Edit::Off => "batch",
        Edit::On => "batch, attributes",
    };
    format!(
        r#"receivers:
  otlp: {{protocols: {{{transport}: {{endpoint: "{addr}"}}}}}}
processors:
  batch: {{send_batch_size: 2000, send_batch_max_size: 3000, timeout: 200ms}}
  attributes: {{actions: [{{key: {ATTRIBUTE}, value: eu-1, action: insert}}]}}
exporters:
  {exporter}: {{{client}, compression: {compression}}}
service:
  telemetry: {{logs: {{level: warn}}, metrics: {{level: none}}}}
  pipelines:
    {signal}: {{receivers: [otlp], processors: [{processors}], exporters: [{exporter}]}}
"#
    )
}
