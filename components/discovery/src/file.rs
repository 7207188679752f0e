//! `discovery.file`: targets from files.

use crate::board::Board;
use crate::group::{self, Group};
use crate::metrics::RefreshMetrics;
use crate::refresh::check_interval;
use crate::runner::{Discovered, Exports, Mechanism};
use component::prelude::*;
use glob::Pattern;
use host::Host;
use notify::{RecursiveMode, Watcher};
use promtext::{Counter, GaugeVec, Histogram, RegisterError, Registry};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use value::{GoDuration, Seg};

/// The component around the mechanism.
type FileDiscovery = Discovered<File>;

/// The component.
pub const COMPONENT: Registration = Registration::of::<FileDiscovery>("discovery.file", Stability::GenerallyAvailable);

/// Pause after an event before files are read: writers often write in several steps.
const SETTLE: Duration = Duration::from_millis(30);
/// Larger files are not what they are taken for.
const MOST_BYTES: u64 = 256 << 20;
/// Label with the path of the file that a target is from.
const FILE_PATH: &str = "__meta_filepath";

/// Finds targets in files.
///
/// A file is a list of groups as JSON or YAML: `[{"targets": ["host:port"], "labels": {"name": "value"}}]`. Files are read again when they change.
/// While a file cannot be read or understood, the targets that it had last stay, and the component is unhealthy.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = validate)]
pub struct Arguments {
    /// Paths of files that end in `.json`, `.yml` or `.yaml`; the last part of a path may be a pattern.
    #[arg]
    pub files: Vec<String>,
    /// How often to look for changes without an event of the file system.
    #[arg(default = GoDuration::minutes(5))]
    pub refresh_interval: GoDuration,
}

fn validate(args: &Arguments) -> Result<(), value::Invalid> {
    Ok(check_interval(args.refresh_interval)?)
}

/// The patterns; a name that is none of files for discovery is an error.
fn patterns(args: &Arguments) -> impl Iterator<Item = Result<(PathBuf, Pattern)>> {
    args.files.iter().enumerate().map(|(number, file)| {
        let wrong = |message: String| Error::about("files", message).at([Seg::Index(number)]);
        let (dir, name) = file.rsplit_once('/').unwrap_or((".", file));
        let format = [".json", ".yml", ".yaml", ".JSON", ".YML", ".YAML"]
            .iter()
            .any(|suffix| file.ends_with(suffix));
        if !format || dir.contains('*') || name.matches('*').count() > 1 {
            let message = "is not valid for file discovery: it has to end in .json, .yml or .yaml, and may have one * in its last part";
            return Err(wrong(message.to_owned()));
        }
        let dir = if dir.is_empty() { "/" } else { dir };
        let pattern = Pattern::new(file).map_err(|error| wrong(error.to_string()))?;
        Ok((PathBuf::from(dir), pattern))
    })
}

/// Metrics.
#[derive(Clone)]
pub struct Metrics {
    refresh: RefreshMetrics,
    read_errors: Counter,
    watcher_errors: Counter,
    scans: Histogram,
    modified: GaugeVec,
}

/// Reads files.
pub struct File {
    host: Host,
    span: tracing::Span,
    args: Arguments,
    dirs: BTreeSet<PathBuf>,
    patterns: Vec<Pattern>,
    metrics: Metrics,
    /// What each file had last.
    last: Mutex<BTreeMap<String, Vec<Group>>>,
}

