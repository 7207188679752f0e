//! The command line: flags and defaults as Alloy has them, and what Invar adds.

mod gql;
mod queue;
mod remotecfg;
mod schema;
mod tap;
mod top;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use component::{QueueSync, Stability};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use gql::Gql;
pub use queue::{Dump, Ls, Queue, QueueCommand, Repair, Replay, Trim, Verify};
pub use remotecfg::RemotecfgServer;
pub use schema::Schema;
pub use tap::{Tap, TapFormat};
pub use top::{SortBy, Top};

/// A telemetry collector that reads unmodified Grafana Alloy configuration.
#[derive(Parser)]
#[command(name = "invar", version = crate::version::TEXT, disable_version_flag = true, propagate_version = false)]
pub struct Cli {
    /// Print the version.
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Run a configuration.
    Run(Box<Run>),
    /// Format configuration files.
    #[command(alias = "format")]
    Fmt(Fmt),
    /// Check a configuration without running it.
    Validate(Validate),
    /// Print what a reload from one configuration to another would start, stop, update and keep.
    Plan(Plan),
    /// Find this machine's log files and show them live, without any configuration or server.
    Try(Try),
    /// Kill, starve and cut off this program on this machine, and count what is lost.
    Torture(Torture),
    /// Evaluate one expression of the configuration language.
    Eval(Eval),
    /// Run one processing component of a configuration on standard input.
    Process(Process),
    /// Show where every record went, edge by edge, in a running Invar.
    Ledger(Ledger),
    /// Say which records did not arrive, by which rule, and where that rule stands, in a running Invar.
    Why(Why),
    /// Show records as they pass through a running Invar, on any edge of its graph.
    Tap(Tap),
    /// Watch the components of a running Invar: health, rates, CPU share, queues.
    Top(Top),
    /// Ask a running Invar with a GraphQL query.
    Gql(Gql),
    /// Look into queues and dead-letter logs, send what they hold, mend them.
    Queue(Queue),
    /// Serve the configurations in a folder to remotecfg blocks, for tests and at home.
    RemotecfgServer(RemotecfgServer),
    /// List components and config blocks, or say what one takes and exports.
    Schema(Schema),
    /// Print the completion script of a shell.
    Completion(Completion),
}

/// Stability and community gates, shared by commands that load a configuration.
#[derive(Args, Clone)]
pub struct Gates {
    /// Lowest stability of features to allow: experimental, public-preview or generally-available.
    #[arg(long = "stability.level", default_value = "generally-available", value_parser = stability, value_name = "LEVEL")]
    pub stability: Stability,
    /// Allow components that the community keeps.
    #[arg(long = "feature.community-components.enabled", default_value_t = false, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub community: bool,
}

/// How a configuration is read, shared by commands that load one.
#[derive(Args, Clone)]
pub struct Format {
    /// Format of the configuration. This version reads alloy; it refuses the others by name.
    #[arg(long = "config.format", default_value = "alloy", value_name = "FORMAT")]
    pub format: ConfigFormat,
    /// Go on in spite of conversion errors; only other formats than alloy have any.
    #[arg(long = "config.bypass-conversion-errors", default_value_t = false, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub bypass_conversion_errors: bool,
    /// Extra arguments for the converter of another format.
    #[arg(long = "config.extra-args", default_value = "", value_name = "ARGS")]
    pub extra_args: String,
}

/// Formats of a configuration.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConfigFormat {
    /// Alloy's configuration language.
    Alloy,
    /// OpenTelemetry Collector.
    Otelcol,
    /// Prometheus.
    Prometheus,
    /// Promtail.
    Promtail,
    /// Grafana Agent in static mode.
    Static,
}

impl Format {
    /// Refuses formats that cannot be read.
    pub fn check(&self) -> Result<(), String> {
        match self.format {
            ConfigFormat::Alloy => Ok(()),
            _ => Err(
                "this version of Invar reads Alloy's configuration only; convert the file with \"alloy convert\" first"
                    .to_owned(),
            ),
        }
    }
}

