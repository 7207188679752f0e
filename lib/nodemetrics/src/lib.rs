//! What node exporter tells of a Linux machine: the same families, types, help texts and labels, from `/proc`, `/sys` and a few system
//! calls.
//!
//! [`NodeMetrics`] is made once from [`Options`] and gathered for every scrape. A collector that fails, or that finds nothing of its kind
//! on the machine, is `0` in `node_scrape_collector_success` and disturbs no other.
//!
//! Gathering reads files and so blocks. Files of the kernel answer at once; a file system that is asked for its size may not, and is waited
//! for no longer than [`FilesystemOptions::mount_timeout`]. Directories of [`Options::textfile_directories`] should be on a local disk.
//!
//! ```
//! # #[cfg(target_os = "linux")] {
//! let options = nodemetrics::Options::default();
//! let node = nodemetrics::NodeMetrics::new(options).unwrap();
//! let text = promtext::encode(&node.gather(), promtext::Format::Text);
//! assert!(text.contains("node_load1 "));
//! # }
//! ```

#![cfg(target_os = "linux")]

mod collector;
mod error;
mod filter;
mod names;
mod options;
mod paths;
mod read;
mod sink;

pub use error::{Error, Failure};
pub use filter::Filter;
pub use names::unsupported;
pub use options::{BuildInfo, CpuOptions, FilesystemOptions, NetclassOptions, NetdevOptions, Options, Selection};

use collector::Collector;
use paths::Paths;
use promtext::Family;
use sink::Sink;
use std::sync::Arc;
use std::time::Instant;

/// The collectors of one configuration.
pub struct NodeMetrics {
    collectors: Vec<(&'static str, Collector)>,
    build: BuildInfo,
}

/// A scrape, and what went wrong in it.
#[derive(Debug)]
pub struct Gathered {
    /// The families, sorted by name, their series by labels.
    pub families: Vec<Family>,
    /// The collectors that did not succeed.
    pub failures: Vec<(&'static str, Failure)>,
}

impl NodeMetrics {
    /// Prepares the collectors that `options` select.
    pub fn new(options: Options) -> Result<NodeMetrics, Error> {
        let chosen = names::resolve(&options.collectors)?;
        let paths = Arc::new(Paths::new(&options));
        let mut collectors = Vec::with_capacity(chosen.len());
        for &name in &chosen {
            collectors.push((name, collector::build(name, &options, &paths)?));
        }
        let build = options.build;
        Ok(NodeMetrics { collectors, build })
    }

    /// The names of the collectors that run, sorted.
    pub fn collectors(&self) -> impl Iterator<Item = &'static str> {
        self.collectors.iter().map(|&(name, _)| name)
    }

    /// Runs all collectors.
    pub fn gather(&self) -> Vec<Family> {
        self.gather_all().families
    }

    /// Runs all collectors and tells why some did not succeed.
    pub fn gather_all(&self) -> Gathered {
        let mut sink = Sink::default();
        let mut failures = Vec::new();
        for (name, collect) in &self.collectors {
            let labels = [("collector", *name)];
            let start = Instant::now();
            let result = collect(&mut sink);
            sink.gauge(
                "node_scrape_collector_duration_seconds",
                "node_exporter: Duration of a collector scrape.",
                &labels,
                start.elapsed().as_secs_f64(),
            );
            sink.gauge(
                "node_scrape_collector_success",
                "node_exporter: Whether a collector succeeded.",
                &labels,
                f64::from(result.is_ok()),
            );
            if let Err(failure) = result {
                failures.push((*name, failure));
            }
        }
        self.build_info(&mut sink);
        let families = sink.finish();
        Gathered { families, failures }
    }

    fn build_info(&self, sink: &mut Sink) {
        let build = &self.build;
        sink.gauge(
            "node_exporter_build_info",
            "A metric with a constant '1' value labeled by version, revision, branch, goversion from which node_exporter was built, and \
             the goos and goarch for the build.",
            &[
                ("branch", &build.branch),
                ("goarch", goarch()),
                ("goos", "linux"),
                ("goversion", &build.goversion),
                ("revision", &build.revision),
                ("tags", "unknown"),
                ("version", &build.version),
            ],
            1.0,
        );
    }
}

/// Everything that is wrong with options, where [`NodeMetrics::new`] tells the first thing only. Reads no file.
pub fn problems(options: &Options) -> Vec<Error> {
    let chosen = match names::resolve(&options.collectors) {
        Ok(chosen) => chosen,
        Err(error) => return vec![error],
    };
    let paths = Arc::new(Paths::new(options));
    let built = chosen.iter().map(|name| collector::build(name, options, &paths));
    built.filter_map(Result::err).collect()
}

/// Go's name of the architecture.
fn goarch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        "powerpc64" => "ppc64",
        "loongarch64" => "loong64",
        other => other,
    }
}
