//! From the body of a scrape to samples.

use super::cache::{Cache, Found, Walk};
use super::families::{Families, Line, OfTarget, Reading};
use super::labels::{LabelRules, Unfit, merge};
use super::texts::TextTable;
use hashbrown::HashMap;
use prommodel::{Block, BlockBuilder, Label, NAME, STALE_NAN, Series, SeriesBuilder, Table};
use promscrape::{Buffers, Entry, Format, Histogram, LabelsBuf, Options, Parser};
use signals::{Exemplar, HistogramSample, Metrics, Sample};
use smol_str::SmolStr;
use std::sync::Arc;

/// A sample may be at most so far in the future, in milliseconds.
const FUTURE: i64 = 10 * 60 * 1000;

/// What a configuration says of samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SampleRules {
    pub(super) labels: LabelRules,
    /// Whether timestamps that are exposed count.
    pub(super) honor_timestamps: bool,
    /// Whether series with timestamps of their own get stale markers.
    pub(super) track_timestamps: bool,
    /// Most samples of a scrape; 0 for any number.
    pub(super) sample_limit: usize,
    /// Most buckets of a native histogram; 0 for any number.
    pub(super) bucket_limit: usize,
    /// The finest resolution of native histograms.
    pub(super) max_schema: i32,
    /// Whether a series that begins gets a sample of zero at its start.
    pub(super) start_zeros: bool,
    /// How bodies are read.
    pub(super) parser: Options,
}

/// What a scrape made, also one that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Samples in the body.
    pub(super) scraped: usize,
    /// Those that are left after limits; nothing else takes any away.
    pub(super) kept: usize,
    /// Those of series that were not known.
    pub(super) added: usize,
    /// Those of a series that had one already.
    pub(super) duplicates: usize,
    /// Those too far in the future.
    pub(super) out_of_bounds: usize,
}

/// Why a body is no good. The words are those of Prometheus.
#[derive(Debug)]
pub(super) enum Failure {
    Malformed(promscrape::Error),
    Labels(Unfit),
    SampleLimit,
    BucketLimit,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Malformed(error) => error.fmt(f),
            Failure::Labels(unfit) => unfit.fmt(f),
            Failure::SampleLimit => f.write_str("sample limit exceeded"),
            Failure::BucketLimit => f.write_str("histogram bucket limit exceeded"),
        }
    }
}

impl From<promscrape::Error> for Failure {
    fn from(error: promscrape::Error) -> Self {
        Failure::Malformed(error)
    }
}

/// Memory that scrapes use one after the other.
#[derive(Default)]
pub(super) struct Scratch {
    buffers: Buffers,
    labels: LabelsBuf,
    reading: Reading,
}

/// What is known of a target, from one scrape to the next.
pub(super) struct Collector {
    table: Table,
    families: Arc<Families>,
    cache: Cache,
    target: OfTarget,
    /// Exemplars that were sent last, by the hash of the text of their series.
    exemplars: Exemplars,
    /// The time of the last scrape that succeeded.
    before: Option<i64>,
    report: Option<Report>,
}

type Exemplars = HashMap<u64, Arc<[(SmolStr, SmolStr)]>>;

/// The series of what is said of scrapes.
struct Report {
    names: Vec<&'static str>,
    block: Arc<Block>,
}