#[derive(Args)]
pub struct Run {
    /// Configuration file, or directory whose *.alloy files are one configuration.
    #[arg(value_name = "FILE|DIR")]
    pub config: PathBuf,
    /// Address of the HTTP server.
    #[arg(
        long = "server.http.listen-addr",
        default_value = "127.0.0.1:12345",
        value_name = "ADDR"
    )]
    pub listen: String,
    /// Name under which components of this process reach the HTTP server in memory.
    #[arg(
        long = "server.http.memory-addr",
        default_value = "alloy.internal:12345",
        value_name = "ADDR"
    )]
    pub memory_addr: String,
    /// Path under which the user interface is served.
    #[arg(long = "server.http.ui-path-prefix", default_value = "/", value_name = "PATH")]
    pub ui_prefix: String,
    /// Folder from which the pages of the user interface are served while they are edited, instead of those in the program.
    #[arg(long = "server.http.ui-dir", value_name = "DIR")]
    pub ui_dir: Option<PathBuf>,
    /// Serve profiles under /debug/pprof.
    #[arg(long = "server.http.enable-pprof", default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub pprof: bool,
    /// Turn the support bundle off.
    #[arg(long = "server.http.disable-support-bundle", default_value_t = false, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub disable_support_bundle: bool,
    /// Serve GraphQL at graphql below the path of the user interface. Experimental.
    #[arg(long = "server.http.enable-graphql", default_value_t = false, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub graphql: bool,
    /// Serve a page to try GraphQL on, at graphql/playground. Experimental.
    #[arg(long = "server.http.enable-graphql-playground", default_value_t = false, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub graphql_playground: bool,
    /// Accepted for compatibility: it concerns metrics, which this version does not carry.
    #[arg(long = "feature.prometheus.direct-fanout.enabled", default_value_t = false, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub direct_fanout: bool,
    /// Accepted for compatibility; upstream ignores it as well.
    #[arg(
        long = "feature.prometheus.metric-validation-scheme",
        value_name = "SCHEME",
        hide = true
    )]
    pub metric_validation_scheme: Option<String>,
    /// Accepted for compatibility: priority of the process on Windows.
    #[arg(
        long = "windows.priority",
        default_value = "normal",
        value_name = "PRIORITY",
        hide = true
    )]
    pub windows_priority: String,
    /// Directory for positions and other state.
    #[arg(long = "storage.path", default_value = "data-alloy/", value_name = "DIR")]
    pub storage: PathBuf,
    /// What the queue of one component may take on disk for destinations that do not take their records in time: 512MiB, 10GiB; 0 for no
    /// queue, so that sources wait.
    #[arg(long = "storage.queue-limit", default_value = "10GiB", value_parser = bytes, value_name = "SIZE")]
    pub queue_limit: u64,
    /// When records in a queue on disk count as safe: always (they survive a power failure), never (they survive the end of the process), or a
    /// duration such as 200ms after which they do.
    #[arg(long = "storage.queue-sync", default_value = "always", value_parser = queue_sync, value_name = "always|never|DURATION")]
    pub queue_sync: QueueSync,
    /// Accepted for compatibility: Invar reports nothing to anyone.
    #[arg(long = "disable-reporting", default_value_t = false, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub disable_reporting: bool,
    /// Bound for the memory of the process: 512MiB, 2GiB. When records on their way use it up, sources wait. Default: a quarter of the
    /// memory of the cgroup or machine.
    #[arg(long = "memory-limit", value_parser = bytes, value_name = "SIZE")]
    pub memory_limit: Option<u64>,
    /// How long components may take to stop: 10m, 30s; 0 means without limit.
    #[arg(long = "feature.component-shutdown-deadline", default_value = "10m", value_parser = duration, value_name = "DURATION")]
    pub shutdown_deadline: Duration,
    /// How long the components of a new remote configuration are watched: if they become unhealthy, the one before it is loaded again. 30s, 5m; 0
    /// turns it off.
    #[arg(long = "remotecfg.grace-period", default_value = "30s", value_parser = duration, value_name = "DURATION")]
    pub remotecfg_grace: Duration,
    #[command(flatten)]
    pub gates: Gates,
    #[command(flatten)]
    pub format: Format,
    #[command(flatten)]
    pub cluster: Cluster,
}

