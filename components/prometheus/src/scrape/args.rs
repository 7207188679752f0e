//! Arguments.

use super::collect::SampleRules;
use super::labels::LabelRules;
use super::target::{Defaults, ScrapeTarget};

use component::{ClusteringArgs, Error, MetricsReceiver, Target};
use net::HttpClientConfig;
use prommodel::schema_of_factor;
use promscrape::{Format, Options};
use std::collections::BTreeMap;
use std::time::Duration;
use value::{Block, ByteSize, GoDuration};

/// Scrapes metrics of targets.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = validate)]
pub struct Arguments {
    /// What to scrape.
    #[arg]
    pub targets: Vec<Target>,
    /// Where samples go: each receiver gets all of them.
    #[arg]
    pub forward_to: Vec<MetricsReceiver>,
    /// The label `job` of targets that have none; the component's id if it is not set.
    #[arg(default)]
    pub job_name: String,
    /// Whether a label that a target exposes wins over the target's own of the same name. Otherwise it is renamed: `exported_` is put before it.
    #[arg(default)]
    pub honor_labels: bool,
    /// Whether timestamps count that a target exposes.
    #[arg(default = true)]
    pub honor_timestamps: bool,
    /// Whether series with timestamps of their own are marked when they are gone.
    #[arg(default)]
    pub track_timestamps_staleness: bool,
    /// Whether types and help texts of metrics are forwarded. They always are.
    #[arg(default)]
    pub honor_metadata: bool,
    /// Whether the type and the unit of a metric become the labels `__type__` and `__unit__`.
    #[arg(default)]
    pub enable_type_and_unit_labels: bool,
    /// Whether a series that begins gets a sample of zero at the time at which it says that it began.
    #[arg(default)]
    pub start_timestamp_zero_ingestion: bool,
    /// Parameters of the address.
    #[arg(default)]
    pub params: BTreeMap<String, Vec<String>>,
    /// Whether classic histograms become native ones with their bounds.
    #[arg(default)]
    pub convert_classic_histograms_to_nhcb: bool,
    /// Whether series of classic histograms are there also if a native histogram is.
    #[arg(default)]
    pub scrape_classic_histograms: bool,
    /// Whether native histograms are scraped.
    #[arg(default)]
    pub scrape_native_histograms: bool,
    /// Most buckets of a native histogram; 0 for any number.
    #[arg(default)]
    pub native_histogram_bucket_limit: u64,
    /// How much wider a bucket of a native histogram is at least than the one before it; 0 for any.
    #[arg(default)]
    pub native_histogram_min_bucket_factor: f64,
    /// How often to scrape.
    #[arg(default = GoDuration::minutes(1))]
    pub scrape_interval: GoDuration,
    /// How long a scrape may take; at most the interval.
    #[arg(default = GoDuration::seconds(10))]
    pub scrape_timeout: GoDuration,
    /// Formats to ask for, the best one first: `OpenMetricsText1.0.0`, `OpenMetricsText0.0.1`, `PrometheusText1.0.0`, `PrometheusText0.0.4`,
    /// `PrometheusProto`. All but the last if it is empty, and all of them if native histograms are scraped.
    #[arg(default)]
    pub scrape_protocols: Vec<String>,
    /// The format of answers that do not name theirs; empty for none, so that they are errors.
    #[arg(default = "PrometheusText0.0.4".to_owned())]
    pub scrape_fallback_protocol: String,
    /// Asks for protobuf, which native histograms need. Deprecated: use scrape_protocols and scrape_native_histograms.
    #[arg(default)]
    pub enable_protobuf_negotiation: bool,
    /// Path of targets that have no `__metrics_path__`.
    #[arg(default = "/metrics".to_owned())]
    pub metrics_path: String,
    /// Scheme of targets that have no `__scheme__`: `http` or `https`.
    #[arg(default = "http".to_owned())]
    pub scheme: String,
    /// Most bytes of a body, uncompressed; 0 for any number.
    #[arg(default)]
    pub body_size_limit: ByteSize,
    /// Most samples of a scrape; 0 for any number. A scrape with more fails.
    #[arg(default)]
    pub sample_limit: u64,
    /// Most targets; 0 for any number. With more, scrapes of all of them fail.
    #[arg(default)]
    pub target_limit: u64,
    /// Most labels of a series; 0 for any number.
    #[arg(default)]
    pub label_limit: u64,
    /// Longest name of a label, in bytes; 0 for any length.
    #[arg(default)]
    pub label_name_length_limit: u64,
    /// Longest value of a label, in bytes; 0 for any length.
    #[arg(default)]
    pub label_value_length_limit: u64,
    /// Names that are allowed: `legacy` for letters, digits, `_` and `:`; `utf8` for any.
    #[arg(default = "legacy".to_owned())]
    pub metric_name_validation_scheme: String,
    /// How targets are to write names that are not allowed: `underscores`, `dots`, `values` or `allow-utf-8`.
    #[arg(default = "underscores".to_owned())]
    pub metric_name_escaping_scheme: String,
    /// Whether answers may be compressed.
    #[arg(default = true)]
    pub enable_compression: bool,
    /// Whether the series `scrape_timeout_seconds`, `scrape_sample_limit` and `scrape_body_size_bytes` are there as well.
    #[arg(default)]
    pub extra_metrics: bool,
    /// File to which failures of scrapes are appended, a line of JSON each.
    #[arg(default)]
    pub scrape_failure_log_file: String,
    /// Whether targets are shared among the collectors of a cluster.
    #[arg(block, default)]
    pub clustering: ClusteringArgs,
    /// Credentials, encryption, proxies.
    #[arg(flatten)]
    pub http: HttpClientConfig,
}

