//! What is pushed, and how it is recognised where it arrives.

use super::tally::Tally;
use otlp_wire::write::Writer;
use std::net::SocketAddr;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;
use testkit::metrics_peers::{BodySink, RemoteWriteSink};
use tokio::runtime::Runtime;

/// Name of the metric.
const METRIC: &str = "torture_record";

/// A kind of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Samples, by remote write to `prometheus.receive_http` and from there to `prometheus.remote_write`.
    Metrics,
    /// Log records over OTLP/HTTP to `otelcol.receiver.otlp`, through `otelcol.processor.batch`, to `otelcol.exporter.otlphttp`.
    Otlp,
}

impl Signal {
    /// `metrics`, `otlp`.
    pub fn as_str(self) -> &'static str {
        match self {
            Signal::Metrics => "metrics",
            Signal::Otlp => "otlp",
        }
    }
}

impl FromStr for Signal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "metrics" => Ok(Signal::Metrics),
            "otlp" => Ok(Signal::Otlp),
            _ => Err(format!("{text:?} is neither \"metrics\" nor \"otlp\"")),
        }
    }
}

/// Where records arrive.
pub(super) enum Arrivals {
    Samples(RemoteWriteSink, SocketAddr),
    Bodies(BodySink),
}

impl Arrivals {
    pub(super) fn addr(&self) -> SocketAddr {
        match self {
            Arrivals::Samples(_, addr) => *addr,
            Arrivals::Bodies(sink) => sink.addr(),
        }
    }

    pub(super) fn set_down(&self, down: bool) {
        match self {
            Arrivals::Samples(sink, _) => sink.set_down(down),
            Arrivals::Bodies(sink) => sink.set_down(down),
        }
    }
}

impl Signal {
    /// A destination that counts.
    pub(super) fn sink(self, runtime: &Runtime, tally: Arc<Tally>) -> Result<Arrivals, String> {
        let failed = |error: std::io::Error| format!("cannot start the destination: {error}");
        match self {
            Signal::Metrics => {
                let watch = move |labels: &[(&str, &str)], _: i64, value: f64| {
                    let client = labels.iter().find(|(name, _)| *name == "client");
                    if let Some(client) = client.and_then(|(_, client)| client.parse().ok()) {
                        tally.see(client, value as u64);
                    }
                };
                let sink = runtime
                    .block_on(RemoteWriteSink::start(Some(Box::new(watch))))
                    .map_err(failed)?;
                let addr = sink.addr();
                Ok(Arrivals::Samples(sink, addr))
            }
            Signal::Otlp => {
                let take = move |body: &[u8]| {
                    if otlp_wire::scan(otlp_wire::Signal::Logs, body).is_err() {
                        return false;
                    }
                    for resource in otlp_wire::logs::resources(body) {
                        for scope in resource.scopes() {
                            for record in scope.records() {
                                let text = match record.body {
                                    Some(otlp_wire::common::AnyValue::String(text)) => std::str::from_utf8(text).ok(),
                                    _ => None,
                                };
                                let pair = text.and_then(|text| text.split_once(' '));
                                let pair = pair
                                    .and_then(|(client, number)| Some((client.parse().ok()?, number.parse().ok()?)));
                                if let Some((client, number)) = pair {
                                    tally.see(client, number);
                                }
                            }
                        }
                    }
                    true
                };
                let sink = runtime.block_on(BodySink::start(Box::new(take))).map_err(failed)?;
                Ok(Arrivals::Bodies(sink))
            }
        }
    }

    /// A configuration that listens on a port and sends to an address.
    pub(super) fn config(self, port: u16, destination: &str) -> String {
        match self {
            Signal::Metrics => format!(
                r#"prometheus.receive_http "in" {{
	http {{
		listen_address = "127.0.0.1"
		listen_port    = {port}
	}}
	forward_to = [prometheus.remote_write.out.receiver]
}}

prometheus.remote_write "out" {{
	endpoint {{
		url = "http://{destination}/api/v1/write"

		queue_config {{
			batch_send_deadline = "500ms"
		}}
	}}
}}
"#
            ),
            Signal::Otlp => format!(
                r#"otelcol.receiver.otlp "in" {{
	http {{
		endpoint = "127.0.0.1:{port}"
	}}

	output {{
		logs = [otelcol.processor.batch.all.input]
	}}
}}

otelcol.processor.batch "all" {{
	output {{
		logs = [otelcol.exporter.otlphttp.out.input]
	}}
}}

otelcol.exporter.otlphttp "out" {{
	client {{
		endpoint    = "http://{destination}"
		compression = "none"
	}}

	retry_on_failure {{
		initial_interval = "100ms"
		max_interval     = "1s"
		max_elapsed_time = "0s"
	}}
}}
"#
            ),
        }
    }

    /// Path of requests.
    pub(super) fn path(self) -> &'static str {
        match self {
            Signal::Metrics => "/api/v1/metrics/write",
            Signal::Otlp => "/v1/logs",
        }
    }

    /// Headers of requests, each with its line break.
    pub(super) fn headers(self) -> &'static str {
        match self {
            Signal::Metrics => "content-type: application/x-protobuf\r\ncontent-encoding: snappy\r\n",
            Signal::Otlp => "content-type: application/x-protobuf\r\n",
        }
    }

    /// A request with records of a client.
    pub(super) fn body(self, client: usize, numbers: Range<u64>) -> Vec<u8> {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        match self {
            Signal::Metrics => {
                let client = client.to_string();
                let pairs = [("__name__", METRIC), ("client", client.as_str())];
                let labels = remotewrite::v1::EncodedLabels::new(pairs);
                let mut writer = remotewrite::v1::Writer::default();
                for (at, number) in numbers.enumerate() {
                    let sample = remotewrite::Sample {
                        value: number as f64,
                        timestamp: now.as_millis() as i64 + at as i64,
                        start_timestamp: 0,
                    };
                    writer.sample(&labels, sample);
                }
                snap::raw::Encoder::new()
                    .compress_vec(writer.message())
                    .expect("a request is shorter than 4 GiB")
            }
            Signal::Otlp => {
                let mut writer = Writer::new();
                writer.container(1, |resource| {
                    resource.container(2, |scope| {
                        for number in numbers {
                            scope.container(2, |record| {
                                record.fixed64(1, now.as_nanos() as u64);
                                let text = format!("{client} {number}");
                                record.message(5, |body| body.text(1, text.as_bytes()));
                            });
                        }
                    });
                });
                writer.finish().to_vec()
            }
        }
    }
}
