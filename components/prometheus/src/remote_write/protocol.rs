//! Samples as remote write takes them.

use super::args::{EndpointArgs, V2};
use super::body;
use super::families::Families;
use super::metrics::{EndpointMeter, Metrics as Meters};
use super::series::{Mapping, Merged};
use bytes::Bytes;
use delivery::{Body, Decoded, EntryRef, Piece, Protocol, Request, Slice, StreamKey, Target, Words, stable_hash};
use host::Clock;
use prommodel::Series;
use serde_json::{Map, Value, json};
use signals::{Amount, Labels, Metrics, SAMPLE_BYTES};
use std::ops::Range;
use std::sync::Arc;

/// Parts into which series are divided: those of one part keep their order, and different ones may be sent at the same time. What waits in a
/// queue on disk is found by it.
const LANES: usize = 8;

/// Rules under which samples are counted that no endpoint gets.
const NO_ENDPOINT: &str = "no_endpoint";
const NOT_SENT: &str = "not_sent";
const WRITE_RELABEL: &str = "write_relabel";

/// Remote write.
pub(super) struct Write {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) families: Arc<Families>,
    pub(super) metrics: Arc<Meters>,
}

/// What is known of an endpoint.
pub(super) struct Settings {
    pub(super) args: EndpointArgs,
    pub(super) external: Vec<(String, String)>,
    pub(super) mapping: Mapping,
    pub(super) families: Arc<Families>,
    pub(super) meter: EndpointMeter,
}

/// The rest follows from these.
impl PartialEq for Settings {
    fn eq(&self, other: &Settings) -> bool {
        self.args == other.args && self.external == other.external
    }
}

/// One part of all series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lane(u8);

impl StreamKey for Lane {
    fn hash(&self) -> u64 {
        stable_hash(&[b'l', b'a', b'n', b'e', self.0])
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }

    fn tenant(&self) -> Option<&Arc<str>> {
        None
    }
}

fn lane(series: &Series) -> usize {
    series.content_hash() as usize % LANES
}

/// A list of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Samples,
    Histograms,
    Exemplars,
}

impl List {
    const ALL: [List; 3] = [List::Samples, List::Histograms, List::Exemplars];

    fn len(self, payload: &Metrics) -> usize {
        match self {
            List::Samples => payload.samples.len(),
            List::Histograms => payload.histograms.len(),
            List::Exemplars => payload.exemplars.len(),
        }
    }

    fn series(self, payload: &Metrics, at: usize) -> &Series {
        match self {
            List::Samples => &payload.samples[at].series,
            List::Histograms => &payload.histograms[at].series,
            List::Exemplars => &payload.exemplars[at].series,
        }
    }

    fn time(self, payload: &Metrics, at: usize) -> i64 {
        match self {
            List::Samples => payload.samples[at].timestamp,
            List::Histograms => payload.histograms[at].timestamp,
            List::Exemplars => payload.exemplars[at].timestamp,
        }
    }

    fn size(self, payload: &Metrics, at: usize) -> u64 {
        match self {
            List::Samples => SAMPLE_BYTES,
            List::Histograms => payload.histograms[at].size(),
            List::Exemplars => payload.exemplars[at].size(),
        }
    }
}

/// Entries of a list, and under which series an endpoint gets them.
#[derive(Clone)]
pub(super) struct Selection {
    pub(super) list: List,
    series: To,
}

/// The series of entries.
#[derive(Clone)]
enum To {
    /// That of the batch, with external labels.
    External,
    /// That of the batch.
    Same,
    /// These, by index of the list; those without one are not for the endpoint.
    Mapped(Arc<Vec<Option<Series>>>),
}

impl Selection {
    /// The labels of an entry at an endpoint.
    pub(super) fn labels<'a>(&'a self, payload: &'a Metrics, at: usize, mapping: &'a Mapping) -> Merged<'a> {
        let series = self.list.series(payload, at);
        match &self.series {
            To::External => mapping.with_external(series),
            To::Same => Merged::plain(series),
            To::Mapped(mapped) => Merged::plain(mapped[at].as_ref().unwrap_or(series)),
        }
    }

    fn has(&self, at: usize) -> bool {
        match &self.series {
            To::Mapped(mapped) => mapped[at].is_some(),
            _ => true,
        }
    }
}

/// Brings lanes together, each in its order.
fn by_lane<T>(list: &mut Vec<T>, series: impl Fn(&T) -> &Series) {
    let Some(first) = list.first().map(|item| lane(series(item))) else {
        return;
    };
    if list.iter().all(|item| lane(series(item)) == first) {
        return;
    }
    let room = list.len() / LANES + list.len() / 32 + 4;
    let mut lanes: [Vec<T>; LANES] = std::array::from_fn(|_| Vec::with_capacity(room));
    for item in list.drain(..) {
        lanes[lane(series(&item))].push(item);
    }
    for mut lane in lanes {
        list.append(&mut lane);
    }
}