/// Clustering flags.
#[derive(Args)]
pub struct Cluster {
    /// Join other collectors.
    #[arg(long = "cluster.enabled", default_value_t = false, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub enabled: bool,
    /// Name of this node; the host name by default.
    #[arg(long = "cluster.node-name", value_name = "NAME")]
    pub node_name: Option<String>,
    /// Address that other nodes reach this one at.
    #[arg(long = "cluster.advertise-address", default_value = "", value_name = "ADDR")]
    pub advertise_address: String,
    /// Interfaces to take the advertised address from.
    #[arg(
        long = "cluster.advertise-interfaces",
        default_value = "eth0,en0",
        value_name = "LIST"
    )]
    pub advertise_interfaces: String,
    /// Nodes to join.
    #[arg(long = "cluster.join-addresses", default_value = "", value_name = "LIST")]
    pub join_addresses: String,
    /// How to discover nodes.
    #[arg(long = "cluster.discover-peers", default_value = "", value_name = "EXPRESSION")]
    pub discover_peers: String,
    /// How often to look for nodes again.
    #[arg(long = "cluster.rejoin-interval", default_value = "60s", value_parser = duration, value_name = "DURATION")]
    pub rejoin_interval: Duration,
    /// How many nodes to join at most.
    #[arg(long = "cluster.max-join-peers", default_value_t = 5, value_name = "N")]
    pub max_join_peers: u32,
    /// Encrypt the traffic between nodes.
    #[arg(long = "cluster.enable-tls", default_value_t = false, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub enable_tls: bool,
    /// Certificates that sign those of other nodes.
    #[arg(long = "cluster.tls-ca-path", default_value = "", value_name = "FILE")]
    pub tls_ca_path: String,
    /// Certificate of this node.
    #[arg(long = "cluster.tls-cert-path", default_value = "", value_name = "FILE")]
    pub tls_cert_path: String,
    /// Private key of this node.
    #[arg(long = "cluster.tls-key-path", default_value = "", value_name = "FILE")]
    pub tls_key_path: String,
    /// Name in the certificates of other nodes.
    #[arg(long = "cluster.tls-server-name", default_value = "", value_name = "NAME")]
    pub tls_server_name: String,
    /// Accepted for compatibility; upstream ignores it as well.
    #[arg(long = "cluster.use-discovery-v1", hide = true, default_value_t = false, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub use_discovery_v1: bool,
    /// Name of the cluster.
    #[arg(long = "cluster.name", default_value = "", value_name = "NAME")]
    pub name: String,
    /// Nodes that there must be before work is shared.
    #[arg(long = "cluster.wait-for-size", default_value_t = 0, value_name = "N")]
    pub wait_for_size: u32,
    /// How long to wait for that many nodes; 0 means without limit.
    #[arg(long = "cluster.wait-timeout", default_value = "0s", value_parser = duration, value_name = "DURATION")]
    pub wait_timeout: Duration,
}

#[derive(Args)]
pub struct Fmt {
    /// Files to format; standard input if there is none or it is -. With -w, -t or --diff also folders, whose *.alloy files are meant, and
    /// patterns such as 'conf.d/**/*.alloy'.
    #[arg(value_name = "FILE|DIR|PATTERN")]
    pub files: Vec<PathBuf>,
    /// Write the result back to the files.
    #[arg(short, long)]
    pub write: bool,
    /// Only test whether the files are formatted; name those that are not and exit with 1.
    #[arg(short, long)]
    pub test: bool,
    /// Print what would change, as a unified diff; exit with 1 if something would.
    #[arg(long)]
    pub diff: bool,
}

