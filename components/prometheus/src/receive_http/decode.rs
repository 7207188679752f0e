//! From bytes to samples.

use super::args::Version;
use prommodel::{Kind, NAME, Table};
use remotewrite::v1::Part;
use remotewrite::{Series, v1, v2};
use signals::{Exemplar, Family, HistogramSample, Metrics, Permit, SAMPLE_BYTES, Sample};
use smol_str::SmolStr;
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes that a request may have, as it came and uncompressed.
pub(super) const LIMIT: usize = 32 << 20;
/// How far a sample may lie in the future, in milliseconds.
const AHEAD: i64 = 10 * 60 * 1000;
/// Memory that is taken at a time, in bytes.
const STEP: u64 = 256 << 10;

/// What a request is decoded by.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) accepted: Vec<Version>,
    pub(super) families: bool,
    pub(super) type_labels: bool,
}

/// Why a request is not passed on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is malformed.
    Malformed(String),
    /// The memory budget has no room for it.
    NoRoom,
    /// Decoding broke down, which is not the client's fault.
    Defect(String),
}

/// A request that can be passed on.
pub(super) struct Decoded {
    pub(super) metrics: Metrics,
    pub(super) permit: Permit,
    /// Samples and histograms of series with invalid labels.
    pub(super) invalid_labels: u64,
    /// Series and histograms that are left out.
    pub(super) rejected: u64,
    /// Why the first of them is.
    pub(super) why: Option<String>,
}

/// Decompresses a body and reads the samples in it. `now` in milliseconds. The permit holds the body; afterwards it holds the samples.
pub(super) fn decode(
    body: &[u8],
    version: Version,
    settings: &Settings,
    table: &Table,
    now: i64,
    mut permit: Permit,
) -> Result<Decoded, Wrong> {
    let snappy = |error: snap::Error| Wrong::Malformed(format!("the body is no snappy block: {error}"));
    let length = snap::raw::decompress_len(body).map_err(snappy)?;
    if length > LIMIT {
        let message = format!("the body has {length} bytes uncompressed, and may have {LIMIT}");
        return Err(Wrong::Malformed(message));
    }
    // The densest element is a copy: three bytes that stand for 64.
    if length > body.len().saturating_mul(64) / 3 + 64 {
        let message = "the body is no snappy block: it is too short for what it claims to hold";
        return Err(Wrong::Malformed(message.to_owned()));
    }
    if !permit.try_grow(length as u64) {
        return Err(Wrong::NoRoom);
    }
    let message = snap::raw::Decoder::new().decompress_vec(body).map_err(snappy)?;
    let mut reading = Reading {
        settings,
        table,
        latest: now.saturating_add(AHEAD),
        metrics: Metrics::default(),
        families: HashMap::new(),
        bytes: 0,
        held: STEP,
        permit,
        invalid_labels: 0,
        rejected: 0,
        why: None,
    };
    if !reading.permit.try_grow(STEP) {
        return Err(Wrong::NoRoom);
    }
    let malformed = |error: remotewrite::Error| Wrong::Malformed(format!("the request cannot be read: {error}"));
    match version {
        Version::V1 => {
            for part in v1::series(&message) {
                match part.map_err(malformed)? {
                    Part::Series(series) => reading.series(series, version)?,
                    Part::Metadata(one) => reading.family(one.family, one.kind, one.unit, one.help),
                }
            }
        }
        Version::V2 => {
            for series in v2::series(&message).map_err(malformed)? {
                reading.series(series.map_err(malformed)?, version)?;
            }
        }
    }
    let Reading {
        mut metrics,
        families,
        bytes,
        mut permit,
        invalid_labels,
        rejected,
        why,
        ..
    } = reading;
    metrics.families = families.into_values().collect();
    permit.shrink(bytes);
    Ok(Decoded {
        metrics,
        permit,
        invalid_labels,
        rejected,
        why,
    })
}

struct Reading<'a> {
    settings: &'a Settings,
    table: &'a Table,
    /// Samples may not be later, in milliseconds.
    latest: i64,
    metrics: Metrics,
    families: HashMap<SmolStr, Arc<Family>>,
    /// Bytes of the samples so far, and those for which there is a permit.
    bytes: u64,
    held: u64,
    permit: Permit,
    invalid_labels: u64,
    rejected: u64,
    why: Option<String>,
}

