//! Metrics that others leave in files.

use crate::error::Failure;
use crate::options::Options;
use crate::read;
use crate::sink::Sink;
use glob::Pattern;
use host::RealFs;
use promtext::{Bucket, Kind, Point, Sample, Scrape, parse_text};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// `textfile`
pub(super) struct Textfiles {
    directories: Vec<(String, Option<Pattern>)>,
}

/// A family of one file.
struct Found {
    name: String,
    help: Option<String>,
    kind: Kind,
    points: Vec<(Vec<(String, String)>, Point)>,
}

impl Textfiles {
    pub(super) fn new(options: &Options) -> Textfiles {
        let patterns = options
            .textfile_directories
            .iter()
            .filter(|directory| !directory.is_empty());
        // What is no pattern is a directory of that name.
        let directories = patterns
            .map(|pattern| (pattern.clone(), Pattern::new(pattern).ok()))
            .collect();
        Textfiles { directories }
    }

    pub(super) fn collect(&self, sink: &mut Sink) -> Result<(), Failure> {
        let mut error = false;
        let mut families: Vec<Found> = Vec::new();
        let mut helps: HashMap<String, String> = HashMap::new();
        let mut files: HashMap<String, Vec<String>> = HashMap::new();
        for path in self.files(&mut error) {
            let Ok((modified, found)) = read_file(&path) else {
                error = true;
                continue;
            };
            let file = path.to_string_lossy();
            for family in found {
                // Two texts for one name: the first stays, and what has the other is left out.
                if let (Some(known), Some(help)) = (helps.get(&family.name), &family.help)
                    && known != help
                {
                    error = true;
                    continue;
                }
                if let Some(help) = &family.help {
                    helps.entry(family.name.clone()).or_insert_with(|| help.clone());
                }
                files.entry(family.name.clone()).or_default().push(file.to_string());
                families.push(family);
            }
            sink.gauge(
                "node_textfile_mtime_seconds",
                "Unixtime mtime of textfiles successfully read.",
                &[("file", &file)],
                modified as f64,
            );
        }
        for family in families {
            let help = helps.entry(family.name.clone());
            let help = help.or_insert_with(|| format!("Metric read from {}", files[&family.name].join(", ")));
            family.tell(help, sink);
        }
        sink.gauge(
            "node_textfile_scrape_error",
            "1 if there was an error opening or reading a file, 0 otherwise",
            &[],
            f64::from(error),
        );
        Ok(())
    }

    /// The files in all directories, and whether a directory could not be read.
    fn files(&self, error: &mut bool) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for (text, pattern) in &self.directories {
            let mut directories = match pattern {
                Some(pattern) => pattern.expand(&RealFs, &mut |_, _| ()),
                None => Vec::new(),
            };
            if directories.is_empty() {
                directories.push(text.into());
            }
            for directory in directories {
                match read::names(&directory) {
                    Ok(names) => {
                        let names = names.into_iter().filter(|name| name.ends_with(".prom"));
                        files.extend(names.map(|name| directory.join(name)));
                    }
                    Err(_) => *error = true,
                }
            }
        }
        files
    }
}

impl Found {
    fn tell(self, help: &str, sink: &mut Sink) {
        // A label that one series of the family has, all of them have.
        let names: BTreeSet<String> = self
            .points
            .iter()
            .flat_map(|(labels, _)| labels)
            .map(|(name, _)| name.clone())
            .collect();
        for (labels, point) in self.points {
            let value = |name: &str| {
                labels
                    .iter()
                    .find(|(known, _)| known == name)
                    .map_or("", |(_, value)| value)
            };
            let labels: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), value(name))).collect();
            sink.point(self.kind, &self.name, help, &labels, point);
        }
    }
}

/// A file's modification time in seconds, and its families.
fn read_file(path: &Path) -> Result<(u64, Vec<Found>), Failure> {
    let text = read::text(path)?;
    let malformed = |what: &str| Failure::parse(path, what);
    // A file that somebody is still writing: its last line may be cut.
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(malformed(text.lines().last().unwrap_or_default()));
    }
    let scrape = parse_text(&text).map_err(|error| malformed(&error.to_string()))?;
    let families = group(scrape).map_err(|what| malformed(&what))?;
    let metadata = fs::metadata(path).map_err(|error| Failure::read(path, error))?;
    let modified = metadata.modified().map_err(|error| Failure::read(path, error))?;
    let modified = modified.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Ok((modified, families))
}