pub(super) fn arrange(metrics: &mut Metrics) {
    by_lane(&mut metrics.samples, |sample| &sample.series);
    by_lane(&mut metrics.histograms, |sample| &sample.series);
    by_lane(&mut metrics.exemplars, |exemplar| &exemplar.series);
}

/// The ranges of lanes in a list that is arranged.
fn ranges(payload: &Metrics, list: List) -> Vec<(Lane, Range<usize>)> {
    let mut ranges: Vec<(Lane, Range<usize>)> = Vec::new();
    for at in 0..list.len(payload) {
        let lane = Lane(lane(list.series(payload, at)) as u8);
        match ranges.last_mut() {
            Some((last, range)) if *last == lane => range.end = at + 1,
            _ => ranges.push((lane, at..at + 1)),
        }
    }
    ranges
}

/// All pieces of a payload that is arranged, under the series that it has.
pub(super) fn pieces(payload: &Metrics) -> Vec<Piece<Write>> {
    let mut pieces = Vec::new();
    for list in List::ALL {
        let selection = Selection { list, series: To::Same };
        for (stream, range) in ranges(payload, list) {
            let slice = Slice {
                payload,
                selection: &selection,
                range: range.clone(),
            };
            let amount = Write::count(slice);
            pieces.push(Piece {
                stream,
                selection: selection.clone(),
                range,
                amount,
            });
        }
    }
    pieces
}

/// What an endpoint has to do with a list.
enum Wanted {
    Nothing,
    /// Everything, or what is not `None`, and how much that leaves out.
    Some(Selection, bool),
}

impl Write {
    /// Which entries of a list an endpoint gets.
    fn wanted(&self, payload: &Metrics, list: List, settings: &Settings) -> Wanted {
        let (args, meter) = (&settings.args, &settings.meter);
        let length = list.len(payload);
        match list {
            List::Exemplars if !args.send_exemplars => return Wanted::Nothing,
            List::Histograms if !args.send_native_histograms => return Wanted::Nothing,
            _ => {}
        }
        let now = self.clock.now();
        let oldest = match args.queue_config.sample_age_limit.0 {
            limit if limit > 0 => (now - limit) / 1_000_000,
            _ => i64::MIN,
        };
        let old = |at: usize| list.time(payload, at) < oldest;
        let custom = |at: usize| {
            list == List::Histograms
                && args.protobuf_message != V2
                && payload.histograms[at].histogram.schema == prommodel::CUSTOM_BOUNDS
        };
        let some_old = oldest != i64::MIN && (0..length).any(old);
        let some_custom = list == List::Histograms && (0..length).any(custom);
        if !settings.mapping.has_rules() && !some_old && !some_custom {
            let series = if settings.external.is_empty() {
                To::Same
            } else {
                To::External
            };
            return Wanted::Some(Selection { list, series }, false);
        }
        let mut mapped = Vec::with_capacity(length);
        let all = (0..length).map(|at| list.series(payload, at));
        let seconds = u32::try_from(now / 1_000_000_000).unwrap_or(u32::MAX - 1);
        settings
            .mapping
            .map(all, seconds, |series| mapped.push(series.cloned()));
        meter.dropped_by_rules(list, mapped.iter().filter(|series| series.is_none()).count() as u64);
        for (at, series) in mapped.iter_mut().enumerate() {
            if series.is_some() && old(at) {
                meter.too_old(list);
                *series = None;
            }
            if series.is_some() && custom(at) {
                meter.custom_buckets();
                *series = None;
            }
        }
        let less = mapped.iter().any(Option::is_none);
        let series = To::Mapped(Arc::new(mapped));
        Wanted::Some(Selection { list, series }, less)
    }
}

impl Protocol for Write {
    type Payload = Metrics;
    type Stream = Lane;
    type Selection = Selection;
    type Settings = Settings;
    type Encoding = body::Encoding;
    type Metrics = Meters;
    type Meter = EndpointMeter;
    type Error = body::BodyError;

    const WORDS: Words = Words {
        entries: "samples",
        refused: "refused",
        batch_bytes: "max_samples_per_send",
        max_retries: "max_retries",
    };

    fn arrange(payload: Arc<Metrics>) -> Arc<Metrics> {
        let mut payload = Arc::unwrap_or_clone(payload);
        arrange(&mut payload);
        Arc::new(payload)
    }