/// A format as it is named, with its media type and whether it can say how names are to be written.
pub(super) struct Protocol {
    pub(super) name: &'static str,
    pub(super) media: &'static str,
    pub(super) escapes: bool,
}

const PROTO: Protocol = Protocol {
    name: "PrometheusProto",
    media: "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
    escapes: false,
};

const TEXTS: [Protocol; 4] = [
    Protocol {
        name: "OpenMetricsText1.0.0",
        media: "application/openmetrics-text;version=1.0.0",
        escapes: true,
    },
    Protocol {
        name: "OpenMetricsText0.0.1",
        media: "application/openmetrics-text;version=0.0.1",
        escapes: false,
    },
    Protocol {
        name: "PrometheusText1.0.0",
        media: "text/plain;version=1.0.0",
        escapes: true,
    },
    Protocol {
        name: "PrometheusText0.0.4",
        media: "text/plain;version=0.0.4",
        escapes: false,
    },
];

/// The format with a name.
pub(super) fn protocol(name: &str) -> Option<&'static Protocol> {
    static ALL: [&Protocol; 5] = [&PROTO, &TEXTS[0], &TEXTS[1], &TEXTS[2], &TEXTS[3]];
    ALL.into_iter().find(|protocol| protocol.name == name)
}

/// The header `Accept`: earlier formats weigh more, and anything else is taken as well (Prometheus: `acceptHeader`).
pub(super) fn accept(protocols: &[&str], escaping: &str) -> String {
    let mut weight = TEXTS.len() + 2;
    let mut header = String::new();
    for protocol in protocols.iter().filter_map(|name| protocol(name)) {
        header.push_str(protocol.media);
        if protocol.escapes {
            header.push_str(";escaping=");
            header.push_str(escaping);
        }
        header.push_str(&format!(";q=0.{weight},"));
        weight = weight.saturating_sub(1).max(1);
    }
    header.push_str(&format!("*/*;q=0.{weight}"));
    header
}

impl Arguments {
    /// Whether native histograms are wanted, one way or the other.
    fn native(&self) -> bool {
        self.scrape_native_histograms || self.enable_protobuf_negotiation
    }

    /// The formats to ask for.
    pub(super) fn protocols(&self) -> Vec<&str> {
        if !self.scrape_protocols.is_empty() {
            return self.scrape_protocols.iter().map(String::as_str).collect();
        }
        let proto = self.native().then_some(PROTO.name);
        proto.into_iter().chain(TEXTS.iter().map(|text| text.name)).collect()
    }

