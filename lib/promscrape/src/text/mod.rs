//! The text format and OpenMetrics.

mod created;
mod fast;
mod grammar;
mod lex;
#[cfg(test)]
mod tests;

use crate::entry::{Entry, Exemplar, HistogramSample, RawLabels, Series};
use crate::error::Error;
use crate::float;
use crate::labels::{LabelsBuf, unescape, utf8};
use crate::nhcb::Collector;
use crate::options::Options;
use created::Created;
use grammar::{Cursor, Item, Sample, Span, TextExemplar, decode_exemplar, decode_series};
use prommodel::Kind;

/// Memory of a parser of text.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    created: Created,
    help: String,
    classic: Classic,
}

/// The classic histogram at hand, if classic histograms are converted.
#[derive(Debug, Default)]
struct Classic {
    collector: Collector,
    /// Whether there is one.
    open: bool,
    timestamp: Option<i64>,
    start: Option<i64>,
    /// The labels of the histogram, and of the sample at hand.
    labels: LabelsBuf,
    scratch: LabelsBuf,
    exemplars: Vec<TextExemplar>,
    raw: String,
}

/// A parser of the text formats.
#[derive(Debug)]
pub(crate) struct Text<'a> {
    cursor: Cursor<'a>,
    options: Options,
    current: Current,
    /// What comes after the converted histogram.
    pending: Option<Item>,
    /// What the sample at hand is to a classic histogram, if those are converted.
    role: Option<Role>,
    /// The family of the last TYPE line.
    family: Span,
    done: bool,
    buffers: &'a mut Buffers,
}

#[derive(Clone, Copy, Debug)]
enum Current {
    Item(Item),
    /// The converted histogram.
    Converted,
}

