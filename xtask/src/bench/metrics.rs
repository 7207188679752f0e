//! Targets that are scraped, through relabelling, to a remote write endpoint.

use super::peers::Peer;
use super::program::{self, Program};
use crate::process::{Usage, usage};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use testkit::metrics_peers::{RemoteWriteSink, Targets, TargetsOptions};

#[derive(Args)]
pub struct Options {
    /// Number of targets.
    #[arg(long, default_value_t = 1000)]
    targets: usize,
    /// Series of a target.
    #[arg(long, default_value_t = 1000)]
    series: usize,
    /// Seconds between scrapes of a target.
    #[arg(long, default_value_t = 10)]
    interval: u64,
    /// Seconds that are measured, after as many intervals to warm up as it takes and two more.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Series in a thousand that are others with each scrape.
    #[arg(long, default_value_t = 0)]
    churn: u64,
    /// Seconds for which the endpoint then answers with status 503; afterwards everything has to arrive.
    #[arg(long, default_value_t = 0)]
    outage: u64,
    /// Each target has series that no other target has, as if each were another program.
    #[arg(long)]
    distinct: bool,
    /// Leaves the relabelling rules out.
    #[arg(long)]
    no_rules: bool,
    /// An Invar binary to measure instead of building one.
    #[arg(long, value_name = "BINARY")]
    binary: Option<PathBuf>,
    /// Another program, as NAME=BINARY: names that begin with `prometheus` are started as an agent, `vmagent` as that, others as Invar.
    #[arg(long = "peer", value_name = "NAME=BINARY")]
    peers: Vec<Peer>,
}

pub fn run(options: &Options) -> Result<()> {
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => super::release_binary()?,
    };
    let runtime = testkit::runtime()?;
    let dir = std::env::temp_dir().join(format!("invar-bench-metrics-{}", std::process::id()));
    println!(
        "{} targets of {} series every {} s: {} series, {} samples/s",
        options.targets,
        options.series,
        options.interval,
        options.targets * options.series,
        options.targets * options.series / options.interval as usize
    );
    println!(
        "{:<14} {:>12} {:>9} {:>12} {:>10} {:>10} {:>14} {:>12}",
        "program", "samples", "cpu s", "us/sample", "RSS MiB", "peak MiB", "bytes/series", "sent B/sample"
    );
    let invar = Peer {
        name: "invar".to_owned(),
        binary,
    };
    for peer in std::iter::once(&invar).chain(&options.peers) {
        fs::create_dir_all(&dir)?;
        let outcome = runtime.block_on(measure(peer, &dir, options));
        fs::remove_dir_all(&dir).context("cannot remove the temporary folder")?;
        outcome?;
    }
    Ok(())
}

/// Samples of one round of scrapes; what is said of a scrape is five more for each target.
fn round(options: &Options) -> u64 {
    (options.targets * options.series) as u64
}