    /// How names are to be written.
    fn escaping(&self) -> &str {
        match (
            self.metric_name_validation_scheme.as_str(),
            self.metric_name_escaping_scheme.as_str(),
        ) {
            ("utf8", "" | "underscores") => "allow-utf-8",
            (_, "") => "underscores",
            (_, scheme) => scheme,
        }
    }

    /// The header `Accept` of requests.
    pub(super) fn accept(&self) -> String {
        accept(&self.protocols(), self.escaping())
    }

    /// The format of answers that do not name theirs.
    pub(super) fn fallback(&self) -> Option<Format> {
        Format::of(protocol(&self.scrape_fallback_protocol)?.media)
    }

    /// What targets have that do not say otherwise.
    pub(super) fn of_targets(&self, id: &str) -> Defaults {
        Defaults {
            job: match self.job_name.as_str() {
                "" => id.to_owned(),
                name => name.to_owned(),
            },
            scheme: self.scheme.clone(),
            path: self.metrics_path.clone(),
            interval: self.scrape_interval.as_std(),
            timeout: self.scrape_timeout.as_std(),
            params: self.params.clone(),
            convert: self.convert_classic_histograms_to_nhcb,
            classic: self.scrape_classic_histograms,
            native: self.native(),
        }
    }

    /// How the samples of a target are made.
    pub(super) fn rules(&self, target: &ScrapeTarget) -> SampleRules {
        let limit = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        SampleRules {
            labels: LabelRules {
                honor_labels: self.honor_labels,
                utf8: self.metric_name_validation_scheme == "utf8",
                label_limit: limit(self.label_limit),
                name_limit: limit(self.label_name_length_limit),
                value_limit: limit(self.label_value_length_limit),
            },
            honor_timestamps: self.honor_timestamps,
            track_timestamps: self.track_timestamps_staleness,
            sample_limit: limit(self.sample_limit),
            bucket_limit: limit(self.native_histogram_bucket_limit),
            max_schema: schema_of_factor(self.native_histogram_min_bucket_factor),
            start_zeros: self.start_timestamp_zero_ingestion,
            parser: Options {
                convert_classic: target.convert,
                keep_classic: target.classic,
                ignore_native: !target.native,
                start_timestamps: self.start_timestamp_zero_ingestion,
                type_and_unit: self.enable_type_and_unit_labels,
            },
        }
    }

    /// Everything that is wrong with the arguments.
    pub(super) fn problems(&self) -> Vec<Error> {
        let mut found = Vec::new();
        if self.scrape_timeout.0 > self.scrape_interval.0 {
            let message = format!(
                "({}) must be at most scrape_interval ({})",
                gotime::format_duration(self.scrape_timeout.0),
                gotime::format_duration(self.scrape_interval.0)
            );
            found.push(Error::about("scrape_timeout", message).with("scrape_interval"));
        }
        for (name, duration) in [
            ("scrape_interval", self.scrape_interval),
            ("scrape_timeout", self.scrape_timeout),
        ] {
            if duration.as_std() < Duration::from_millis(1) {
                found.push(Error::about(name, "must be at least 1ms"));
            }
        }
        for (number, name) in self.scrape_protocols.iter().enumerate() {
            let wrong = |message: String| Error::about("scrape_protocols", message).at([value::Seg::Index(number)]);
            if protocol(name).is_none() {
                found.push(wrong(format!("{name:?} is not one of {}", names())));
            } else if self.scrape_protocols[..number].contains(name) {
                found.push(wrong(format!("{name:?} is there twice")));
            }
        }
        if !self.scrape_fallback_protocol.is_empty() && protocol(&self.scrape_fallback_protocol).is_none() {
            let message = format!("{:?} is not one of {}", self.scrape_fallback_protocol, names());
            found.push(Error::about("scrape_fallback_protocol", message));
        }
        if self.enable_protobuf_negotiation && !self.scrape_protocols.is_empty() {
            let message = "cannot be set together with scrape_protocols; put \"PrometheusProto\" first there";
            found.push(Error::about("enable_protobuf_negotiation", message).with("scrape_protocols"));
        }
        let asked = self.scrape_protocols.iter().any(|name| name == PROTO.name);
        if self.scrape_native_histograms && !self.scrape_protocols.is_empty() && !asked {
            let message = "needs \"PrometheusProto\" in scrape_protocols: no other format has native histograms";
            found.push(Error::about("scrape_native_histograms", message).with("scrape_protocols"));
        }
        let validation = self.metric_name_validation_scheme.as_str();
        if !["legacy", "utf8"].contains(&validation) {
            let message = format!("{validation:?} is neither \"legacy\" nor \"utf8\"");
            found.push(Error::about("metric_name_validation_scheme", message));
        }
        let escaping = self.metric_name_escaping_scheme.as_str();
        if !["", "underscores", "dots", "values", "allow-utf-8"].contains(&escaping) {
            let message = format!("{escaping:?} is not one of underscores, dots, values, allow-utf-8");
            found.push(Error::about("metric_name_escaping_scheme", message));
        } else if escaping == "allow-utf-8" && validation != "utf8" {
            let message = "\"allow-utf-8\" needs metric_name_validation_scheme = \"utf8\"";
            let error = Error::about("metric_name_escaping_scheme", message);
            found.push(error.with("metric_name_validation_scheme"));
        }
        found
    }
}

