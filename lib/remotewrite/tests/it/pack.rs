//! A packed request is the request that the other writer makes.

use prommodel::{Label, Series, Table};
use proptest::prelude::*;
use remotewrite::{Sample, v1};
use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};

/// Packs samples, and checks that unpacking gives what [`v1::Writer`] writes. Bytes of the block and of the message.
fn check(packer: &mut v1::Packer, samples: &[(Series, Sample)]) -> (usize, usize) {
    let mut writer = v1::Writer::default();
    packer.clear();
    for (series, sample) in samples {
        writer.sample(series, *sample);
        packer.row(&Row::of(series), *sample);
    }
    compare(packer, &writer)
}

/// How often a row was asked for a label.
fn asked(packer: &mut v1::Packer, samples: &[(Series, Sample)]) -> usize {
    let rows: Vec<_> = samples.iter().map(|(series, _)| Row::of(series)).collect();
    packer.clear();
    for (row, (_, sample)) in rows.iter().zip(samples) {
        packer.row(row, *sample);
    }
    rows.iter().map(|row| row.asked.get()).sum()
}

/// Bytes of the block, which unpacks to what the other one has written, and of the message.
fn compare(packer: &mut v1::Packer, writer: &v1::Writer) -> (usize, usize) {
    assert_eq!(packer.message_len(), writer.len());
    let block = packer.block();
    let message = snap::raw::Decoder::new()
        .decompress_vec(block)
        .expect("it is a snappy block");
    if let Some(at) = message.iter().zip(writer.message()).position(|(one, two)| one != two) {
        panic!("other bytes from {at} on");
    }
    (block.len(), message.len())
}

/// A series by numbers of labels. It counts how often it is asked for one.
struct Row {
    keys: Vec<u32>,
    labels: Vec<Label>,
    wire_len: usize,
    asked: Cell<usize>,
}

impl Row {
    fn of(series: &Series) -> Self {
        Row {
            keys: series.numbers().to_vec(),
            labels: series.labels().cloned().collect(),
            wire_len: series.wire_len(),
            asked: Cell::new(0),
        }
    }
}

impl v1::WireRow for Row {
    fn keys(&self) -> &[u32] {
        &self.keys
    }

    fn wire(&self, at: usize) -> &[u8] {
        self.asked.set(self.asked.get() + 1);
        self.labels[at].wire()
    }

    fn wire_len(&self) -> usize {
        self.wire_len
    }
}

fn sample(value: f64, timestamp: i64) -> Sample {
    Sample {
        value,
        timestamp,
        start_timestamp: 0,
    }
}

/// What a scrape of some targets brings.
fn scrape(table: &Table, targets: usize, series: usize) -> Vec<(Series, Sample)> {
    let of_target = |target: usize| {
        (0..series).map(move |at| {
            let (name, code, pod) = (
                format!("requests_{}_total", at / 20),
                (200 + at % 5).to_string(),
                format!("app-{target}"),
            );
            let route = format!("/api/v1/things/{}", at / 7);
            let labels = [
                ("__name__", name.as_str()),
                ("cluster", "eu-1"),
                ("code", &code),
                ("instance", &pod),
                ("job", "bench"),
                ("namespace", "shop"),
                ("pod", &pod),
                ("route", &route),
            ];
            (
                table.intern(labels),
                sample((at * 13 + target) as f64, 1_700_000_000_000 + target as i64),
            )
        })
    };
    (0..targets).flat_map(of_target).collect()
}

#[test]
fn labels_are_written_once() {
    let (table, mut packer) = (Table::new(), v1::Packer::default());
    let samples = scrape(&table, 10, 200);
    let (block, message) = check(&mut packer, &samples);
    let general = {
        let mut writer = v1::Writer::default();
        samples
            .iter()
            .for_each(|(series, sample)| writer.sample(series, *sample));
        snap::raw::Encoder::new()
            .compress_vec(writer.message())
            .expect("it fits")
            .len()
    };
    // At most a ninth more, for a fraction of the time.
    assert!(
        block <= general,
        "{block} bytes; a compressor needs {general} for {message}"
    );
    // The same again: nothing is left of the request before.
    assert_eq!(check(&mut packer, &samples), (block, message));
    assert_eq!(check(&mut packer, &[]).1, 0);
    let asked = asked(&mut packer, &samples);
    let labels: HashSet<_> = samples
        .iter()
        .flat_map(|(series, _)| series.numbers().to_vec())
        .collect();
    assert!(
        asked <= labels.len() * 11 / 10,
        "asked {asked} times for {} labels",
        labels.len()
    );
}

#[test]
fn what_is_new_shares_its_name_and_its_beginning() {
    let (table, mut packer) = (Table::new(), v1::Packer::default());
    let samples: Vec<_> = (0..500)
        .map(|at| {
            let id = format!("/kubepods/burstable/pod{:08x}", at * 7919);
            (
                table.intern([("__name__", "memory"), ("id", id.as_str())]),
                sample(1.5, 1000),
            )
        })
        .collect();
    let (block, message) = check(&mut packer, &samples);
    assert!(block * 3 < message, "{block} of {message}");
}