impl Collector {
    /// A target that was never scraped; of its labels those count that do not begin with two underscores.
    pub(super) fn new<'l>(
        table: &Table,
        families: &Arc<Families>,
        texts: &Arc<TextTable>,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
    ) -> Collector {
        let public = labels.into_iter().filter(|(name, _)| !name.starts_with("__"));
        let labels: Vec<Label> = public.map(|(name, value)| table.label(name, value)).collect();
        Collector {
            table: table.clone(),
            families: families.clone(),
            cache: Cache::new(table, texts, &labels),
            target: OfTarget::default(),
            exemplars: HashMap::new(),
            before: None,
            report: None,
        }
    }

    /// Number of series that are known.
    pub(super) fn len(&self) -> usize {
        self.cache.len()
    }

    /// Reads a body that was scraped at `time` into samples. If it is no good, no sample of it is there, but stale markers of series that it did not have.
    pub(super) fn read(
        &mut self,
        body: &[u8],
        format: Format,
        rules: &SampleRules,
        time: i64,
        scratch: &mut Scratch,
        out: &mut Metrics,
    ) -> (Counts, Option<Failure>) {
        let mut counts = Counts::default();
        let target = self.cache.common().clone();
        let mut body_of = Body {
            table: &self.table,
            families: &self.families,
            labels: &target,
            target: &mut self.target,
            exemplars: &mut self.exemplars,
            before: self.before,
            rules,
            time,
            out,
            untracked: Vec::new(),
        };
        let mut walk = self.cache.walk(time);
        let failure = body_of.read(body, format, scratch, &mut walk, &mut counts).err();
        match failure {
            None => {
                let exemplars = &mut self.exemplars;
                out.runs = walk.finish(|hash| {
                    if !exemplars.is_empty() {
                        exemplars.remove(&hash);
                    }
                });
                self.before = Some(time);
            }
            Some(_) => {
                out.samples.clear();
                out.histograms.clear();
                out.exemplars.clear();
                walk.abandon(|block, rows| stale(block, rows, time, out));
                // Those of series that only bodies with errors had.
                if self.exemplars.len() > 2 * self.cache.len() + 1000 {
                    self.exemplars.clear();
                }
            }
        }
        (counts, failure)
    }

    /// There was no body: no series has a value any more.
    pub(super) fn fail(&mut self, time: i64, out: &mut Metrics) {
        self.cache.fail(|block, rows| stale(block, rows, time, out));
    }

    /// The target is gone: neither has it series nor is anything said of it any more.
    pub(super) fn end(&mut self, time: i64, out: &mut Metrics) {
        self.fail(time, out);
        if let Some(Report { block, .. }) = self.report.take() {
            stale(&block, block.all(), time, out);
        }
    }

    /// What is said of a scrape: names and values, in their order, which is the same for one configuration.
    pub(super) fn report(&mut self, values: &[(&'static str, f64)], time: i64, out: &mut Metrics) {
        let names = values.iter().map(|(name, _)| *name);
        let is_same = |report: &Report| report.names.iter().copied().eq(names.clone());
        let report = match self.report.take_if(|report| is_same(report)) {
            Some(report) => report,
            None => {
                let mut block = BlockBuilder::new(&self.table, self.cache.common().clone());
                let mut builder = SeriesBuilder::new(&self.table);
                for name in names.clone() {
                    builder.reset(self.cache.common());
                    builder.set(NAME, name);
                    block.push(builder.labels());
                }
                Report {
                    names: names.clone().collect(),
                    block: block.build(),
                }
            }
        };
        out.runs
            .push(report.block.clone(), report.block.all(), time, |row| values[row].1);
        if let Some(before) = self.report.replace(report) {
            // Series that one configuration has and the next one has not.
            let gone = before.names.iter().enumerate();
            let gone = gone.filter(|(_, name)| names.clone().all(|other| other != **name));
            let gone = gone.fold(0, |rows, (row, _)| rows | 1 << row);
            stale(&before.block, gone, time, out);
        }
    }
}

/// These series have no value any more.
fn stale(block: &Arc<Block>, rows: u64, time: i64, out: &mut Metrics) {
    out.runs.push(block.clone(), rows, time, |_| f64::from_bits(STALE_NAN));
}

/// One body on its way.
struct Body<'a> {
    table: &'a Table,
    families: &'a Families,
    /// Those of the target.
    labels: &'a Series,
    target: &'a mut OfTarget,
    exemplars: &'a mut Exemplars,
    before: Option<i64>,
    rules: &'a SampleRules,
    time: i64,
    out: &'a mut Metrics,
    /// Items whose series have timestamps of their own from now on.
    untracked: Vec<usize>,
}

/// What an entry says besides its value.
struct Times {
    timestamp: Option<i64>,
    start: Option<i64>,
}