impl<'a> Text<'a> {
    pub(crate) fn new(b: &'a [u8], open_metrics: bool, options: Options, buffers: &'a mut Buffers) -> Text<'a> {
        buffers.created.clear();
        buffers.classic.reset();
        buffers.classic.open = false;
        Text {
            cursor: Cursor::new(b, open_metrics),
            options,
            current: Current::Item(Item::End),
            pending: None,
            role: None,
            family: (0, 0),
            done: false,
            buffers,
        }
    }

    fn slice(&self, span: Span) -> &'a [u8] {
        self.cursor.lex.slice(span.0, span.1)
    }

    #[inline]
    pub(crate) fn advance(&mut self) -> Result<bool, Error> {
        let next = if self.options.convert_classic {
            self.advance_converting()
        } else {
            self.next().map(Current::Item)
        };
        match next {
            Ok(current) => {
                self.current = current;
                Ok(!matches!(current, Current::Item(Item::End)))
            }
            Err(error) => {
                self.current = Current::Item(Item::End);
                self.done = true;
                Err(error)
            }
        }
    }

    pub(crate) fn advance_recognising(&mut self, length: usize, is: impl FnOnce(&[u8]) -> bool) -> Result<bool, Error> {
        let lex = &self.cursor.lex;
        let next = lex.i.checked_add(length).and_then(|end| lex.b.get(lex.i..end));
        match next {
            Some(raw) if is(raw) => self.advance_expecting(raw),
            _ => self.advance(),
        }
    }

    pub(crate) fn advance_expecting(&mut self, raw: &[u8]) -> Result<bool, Error> {
        let lex = &mut self.cursor.lex;
        if !self.done
            && !self.options.convert_classic
            && lex.state == lex::State::Init
            && let Some((mut sample, end)) = fast::expected(lex.b, lex.i, raw, lex.open_metrics)
        {
            lex.i = end;
            if !(self.options.start_timestamps && self.start_timestamp(&mut sample)) {
                self.current = Current::Item(Item::Sample(sample));
                return Ok(true);
            }
        }
        self.advance()
    }

    /// The next entry that is not hidden.
    #[inline]
    fn next(&mut self) -> Result<Item, Error> {
        loop {
            if self.done {
                return Ok(Item::End);
            }
            let mut item = self.cursor.next()?;
            if self.options.start_timestamps
                && let Item::Sample(sample) = &mut item
                && self.start_timestamp(sample)
            {
                continue;
            }
            self.done = item == Item::End;
            return Ok(item);
        }
    }

    /// Sets the start of a sample; true if the sample is itself the start of others.
    fn start_timestamp(&mut self, sample: &mut Sample) -> bool {
        if !self.cursor.lex.open_metrics {
            return false;
        }
        if self.cursor.kind.has_start() && self.slice(sample.name).ends_with(b"_created") {
            return true;
        }
        sample.start = self.buffers.created.start_of(&self.cursor, sample);
        false
    }

    /// The next entry, or the histogram that has just come to its end.
    fn advance_converting(&mut self) -> Result<Current, Error> {
        loop {
            let mut item = match self.pending.take() {
                Some(item) => item,
                None => self.next()?,
            };
            if let Item::Type(name) = item {
                self.family = name;
            }
            let mut hidden = false;
            if let Item::Sample(sample) = &mut item {
                let same = self.classify(sample)?;
                let classic = &mut self.buffers.classic;
                if classic.open && !same && classic.finish() {
                    self.pending = Some(item);
                    return Ok(Current::Converted);
                }
                if let Some(role) = self.role {
                    let family = self.cursor.lex.slice(self.family.0, self.family.1);
                    self.buffers.classic.add(family, role, sample);
                    // The exemplar belongs to the histogram now.
                    sample.exemplar = None;
                    hidden = !self.options.keep_classic;
                }
            } else if self.buffers.classic.finish() {
                self.pending = Some(item);
                return Ok(Current::Converted);
            }
            if !hidden {
                return Ok(Current::Item(item));
            }
        }
    }

    /// Finds out what a sample is to a classic histogram of the family. Returns whether it is of the same series as the histogram at hand.
    fn classify(&mut self, sample: &Sample) -> Result<bool, Error> {
        self.role = None;
        if self.cursor.kind != Kind::Histogram {
            return Ok(false);
        }
        let family = self.cursor.lex.slice(self.family.0, self.family.1);
        let mut labels = std::mem::take(&mut self.buffers.classic.scratch);
        let decoded = self.decode(sample, &mut labels);
        self.buffers.classic.scratch = labels;
        decoded?;
        let labels = &self.buffers.classic.scratch;
        let name = labels.get("__name__").unwrap_or_default();
        // A `_created` series may stand among the others; it does not end the histogram.
        let (base, suffix) = ["_bucket", "_sum", "_count", "_created"]
            .into_iter()
            .find_map(|suffix| Some((name.strip_suffix(suffix)?, suffix)))
            .unwrap_or((name, ""));
        if base.as_bytes() == family {
            self.role = match suffix {
                "_count" => Some(Role::Count),
                "_sum" => Some(Role::Sum),
                "_bucket" => {
                    let bound = labels.get("le").and_then(float::parse_go);
                    bound.filter(|bound| !bound.is_nan()).map(Role::Bucket)
                }
                _ => None,
            };
        }
        let classic = &self.buffers.classic;
        Ok(classic.open
            && classic.labels.get("__name__") == Some(base)
            && without_role(labels).eq(without_role(&classic.labels)))
    }

    #[inline]
    pub(crate) fn entry(&self) -> Entry<'_> {
        let classic = &self.buffers.classic;
        match self.current {
            Current::Converted => Entry::Histogram(HistogramSample {
                raw: classic.raw.as_bytes(),
                timestamp: classic.timestamp,
                start: classic.start,
                histogram: classic.collector.histogram(),
            }),
            Current::Item(Item::Sample(sample)) => Entry::Series(Series {
                raw: self.slice(sample.raw),
                timestamp: sample.timestamp,
                value: sample.value,
                start: sample.start,
            }),
            Current::Item(Item::Type(name)) => Entry::Type {
                name: self.slice(name),
                kind: self.cursor.kind,
            },
            Current::Item(Item::Help(name, text)) => Entry::Help {
                name: self.slice(name),
                text: self.help(text),
            },
            Current::Item(Item::Unit(name, unit)) => Entry::Unit {
                name: self.slice(name),
                unit: self.slice(unit),
            },
            Current::Item(Item::Comment(text)) => Entry::Comment(self.slice(text)),
            Current::Item(Item::End) => Entry::Comment(b""),
        }
    }

    fn help(&self, text: Span) -> &str {
        let text = utf8(self.slice(text)).unwrap_or_default();
        if text.contains('\\') { &self.buffers.help } else { text }
    }

    /// Unescapes the help at hand, if need be.
    pub(crate) fn prepare(&mut self) {
        if let Current::Item(Item::Help(_, text)) = self.current {
            let text = utf8(self.cursor.lex.slice(text.0, text.1)).unwrap_or_default();
            if text.contains('\\') {
                self.buffers.help.clear();
                unescape(&mut self.buffers.help, text, self.cursor.lex.open_metrics);
            }
        }
    }

    pub(crate) fn labels(&self, out: &mut LabelsBuf) -> Result<(), Error> {
        match self.current {
            Current::Converted => out.copy_from(&self.buffers.classic.labels),
            Current::Item(Item::Sample(sample)) => self.decode(&sample, out)?,
            Current::Item(_) => out.clear(),
        }
        Ok(())
    }

    fn decode(&self, sample: &Sample, out: &mut LabelsBuf) -> Result<(), Error> {
        out.clear();
        let kind = self.cursor.kind;
        let typed = self.options.type_and_unit && kind != Kind::Unknown;
        let unit = if self.options.type_and_unit {
            self.cursor.unit
        } else {
            b""
        };
        let at = |error: Error| Error::new(sample.raw.0, error.message());
        let raw = utf8(self.slice(sample.raw)).map_err(at)?;
        let bound = bound_name(kind);
        let escaped = memchr::memchr(b'\\', raw.as_bytes()).is_some();
        let add = |out: &mut LabelsBuf, name: &str, value: &str| {
            if escaped {
                out.push_escaped(name, value);
            } else {
                out.push(name, value);
            }
            match out.last() {
                // What the metadata says holds.
                Some(("__name__", _)) if self.options.type_and_unit => out.pop(),
                Some(("__type__", _)) if typed => out.pop(),
                Some(("__unit__", _)) if !unit.is_empty() => out.pop(),
                Some((name, value)) if name == bound => {
                    if let Some(suffix) = float::canonical(value) {
                        out.extend_last(suffix);
                    } else if let Some(bound) = float::parse_go(value) {
                        out.replace_last(|text| float::write_open_metrics(text, bound));
                    }
                }
                _ => {}
            }
        };
        let name = decode_series(raw, self.cursor.lex.open_metrics, out, LabelsBuf::clear, add).map_err(at)?;
        out.push_escaped("__name__", name);
        if typed {
            out.push("__type__", kind.as_str());
        }
        if !unit.is_empty() {
            out.push("__unit__", utf8(unit).map_err(at)?);
        }
        out.sort();
        Ok(())
    }

    pub(crate) fn exemplar(&self, index: usize) -> Option<Exemplar<'_>> {
        let exemplar = match self.current {
            Current::Converted => self.buffers.classic.exemplars.get(index).copied(),
            Current::Item(Item::Sample(sample)) if index == 0 => sample.exemplar,
            Current::Item(_) => None,
        }?;
        Some(Exemplar {
            raw: RawLabels::Text(self.slice(exemplar.labels)),
            value: exemplar.value,
            timestamp: exemplar.timestamp,
        })
    }
}

