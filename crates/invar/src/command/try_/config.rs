//! Writing the configuration that follows what was found.

use super::discover::{Kind, Target};
use super::endpoints::Endpoint;
use std::fmt::Write;
use std::net::SocketAddr;
use syntax::literal::quote;

/// What a configuration is written for.
pub struct Plan<'a> {
    /// The patterns to follow.
    pub targets: &'a [Target],
    /// Endpoints of metrics to scrape, besides the machine itself.
    pub endpoints: &'a [Endpoint],
    /// Where OTLP is taken: gRPC, and HTTP.
    pub otlp: [SocketAddr; 2],
    /// Where to push: the address of the store, with its scheme and without a path.
    pub store: &'a str,
    /// First lines of the configuration, as comments.
    pub about: &'a str,
}

/// Id of the component that reads files of a kind; its state is below a folder of this name.
pub fn source_id(kind: Kind) -> String {
    format!("loki.source.file.{}", label(kind))
}

fn label(kind: Kind) -> &'static str {
    match kind {
        Kind::Plain => "files",
        Kind::Cri => "pods",
        Kind::Docker => "docker",
    }
}

/// The configuration, formatted as `invar fmt` does.
pub fn write(plan: &Plan) -> String {
    let mut text = String::new();
    for line in plan.about.lines() {
        let _ = writeln!(text, "{}", format!("// {line}").trim_end());
    }
    for kind in [Kind::Plain, Kind::Cri, Kind::Docker] {
        let targets: Vec<&Target> = plan.targets.iter().filter(|target| target.kind == kind).collect();
        if !targets.is_empty() {
            source(&mut text, kind, &targets);
        }
    }
    text.push_str(LEVEL);
    let url = quote(format!("{}/loki/api/v1/push", plan.store).as_bytes());
    let _ = write!(
        text,
        "
// Pushes to Loki. To keep the logs, put the address of yours here.
loki.write \"store\" {{
endpoint {{
url = {url}

// Loki's usual second is long for someone who watches.
batch_wait = \"200ms\"
}}
}}
"
    );
    metrics(&mut text, plan);
    otlp(&mut text, plan);
    match syntax::format::format("try.alloy", text.as_bytes()) {
        Ok(formatted) => String::from_utf8(formatted).expect("formatting keeps UTF-8") + "\n",
        Err(problems) => unreachable!("what is generated can be read: {problems:?}"),
    }
}

/// From the machine and the endpoints to the store.
fn metrics(text: &mut String, plan: &Plan) {
    text.push_str(HOST);
    if !plan.endpoints.is_empty() {
        text.push_str(
            "\n// What listens here and answers GET /metrics.\nprometheus.scrape \"endpoints\" {\ntargets = [\n",
        );
        for endpoint in plan.endpoints {
            let [scheme, address, path, job] = [&endpoint.scheme, &endpoint.address, &endpoint.path, &endpoint.job]
                .map(|value| quote(value.as_bytes()));
            let mut target = format!("{{ __address__ = {address}, job = {job}");
            if endpoint.scheme != "http" {
                let _ = write!(target, ", __scheme__ = {scheme}");
            }
            if endpoint.path != "/metrics" {
                let _ = write!(target, ", __metrics_path__ = {path}");
            }
            let _ = writeln!(text, "{target} }},");
        }
        text.push_str(
            "]
scrape_interval = \"5s\"
scrape_timeout = \"4s\"
forward_to = [prometheus.remote_write.store.receiver]
}
",
        );
    }
    let url = quote(format!("{}/api/v1/write", plan.store).as_bytes());
    let _ = write!(
        text,
        "
// Writes to Prometheus. To keep the metrics, put the address of yours here.
prometheus.remote_write \"store\" {{
endpoint {{
url = {url}

queue_config {{
// The usual five seconds are long for someone who watches.
batch_send_deadline = \"500ms\"
}}

metadata_config {{
send_interval = \"5s\"
}}
}}
}}
"
    );
}

/// From programs that send OTLP to the stores.
fn otlp(text: &mut String, plan: &Plan) {
    let [grpc, http] = plan.otlp.map(|address| quote(address.to_string().as_bytes()));
    let store = quote(plan.store.as_bytes());
    let _ = write!(
        text,
        "
// What programs with OpenTelemetry send.
otelcol.receiver.otlp \"local\" {{
grpc {{
endpoint = {grpc}
}}

http {{
endpoint = {http}
}}

output {{
logs = [otelcol.exporter.loki.store.input]
metrics = [otelcol.exporter.prometheus.store.input]
traces = [otelcol.exporter.otlphttp.store.input]
}}
}}

otelcol.exporter.loki \"store\" {{
forward_to = [loki.write.store.receiver]
}}

otelcol.exporter.prometheus \"store\" {{
forward_to = [prometheus.remote_write.store.receiver]
}}

// Sends to Tempo, or to whatever takes OTLP. To keep the traces, put the address of yours here.
otelcol.exporter.otlphttp \"store\" {{
client {{
endpoint = {store}
}}
}}
"
    );
}

/// Everything between the files of one kind and the lines that they hold.
fn source(text: &mut String, kind: Kind, targets: &[&Target]) {
    let label = label(kind);
    let what = match kind {
        Kind::Plain => "Log files. New ones that match are picked up.",
        Kind::Cri => "Output of containers, as container runtimes of Kubernetes write it.",
        Kind::Docker => "Output of containers, as Docker writes it.",
    };
    let receiver = match kind {
        Kind::Plain => "loki.process.level.receiver".to_owned(),
        _ => format!("loki.process.{label}.receiver"),
    };
    let _ = write!(text, "\n// {what}\nlocal.file_match \"{label}\" {{\npath_targets = [\n");
    for target in targets {
        let (pattern, job) = (quote(target.pattern.as_bytes()), quote(target.job.as_bytes()));
        let _ = writeln!(text, "{{ __path__ = {pattern}, job = {job} }},");
    }
    let _ = write!(
        text,
        "]
sync_period = \"5s\"
}}