impl Reading<'_> {
    fn reject(&mut self, why: impl FnOnce() -> String) {
        self.rejected += 1;
        if self.why.is_none() {
            self.why = Some(why());
        }
    }

    fn admit(&mut self, bytes: u64) -> Result<(), Wrong> {
        self.bytes += bytes;
        while self.bytes > self.held {
            if !self.permit.try_grow(STEP.max(bytes)) {
                return Err(Wrong::NoRoom);
            }
            self.held += STEP.max(bytes);
        }
        Ok(())
    }

    fn series(&mut self, mut from: Series<'_>, version: Version) -> Result<(), Wrong> {
        let typed = self.settings.type_labels && version == Version::V2;
        if typed {
            from.labels.retain(|(name, _)| !["__type__", "__unit__"].contains(name));
            if from.kind != Kind::Unknown {
                from.labels.push(("__type__", from.kind.as_str()));
            }
            if !from.unit.is_empty() {
                from.labels.push(("__unit__", from.unit));
            }
        }
        if !from.labels.is_sorted_by(|one, other| one.0 <= other.0) {
            from.labels.sort_by_key(|(name, _)| *name);
        }
        if let Err(why) = check(&from.labels) {
            self.invalid_labels += (from.samples.len() + from.histograms.len()) as u64;
            self.reject(|| format!("{}: {why}", shown(&from.labels)));
            return Ok(());
        }
        if version == Version::V2 && from.samples.is_empty() && from.histograms.is_empty() {
            self.reject(|| format!("{}: it has neither a sample nor a histogram", shown(&from.labels)));
            return Ok(());
        }
        let series = self.table.intern(from.labels.iter().copied());
        for one in &from.samples {
            if one.timestamp > self.latest {
                self.reject(|| format!("{series}: the sample at {} is too far in the future", one.timestamp));
                continue;
            }
            self.admit(SAMPLE_BYTES)?;
            self.metrics.samples.push(Sample {
                series: series.clone(),
                timestamp: one.timestamp,
                value: one.value,
            });
        }
        for one in from.histograms {
            if one.timestamp > self.latest {
                self.reject(|| format!("{series}: the histogram at {} is too far in the future", one.timestamp));
                continue;
            }
            if let Err(why) = one.histogram.validate() {
                self.reject(|| format!("{series}: the histogram at {} is invalid: {why}", one.timestamp));
                continue;
            }
            let sample = HistogramSample {
                series: series.clone(),
                timestamp: one.timestamp,
                histogram: Arc::new(one.histogram),
            };
            self.admit(sample.size())?;
            self.metrics.histograms.push(sample);
        }
        for one in &from.exemplars {
            let labels = one.labels.iter().map(|&(name, value)| (name.into(), value.into()));
            let exemplar = Exemplar {
                series: series.clone(),
                timestamp: one.timestamp,
                value: one.value,
                labels: labels.collect(),
            };
            self.admit(exemplar.size())?;
            self.metrics.exemplars.push(exemplar);
        }
        if version == Version::V2 {
            let name = family(series.metric(), from.kind);
            self.family(name, from.kind, from.unit, from.help);
        }
        Ok(())
    }

    fn family(&mut self, name: &str, kind: Kind, unit: &str, help: &str) {
        let says = kind != Kind::Unknown || !unit.is_empty() || !help.is_empty();
        if !self.settings.families || !says || self.families.contains_key(name) {
            return;
        }
        let family = Family {
            name: name.into(),
            kind,
            unit: unit.into(),
            help: help.into(),
        };
        self.families.insert(name.into(), Arc::new(family));
    }
}

/// What is wrong with labels that are sorted by name.
fn check(labels: &[(&str, &str)]) -> Result<(), String> {
    if !labels.iter().any(|(name, value)| *name == NAME && !value.is_empty()) {
        return Err("it has no name".to_owned());
    }
    if labels.iter().any(|(name, _)| name.is_empty()) {
        return Err("a label has no name".to_owned());
    }
    match labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(twice) => Err(format!("it has label {:?} twice", twice[0].0)),
        None => Ok(()),
    }
}

/// Labels for people, not too many of them.
fn shown(labels: &[(&str, &str)]) -> String {
    let shown = labels.iter().take(20).map(|(name, value)| format!("{name}={value:?}"));
    let mut shown = format!("{{{}}}", shown.collect::<Vec<_>>().join(", "));
    if shown.len() > 512 {
        shown.truncate(shown.floor_char_boundary(512));
    }
    shown
}

/// The family of a series.
fn family(metric: &str, kind: Kind) -> &str {
    let suffixes: &[&str] = match kind {
        Kind::Histogram | Kind::GaugeHistogram => &["_bucket", "_sum", "_count"],
        Kind::Summary => &["_sum", "_count"],
        _ => &[],
    };
    let stripped = suffixes.iter().find_map(|suffix| metric.strip_suffix(suffix));
    stripped.unwrap_or(metric)
}