/// The label that is a number and written in one way only (Prometheus: `normalizeFloatsInLabelValues`).
fn bound_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Histogram => "le",
        Kind::Summary => "quantile",
        // No label is called that.
        _ => "\"",
    }
}

/// Decodes the labels of an exemplar. Prometheus leaves escapes in them.
pub(crate) fn exemplar_labels(raw: &[u8], out: &mut LabelsBuf) -> Result<(), Error> {
    out.clear();
    let mut failed = None;
    decode_exemplar(raw, |name, value| match (utf8(name), utf8(value)) {
        (Ok(name), Ok(value)) => out.push(name, value),
        (Err(error), _) | (_, Err(error)) => failed = Some(error),
    })?;
    out.sort();
    failed.map_or(Ok(()), Err)
}

/// What a sample is to a classic histogram.
#[derive(Clone, Copy, Debug)]
enum Role {
    Count,
    Sum,
    Bucket(f64),
}

impl Classic {
    /// Forgets what was collected; the finished histogram stays.
    fn reset(&mut self) {
        self.collector.reset();
        self.exemplars.clear();
    }

    fn add(&mut self, family: &[u8], role: Role, sample: &Sample) {
        if !self.open {
            self.reset();
            self.open = true;
            self.start = sample.start;
            self.labels.clear();
            for (name, value) in without_role(&self.scratch) {
                self.labels.push(name, value);
            }
            self.labels.push("__name__", utf8(family).unwrap_or_default());
            self.labels.sort();
        }
        self.timestamp = sample.timestamp;
        self.exemplars.extend(sample.exemplar);
        // The first failure is remembered.
        match role {
            Role::Count => self.collector.set_count(sample.value),
            Role::Sum => self.collector.set_sum(sample.value),
            Role::Bucket(bound) => self.collector.set_bucket(bound, sample.value),
        }
    }

    /// Makes the histogram. False if there is none, or if its counts do not agree: then it is gone.
    fn finish(&mut self) -> bool {
        if !std::mem::take(&mut self.open) || self.collector.finish().is_err() {
            return false;
        }
        self.raw.clear();
        self.raw.push_str(self.labels.get("__name__").unwrap_or_default());
        let mut separator = '{';
        for (name, value) in without_role(&self.labels) {
            self.raw.push(separator);
            separator = ',';
            if plain_label(name) {
                self.raw.push_str(name);
            } else {
                goquote::quote_into(&mut self.raw, name.as_bytes());
            }
            self.raw.push('=');
            goquote::quote_into(&mut self.raw, value.as_bytes());
        }
        if separator == ',' {
            self.raw.push('}');
        }
        true
    }
}

/// The labels that all samples of a classic histogram have in common.
fn without_role(labels: &LabelsBuf) -> impl Iterator<Item = (&str, &str)> + Clone {
    labels.iter().filter(|(name, _)| !matches!(*name, "le" | "__name__"))
}

fn plain_label(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
}