// Reads them from their beginning, and follows them through rotation. With tail_from_end = true, what a file
// holds when it is seen first would be skipped.
loki.source.file \"{label}\" {{
targets = local.file_match.{label}.targets
forward_to = [{receiver}]
}}
"
    );
    text.push_str(match kind {
        Kind::Plain => "",
        Kind::Cri => PODS,
        Kind::Docker => DOCKER,
    });
}

const PODS: &str = r#"
// Takes time and stream off each line, joins lines that the runtime has split, and reads the pod off the path.
loki.process "pods" {
stage.cri { }

stage.regex {
source = "filename"
expression = `/pods/(?P<namespace>[^_/]+)_(?P<pod>[^_/]+)_[^/]+/(?P<container>[^/]+)/[^/]+$`
}

stage.labels {
values = {
namespace = "",
pod = "",
container = "",
}
}

forward_to = [loki.process.level.receiver]
}
"#;

const DOCKER: &str = r#"
// Takes the JSON off each line.
loki.process "docker" {
stage.docker { }

forward_to = [loki.process.level.receiver]
}
"#;

const HOST: &str = r#"
// Metrics of this machine, as node exporter has them.
prometheus.exporter.unix "host" { }

prometheus.scrape "host" {
targets = prometheus.exporter.unix.host.targets
scrape_interval = "5s"
scrape_timeout = "4s"
forward_to = [prometheus.remote_write.store.receiver]
}
"#;

const LEVEL: &str = r#"
// Finds the level of each line, and makes a label of it.
loki.process "level" {
// The first word at the start of a line that looks like a level,
stage.regex {
expression = `(?i)^.{0,100}?\b(?P<level>trace|debug|info|notice|warn|warning|error|err|critical|crit|alert|emerg|fatal|panic)\b`
}

// unless the line says outright: level=warn, "severity": "ERROR".
stage.regex {
expression = `(?i)\b(?:level|lvl|severity|loglevel)"?\s*[=:]\s*"?(?P<level>trace|debug|info|notice|warn|warning|error|err|critical|crit|alert|emerg|fatal|panic)\b`
}

// One name for each level.
stage.template {
source = "level"
template = `{{ if .level }}{{ $l := ToLower .level }}{{ if eq $l "warning" }}warn{{ else if eq $l "err" }}error{{ else if eq $l "crit" }}critical{{ else }}{{ $l }}{{ end }}{{ end }}`
}

stage.labels {
values = { level = "" }
}

forward_to = [loki.write.store.receiver]
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn target(pattern: &str, job: &str, kind: Kind) -> Target {
        Target {
            pattern: pattern.to_owned(),
            job: job.to_owned(),
            kind,
            files: Vec::new(),
        }
    }

    #[test]
    fn it_is_formatted_and_whatever_is_in_a_name_stays_in_its_string() {
        let targets = [
            target("/var/log/*.log", "system", Kind::Plain),
            target("/tmp/a\"b\\\\*.log\n} // x", "ugly \"\n name", Kind::Plain),
            target("/var/log/pods/*/*/*.log", "pods", Kind::Cri),
            target("/var/lib/docker/containers/*/*-json.log", "docker", Kind::Docker),
        ];
        let endpoints: Vec<Endpoint> = ["127.0.0.1:8080", "https://a\"b:1/x"]
            .iter()
            .map(|text| Endpoint::parse(text).expect("it is an address"))
            .collect();
        for (few, endpoints) in [
            (&targets[..], &endpoints[..]),
            (&targets[..1], &endpoints[..1]),
            (&targets[2..3], &endpoints[1..]),
            (&targets[3..], &[]),
        ] {
            let text = write(&Plan {
                targets: few,
                endpoints,
                otlp: [4317, 4318].map(|port| ([127, 0, 0, 1], port).into()),
                store: "http://127.0.0.1:3100",
                about: "One.\n\nTwo.",
            });
            assert!(text.starts_with("// One.\n//\n// Two.\n\n//"), "{text}");
            let again = syntax::format::format("", text.as_bytes()).expect("it can be read");
            assert_eq!(String::from_utf8_lossy(&again) + "\n", text);
            let (file, problems) = syntax::parse("", text.as_bytes());
            assert!(problems.is_empty(), "{problems:?}");
            let ids: Vec<String> = file.body.blocks().map(|block| block.id()).collect();
            let expect = few
                .iter()
                .map(|target| source_id(target.kind))
                .collect::<std::collections::BTreeSet<_>>();
            assert_eq!(
                ids.iter().filter(|id| id.starts_with("loki.source.")).count(),
                expect.len()
            );
            assert!(expect.iter().all(|id| ids.contains(id)), "{ids:?}");
            assert_eq!(ids.iter().filter(|id| *id == "loki.write.store").count(), 1);
            for id in ["prometheus.remote_write.store", "otelcol.receiver.otlp.local"] {
                assert!(ids.contains(&id.to_owned()), "{ids:?}");
            }
            let scraped = ids.contains(&"prometheus.scrape.endpoints".to_owned());
            assert_eq!(scraped, !endpoints.is_empty(), "{ids:?}");
            assert!(text.contains(r#"url = "http://127.0.0.1:3100/api/v1/write""#), "{text}");
            assert!(
                text.contains(r#"url = "http://127.0.0.1:3100/loki/api/v1/push""#),
                "{text}"
            );
        }
    }
}
