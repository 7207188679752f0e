//! Delimited protobuf. Each metric is expanded into the entries that the text format has for it (Prometheus: `protobufparse.go`).

mod family;
mod metric;
mod wire;

use crate::entry::{Entry, Exemplar, HistogramSample, RawLabels, Series};
use crate::error::Error;
use crate::float;
use crate::labels::{LabelsBuf, utf8};
use crate::nhcb::Collector;
use crate::options::Options;
use metric::{Metric, Span, slice};
use prommodel::{Compactor, Histogram, Kind, ResetHint};
use wire::Fields;

/// Between the parts of [`Series::raw`](crate::Series::raw); never in UTF-8.
const SEPARATOR: u8 = 0xff;

/// Memory of a parser of protobuf.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// The metrics of the family.
    metrics: Vec<Span>,
    metric: Metric,
    /// The labels of the metric by name.
    order: Vec<Part>,
    raw: Vec<u8>,
    /// The numbers that `le` or `quantile` had at each position, as bits and as text. Most metrics have the same ones.
    bounds: Vec<(u64, String)>,
    /// Where in `bounds` the sample's is.
    bound: Option<usize>,
    histogram: Histogram,
    compactor: Compactor,
    collector: Collector,
}

/// A label of a sample.
#[derive(Clone, Copy, Debug)]
enum Part {
    Name,
    Type,
    Unit,
    Label(Span, Span),
    /// `le` or `quantile`.
    Bound,
}

/// Where in a metric the parser is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Before the first family or behind the last metric.
    Start,
    Help,
    Unit,
    Type,
    /// A counter, gauge or untyped value.
    Value,
    Count,
    Sum,
    /// A bucket or a quantile. One past the last bucket is the infinite one.
    Bound(usize),
    Native,
    /// A classic histogram as a native one.
    Converted,
}

/// A parser of delimited protobuf.
#[derive(Debug)]
pub(crate) struct Proto<'a> {
    body: &'a [u8],
    /// The next family.
    next: usize,
    /// The first byte of the family at hand.
    begin: usize,
    options: Options,
    name: &'a str,
    help: &'a str,
    unit: &'a [u8],
    kind: Kind,
    /// The next metric of the family.
    metric: usize,
    at: At,
    done: bool,
    buffers: &'a mut Buffers,
}