impl File {
    /// Reads all files. What is wrong with one of them is in the second part.
    fn read(&self) -> (Vec<Group>, Option<String>) {
        let began = Instant::now();
        let mut trouble = None;
        let mut paths = BTreeSet::new();
        for pattern in &self.patterns {
            let mut unreadable = |path: &Path, error: std::io::Error| {
                trouble = Some(format!(
                    "cannot look for files in {:?}: {error}",
                    path.display().to_string()
                ));
            };
            paths.extend(pattern.expand(&*self.host.fs, &mut unreadable));
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = BTreeMap::new();
        for path in paths {
            let name = path.to_string_lossy().into_owned();
            let groups = self.read_file(&path, &name).unwrap_or_else(|error| {
                self.metrics.read_errors.inc();
                let error = format!("cannot read {name:?}: {error}");
                tracing::error!(err = %error, "the targets that the file had last stay");
                trouble = Some(error);
                last.get(&name).cloned().unwrap_or_default()
            });
            next.insert(name, groups);
        }
        self.metrics.modified.retain(|labels, _| next.contains_key(&*labels[0]));
        *last = next;
        self.metrics.scans.observe(began.elapsed().as_secs_f64());
        (last.values().flatten().cloned().collect(), trouble)
    }

    fn read_file(&self, path: &Path, name: &str) -> Result<Vec<Group>, String> {
        let meta = self.host.fs.meta(path).map_err(|error| error.to_string())?;
        if meta.len > MOST_BYTES {
            return Err(format!("it is larger than {} MiB", MOST_BYTES >> 20));
        }
        self.metrics.modified.with(&[name]).set(meta.modified as f64 / 1e9);
        let text = self.host.fs.read(path).map_err(|error| error.to_string())?;
        let groups = match name.to_ascii_lowercase().ends_with(".json") {
            true => group::from_json(&text)?,
            false => group::from_yaml(&text)?,
        };
        let groups = groups.into_iter().enumerate();
        Ok(groups
            .map(|(number, group)| group.group(format!("{name}:{number}"), (FILE_PATH, name)))
            .collect())
    }

    /// Events in the directories of the files: files are replaced, so that watching the files themselves would end with the first
    /// change. A directory that cannot be watched is tried again at each refresh.
    fn watch(&self, events: &Arc<Notify>) -> Option<Watched> {
        let (events, errors) = (events.clone(), self.metrics.watcher_errors.clone());
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
            Ok(event) if event.kind.is_access() => {}
            Ok(_) => events.notify_one(),
            Err(_) => {
                errors.inc();
                events.notify_one();
            }
        });
        match watcher {
            Ok(watcher) => Some(Watched {
                watcher,
                dirs: BTreeSet::new(),
            }),
            Err(error) => {
                self.metrics.watcher_errors.inc();
                tracing::warn!(err = %error, "cannot watch for file events; looking every refresh_interval instead");
                None
            }
        }
    }
}

struct Watched {
    watcher: notify::RecommendedWatcher,
    dirs: BTreeSet<PathBuf>,
}

impl Watched {
    fn add(&mut self, dirs: &BTreeSet<PathBuf>) {
        // A directory that was removed and made again has no watch any more.
        self.dirs.retain(|dir| dir.is_dir());
        for dir in dirs {
            if !self.dirs.contains(dir) && self.watcher.watch(dir, RecursiveMode::NonRecursive).is_ok() {
                self.dirs.insert(dir.clone());
            }
        }
    }
}

impl Mechanism for File {
    type Arguments = Arguments;
    type Metrics = Metrics;

    fn metrics(registry: &Registry) -> Result<Metrics, RegisterError> {
        Ok(Metrics {
            refresh: RefreshMetrics::new(registry, "file")?,
            read_errors: registry.counter(
                "prometheus_sd_file_read_errors_total",
                "The number of File-SD read errors.",
            )?,
            watcher_errors: registry.counter(
                "prometheus_sd_file_watcher_errors_total",
                "The number of File-SD errors caused by filesystem watch failures.",
            )?,
            scans: registry.histogram(
                "prometheus_sd_file_scan_duration_seconds",
                "The duration of the File-SD scan in seconds.",
                &[0.001, 0.01, 0.1, 1.0],
            )?,
            modified: registry.gauge_vec(
                "prometheus_sd_file_mtime_seconds",
                "Timestamp (mtime) of files read by FileSD. Timestamp is set at read time.",
                &["filename"],
            )?,
        })
    }

    fn new(cx: &Context<Exports>, args: Arguments, metrics: &Metrics) -> Result<Self> {
        let (dirs, patterns) = patterns(&args).collect::<Result<Vec<_>>>()?.into_iter().unzip();
        Ok(File {
            host: cx.host().clone(),
            span: cx.span().clone(),
            dirs,
            patterns,
            args,
            metrics: metrics.clone(),
            last: Mutex::default(),
        })
    }

    fn check(args: &Arguments, _: &Known<'_>) -> Vec<Error> {
        let files = patterns(args).filter_map(Result::err);
        files.chain(check_interval(args.refresh_interval).err()).collect()
    }

    async fn run(self: Arc<Self>, board: Board) -> Result<()> {
        let events = Arc::new(Notify::new());
        let mut watched = self.watch(&events);
        loop {
            if let Some(watched) = &mut watched {
                watched.add(&self.dirs);
            }
            let began = Instant::now();
            let (this, span) = (self.clone(), self.span.clone());
            let (groups, trouble) = tokio::task::spawn_blocking(move || span.in_scope(|| this.read()))
                .await
                .map_err(|error| Error::caused("reading files failed", error))?;
            self.metrics.refresh.done(began.elapsed(), true);
            board.replace(groups);
            match trouble {
                Some(trouble) => board.failed(trouble),
                None => board.fine(),
            }
            tokio::select! {
                () = tokio::time::sleep(self.args.refresh_interval.as_std()) => {}
                () = events.notified() => tokio::time::sleep(SETTLE).await,
            }
        }
    }
}
