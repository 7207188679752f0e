//! What is pushed, and how it is recognised where it arrives.

use super::tally::Tally;
use otlp_wire::write::Writer;
use prommodel::STALE_NAN;
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
    /// The same, but pushed over OTLP/gRPC.
    OtlpGrpc,
}

/// What clients push.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    pub(super) signal: Signal,
    /// Records of a request.
    pub(super) together: u64,
    /// Bytes that a log record has besides its number.
    pub(super) padding: usize,
    /// The time of the first sample, in milliseconds since the Unix epoch. Each has one more: it is what a sample without a value is known by.
    pub(super) begin: i64,
}

impl Signal {
    /// `metrics`, `otlp`, `otlp-grpc`.
    pub fn as_str(self) -> &'static str {
        match self {
            Signal::Metrics => "metrics",
            Signal::Otlp => "otlp",
            Signal::OtlpGrpc => "otlp-grpc",
        }
    }
}

impl FromStr for Signal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "metrics" => Ok(Signal::Metrics),
            "otlp" => Ok(Signal::Otlp),
            "otlp-grpc" => Ok(Signal::OtlpGrpc),
            _ => Err(format!("{text:?} is none of \"metrics\", \"otlp\" and \"otlp-grpc\"")),
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

    /// Takes so many bytes a second from now on, or any number.
    pub(super) fn set_pace(&self, bytes_per_second: Option<u64>) {
        match self {
            Arrivals::Samples(sink, _) => sink.set_pace(bytes_per_second),
            Arrivals::Bodies(sink) => sink.set_pace(bytes_per_second),
        }
    }
}

/// Of so many samples of a series one is a stale marker: the last.
const STALE_EVERY: u64 = 50;

/// What a record of samples is worth. Its bits tell a stale marker from other numbers that are none.
fn value(number: u64) -> f64 {
    match number % STALE_EVERY == STALE_EVERY - 1 {
        true => f64::from_bits(STALE_NAN),
        false => number as f64,
    }
}

impl Source {
    /// A destination that counts.
    pub(super) fn sink(self, runtime: &Runtime, tally: Arc<Tally>) -> Result<Arrivals, String> {
        let failed = |error: std::io::Error| format!("cannot start the destination: {error}");
        match self.signal {
            Signal::Metrics => {
                let watch = move |labels: &[(&str, &str)], time: i64, found: f64| {
                    let client = labels.iter().find(|(name, _)| *name == "client");
                    let client = client.and_then(|(_, client)| client.parse().ok());
                    let number = u64::try_from(time - self.begin).ok();
                    match (client, number) {
                        (Some(client), Some(number)) if value(number).to_bits() == found.to_bits() => {
                            tally.see(client, number);
                        }
                        _ => tally.odd(),
                    }
                };
                let sink = runtime
                    .block_on(RemoteWriteSink::start(Some(Box::new(watch))))
                    .map_err(failed)?;
                let addr = sink.addr();
                Ok(Arrivals::Samples(sink, addr))
            }
            Signal::Otlp | Signal::OtlpGrpc => {
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
                                match text.and_then(numbers) {
                                    Some((client, number)) => tally.see(client, number),
                                    None => tally.odd(),
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
}

/// Client and number of a record's text.
fn numbers(text: &str) -> Option<(usize, u64)> {
    let mut words = text.split(' ');
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

impl Signal {
    /// A configuration that listens on a port and sends to an address.
    pub(super) fn config(self, port: u16, destination: &str) -> String {
        let protocol = if self == Signal::OtlpGrpc { "grpc" } else { "http" };
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
            Signal::Otlp | Signal::OtlpGrpc => format!(
                r#"otelcol.receiver.otlp "in" {{
	{protocol} {{
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
            Signal::Otlp => otlp_wire::Signal::Logs.http_path(),
            Signal::OtlpGrpc => otlp_wire::Signal::Logs.grpc_path(),
        }
    }

    /// Headers of requests, each with its line break.
    pub(super) fn headers(self) -> &'static str {
        match self {
            Signal::Metrics => "content-type: application/x-protobuf\r\ncontent-encoding: snappy\r\n",
            Signal::Otlp | Signal::OtlpGrpc => "content-type: application/x-protobuf\r\n",
        }
    }
}

impl Source {
    /// A request with records of a client.
    pub(super) fn body(self, client: usize, numbers: Range<u64>) -> Vec<u8> {
        match self.signal {
            Signal::Metrics => {
                let client = client.to_string();
                let pairs = [("__name__", METRIC), ("client", client.as_str())];
                let labels = remotewrite::v1::EncodedLabels::new(pairs);
                let mut writer = remotewrite::v1::Writer::default();
                for number in numbers {
                    let sample = remotewrite::Sample {
                        value: value(number),
                        timestamp: self.begin + number as i64,
                        start_timestamp: 0,
                    };
                    writer.sample(&labels, sample);
                }
                snap::raw::Encoder::new()
                    .compress_vec(writer.message())
                    .expect("a request is shorter than 4 GiB")
            }
            Signal::Otlp | Signal::OtlpGrpc => {
                let mut writer = Writer::new();
                writer.container(1, |resource| {
                    resource.container(2, |scope| {
                        for number in numbers {
                            scope.container(2, |record| {
                                record.fixed64(1, self.begin as u64 * 1_000_000 + number);
                                let text = format!("{client} {number} {:.<1$}", "", self.padding);
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
