//! Prometheus and node exporter on both sides of the program. Where Debian's packages are not installed, each test says so in one line.

use crate::node_exporter::{self, ENABLED, Page, Peer, SETTINGS, SETTINGS_INFO};
use crate::support::{PATIENCE, Running, eventually, free_port, request};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const BINARY: &str = "prometheus";

/// A Prometheus that ends with the test.
pub struct Prometheus {
    process: Child,
    pub port: u16,
    log: PathBuf,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            eprintln!("--- log of Prometheus:\n{log}");
        }
    }
}

/// Name and labels.
pub type Series = BTreeMap<String, String>;

impl Prometheus {
    /// `None` if it is not installed. `config` gets its port.
    pub fn start(dir: &Path, config: impl FnOnce(u16) -> String) -> Option<Prometheus> {
        Prometheus::start_with(dir, &[], config)
    }

    /// The same with more arguments.
    pub fn start_with(dir: &Path, arguments: &[&str], config: impl FnOnce(u16) -> String) -> Option<Prometheus> {
        let port = free_port();
        let (file, log) = (dir.join("prometheus.yml"), dir.join("prometheus.log"));
        fs::create_dir_all(dir).expect("the folder can be made");
        fs::write(&file, config(port)).expect("the configuration can be written");
        let process = Command::new(BINARY)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.join("tsdb").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--web.enable-remote-write-receiver")
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).expect("the log can be written"))
            .spawn();
        let Ok(process) = process else {
            println!("skipped: {BINARY} is not installed");
            return None;
        };
        let prometheus = Prometheus { process, port, log };
        eventually("Prometheus is ready", || {
            request(port, "GET", "/-/ready").is_some_and(|answer| answer.status == 200)
        });
        Some(prometheus)
    }

    /// The newest sample of each series that a selector finds and that is not stale.
    pub fn query(&self, selector: &str) -> BTreeMap<Series, f64> {
        let escaped: String = selector.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = request(self.port, "GET", &format!("/api/v1/query?query={escaped}")).expect("Prometheus answers");
        assert_eq!(answer.status, 200, "{}", answer.body);
        let answer: Value = serde_json::from_str(&answer.body).expect("Prometheus answers in JSON");
        let found = answer["data"]["result"].as_array().expect("a query has a result");
        let one = |one: &Value| {
            let labels = one["metric"].as_object().expect("a series has labels");
            let labels = labels
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
            let value = one["value"][1].as_str().and_then(|value| value.parse().ok());
            (labels.collect(), value.expect("a sample has a value"))
        };
        found.iter().map(one).collect()
    }
}

fn write(dir: &Path, config: &str) -> PathBuf {
    let path = dir.join("config.alloy");
    fs::write(&path, config).expect("the configuration can be written");
    path
}

/// What a target exposes, as series get into Prometheus.
fn exposed(text: &str, more: &[(&str, &str)]) -> BTreeMap<Series, f64> {
    let samples = promtext::parse_text(text)
        .expect("node exporter writes the text format")
        .samples;
    let one = |sample: promtext::Sample| {
        let labels = sample.labels.into_iter().filter(|(_, value)| !value.is_empty());
        let more = more.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        let name = ("__name__".to_owned(), sample.name);
        (labels.chain(more).chain([name]).collect(), sample.value)
    };
    samples.into_iter().map(one).collect()
}

