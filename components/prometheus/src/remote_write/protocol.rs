//! Samples as remote write takes them.

use super::args::{EndpointArgs, V2};
use super::body;
use super::families::Families;
use super::metrics::{EndpointMeter, Metrics as Meters};
use super::order::Order;
use super::selection::{After, List, Selection, To};
use super::series::Mapping;
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
const LANES: usize = Series::PARTS;

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
pub(super) struct Lane(pub(super) u8);

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

/// Brings lanes together, each in its order.
fn by_lane<T>(list: &mut Vec<T>, series: impl Fn(&T) -> &Series) {
    let Some(first) = list.first().map(|item| series(item).part()) else {
        return;
    };
    if list.iter().all(|item| series(item).part() == first) {
        return;
    }
    let room = list.len() / LANES + list.len() / 32 + 4;
    let mut lanes: [Vec<T>; LANES] = std::array::from_fn(|_| Vec::with_capacity(room));
    for item in list.drain(..) {
        lanes[series(&item).part()].push(item);
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
        let Some(series) = list.series(payload, at) else {
            continue;
        };
        let lane = Lane(series.part() as u8);
        match ranges.last_mut() {
            Some((last, range)) if *last == lane => range.end = at + 1,
            _ => ranges.push((lane, at..at + 1)),
        }
    }
    ranges
}

/// All pieces of a payload without runs that is arranged, under the series that it has.
pub(super) fn pieces(payload: &Metrics) -> Vec<Piece<Write>> {
    let mut pieces = Vec::new();
    for list in List::ALL.into_iter().filter(|list| *list != List::Runs) {
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
        let oldest = self.oldest(settings);
        let same = Selection { list, series: To::Same };
        let old = |at: usize| same.time(payload, at) < oldest;
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
        let all = (0..length).filter_map(|at| list.series(payload, at));
        let seconds = u32::try_from(self.clock.now() / 1_000_000_000).unwrap_or(u32::MAX - 1);
        settings
            .mapping
            .map(all, seconds, |series| mapped.push(series.cloned()));
        meter.dropped_by_rules(list, mapped.iter().filter(|series| series.is_none()).count() as u64);
        for (at, series) in mapped.iter_mut().enumerate() {
            if series.is_some() && old(at) {
                meter.too_old(list, 1);
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

    /// What an endpoint gets of runs; everything, if there is nothing to say of it.
    fn wanted_runs(&self, payload: &Metrics, settings: &Settings) -> Option<Arc<[After]>> {
        let oldest = self.oldest(settings);
        let runs = &payload.runs;
        let some_old = oldest != i64::MIN && runs.is_before(oldest);
        if settings.mapping.is_nothing() && !some_old {
            return None;
        }
        let mapped = settings.mapping.map_runs(runs);
        let (mut dropped, mut old) = (0, 0);
        let after = runs.list().iter().zip(mapped).map(|(run, mapped)| {
            let mut wanted = run.rows & mapped.kept;
            dropped += u64::from((run.rows & !mapped.kept).count_ones());
            if some_old {
                let young = runs.rows_since(run, oldest);
                old += u64::from((wanted & !young).count_ones());
                wanted &= young;
            }
            After {
                block: mapped.block,
                kept: mapped.kept,
                wanted,
            }
        });
        let after = after.collect();
        settings.meter.dropped_by_rules(List::Runs, dropped);
        settings.meter.too_old(List::Runs, old);
        Some(after)
    }

    /// Cuts runs; what is for no target.
    fn cut_runs(
        &self,
        payload: &Metrics,
        targets: &[Arc<Target<Self>>],
        give: &mut impl FnMut(usize, Piece<Self>),
    ) -> Option<(&'static str, Amount)> {
        let runs = &payload.runs;
        let order = Arc::new(Order::new(runs));
        let mut left_out: Vec<u64> = runs.list().iter().map(|run| run.rows).collect();
        for (number, target) in targets.iter().enumerate() {
            target.settings.meter.came(List::Runs, payload);
            let after = self.wanted_runs(payload, &target.settings);
            for (at, left) in left_out.iter_mut().enumerate() {
                *left &= after.as_ref().map_or(0, |after| !after[at].wanted);
            }
            let selection = Selection {
                list: List::Runs,
                series: To::Runs(order.clone(), after.clone()),
            };
            for (stream, range) in order.lanes() {
                let items = match &after {
                    None => range.len() as u64,
                    Some(after) => {
                        let runs = order.runs(range.clone());
                        runs.map(|(_, run, rows)| u64::from((rows & after[run].wanted).count_ones()))
                            .sum()
                    }
                };
                let amount = Amount {
                    items,
                    bytes: SAMPLE_BYTES * items,
                };
                give(
                    number,
                    Piece {
                        stream,
                        selection: selection.clone(),
                        range,
                        amount,
                    },
                );
            }
        }
        let items = left_out.iter().map(|rows| u64::from(rows.count_ones())).sum();
        let rule = if targets.is_empty() { NO_ENDPOINT } else { WRITE_RELABEL };
        let amount = Amount {
            items,
            bytes: SAMPLE_BYTES * items,
        };
        (items > 0).then_some((rule, amount))
    }

    /// Samples from before this time, in milliseconds, are not sent.
    fn oldest(&self, settings: &Settings) -> i64 {
        match settings.args.queue_config.sample_age_limit.0 {
            limit if limit > 0 => (self.clock.now() - limit) / 1_000_000,
            _ => i64::MIN,
        }
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
        // Runs know their lanes.
        if payload.samples.is_empty() && payload.histograms.is_empty() && payload.exemplars.is_empty() {
            return payload;
        }
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
            if list == List::Runs {
                nowhere.extend(self.cut_runs(payload, targets, &mut give));
                continue;
            }
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
        let (labels, value) = shown(&entry);
        let labels: Map<String, Value> = labels
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        let time = entry.selection.time(entry.payload, entry.index);
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
        let (labels, value) = shown(&entry);
        (Labels::from_pairs(labels), value.into())
    }

    fn meter(_: &Arc<Meters>, target: &Target<Self>, _: &str) -> EndpointMeter {
        target.settings.meter.clone()
    }
}

/// The series of an entry, and its value as text.
fn shown<'a>(entry: &EntryRef<'a, Write>) -> (Vec<(&'a str, &'a str)>, String) {
    let (payload, at) = (entry.payload, entry.index);
    let alone = |series: &'a Series| series.iter().collect();
    match entry.selection.list {
        List::Samples => {
            let sample = &payload.samples[at];
            (alone(&sample.series), promtext::format_float(sample.value))
        }
        List::Runs => {
            let (run, row) = entry.selection.place(at);
            let run = &payload.runs.list()[run];
            let labels = run.block.row(row).iter().collect();
            (labels, promtext::format_float(payload.runs.value(run, row)))
        }
        List::Histograms => {
            let sample = &payload.histograms[at];
            (alone(&sample.series), format!("{:?}", sample.histogram))
        }
        List::Exemplars => {
            let one = &payload.exemplars[at];
            (alone(&one.series), format!("exemplar {} {:?}", one.value, one.labels))
        }
    }
}
