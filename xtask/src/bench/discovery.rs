//! A cluster of many pods: lists, watches, and what becomes of them on the way to a scraper.

use super::program::{self, Program};
use crate::process::{Usage, usage};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value as Json, json};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use testkit::kube_api::Api;

#[derive(Args)]
pub struct Options {
    /// Pods of the cluster. Half of them have two containers.
    #[arg(long, default_value_t = 50_000)]
    pods: usize,
    /// Changes a second: of what targets show, of what nobody reads, and pods that come and go.
    #[arg(long, default_value_t = 100)]
    changes: usize,
    /// Seconds for which there are changes.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// An Invar binary to measure instead of building one.
    #[arg(long, value_name = "BINARY")]
    binary: Option<PathBuf>,
    /// Keep a third of the targets instead of a few, so that the scraper has them, too.
    #[arg(long)]
    keep_many: bool,
}

/// Pods that the scraper keeps in any case.
const KEPT: usize = 10;
/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// Time between two looks.
const TICK: Duration = Duration::from_millis(50);
/// How long after a step memory is looked at.
const SETTLED: Duration = Duration::from_secs(8);

pub fn run(options: &Options) -> Result<()> {
    if options.pods < KEPT {
        bail!("at least {KEPT} pods are needed");
    }
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => super::release_binary()?,
    };
    let dir = std::env::temp_dir().join(format!("invar-bench-discovery-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let outcome = testkit::runtime()?.block_on(measure(&binary, &dir, options));
    fs::remove_dir_all(&dir).context("cannot remove the temporary folder")?;
    outcome
}

async fn measure(binary: &Path, dir: &Path, options: &Options) -> Result<()> {
    let api = Api::start().await?;
    let mut cluster = Cluster {
        api: &api,
        versions: vec![0; options.pods],
        keep_many: options.keep_many,
    };
    (0..options.pods).for_each(|number| cluster.put(number));
    println!(
        "{} pods of {} bytes, {} targets",
        options.pods,
        pod(0, 0, true).to_string().len(),
        (0..options.pods).map(targets_of).sum::<usize>()
    );
    // Before there is a list it has nothing.
    api.hold(true);
    let mut program = Running::start(binary, dir, &api.url)?;
    let idle = program.ready().await?;
    let began = Instant::now();
    api.hold(false);
    let mut kept = (0..options.pods).filter(|number| cluster.is_kept(*number)).count();
    program.scrapes(kept).await?;
    let took = began.elapsed();
    let listed = program.usage()?;
    tokio::time::sleep(SETTLED).await;
    let settled = program.usage()?;
    println!("{:<34}{:>10.1} MiB", "RSS before", mib(idle.rss));
    println!("{:<34}{:>10.2} s", "all targets exported after", took.as_secs_f64());
    println!("{:<34}{:>10.2} s", "CPU for it", listed.cpu - idle.cpu);
    println!(
        "{:<34}{:>10.1} MiB, {} bytes a pod",
        "RSS then",
        mib(settled.rss),
        settled.rss.saturating_sub(idle.rss) / options.pods as u64
    );
    println!("{:<34}{:>10.1} MiB", "peak RSS", mib(settled.peak_rss));

    let (before, began) = (program.usage()?, Instant::now());
    let total = options.changes * options.seconds as usize;
    for change in 0..total {
        cluster.change(change);
        if change % options.changes == options.changes - 1 {
            api.bookmark("pods", "Pod");
        }
        let due = Duration::from_secs_f64((change + 1) as f64 / options.changes as f64);
        tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
    }
    cluster.add();
    kept += 1;
    program.scrapes(kept).await?;
    let after = program.usage()?;
    println!(
        "{:<34}{:>10.3} s ({total} changes in {:.0} s)",
        "CPU for 1000 changes",
        (after.cpu - before.cpu) * 1000.0 / total.max(1) as f64,
        began.elapsed().as_secs_f64()
    );
    println!("{:<34}{:>10.1} MiB", "RSS then", mib(after.rss));

    // The server has forgotten what happened since the watch broke off: everything is listed anew.
    let before = after;
    api.put("services", json!({"metadata": {"name": "web", "namespace": "ns-0"}}));
    api.forget();
    api.disconnect();
    cluster.add();
    kept += 1;
    program.scrapes(kept).await?;
    let listed = program.usage()?;
    tokio::time::sleep(SETTLED).await;
    let settled = program.usage()?;
    println!("{:<34}{:>10.2} s", "CPU for a list anew", listed.cpu - before.cpu);
    println!(
        "{:<34}{:>10.1} MiB, peak {:.1} MiB",
        "RSS then",
        mib(settled.rss),
        mib(settled.peak_rss)
    );
    Ok(())
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The pods.
struct Cluster<'a> {
    api: &'a Api,
    /// How often each was changed.
    versions: Vec<u64>,
    keep_many: bool,
}

/// Targets of a pod: two ports of one container, and a second container without ports.
fn targets_of(number: usize) -> usize {
    2 + number % 2
}

impl Cluster<'_> {
    fn is_kept(&self, number: usize) -> bool {
        number < KEPT || (self.keep_many && number.is_multiple_of(3))
    }

    /// Adds or modifies a pod.
    fn put(&self, number: usize) {
        let pod = pod(number, self.versions[number], self.is_kept(number));
        self.api.put("pods", pod);
    }

    /// One more that is kept.
    fn add(&mut self) {
        let number = self.versions.len();
        self.versions.push(0);
        self.api.put("pods", pod(number, 0, true));
    }

    /// A change; none of a pod that is kept in any case.
    fn change(&mut self, change: usize) {
        let number = KEPT + (change * 7919) % (self.versions.len() - KEPT).max(1);
        let Some(version) = self.versions.get_mut(number) else {
            return;
        };
        match change % 5 {
            // Goes, and comes back with the next change but one of its like.
            4 => self.api.delete("pods", &namespace(number), &name(number)),
            // Of readiness and phase, which targets show.
            0 | 1 => {
                *version += 1;
                self.put(number);
            }
            // Of what nobody reads.
            _ => {
                *version += 1 << 32;
                self.put(number);
            }
        }
    }
}