proptest! {
    #[test]
    fn any_samples_are_packed(
        labels in proptest::collection::vec(("[a-d]{1,3}", prop_oneof!["[a-z]{0,5}", "[a-z]{100,300}"]), 1..12),
        picks in proptest::collection::vec((any::<u16>(), 0..6_usize, any::<f64>(), -3..3_i64), 0..200),
        odd in any::<i64>(),
    ) {
        let (table, mut packer) = (Table::new(), v1::Packer::default());
        let samples: Vec<(Series, Sample)> = picks
            .iter()
            .map(|(mask, value, any, time)| {
                let mut builder = prommodel::SeriesBuilder::new(&table);
                for (at, (name, value)) in labels.iter().enumerate() {
                    if mask >> at & 1 == 1 {
                        builder.set(name, value);
                    }
                }
                let value = [0.0, -0.0, 1.0, 1e300, f64::from_bits(prommodel::STALE_NAN), *any][*value];
                let time = if *time == 2 { odd } else { 1_700_000_000_000 * time };
                (builder.build(), sample(value, time))
            })
            .collect();
        check(&mut packer, &samples);
        check(&mut packer, &samples);
    }
}

proptest! {
    /// Each row is the one before with some other labels, a label more or a label less.
    #[test]
    fn rows_like_the_one_before_are_packed(
        steps in proptest::collection::vec(
            (proptest::collection::vec((0..40_u8, 0..500_u16), 0..4), 0..8_u8, any::<f64>(), 0..12_u8),
            1..80,
        ),
        labels in 0..40_u8,
        odd in any::<i64>(),
    ) {
        let (table, mut packer) = (Table::new(), v1::Packer::default());
        let mut row: BTreeMap<u8, String> = (0..labels).map(|label| (label, "x".repeat(label.into()))).collect();
        let samples: Vec<(Series, Sample)> = steps
            .iter()
            .map(|(changes, value, any, time)| {
                for (label, to) in changes {
                    let to = match to {
                        0 => "y".repeat(70_000),
                        1 => "z".repeat(20_000 + usize::from(*label)),
                        2..80 => String::new(),
                        80..160 => "v".repeat(usize::from(*to)),
                        _ => (to % 50).to_string(),
                    };
                    row.insert(*label, to);
                }
                let mut builder = prommodel::SeriesBuilder::new(&table);
                for (name, value) in &row {
                    builder.set(&format!("label_{name:02}"), value);
                }
                let stale = f64::from_bits(prommodel::STALE_NAN);
                let value = [0.0, -0.0, 1.0, 2.0, 1000.0, f64::NAN, stale, *any][usize::from(*value)];
                let time = match time {
                    0 => 0,
                    1 => odd,
                    2 => 1_700_000_000_001,
                    _ => 1_700_000_000_000,
                };
                (builder.build(), sample(value, time))
            })
            .collect();
        check(&mut packer, &samples);
    }
}

/// Rows with labels of these lengths: each row has another one of its own.
fn of_lengths(table: &Table, lengths: &[usize], count: usize) -> Vec<(Series, Sample)> {
    let one = |at: usize| {
        let mut builder = prommodel::SeriesBuilder::new(table);
        for (label, length) in lengths.iter().enumerate() {
            let tag = if label == at % lengths.len() { at / 3 } else { 0 };
            builder.set(&format!("label_{label:04}"), &format!("{tag}{}", "x".repeat(*length)));
        }
        (builder.build(), sample((at % 4) as f64, 1_700_000_000_000))
    };
    (0..count).map(one).collect()
}

#[test]
fn rows_of_many_and_of_long_labels_are_packed() {
    let (table, mut packer) = (Table::new(), v1::Packer::default());
    // More labels than places, and than keys of rows are remembered.
    check(&mut packer, &of_lengths(&table, &[3; 700], 40));
    check(&mut packer, &of_lengths(&table, &[0; 5000], 3));
    // The row before is near, it is just so, it is not, and parts of a label are far from each other.
    for long in [30_000, 65_000, 65_400, 65_450, 65_500, 65_535, 65_536, 70_000] {
        check(&mut packer, &of_lengths(&table, &[5, 9, long, 20, 3], 30));
    }
    check(&mut packer, &of_lengths(&table, &[70_000, 70_000], 10));
    check(&mut packer, &of_lengths(&table, &[], 10));
    check(&mut packer, &of_lengths(&table, &[4], 10));
}

#[test]
fn labels_from_far_away_are_not_written_again() {
    let (table, mut packer) = (Table::new(), v1::Packer::default());
    let mut samples = scrape(&table, 4, 700);
    let (_, message) = check(&mut packer, &samples);
    let before = asked(&mut packer, &samples);
    samples.extend(samples.clone());
    assert_eq!(check(&mut packer, &samples).1, 2 * message);
    assert!(message > 1 << 17);
    let again = asked(&mut packer, &samples) - before;
    assert!(again * 5 < before, "asked {again} times again, after {before} times");
}

#[test]
fn each_distance_is_packed() {
    let (table, mut packer) = (Table::new(), v1::Packer::default());
    // At each distance around the longest one of a copy.
    for length in (1 << 16) - 60..(1 << 16) + 10 {
        let (long, time) = ("x".repeat(length), 1_700_000_000_000);
        let series = [
            [("a", "beginning"), ("b", "1")],
            [("a", "b"), ("b", &long)],
            [("a", "beginning"), ("b", "2")],
            [("a", "begun"), ("b", "1")],
        ];
        let samples = series.map(|labels| (table.intern(labels), sample(1.5, time)));
        check(&mut packer, &samples);
    }
}

#[test]
fn samples_of_equal_length_and_other_fields_are_told_apart() {
    let (table, mut packer) = (Table::new(), v1::Packer::default());
    let (a, b) = (table.intern([("a", "1")]), table.intern([("b", "2")]));
    // Without a value, and a time of ten bytes; with a value, and a time of one.
    let samples = [(0.0, -5), (1.5, 3), (0.0, -7), (2.5, 4), (f64::MAX, 5), (0.0, -5)];
    let both = |value: &(f64, i64)| [&a, &b].map(|series| (series.clone(), sample(value.0, value.1)));
    check(&mut packer, &samples.iter().flat_map(both).collect::<Vec<_>>());
}