/// Compares again and again, since devices, sockets and processes come and go, until nothing is different.
fn settles(what: &str, mut differences: impl FnMut() -> Vec<String>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = differences();
        if found.is_empty() {
            return;
        }
        if Instant::now() > deadline {
            panic!("{what}: {} differences:\n{}", found.len(), found.join("\n"));
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn differences_of_sets(theirs: &BTreeSet<&Series>, ours: &BTreeSet<&Series>) -> Vec<String> {
    let missing = theirs.difference(ours).map(|series| format!("missing: {series:?}"));
    let extra = ours.difference(theirs).map(|series| format!("extra: {series:?}"));
    missing.chain(extra).collect()
}

/// Families of node exporter whose values do not change while a test runs.
const SLOW: [&str; 7] = [
    "node_boot_time_seconds",
    "node_filefd_maximum",
    "node_filesystem_size_bytes",
    "node_memory_MemTotal_bytes",
    "node_network_mtu_bytes",
    "node_time_zone_offset_seconds",
    "node_uname_info",
];

#[test]
fn what_node_exporter_exposes_is_what_prometheus_has() {
    let dir = tempfile::tempdir().expect("there is room");
    let Some(prometheus) = Prometheus::start(&dir.path().join("p"), |_| String::new()) else {
        return;
    };
    let Some(node) = Peer::start() else {
        println!("skipped: {} is not installed", node_exporter::BINARY);
        return;
    };
    let (write_port, node_port) = (prometheus.port, node.port);
    let config = format!(
        r#"
prometheus.scrape "node" {{
	targets         = [{{ "__address__" = "127.0.0.1:{node_port}", "job" = "node" }}]
	scrape_interval = "1s"
	scrape_timeout  = "1s"
	forward_to      = [prometheus.relabel.all.receiver]
}}

prometheus.scrape "prometheus" {{
	targets         = [{{ "__address__" = "127.0.0.1:{write_port}" }}]
	job_name        = "prometheus"
	scrape_interval = "1s"
	scrape_timeout  = "1s"
	forward_to      = [prometheus.relabel.all.receiver]
}}

prometheus.relabel "all" {{
	rule {{
		source_labels = ["job", "__name__"]
		regex         = "node;(go|process|promhttp)_.*"
		action        = "drop"
	}}
	rule {{
		target_label = "cluster"
		replacement  = "test"
	}}
	forward_to = [prometheus.remote_write.local.receiver]
}}

prometheus.remote_write "local" {{
	endpoint {{
		url = "http://127.0.0.1:{write_port}/api/v1/write"
		queue_config {{
			batch_send_deadline = "200ms"
		}}
	}}
}}
"#
    );
    let running = Running::start(dir.path(), &write(dir.path(), &config), &[]);
    let value = |query: &str| prometheus.query(query).into_values().collect::<Vec<_>>();
    eventually("both targets are up", || {
        value("up{cluster=\"test\"}") == [1.0, 1.0] && !value("prometheus_build_info{cluster=\"test\"}").is_empty()
    });

    let instance = format!("127.0.0.1:{node_port}");
    let more = [("job", "node"), ("instance", instance.as_str()), ("cluster", "test")];
    let mut seen = (0, 0);
    settles("series of node exporter", || {
        let theirs = exposed(&node.scrape(), &more);
        let ours = prometheus.query("{job=\"node\", __name__=~\"node_.*\"}");
        let is_node = |series: &&Series| series["__name__"].starts_with("node_");
        let (all, known) = (theirs.keys().filter(is_node).collect(), ours.keys().collect());
        let mut differences = differences_of_sets(&all, &known);
        let slow = theirs
            .iter()
            .filter(|(series, _)| SLOW.contains(&series["__name__"].as_str()));
        let mut compared = 0;
        for (series, value) in slow {
            compared += 1;
            if ours.get(series).is_some_and(|ours| ours != value) {
                differences.push(format!("{series:?}: {value}, in Prometheus {}", ours[series]));
            }
        }
        seen = (all.len(), compared);
        differences
    });
    println!(
        "{} series of node exporter are in Prometheus, {} values were compared",
        seen.0, seen.1
    );
    assert!(seen.0 > 100 && seen.1 >= 5, "{seen:?}");
    // What the scrape itself tells.
    assert_eq!(
        value("count by (job) ({job=\"node\", __name__=~\"up|scrape_.*\"})"),
        [5.0]
    );
    assert_eq!(
        value("count({job=\"node\", __name__=~\"go_.*\"})"),
        [0.0; 0],
        "dropped by a rule"
    );

    drop(node);
    eventually("the target is down", || value("up{job=\"node\"}") == [0.0]);
    eventually("its series are stale", || {
        prometheus.query("{job=\"node\", __name__=~\"node_.*\"}").is_empty()
    });
    assert_eq!(value("up{job=\"prometheus\"}"), [1.0]);
    assert_eq!(running.stop(), 0);
}

#[test]
fn what_prometheus_sends_arrives_in_another_one() {
    let dir = tempfile::tempdir().expect("there is room");
    let receive = free_port();
    let Some(receiver) = Prometheus::start(&dir.path().join("b"), |_| String::new()) else {
        return;
    };
    let config = format!(
        r#"
prometheus.receive_http "push" {{
	http {{
		listen_address = "127.0.0.1"
		listen_port    = {receive}
	}}
	forward_to = [prometheus.remote_write.local.receiver]
}}

prometheus.remote_write "local" {{
	endpoint {{
		url = "http://127.0.0.1:{}/api/v1/write"
		queue_config {{
			batch_send_deadline = "200ms"
		}}
	}}
}}
"#,
        receiver.port
    );
    let running = Running::start(dir.path(), &write(dir.path(), &config), &[]);
    let sender = Prometheus::start(&dir.path().join("a"), |port| {
        format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
             scrape_configs:\n- job_name: sender\n  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n\
             remote_write:\n- url: http://127.0.0.1:{receive}/api/v1/metrics/write\n  \
             queue_config: {{batch_send_deadline: 200ms}}\n"
        )
    });
    let sender = sender.expect("the other one was there");
    eventually("the sender scraped itself", || {
        !sender.query("up{job=\"sender\"}").is_empty()
    });
    let mut seen = 0;
    settles("series of the sender", || {
        let (theirs, ours) = (sender.query("{job=\"sender\"}"), receiver.query("{job=\"sender\"}"));
        seen = ours.len();
        let mut differences = differences_of_sets(&theirs.keys().collect(), &ours.keys().collect());
        for (series, value) in &theirs {
            let slow = ["process_start_time_seconds", "prometheus_build_info", "up"];
            let differs = ours.get(series).is_some_and(|ours| ours != value);
            if differs && slow.contains(&series["__name__"].as_str()) {
                differences.push(format!("{series:?}: {value}, at the receiver {}", ours[series]));
            }
        }
        differences
    });
    println!("{seen} series went from Prometheus through Invar to Prometheus");
    assert!(seen > 200, "{seen}");
    let failed = "sum({__name__=~\"prometheus_remote_storage_samples_(failed|dropped|retried)_total\"})";
    let failed: Vec<f64> = sender.query(failed).into_values().collect();
    assert_eq!(failed, [0.0]);
    assert_eq!(running.stop(), 0);
}

#[test]
fn the_unix_exporter_tells_what_node_exporter_tells() {
    let Some(node) = Peer::start() else {
        println!("skipped: {} is not installed", node_exporter::BINARY);
        return;
    };
    let dir = tempfile::tempdir().expect("there is room");
    let list = |names: &[&str]| {
        names
            .iter()
            .map(|name| format!("{name:?}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let config = format!(
        r#"
prometheus.exporter.unix "x" {{
	enable_collectors = [{}]
	cpu {{
		guest = true
	}}
	sysctl {{
		include      = [{}]
		include_info = [{}]
	}}
}}
"#,
        list(&ENABLED),
        list(&SETTINGS),
        list(&SETTINGS_INFO),
    );
    let running = Running::start(dir.path(), &write(dir.path(), &config), &[]);
    let mut seen = (0, 0);
    settles("the page of node exporter", || {
        let theirs = Page::new(&node.scrape());
        let answer = running
            .get("/api/v0/component/prometheus.exporter.unix.x/metrics")
            .expect("the program answers");
        assert_eq!(answer.status, 200, "{}", answer.body);
        let ours = Page::new(&answer.body);
        seen = (ours.families.len(), ours.series.len());
        node_exporter::compare(&theirs, &ours)
    });
    println!("{} families and {} series as node exporter has them", seen.0, seen.1);
    assert_eq!(running.stop(), 0);
}