#[derive(Args)]
pub struct Validate {
    /// Configuration file or directory.
    #[arg(value_name = "FILE|DIR")]
    pub config: PathBuf,
    /// Print what is promised to the records on each path from a source to a destination, and why not more.
    #[arg(long)]
    pub guarantees: bool,
    /// Print the guarantees as JSON.
    #[arg(long, requires = "guarantees")]
    pub json: bool,
    #[command(flatten)]
    pub gates: Gates,
    #[command(flatten)]
    pub format: Format,
}

#[derive(Args)]
pub struct Plan {
    /// Configuration that runs: a file or a directory.
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// Configuration to load in its place: a file or a directory.
    #[arg(value_name = "NEW")]
    pub new: PathBuf,
    /// List what stays as it is, too.
    #[arg(long)]
    pub all: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Folder in which Invar keeps its state, as `invar run` is told.
    #[arg(long = "storage.path", default_value = "data-alloy/", value_name = "DIR")]
    pub storage: PathBuf,
    #[command(flatten)]
    pub gates: Gates,
}

#[derive(Args)]
pub struct Try {
    /// Print the configuration that would run, and exit.
    #[arg(long)]
    pub print_config: bool,
    /// Files to follow instead of what is found; glob patterns. May be given several times.
    #[arg(long = "path", value_name = "PATTERN")]
    pub paths: Vec<String>,
    /// Endpoint of metrics to scrape instead of what is found: HOST:PORT or a URL. May be given several times. If only --path is given, no
    /// endpoint is looked for.
    #[arg(long = "metrics", value_name = "ENDPOINT")]
    pub metrics: Vec<String>,
    /// Address of the page and the query APIs; port 0 picks a free one. Default: 127.0.0.1:3100, or a free port if that is taken.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Bound for the lines that are kept in memory, and likewise for samples and for spans.
    #[arg(long, default_value = "64MiB", value_parser = bytes, value_name = "SIZE")]
    pub keep: u64,
    /// Stop after this time: 10s, 1m. Without it, run until interrupted.
    #[arg(long = "for", value_parser = duration, value_name = "DURATION")]
    pub run_for: Option<Duration>,
    /// Read files from their beginning instead of their last lines.
    #[arg(long)]
    pub from_beginning: bool,
}

#[derive(Args)]
pub struct Torture {
    /// Configuration file or directory to test; a plain pipeline from files to Loki by default. It is rewritten to read files below a
    /// temporary folder and to send to loopback.
    #[arg(value_name = "FILE|DIR")]
    pub config: Option<PathBuf>,
    /// Push instead of writing files: `metrics` by remote write, `otlp` for log records over OTLP/HTTP, `otlp-grpc` over OTLP/gRPC. Clients repeat what
    /// is not answered with success; what is must arrive. Of the other options --kill9, --outage, --lines (records), --files (clients), --rate,
    /// --memory-limit, --patience, --seed and --json apply.
    #[arg(long, value_name = "SIGNAL", conflicts_with_all = ["config", "sigterm", "rotate", "disk_full", "flip", "refuse"])]
    pub push: Option<torture::push::Signal>,
    /// How often to kill the program with SIGKILL.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub kill9: u32,
    /// How often to stop it with SIGTERM and start it again.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub sigterm: u32,
    /// How to rotate files: any of rename, copytruncate, gzip, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub rotate: Vec<torture::rotate::Rotation>,
    /// Time between two rotations of a file, on average.
    #[arg(long, default_value = "2s", value_parser = duration, value_name = "DURATION")]
    pub rotate_every: Duration,
    /// Lines to write, all files together.
    #[arg(long, default_value_t = 200_000, value_name = "N")]
    pub lines: u64,
    /// Files to write, if the configuration reads so many.
    #[arg(long, default_value_t = 4, value_name = "N")]
    pub files: u32,
    /// Lines to write a second, all files together.
    #[arg(long, default_value_t = 20_000, value_name = "LINES_PER_S")]
    pub rate: u64,
    /// Share of the time in which the destination is down, slow, answers with errors or loses answers: 0 to 1.
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub outage: f64,
    /// With --push: how many times more is pushed than the destination takes.
    #[arg(
        long,
        default_value_t = 1.0,
        value_name = "RATIO",
        requires = "push",
        conflicts_with = "outage"
    )]
    pub overload: f64,
    /// How long the disk with the program's state is full: 10s, 1m.
    #[arg(long, value_parser = duration, value_name = "DURATION")]
    pub disk_full: Option<Duration>,
    /// How many bytes to change in the queue on disk, once, while the program is stopped.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub flip: u32,
    /// Let the destination refuse one line of so many with status 400.
    #[arg(long, value_name = "N")]
    pub refuse: Option<u64>,
    /// Bound for the program's memory: 200MiB.
    #[arg(long, value_parser = bytes, value_name = "SIZE")]
    pub memory_limit: Option<u64>,
    /// How long nothing new may arrive in the end before the rest counts as lost. Longer than the pauses between attempts, which are up to
    /// five minutes in a configuration that does not say otherwise.
    #[arg(long, default_value = "6m", value_parser = duration, value_name = "DURATION")]
    pub patience: Duration,
    /// Choose the same order of events as a run that printed this seed.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
    /// Keep the folder with logs, state and the program's own log; it is kept in any case if something is wrong.
    #[arg(long)]
    pub keep: bool,
}

