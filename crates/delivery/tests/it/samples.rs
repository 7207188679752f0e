//! Samples whose series fall into lanes: what a piece has is neither a list of the payload nor a range of one.

use bytes::Bytes;
use delivery::{
    Body, Decoded, EntryRef, Meter, Piece, Protocol, Request, Slice, StreamKey, Target, Words, stable_hash,
};
use serde_json::{Map, Value};
use signals::{Amount, Batch, Labels, Payload};
use std::fmt::Write;
use std::sync::{Arc, Mutex};

/// Bytes of a sample.
pub const SIZE: u64 = 16;
/// Rule that keeps samples from every target.
pub const RULE: &str = "write_relabel";
const LANES: u32 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub series: u32,
    pub value: u64,
}

/// The records of a batch.
#[derive(Clone)]
pub struct Samples(pub Vec<Sample>);

impl Payload for Samples {
    fn amount(&self) -> Amount {
        size(self.0.len() as u64)
    }
}

pub fn size(samples: u64) -> Amount {
    Amount {
        items: samples,
        bytes: samples * SIZE,
    }
}

/// One in `LANES` of the series, of those that a target wants.
#[derive(Clone, Copy)]
pub struct Lane {
    number: u32,
    /// Series below it are not wanted.
    from: u32,
}

impl StreamKey for Lane {
    fn hash(&self) -> u64 {
        stable_hash(&self.number.to_le_bytes())
    }

    fn same(&self, other: &Self) -> bool {
        self.number == other.number
    }

    fn tenant(&self) -> Option<&Arc<str>> {
        None
    }
}

/// What was counted, in order.
#[derive(Default)]
pub struct Counted(pub Mutex<Vec<String>>);

pub struct CountedFor(Arc<Counted>);

impl CountedFor {
    fn note(&self, text: String) {
        self.0.0.lock().unwrap().push(text);
    }
}

impl Meter<Lanes> for CountedFor {
    fn attempted(&self, _: Option<u16>, _: f64) {}
    fn retried(&self) {}
    fn delivered(&self, entries: u64, _: u64, request: Option<&Request<Lanes>>) {
        assert!(request.is_none_or(|request| request.entries() == entries));
        self.note(format!("delivered {entries}"));
    }
    fn dropped(&self, reason: &str, entries: u64, bytes: u64, request: Option<&Request<Lanes>>) {
        assert!(request.is_none_or(|request| request.amount() == size(entries)));
        assert_eq!(bytes, entries * SIZE);
        self.note(format!("dropped {entries}: {reason}"));
    }
    fn request_size(&self, _: u64) {}
    fn latency(&self, _: f64) {}
}

pub struct Lanes;

/// A body that is not one.
#[derive(Debug)]
pub struct NotSamples;

impl std::fmt::Display for NotSamples {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not samples")
    }
}

impl std::error::Error for NotSamples {}

pub fn parse(body: &[u8]) -> Option<Vec<Sample>> {
    let line = |line: &str| {
        let (series, value) = line.split_once(' ')?;
        Some(Sample {
            series: series.parse().ok()?,
            value: value.parse().ok()?,
        })
    };
    std::str::from_utf8(body).ok()?.lines().map(line).collect()
}

fn pieces(samples: &[Sample], from: u32) -> impl Iterator<Item = Piece<Lanes>> {
    (0..LANES).filter_map(move |number| {
        let lane = Lane { number, from };
        let count = samples.iter().filter(|sample| lane.has(sample)).count();
        (count > 0).then(|| Piece {
            stream: lane,
            selection: lane,
            range: 0..samples.len(),
            amount: size(count as u64),
        })
    })
}

impl Lane {
    fn has(&self, sample: &Sample) -> bool {
        sample.series % LANES == self.number && sample.series >= self.from
    }
}

impl Protocol for Lanes {
    type Payload = Samples;
    type Stream = Lane;
    type Selection = Lane;
    /// Series below it are not wanted.
    type Settings = u32;
    type Encoding = String;
    type Metrics = Counted;
    type Meter = CountedFor;
    type Error = NotSamples;

    const WORDS: Words = Words {
        entries: "samples",
        refused: "refused",
        batch_bytes: "max_samples_per_send",
        max_retries: "max_retries",
    };

    fn cut(
        &self,
        payload: &Samples,
        targets: &[Arc<Target<Self>>],
        mut give: impl FnMut(usize, Piece<Self>),
    ) -> Vec<(&'static str, Amount)> {
        let mut least = u32::MAX;
        for (number, target) in targets.iter().enumerate() {
            least = least.min(target.settings);
            for piece in pieces(&payload.0, target.settings) {
                give(number, piece);
            }
        }
        let unwanted = payload.0.iter().filter(|sample| sample.series < least).count();
        vec![(RULE, size(unwanted as u64))]
    }

    fn entries<'a>(slice: Slice<'a, Self>) -> impl Iterator<Item = (usize, u64)> + 'a {
        let (samples, lane) = (&slice.payload.0, *slice.selection);
        slice
            .range
            .filter(move |&index| lane.has(&samples[index]))
            .map(|index| (index, SIZE))
    }

    fn list(_: &Lane) -> usize {
        0
    }

    fn size(_: &Samples, _: usize, _: usize) -> u64 {
        SIZE
    }

    fn encode(_: &Target<Self>, text: &mut String, request: &Request<Self>) -> Result<Body, NotSamples> {
        text.clear();
        for (_, slices) in request.groups() {
            for slice in slices {
                let samples = &slice.payload.0;
                for (index, _) in Self::entries(slice) {
                    let Sample { series, value } = samples[index];
                    writeln!(text, "{series} {value}").map_err(|_| NotSamples)?;
                }
            }
        }
        Ok(Bytes::copy_from_slice(text.as_bytes()).into())
    }

    fn shrink_encoding(text: &mut String, keep: usize) {
        text.shrink_to(keep);
    }

    fn decode(_: &Target<Self>, body: &Bytes, _: &Arc<str>) -> Result<Decoded<Self>, NotSamples> {
        let samples = parse(body).ok_or(NotSamples)?;
        Ok(Decoded {
            pieces: pieces(&samples, 0).collect(),
            payload: Samples(samples),
        })
    }

    fn letter(entry: EntryRef<'_, Self>) -> Map<String, Value> {
        let Sample { series, value } = entry.payload.0[entry.index];
        let fields = [("series", Value::from(series)), ("value", Value::from(value))];
        fields
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect()
    }

    fn example(entry: EntryRef<'_, Self>) -> (Labels, Bytes) {
        let Sample { series, value } = entry.payload.0[entry.index];
        let labels = Labels::from_pairs([("series", series.to_string())]);
        (labels, Bytes::from(value.to_string()))
    }

    fn meter(metrics: &Arc<Counted>, _: &Target<Self>, _: &str) -> CountedFor {
        CountedFor(metrics.clone())
    }
}

pub fn batch(samples: &[(u32, u64)]) -> Batch<Samples> {
    let samples = samples.iter().map(|&(series, value)| Sample { series, value });
    Batch::new(Samples(samples.collect()), signals::Permit::none())
}