fn namespace(number: usize) -> String {
    format!("team-{}", number % 50)
}

fn name(number: usize) -> String {
    format!("checkout-service-{}-7d9f8b6c5d-{number:05x}", number % 200)
}

/// A pod as a deployment makes it, with what the API server and a kubelet add.
fn pod(number: usize, version: u64, kept: bool) -> Json {
    let app = format!("checkout-service-{}", number % 200);
    let (low, high) = (version & 0xffff_ffff, version >> 32);
    let ready = if low % 2 == 0 { "True" } else { "False" };
    let ip = format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255);
    let container = |name: &str, image: &str, ports: Json| {
        json!({
            "name": name, "image": image, "ports": ports, "imagePullPolicy": "IfNotPresent",
            "env": [
                {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
                {"name": "OTEL_SERVICE_NAME", "value": app},
                {"name": "LOG_LEVEL", "value": "info"},
            ],
            "resources": {"limits": {"cpu": "500m", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"}, "periodSeconds": 10, "failureThreshold": 3},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": "http", "scheme": "HTTP"}, "periodSeconds": 10, "failureThreshold": 3},
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            "volumeMounts": [{"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": "kube-api-access-x7k2p", "readOnly": true}],
        })
    };
    let status = |name: &str, image: &str| {
        json!({
            "name": name, "image": image, "imageID": format!("{image}@sha256:0b7c9f6d1e"), "ready": true, "restartCount": 0, "started": true,
            "containerID": format!("containerd://5f1c2a9e8b7d4c3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b{number:08x}"),
            "state": {"running": {"startedAt": "2026-05-04T07:03:11Z"}}, "lastState": {},
        })
    };
    let main = format!("registry.example.com/shop/{app}:1.42.{}", number % 7);
    let side = "registry.example.com/platform/envoy-proxy:1.31.2";
    let ports = json!([
        {"name": "http", "containerPort": 8080, "protocol": "TCP"},
        {"name": "metrics", "containerPort": 9090, "protocol": "TCP"},
    ]);
    let mut containers = vec![container("app", &main, ports)];
    let mut statuses = vec![status("app", &main)];
    if targets_of(number) > 2 {
        containers.push(container("proxy", side, json!([])));
        statuses.push(status("proxy", side));
    }
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": format!("2026-05-04T07:{:02}:11Z", high % 60)});
    json!({
        "metadata": {
            "name": name(number), "namespace": namespace(number), "generateName": format!("{app}-7d9f8b6c5d-"),
            "uid": format!("6f1d2c3b-4a59-4e68-9d77-{number:012x}"), "creationTimestamp": "2026-05-04T07:03:02Z",
            "labels": {
                "app.kubernetes.io/name": app, "app.kubernetes.io/instance": format!("{app}-eu"), "app.kubernetes.io/version": format!("1.42.{}", number % 7),
                "app.kubernetes.io/component": "backend", "app.kubernetes.io/managed-by": "Helm", "pod-template-hash": "7d9f8b6c5d", "team": format!("team-{}", number % 50),
            },
            "annotations": {
                "prometheus.io/scrape": if kept { "true" } else { "false" }, "prometheus.io/port": "9090",
                "checksum/config": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "kubectl.kubernetes.io/restartedAt": "2026-05-04T07:03:01Z",
            },
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{app}-7d9f8b6c5d"),
                "uid": "1d0c4f6e-6a3a-4f0e-9c8b-5a2d7e1f3b4c", "controller": true, "blockOwnerDeletion": true,
            }],
            "managedFields": [{
                "manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1", "time": "2026-05-04T07:03:02Z", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:metadata": {"f:annotations": {".": {}, "f:checksum/config": {}, "f:prometheus.io/scrape": {}}, "f:labels": {".": {}, "f:team": {}}}},
            }],
        },
        "spec": {
            "containers": containers, "nodeName": format!("ip-10-20-{}-{}.eu-central-1.compute.internal", number % 7, number % 250),
            "restartPolicy": "Always", "serviceAccountName": app, "schedulerName": "default-scheduler", "dnsPolicy": "ClusterFirst",
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
            "volumes": [{"name": "kube-api-access-x7k2p", "projected": {"defaultMode": 420, "sources": [{"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}]}}],
        },
        "status": {
            "phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "hostIP": format!("10.20.{}.{}", number % 7, number % 250),
            "startTime": "2026-05-04T07:03:02Z", "qosClass": "Burstable", "containerStatuses": statuses,
            "conditions": [condition("Initialized", "True"), condition("Ready", ready), condition("ContainersReady", ready), condition("PodScheduled", "True")],
        },
    })
}

/// What a chart for Kubernetes has, with the rule that drops most targets at the end, so that all of them go through the others.
const CONFIG: &str = r#"logging {
	level = "warn"
}

discovery.kubernetes "pods" {
	role       = "pod"
	api_server = "URL"
}

discovery.relabel "pods" {
	targets = discovery.kubernetes.pods.targets

	rule {
		source_labels = ["__meta_kubernetes_pod_phase"]
		regex         = "Pending|Succeeded|Failed|Completed"
		action        = "drop"
	}
	rule {
		source_labels = ["__meta_kubernetes_pod_container_port_name"]
		regex         = "metrics"
		action        = "keep"
	}
	rule {
		source_labels = ["__address__", "__meta_kubernetes_pod_annotation_prometheus_io_port"]
		regex         = "(.+?)(?::\\d+)?;(\\d+)"
		replacement   = "$1:$2"
		target_label  = "__address__"
	}
	rule {
		action = "labelmap"
		regex  = "__meta_kubernetes_pod_label_(.+)"
	}
	rule {
		source_labels = ["__meta_kubernetes_namespace"]
		target_label  = "namespace"
	}
	rule {
		source_labels = ["__meta_kubernetes_pod_name"]
		target_label  = "pod"
	}
	rule {
		source_labels = ["__meta_kubernetes_pod_container_name"]
		target_label  = "container"
	}
	rule {
		source_labels = ["__meta_kubernetes_pod_annotation_prometheus_io_scrape"]
		regex         = "true"
		action        = "keep"
	}
}

prometheus.scrape "pods" {
	targets         = discovery.relabel.pods.output
	scrape_interval = "1h"
	forward_to      = []
}
"#;

/// The program, and where it tells of itself.
struct Running {
    program: Program,
    port: u16,
    log: PathBuf,
}

impl Running {
    fn start(binary: &Path, dir: &Path, url: &str) -> Result<Running> {
        let config = dir.join("config.alloy");
        fs::write(&config, CONFIG.replace("URL", url))?;
        let port = super::free_port()?;
        Ok(Running {
            program: Program::spawn(program::invar(binary, &config, dir, port), dir)?,
            port,
            log: dir.join("log"),
        })
    }

    fn usage(&self) -> Result<Usage> {
        usage(self.program.id())
    }

    /// Waits until it answers; what it had used then.
    async fn ready(&mut self) -> Result<Usage> {
        self.until("is not ready", |program| {
            program.metric("prometheus_scrape_targets_gauge").is_some()
        })
        .await?;
        self.usage()
    }

    /// Waits until it scrapes so many targets.
    async fn scrapes(&mut self, targets: usize) -> Result<()> {
        self.until("does not have all targets", |program| {
            program.metric("prometheus_scrape_targets_gauge") == Some(targets as f64)
        })
        .await
    }

    async fn until(&mut self, what: &str, done: impl Fn(&Running) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            if Instant::now() > deadline || self.program.ended()?.is_some() {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                bail!("the program {what}\n{log}");
            }
            tokio::time::sleep(TICK).await;
        }
        Ok(())
    }

    /// Sum of a metric over its labels.
    fn metric(&self, name: &str) -> Option<f64> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        // HTTP/1.0: the answer is not chunked and ends with the connection.
        write!(stream, "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let mut found = text
            .lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .peekable();
        found.peek()?;
        Some(found.sum())
    }
}