#[derive(Args)]
pub struct Eval {
    /// The expression, such as 'string.to_upper("x") + "!"'.
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    pub expression: String,
    /// Print JSON instead of the language's own text.
    #[arg(long)]
    pub json: bool,
    /// Lowest stability of functions to allow.
    #[arg(long = "stability.level", default_value = "generally-available", value_parser = stability, value_name = "LEVEL")]
    pub stability: Stability,
}

#[derive(Args)]
pub struct Process {
    /// Configuration file or directory.
    #[arg(value_name = "FILE|DIR")]
    pub config: PathBuf,
    /// Id of the component, such as loki.process.default.
    #[arg(long, value_name = "ID")]
    pub component: String,
    /// Each line of input is a log line, not a JSON object.
    #[arg(long)]
    pub text: bool,
    /// Show what each stage changed.
    #[arg(long)]
    pub inspect: bool,
    #[command(flatten)]
    pub gates: Gates,
}

/// How a command reaches a running Invar.
#[derive(Args, Clone)]
pub struct Server {
    /// Address of its HTTP server; a user and password before the host are sent as basic authentication.
    #[arg(long, default_value = "http://127.0.0.1:12345", value_name = "URL")]
    pub addr: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Ledger {
    /// Exit with 1 if records of any edge are lost or have two fates.
    #[arg(long)]
    pub strict: bool,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Args)]
pub struct Why {
    /// Only what happened in this time: 10m, 1h. Counters are remembered for an hour.
    #[arg(long, value_parser = duration, value_name = "DURATION")]
    pub since: Option<Duration>,
    /// Only this component.
    #[arg(long, value_name = "ID")]
    pub component: Option<String>,
    /// Only records with this label; may be given several times.
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub labels: Vec<String>,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Args)]
pub struct Completion {
    /// The shell.
    pub shell: clap_complete::Shell,
}

fn stability(text: &str) -> Result<Stability, String> {
    text.parse()
}

fn duration(text: &str) -> Result<Duration, String> {
    let nanos = gotime::parse_duration(text).map_err(|error| error.to_string())?;
    u64::try_from(nanos)
        .map(Duration::from_nanos)
        .map_err(|_| "a negative duration makes no sense here".to_owned())
}

fn queue_sync(text: &str) -> Result<QueueSync, String> {
    match text {
        "always" => Ok(QueueSync::Always),
        "never" => Ok(QueueSync::Never),
        other => duration(other)
            .map(QueueSync::Every)
            .map_err(|error| format!("{error}; use always, never, or a duration such as 200ms")),
    }
}

fn bytes(text: &str) -> Result<u64, String> {
    let bytes = gotime::parse_bytes(text).map_err(|error| error.to_string())?;
    u64::try_from(bytes).map_err(|_| "a negative size makes no sense here".to_owned())
}