impl Body<'_> {
    fn read(
        &mut self,
        body: &[u8],
        format: Format,
        scratch: &mut Scratch,
        walk: &mut Walk<'_>,
        counts: &mut Counts,
    ) -> Result<(), Failure> {
        let Scratch {
            buffers,
            labels,
            reading,
        } = scratch;
        let mut parser = Parser::new(body, format, self.rules.parser, buffers);
        reading.start();
        loop {
            let mut recognised = false;
            let expected = walk.expected_length();
            let more = parser.advance_recognising(expected, |next| {
                recognised = walk.recognises(next);
                recognised
            })?;
            if !more {
                break;
            }
            let entry = parser.entry();
            let (raw, times) = match &entry {
                Entry::Series(series) => (
                    series.raw,
                    Times {
                        timestamp: series.timestamp,
                        start: series.start,
                    },
                ),
                Entry::Histogram(sample) => (
                    sample.raw,
                    Times {
                        timestamp: sample.timestamp,
                        start: sample.start,
                    },
                ),
                Entry::Type { name, kind } => {
                    self.line(reading, name, Line::Kind(*kind));
                    continue;
                }
                Entry::Help { name, text } => {
                    self.line(reading, name, Line::Help(text));
                    continue;
                }
                Entry::Unit { name, unit } => {
                    self.line(reading, name, Line::Unit(unit));
                    continue;
                }
                Entry::Comment(_) => continue,
            };
            counts.scraped += 1;
            counts.kept += 1;
            let timestamp = times.timestamp.filter(|_| self.rules.honor_timestamps);
            let found = walk.find(raw, recognised && raw.len() == expected);
            if found == Found::New {
                parser.labels(labels)?;
                let merged = merge(self.table, labels, self.labels.labels(), self.rules.labels);
                let merged = merged.map_err(Failure::Labels)?;
                if !self.is_full(counts) {
                    walk.insert(merged);
                }
            }
            if self.is_full(counts) {
                if found == Found::Known {
                    walk.skip(walk.was_live());
                }
                continue;
            }
            if found == Found::Twice && timestamp.is_none() {
                counts.duplicates += 1;
                continue;
            }
            if timestamp.is_some_and(|timestamp| timestamp > self.time.saturating_add(FUTURE)) {
                counts.out_of_bounds += 1;
                if found != Found::Twice {
                    walk.skip(false);
                }
                continue;
            }
            let new = found == Found::New;
            counts.added += usize::from(new);
            let live = timestamp.is_none() || self.rules.track_timestamps;
            if !live && walk.was_live() {
                // Nobody would say that it is gone when it goes.
                self.untracked.push(walk.item());
            }
            let at = timestamp.unwrap_or(self.time);
            if self.rules.start_zeros
                && let Some(start) = times.start
                && start < at
                && (new || self.before.is_some_and(|before| start > before))
            {
                self.begin(walk.series(), start, &entry);
            }
            match &entry {
                Entry::Series(sample) => {
                    self.exemplars(&parser, walk, Some(at), labels)?;
                    walk.give(sample.value, timestamp, live);
                }
                Entry::Histogram(sample) => {
                    self.histogram(walk.series(), at, sample.histogram)?;
                    self.exemplars(&parser, walk, None, labels)?;
                    walk.skip(live);
                }
                _ => {}
            }
        }
        reading.finish(self.target, self.families, &mut self.out.families);
        match self.rules.sample_limit {
            limit if limit > 0 && counts.kept > limit => return Err(Failure::SampleLimit),
            _ => {}
        }
        for item in self.untracked.drain(..) {
            walk.again(item, self.time, f64::from_bits(STALE_NAN));
        }
        Ok(())
    }

    /// Whether no more samples may be added; the body is read to its end, to count them.
    fn is_full(&self, counts: &Counts) -> bool {
        self.rules.sample_limit > 0 && counts.kept > self.rules.sample_limit
    }

    fn line(&mut self, reading: &mut Reading, name: &[u8], line: Line<'_>) {
        reading.line(name, line, self.target, self.families, &mut self.out.families);
    }

    /// A sample of zero where a series begins.
    fn begin(&mut self, series: Series, start: i64, entry: &Entry<'_>) {
        match entry {
            Entry::Series(_) => self.out.samples.push(Sample {
                series,
                timestamp: start,
                value: 0.0,
            }),
            Entry::Histogram(_) => self.out.histograms.push(HistogramSample {
                series,
                timestamp: start,
                histogram: Arc::new(Histogram {
                    reset: prommodel::ResetHint::Reset,
                    ..Histogram::default()
                }),
            }),
            _ => {}
        }
    }

    fn histogram(&mut self, series: Series, timestamp: i64, histogram: &Histogram) -> Result<(), Failure> {
        let mut histogram = histogram.clone();
        if !histogram.fit(self.rules.bucket_limit, self.rules.max_schema) {
            return Err(Failure::BucketLimit);
        }
        self.out.histograms.push(HistogramSample {
            series,
            timestamp,
            histogram: Arc::new(histogram),
        });
        Ok(())
    }

    /// Exemplars of the sample at hand, without those that are the same as in the scrape before. `or`: when those were without a time of their own.
    fn exemplars(
        &mut self,
        parser: &Parser<'_>,
        walk: &Walk<'_>,
        or: Option<i64>,
        labels: &mut LabelsBuf,
    ) -> Result<(), Failure> {
        let from = self.out.exemplars.len();
        let mut series = None;
        for exemplar in parser.exemplars() {
            let Some(timestamp) = exemplar.timestamp.or(or) else {
                continue;
            };
            exemplar.labels(labels)?;
            let series = series.get_or_insert_with(|| walk.series());
            let pairs = labels.iter().map(|(name, value)| (name.into(), value.into()));
            self.out.exemplars.push(Exemplar {
                series: series.clone(),
                timestamp,
                value: exemplar.value,
                labels: pairs.collect(),
            });
        }
        if self.out.exemplars.len() == from {
            return Ok(());
        }
        self.out.exemplars[from..].sort_by(|a, b| {
            let key = |one: &Exemplar| (one.timestamp, one.value.to_bits());
            key(a).cmp(&key(b)).then_with(|| a.labels.cmp(&b.labels))
        });
        // A target exposes an exemplar until it has another one.
        let last = self.exemplars.get(&walk.hash());
        if let (Some(last), [.., only]) = (last, &self.out.exemplars[from..])
            && *last == only.labels
        {
            self.out.exemplars.truncate(from);
        } else if let Some(latest) = self.out.exemplars.last() {
            self.exemplars.insert(walk.hash(), latest.labels.clone());
        }
        Ok(())
    }
}