impl<'a> Proto<'a> {
    pub(crate) fn new(body: &'a [u8], options: Options, buffers: &'a mut Buffers) -> Proto<'a> {
        buffers.metrics.clear();
        Proto {
            body,
            next: 0,
            begin: 0,
            options,
            name: "",
            help: "",
            unit: b"",
            kind: Kind::Unknown,
            metric: 0,
            at: At::Start,
            done: false,
            buffers,
        }
    }

    pub(crate) fn advance(&mut self) -> Result<bool, Error> {
        if self.done {
            return Ok(false);
        }
        match self.step() {
            Ok(true) => Ok(true),
            end => {
                self.done = true;
                self.at = At::Start;
                // A family that cannot be read is named by its place in the body.
                end.map_err(|error| Error::new(self.begin, error.message()))
            }
        }
    }

    fn step(&mut self) -> Result<bool, Error> {
        self.at = match self.at {
            At::Start => return self.next_family(),
            At::Help if !self.unit.is_empty() => At::Unit,
            At::Help | At::Unit => At::Type,
            At::Type => self.first()?,
            at => match self.following(at)? {
                Some(at) => at,
                None if self.next_metric()? => self.first()?,
                None => {
                    self.at = At::Start;
                    return self.next_family();
                }
            },
        };
        if !matches!(self.at, At::Unit | At::Type) {
            self.write_raw();
        }
        Ok(true)
    }

    /// Reads the next metric of the family, if there is one.
    fn next_metric(&mut self) -> Result<bool, Error> {
        let Some(&span) = self.buffers.metrics.get(self.metric) else {
            return Ok(false);
        };
        self.metric += 1;
        self.buffers.metric.read(self.body, slice(self.body, span))?;
        self.sort_labels();
        Ok(true)
    }

    fn is_histogram(&self) -> bool {
        matches!(self.kind, Kind::Histogram | Kind::GaugeHistogram)
    }

    fn is_native(&self) -> bool {
        !self.options.ignore_native && self.buffers.metric.histogram.is_native()
    }

    /// The first sample of the metric.
    fn first(&mut self) -> Result<At, Error> {
        if self.kind == Kind::Summary {
            return Ok(At::Count);
        }
        if !self.is_histogram() {
            return Ok(At::Value);
        }
        if self.is_native() {
            let buffers = &mut *self.buffers;
            let message = &buffers.metric.histogram;
            message.check().map_err(|error| {
                let name = goquote::quote(self.name.as_bytes());
                Error::new(0, format!("histogram {name}: {error}"))
            })?;
            let gauge = self.kind == Kind::GaugeHistogram;
            message.write(gauge, &mut buffers.histogram, &mut buffers.compactor);
            return Ok(At::Native);
        }
        if self.options.convert_classic && !self.options.keep_classic {
            return self.convert();
        }
        Ok(At::Count)
    }

    /// The sample after `at` in the metric.
    fn following(&mut self, at: At) -> Result<Option<At>, Error> {
        let metric = &self.buffers.metric;
        Ok(match at {
            At::Count => Some(At::Sum),
            At::Sum if self.kind == Kind::Summary => (!metric.summary.quantiles.is_empty()).then_some(At::Bound(0)),
            At::Sum => Some(At::Bound(0)),
            At::Bound(at) if self.kind == Kind::Summary => {
                (at + 1 < metric.summary.quantiles.len()).then_some(At::Bound(at + 1))
            }
            // The infinite bucket is the last one, whether it is in the message or not.
            At::Bound(at)
                if metric
                    .histogram
                    .buckets
                    .get(at)
                    .is_some_and(|b| b.bound != f64::INFINITY) =>
            {
                Some(At::Bound(at + 1))
            }
            At::Bound(_) if self.options.convert_classic && !self.is_native() => Some(self.convert()?),
            At::Native if self.options.keep_classic && !metric.histogram.buckets.is_empty() => Some(At::Count),
            _ => None,
        })
    }

    fn convert(&mut self) -> Result<At, Error> {
        let Buffers { metric, collector, .. } = &mut *self.buffers;
        let message = &metric.histogram;
        collector.reset();
        collector.set_count(message.any_count());
        collector.set_sum(message.sum);
        for bucket in &message.buckets {
            collector.set_bucket(bucket.bound, bucket.count);
        }
        collector.finish().map_err(|error| Error::new(0, error))?;
        if self.kind == Kind::GaugeHistogram {
            collector.histogram_mut().reset = ResetHint::Gauge;
        }
        Ok(At::Converted)
    }

    fn sort_labels(&mut self) {
        let typed = self.options.type_and_unit && self.kind != Kind::Unknown;
        let united = self.options.type_and_unit && !self.unit.is_empty();
        let bounded = self.kind == Kind::Summary || self.is_histogram();
        let body = self.body;
        let order = &mut self.buffers.order;
        order.clear();
        order.push(Part::Name);
        if typed {
            order.push(Part::Type);
        }
        if united {
            order.push(Part::Unit);
        }
        for &(name, value) in &self.buffers.metric.labels {
            // What the metadata says holds.
            let hidden = match slice(body, name) {
                b"__name__" => self.options.type_and_unit,
                b"__type__" => typed,
                b"__unit__" => united,
                _ => false,
            };
            if !hidden {
                order.push(Part::Label(name, value));
            }
        }
        if bounded {
            order.push(Part::Bound);
        }
        let bound = self.bound_name();
        let name = |part: &Part| match *part {
            Part::Label(name, _) => (slice(body, name), name.0),
            Part::Name => (&b"__name__"[..], 0),
            Part::Type => (&b"__type__"[..], 0),
            Part::Unit => (&b"__unit__"[..], 0),
            Part::Bound => (bound, usize::MAX),
        };
        self.buffers.order.sort_unstable_by(|a, b| name(a).cmp(&name(b)));
    }

    fn bound_name(&self) -> &'static [u8] {
        if self.kind == Kind::Summary { b"quantile" } else { b"le" }
    }

    fn suffix(&self) -> &'static str {
        match self.at {
            At::Count => "_count",
            At::Sum => "_sum",
            At::Bound(_) if self.kind != Kind::Summary => "_bucket",
            _ => "",
        }
    }

    /// The key of the sample at hand.
    fn write_raw(&mut self) {
        let suffix = self.suffix();
        let bound_name = self.bound_name();
        let body = self.body;
        let Buffers {
            metric,
            order,
            raw,
            bounds,
            bound,
            ..
        } = &mut *self.buffers;
        *bound = None;
        if let At::Bound(at) = self.at {
            let number = match self.kind {
                Kind::Summary => metric.summary.quantiles.get(at).map_or(0.0, |quantile| quantile.0),
                _ => metric
                    .histogram
                    .buckets
                    .get(at)
                    .map_or(f64::INFINITY, |bucket| bucket.bound),
            };
            // Far positions share one place.
            let at = at.min(255);
            if bounds.len() <= at {
                // The bits of zero belong to no empty text.
                bounds.resize_with(at + 1, || (0, "0.0".to_owned()));
            }
            let (bits, text) = &mut bounds[at];
            if *bits != number.to_bits() {
                *bits = number.to_bits();
                text.clear();
                float::write_open_metrics(text, number);
            }
            *bound = Some(at);
        }
        let bound = bound.map_or("", |at| &bounds[at].1);
        raw.clear();
        for part in order.iter() {
            let (name, value) = match *part {
                Part::Name => {
                    raw.extend_from_slice(self.name.as_bytes());
                    raw.extend_from_slice(suffix.as_bytes());
                    continue;
                }
                Part::Type => (&b"__type__"[..], self.kind.as_str().as_bytes()),
                Part::Unit => (&b"__unit__"[..], self.unit),
                Part::Label(name, value) => (slice(body, name), slice(body, value)),
                Part::Bound if bound.is_empty() => continue,
                Part::Bound => (bound_name, bound.as_bytes()),
            };
            raw.push(SEPARATOR);
            raw.extend_from_slice(name);
            raw.push(SEPARATOR);
            raw.extend_from_slice(value);
        }
    }

    pub(crate) fn entry(&self) -> Entry<'_> {
        let name = self.name.as_bytes();
        let metric = &self.buffers.metric;
        let raw = &self.buffers.raw;
        let timestamp = (metric.timestamp != 0).then_some(metric.timestamp);
        let start = match self.kind {
            Kind::Counter => metric.counter.start,
            Kind::Summary => metric.summary.start,
            Kind::Histogram | Kind::GaugeHistogram => metric.histogram.start,
            _ => 0,
        };
        let start = (start != 0).then_some(start);
        let histogram = match self.at {
            At::Start => return Entry::Comment(b""),
            At::Help => return Entry::Help { name, text: self.help },
            At::Unit => return Entry::Unit { name, unit: self.unit },
            At::Type => return Entry::Type { name, kind: self.kind },
            At::Native => &self.buffers.histogram,
            At::Converted => self.buffers.collector.histogram(),
            At::Value | At::Count | At::Sum | At::Bound(_) => {
                return Entry::Series(Series {
                    raw,
                    timestamp,
                    value: self.value(),
                    start,
                });
            }
        };
        Entry::Histogram(HistogramSample {
            raw,
            timestamp,
            start,
            histogram,
        })
    }

    fn value(&self) -> f64 {
        let metric = &self.buffers.metric;
        let (summary, histogram) = (&metric.summary, &metric.histogram);
        match (self.kind, self.at) {
            (Kind::Counter, _) => metric.counter.value,
            (Kind::Gauge, _) => metric.gauge,
            (Kind::Summary, At::Count) => summary.count as f64,
            (Kind::Summary, At::Sum) => summary.sum,
            (Kind::Summary, At::Bound(at)) => summary.quantiles.get(at).map_or(0.0, |quantile| quantile.1),
            (Kind::Histogram | Kind::GaugeHistogram, At::Sum) => histogram.sum,
            (Kind::Histogram | Kind::GaugeHistogram, At::Bound(at)) => {
                let bucket = histogram.buckets.get(at);
                bucket.map_or_else(|| histogram.any_count(), |bucket| bucket.count)
            }
            (Kind::Histogram | Kind::GaugeHistogram, _) => histogram.any_count(),
            _ => metric.untyped,
        }
    }

    pub(crate) fn labels(&self, out: &mut LabelsBuf) -> Result<(), Error> {
        out.clear();
        if matches!(self.at, At::Start | At::Help | At::Unit | At::Type) {
            return Ok(());
        }
        let text = |span| utf8(slice(self.body, span));
        for part in &self.buffers.order {
            match *part {
                Part::Name => {
                    out.push("__name__", self.name);
                    out.replace_last(|value| {
                        value.push_str(self.name);
                        value.push_str(self.suffix());
                    });
                }
                Part::Type => out.push("__type__", self.kind.as_str()),
                Part::Unit => out.push("__unit__", utf8(self.unit)?),
                Part::Label(name, value) => out.push(text(name)?, text(value)?),
                Part::Bound => {
                    if let Some(at) = self.buffers.bound {
                        out.push(utf8(self.bound_name())?, &self.buffers.bounds[at].1);
                    }
                }
            }
        }
        Ok(())
    }

    /// The next exemplar of the sample from `index` on, which ends up at it.
    pub(crate) fn exemplar(&self, index: &mut usize) -> Option<Exemplar<'_>> {
        let metric = &self.buffers.metric;
        let buckets = &metric.histogram.buckets;
        let native = &metric.histogram.exemplars;
        loop {
            let (span, needs_time) = match self.at {
                At::Value if self.kind == Kind::Counter && *index == 0 => (metric.counter.exemplar, false),
                At::Bound(at) if self.is_histogram() && *index == 0 => (buckets.get(at)?.exemplar, false),
                At::Native | At::Converted if native.is_empty() => (buckets.get(*index)?.exemplar, true),
                At::Native | At::Converted => (Some(*native.get(*index)?), true),
                _ => return None,
            };
            if let Some(span) = span {
                let message = slice(self.body, span);
                let (value, timestamp) = metric::exemplar(message).ok()?;
                if !needs_time || timestamp.is_some() {
                    return Some(Exemplar {
                        raw: RawLabels::Proto(message),
                        value,
                        timestamp,
                    });
                }
            }
            *index += 1;
        }
    }
}

/// Decodes the labels of an `Exemplar` message.
pub(crate) fn exemplar_labels(message: &[u8], out: &mut LabelsBuf) -> Result<(), Error> {
    out.clear();
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next()? {
        if field == 1 {
            let (name, value) = metric::label(value.bytes(field)?)?;
            out.push(utf8(name)?, utf8(value)?);
        }
    }
    out.sort();
    Ok(())
}
