//! How to start Invar and other collectors on the same scenario.

use super::program::{self, Program};
use anyhow::{Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

/// A program to measure. On the command line `NAME=BINARY`; the name says which configuration it reads: names that begin with
/// `promtail`, `vector` or `fluent-bit` get theirs, all others are started as Alloy is.
#[derive(Clone, Debug)]
pub struct Peer {
    /// What the table calls it.
    pub name: String,
    /// The program.
    pub binary: PathBuf,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, binary) = text.split_once('=').ok_or("expected NAME=BINARY")?;
        Ok(Peer {
            name: name.to_owned(),
            binary: PathBuf::from(binary),
        })
    }
}

/// Where a scenario reads and sends.
pub struct Setup<'a> {
    /// Folder for configuration and state.
    pub dir: &'a Path,
    /// Glob pattern of the input files.
    pub pattern: String,
    /// Base URL of the sink.
    pub sink: String,
    /// Port for the program's own HTTP server.
    pub http_port: u16,
}

impl Peer {
    /// Writes the program's configuration and starts it.
    pub fn start(&self, setup: &Setup<'_>) -> Result<Program> {
        let kind = ["promtail", "vector", "fluent-bit"]
            .into_iter()
            .find(|kind| self.name.starts_with(kind));
        let (file, text) = match kind {
            Some("promtail") => ("promtail.yaml", promtail(setup)),
            Some("vector") => ("vector.yaml", vector(setup)),
            Some("fluent-bit") => bail!(
                "{}: Fluent Bit cannot be asked for the same stages; name another peer",
                self.name
            ),
            _ => ("config.alloy", alloy(setup)),
        };
        let config = setup.dir.join(file);
        fs::write(&config, text)?;
        let mut command = Command::new(&self.binary);
        match kind {
            Some("promtail") => drop(command.arg(format!("-config.file={}", config.display()))),
            Some("vector") => drop(command.arg("--config").arg(&config)),
            _ => {
                command = program::invar(&self.binary, &config, setup.dir, setup.http_port);
                command.arg("--disable-reporting");
            }
        }
        Program::spawn(command, setup.dir)
    }
}

fn alloy(setup: &Setup<'_>) -> String {
    format!(
        r#"logging {{
	level = "warn"
}}

local.file_match "bench" {{
	path_targets = [{{"__path__" = "{pattern}", "job" = "bench"}}]
}}

loki.source.file "bench" {{
	targets    = local.file_match.bench.targets
	forward_to = [loki.process.bench.receiver]
}}

loki.process "bench" {{
	stage.json {{
		expressions = {{ts = "ts", level = "level", service = "service"}}
	}}

	stage.timestamp {{
		source = "ts"
		format = "RFC3339Nano"
	}}

	stage.labels {{
		values = {{level = "", service = ""}}
	}}

	stage.drop {{
		source              = "level"
		value               = "debug"
		drop_counter_reason = "noisy"
	}}
	forward_to = [loki.write.bench.receiver]
}}

loki.write "bench" {{
	endpoint {{
		url = "{sink}/loki/api/v1/push"
	}}
}}
"#,
        pattern = setup.pattern,
        sink = setup.sink,
    )
}

fn promtail(setup: &Setup<'_>) -> String {
    format!(
        r#"server: {{http_listen_port: {port}, grpc_listen_port: 0, log_level: warn}}
positions: {{filename: {dir}/positions.yaml}}
clients: [{{url: "{sink}/loki/api/v1/push"}}]
scrape_configs:
  - job_name: bench
    static_configs: [{{targets: [localhost], labels: {{job: bench, __path__: "{pattern}"}}}}]
    pipeline_stages:
      - json: {{expressions: {{ts: ts, level: level, service: service}}}}
      - timestamp: {{source: ts, format: RFC3339Nano}}
      - labels: {{level: "", service: ""}}
      - drop: {{source: level, value: debug}}
"#,
        port = setup.http_port,
        dir = setup.dir.display(),
        sink = setup.sink,
        pattern = setup.pattern,
    )
}

fn vector(setup: &Setup<'_>) -> String {
    format!(
        r#"data_dir: {dir}
sources:
  files: {{type: file, include: ["{pattern}"], read_from: beginning}}
transforms:
  parsed:
    type: remap
    inputs: [files]
    source: |
      fields = object!(parse_json!(.message))
      .timestamp = parse_timestamp!(fields.ts, "%+")
      .level = fields.level
      .service = fields.service
  kept: {{type: filter, inputs: [parsed], condition: '.level != "debug"'}}
sinks:
  loki:
    type: loki
    inputs: [kept]
    endpoint: "{sink}"
    encoding: {{codec: text}}
    labels: {{job: bench, level: "{{{{ level }}}}", service: "{{{{ service }}}}"}}
"#,
        dir = setup.dir.display(),
        sink = setup.sink,
        pattern = setup.pattern,
    )
}