/// Sorts samples into families. What is wrong is an error of the whole file: its writer has a fault, and half of a file means nothing.
fn group(scrape: Scrape) -> Result<Vec<Found>, String> {
    let mut kinds: HashMap<&str, Kind> = HashMap::new();
    for (name, kind) in &scrape.types {
        let known = [
            Kind::Counter,
            Kind::Gauge,
            Kind::Histogram,
            Kind::Summary,
            Kind::Untyped,
        ];
        let kind = known
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(kind));
        let kind = kind.ok_or_else(|| format!("unknown metric type of {name}"))?;
        if kinds.insert(name, kind).is_some() {
            return Err(format!("second TYPE line for metric name {name}"));
        }
    }
    let mut helps: HashMap<&str, &str> = HashMap::new();
    for (name, help) in &scrape.help {
        if helps.insert(name, help).is_some() {
            return Err(format!("second HELP line for metric name {name}"));
        }
    }
    let mut families: BTreeMap<String, (Kind, Vec<Sample>)> = BTreeMap::new();
    for sample in &scrape.samples {
        if sample.timestamp.is_some() {
            return Err("unsupported client-side timestamps".to_owned());
        }
        let (name, kind) = family_of(&sample.name, &kinds);
        let (_, samples) = families.entry(name.to_owned()).or_insert((kind, Vec::new()));
        samples.push(sample.clone());
    }
    let found = families.into_iter().map(|(name, (kind, samples))| {
        let points = match kind {
            Kind::Histogram | Kind::Summary => points(&name, kind, samples)?,
            _ => samples
                .into_iter()
                .map(|sample| (sample.labels, Point::Number(sample.value)))
                .collect(),
        };
        let help = helps.get(name.as_str()).map(|&help| help.to_owned());
        Ok(Found {
            name,
            help,
            kind,
            points,
        })
    });
    found.collect()
}

/// The family of a sample: that of its name, unless the name is that of a part of a histogram or summary.
fn family_of<'n>(name: &'n str, kinds: &HashMap<&str, Kind>) -> (&'n str, Kind) {
    for (suffix, kind) in [
        ("_bucket", Kind::Histogram),
        ("_sum", Kind::Histogram),
        ("_count", Kind::Histogram),
        ("_sum", Kind::Summary),
        ("_count", Kind::Summary),
    ] {
        if let Some(stem) = name.strip_suffix(suffix)
            && kinds.get(stem) == Some(&kind)
        {
            return (stem, kind);
        }
    }
    (name, kinds.get(name).copied().unwrap_or(Kind::Untyped))
}

/// Puts the samples of a histogram or summary together by what their labels are apart from the bound or quantile.
fn points(name: &str, kind: Kind, samples: Vec<Sample>) -> Result<Vec<(Vec<(String, String)>, Point)>, String> {
    #[derive(Default)]
    struct Parts {
        steps: Vec<(f64, f64)>,
        sum: f64,
        count: Option<f64>,
    }
    let step_label = if kind == Kind::Histogram { "le" } else { "quantile" };
    let mut series: BTreeMap<Vec<(String, String)>, Parts> = BTreeMap::new();
    for mut sample in samples {
        let step = sample.labels.iter().position(|(label, _)| label == step_label);
        let step = step.map(|index| sample.labels.remove(index).1);
        sample.labels.sort();
        let parts = series.entry(sample.labels).or_default();
        match (sample.name.strip_prefix(name), step) {
            (Some("_sum"), _) => parts.sum = sample.value,
            (Some("_count"), _) => parts.count = Some(sample.value),
            (_, Some(step)) => {
                let step = step
                    .parse()
                    .map_err(|_| format!("expected float as value for '{step_label}' label of {name}"))?;
                parts.steps.push((step, sample.value));
            }
            (_, None) => return Err(format!("no {step_label} label of {name}")),
        }
    }
    let point = |mut parts: Parts| {
        parts.steps.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (sum, count) = (parts.sum, parts.count.unwrap_or(0.0) as u64);
        match kind {
            Kind::Histogram => {
                let finite = parts.steps.into_iter().filter(|(le, _)| *le != f64::INFINITY);
                let buckets = finite.map(|(le, count)| Bucket {
                    le,
                    count: count as u64,
                });
                Point::Histogram {
                    buckets: buckets.collect(),
                    sum,
                    count,
                }
            }
            _ => Point::Summary {
                quantiles: parts.steps,
                sum,
                count,
            },
        }
    };
    Ok(series
        .into_iter()
        .map(|(labels, parts)| (labels, point(parts)))
        .collect())
}