    fn cut(
        &self,
        payload: &Metrics,
        targets: &[Arc<Target<Self>>],
        mut give: impl FnMut(usize, Piece<Self>),
    ) -> Vec<(&'static str, Amount)> {
        self.families.learn(&payload.families);
        let mut nowhere = Vec::new();
        for list in List::ALL {
            let length = list.len(payload);
            if length == 0 {
                continue;
            }
            self.metrics.came(list, length as u64, payload);
            let ranges = ranges(payload, list);
            // Entries that no endpoint gets, as far as that is known; all of them at first.
            let mut left_out: Option<Vec<bool>> = None;
            let mut rule = if targets.is_empty() { NO_ENDPOINT } else { NOT_SENT };
            for (number, target) in targets.iter().enumerate() {
                target.settings.meter.came(list, payload);
                let Wanted::Some(selection, less) = self.wanted(payload, list, &target.settings) else {
                    continue;
                };
                rule = WRITE_RELABEL;
                let left_out = left_out.get_or_insert_with(|| vec![true; length]);
                if less {
                    let all = left_out.iter_mut().enumerate();
                    all.for_each(|(at, left)| *left &= !selection.has(at));
                } else {
                    left_out.fill(false);
                }
                for (stream, range) in &ranges {
                    let slice = Slice {
                        payload,
                        selection: &selection,
                        range: range.clone(),
                    };
                    let amount = match list {
                        List::Samples if !less => Amount {
                            items: range.len() as u64,
                            bytes: SAMPLE_BYTES * range.len() as u64,
                        },
                        _ => Write::count(slice),
                    };
                    give(
                        number,
                        Piece {
                            stream: *stream,
                            selection: selection.clone(),
                            range: range.clone(),
                            amount,
                        },
                    );
                }
            }
            let mut amount = Amount::default();
            for at in 0..length {
                if left_out.as_ref().is_none_or(|left_out| left_out[at]) {
                    amount += Amount::one(list.size(payload, at));
                }
            }
            if amount.items > 0 {
                nowhere.push((rule, amount));
            }
        }
        nowhere
    }

    fn entries<'a>(slice: Slice<'a, Self>) -> impl Iterator<Item = (usize, u64)> + 'a {
        let Slice {
            payload,
            selection,
            range,
        } = slice;
        range
            .filter(|at| selection.has(*at))
            .map(|at| (at, selection.list.size(payload, at)))
    }

    fn list(selection: &Selection) -> usize {
        selection.list as usize
    }

    fn size(payload: &Metrics, list: usize, index: usize) -> u64 {
        List::ALL[list].size(payload, index)
    }

    fn encode(
        target: &Target<Self>,
        encoding: &mut body::Encoding,
        request: &Request<Self>,
    ) -> Result<Body, body::BodyError> {
        encoding.encode(&target.settings, request).map(Body::from)
    }

    fn shrink_encoding(encoding: &mut body::Encoding, keep: usize) {
        encoding.shrink(keep);
    }

    fn decode(target: &Target<Self>, body: &Bytes, _: &Arc<str>) -> Result<Decoded<Self>, body::BodyError> {
        let mut payload = body::decode(target.settings.mapping.table(), body)?;
        arrange(&mut payload);
        Ok(Decoded {
            pieces: pieces(&payload),
            payload,
        })
    }

    fn letter(entry: EntryRef<'_, Self>) -> Map<String, Value> {
        let (series, value) = shown(&entry);
        let labels: Map<String, Value> = series
            .iter()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        let time = entry.selection.list.time(entry.payload, entry.index);
        let fields = [
            ("series", Value::from(labels)),
            (
                "timestamp",
                Value::from(gotime::format_rfc3339_nano(time.saturating_mul(1_000_000))),
            ),
            ("value", Value::from(value)),
        ];
        fields
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect()
    }

    fn example(entry: EntryRef<'_, Self>) -> (Labels, Bytes) {
        let (series, value) = shown(&entry);
        (Labels::from_pairs(series.iter()), value.into())
    }

    fn meter(_: &Arc<Meters>, target: &Target<Self>, _: &str) -> EndpointMeter {
        target.settings.meter.clone()
    }
}

/// The series of an entry, and its value as text.
fn shown<'a>(entry: &EntryRef<'a, Write>) -> (&'a Series, String) {
    let (payload, at) = (entry.payload, entry.index);
    let series = entry.selection.list.series(payload, at);
    let value = match entry.selection.list {
        List::Samples => promtext::format_float(payload.samples[at].value),
        List::Histograms => format!("{:?}", payload.histograms[at].histogram),
        List::Exemplars => format!(
            "exemplar {} {:?}",
            payload.exemplars[at].value, payload.exemplars[at].labels
        ),
    };
    (series, value)
}