async fn measure(peer: &Peer, dir: &Path, options: &Options) -> Result<()> {
    let targets = Targets::start(TargetsOptions {
        series: options.series,
        churn: options.churn,
        rounds: if options.churn > 0 { 64 } else { 8 },
        distinct: options.distinct,
    })
    .await?;
    let sink = RemoteWriteSink::start(None).await?;
    let mut program = start(peer, dir, &targets, &sink, options)?;
    let pid = program.id();
    // Until every target was scraped, and the series are known.
    let deadline = Instant::now() + Duration::from_secs(60 + 6 * options.interval);
    while sink.samples() < round(options) {
        if Instant::now() > deadline || program.ended()?.is_some() {
            let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
            bail!("{} does not deliver: {} samples came\n{log}", peer.name, sink.samples());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    tokio::time::sleep(Duration::from_secs(2 * options.interval)).await;
    let (before, samples) = (usage(pid)?, sink.samples());
    let bytes = sink.requests().1;
    tokio::time::sleep(Duration::from_secs(options.seconds)).await;
    let (after, samples) = (usage(pid)?, sink.samples() - samples);
    let bytes = sink.requests().1 - bytes;
    report(peer, &before, &after, samples, bytes, options);
    if options.outage > 0 {
        outage(pid, &sink, &targets, options).await?;
    }
    Ok(())
}

fn report(peer: &Peer, before: &Usage, after: &Usage, samples: u64, bytes: u64, options: &Options) {
    let cpu = after.cpu - before.cpu;
    let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
    println!(
        "{:<14} {:>12} {:>9.2} {:>12.3} {:>10.1} {:>10.1} {:>14.0} {:>12.1}",
        peer.name,
        samples,
        cpu,
        cpu * 1e6 / samples.max(1) as f64,
        mib(after.rss),
        mib(after.peak_rss),
        after.rss as f64 / round(options) as f64,
        bytes as f64 / samples.max(1) as f64,
    );
}

/// The endpoint is down for a while; then everything that was scraped has to come.
async fn outage(pid: u32, sink: &RemoteWriteSink, targets: &Targets, options: &Options) -> Result<()> {
    sink.set_down(true);
    tokio::time::sleep(Duration::from_secs(options.outage)).await;
    let during = usage(pid)?;
    let (back, missing) = (Instant::now(), sink.samples());
    sink.set_down(false);
    let expected = targets.scrapes() * options.series as u64;
    let deadline = back + Duration::from_secs(120 + options.outage);
    while sink.samples() < expected {
        if Instant::now() > deadline {
            bail!("after the outage {} of {expected} samples came", sink.samples());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!(
        "{:<14} down for {} s: RSS {:.1} MiB then, {} samples behind, all of them there {:.1} s later; RSS {:.1} MiB",
        "",
        options.outage,
        during.rss as f64 / (1 << 20) as f64,
        expected.saturating_sub(missing),
        back.elapsed().as_secs_f64(),
        usage(pid)?.rss as f64 / (1 << 20) as f64
    );
    Ok(())
}

fn start(peer: &Peer, dir: &Path, targets: &Targets, sink: &RemoteWriteSink, options: &Options) -> Result<Program> {
    let mut command = Command::new(&peer.binary);
    let port = super::free_port()?;
    let (addr, url, state) = (targets.addr(), sink.url(), dir.join("state"));
    if peer.name.starts_with("prometheus") {
        let config = dir.join("prometheus.yml");
        fs::write(&config, prometheus(&addr.to_string(), &url, options, true))?;
        command.args([
            "--enable-feature=agent".to_owned(),
            format!("--config.file={}", config.display()),
            format!("--storage.agent.path={}", state.display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ]);
    } else if peer.name.starts_with("vmagent") {
        let config = dir.join("prometheus.yml");
        fs::write(&config, prometheus(&addr.to_string(), &url, options, false))?;
        command.args([
            format!("-promscrape.config={}", config.display()),
            format!("-remoteWrite.url={url}"),
            format!("-remoteWrite.tmpDataPath={}", state.display()),
            format!("-httpListenAddr=127.0.0.1:{port}"),
            "-remoteWrite.forcePromProto".to_owned(),
        ]);
    } else {
        let config = dir.join("config.alloy");
        fs::write(&config, alloy(&addr.to_string(), &url, options))?;
        command = program::invar(&peer.binary, &config, dir, port);
    }
    Program::spawn(command, dir)
}

fn alloy(addr: &str, url: &str, options: &Options) -> String {
    let mut list = String::new();
    for target in 0..options.targets {
        let _ = writeln!(
            list,
            "\t\t{{\"__address__\" = \"{addr}\", \"__metrics_path__\" = \"/t/{target}\", \"instance\" = \"host-{target}:8080\", \"namespace\" = \"shop\", \"pod\" = \"app-{target}\", \"cluster\" = \"eu-1\"}},"
        );
    }
    let interval = options.interval;
    let forward = if options.no_rules {
        "prometheus.remote_write.bench"
    } else {
        "prometheus.relabel.bench"
    };
    let relabel = if options.no_rules {
        ""
    } else {
        r#"
prometheus.relabel "bench" {
	forward_to     = [prometheus.remote_write.bench.receiver]
	max_cache_size = 2000000

	rule {
		source_labels = ["code"]
		regex         = "5.."
		target_label  = "severity"
		replacement   = "error"
	}

	rule {
		source_labels = ["__name__"]
		regex         = "go_debug_.*"
		action        = "drop"
	}

	rule {
		target_label = "team"
		replacement  = "shop"
	}
}
"#
    };
    format!(
        r#"logging {{
	level = "warn"
}}

prometheus.scrape "bench" {{
	targets = [
{list}	]
	job_name        = "bench"
	scrape_interval = "{interval}s"
	scrape_timeout  = "{interval}s"
	forward_to      = [{forward}.receiver]
}}
{relabel}
prometheus.remote_write "bench" {{
	endpoint {{
		url = "{url}"
	}}
}}
"#
    )
}

fn prometheus(addr: &str, url: &str, options: &Options, write: bool) -> String {
    let mut list = String::new();
    for target in 0..options.targets {
        let _ = write!(
            list,
            "  - targets: ['{addr}']\n    labels: {{__metrics_path__: '/t/{target}', instance: 'host-{target}:8080', namespace: shop, pod: app-{target}, cluster: eu-1}}\n"
        );
    }
    let interval = options.interval;
    let rules = if options.no_rules {
        ""
    } else {
        "  metric_relabel_configs:\n  - {source_labels: [code], regex: '5..', target_label: severity, replacement: error}\n  - {source_labels: [__name__], regex: 'go_debug_.*', action: drop}\n  - {target_label: team, replacement: shop}\n"
    };
    let write = if write {
        format!("remote_write:\n- url: {url}\n")
    } else {
        String::new()
    };
    format!(
        "global:\n  scrape_interval: {interval}s\n  scrape_timeout: {interval}s\nscrape_configs:\n- job_name: bench\n{rules}  static_configs:\n{list}{write}"
    )
}