fn names() -> String {
    let names = TEXTS.iter().map(|text| text.name);
    names.chain([PROTO.name]).collect::<Vec<_>>().join(", ")
}

fn validate(args: &Arguments) -> Result<(), value::Invalid> {
    component::first(args.problems())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_that_of_prometheus() {
        let Some(vectors) = crate::vectors("scrape.json") else {
            return;
        };
        let cases = vectors["accept_header"].as_array().expect("a list");
        assert!(!cases.is_empty());
        for case in cases {
            let protocols: Vec<&str> = case["protocols"]
                .as_array()
                .expect("a list")
                .iter()
                .filter_map(|p| p.as_str())
                .collect();
            let escaping = case["escaping"].as_str().expect("a text");
            assert_eq!(
                accept(&protocols, escaping),
                case["header"].as_str().expect("a text"),
                "{}",
                case["name"]
            );
        }
    }

    #[test]
    fn factors_have_their_resolution() {
        let Some(vectors) = crate::vectors("scrape.json") else {
            return;
        };
        for case in vectors["native_histogram_min_bucket_factor_to_schema"]
            .as_array()
            .expect("a list")
        {
            let schema = schema_of_factor(case["factor"].as_f64().expect("a number"));
            assert_eq!(
                i64::from(schema),
                case["max_schema"].as_i64().expect("a number"),
                "{case}"
            );
        }
    }

    #[test]
    fn what_does_not_go_together_is_told() {
        let args = <Arguments as Block>::defaults();
        assert!(args.problems().is_empty(), "{:?}", args.problems());
        assert_eq!(args.protocols().len(), 4);
        let native = Arguments {
            scrape_native_histograms: true,
            ..args.clone()
        };
        assert_eq!(native.protocols()[0], "PrometheusProto");
        assert!(native.problems().is_empty());
        let list = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        for (args, part) in [
            (
                Arguments {
                    scrape_timeout: GoDuration::minutes(2),
                    ..args.clone()
                },
                "(2m0s) must be at most scrape_interval (1m0s)",
            ),
            (
                Arguments {
                    scrape_protocols: list(&["prometheusproto"]),
                    ..args.clone()
                },
                "is not one of OpenMetricsText1.0.0",
            ),
            (
                Arguments {
                    scrape_protocols: list(&["PrometheusProto", "PrometheusProto"]),
                    ..args.clone()
                },
                "is there twice",
            ),
            (
                Arguments {
                    scrape_protocols: list(&["PrometheusText0.0.4"]),
                    ..native.clone()
                },
                "needs \"PrometheusProto\"",
            ),
            (
                Arguments {
                    metric_name_validation_scheme: "no".to_owned(),
                    ..args.clone()
                },
                "neither",
            ),
            (
                Arguments {
                    metric_name_escaping_scheme: "allow-utf-8".to_owned(),
                    ..args.clone()
                },
                "needs metric_name_validation_scheme",
            ),
        ] {
            let problems = args.problems();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].to_string().contains(part), "{}", problems[0]);
        }
    }
}
