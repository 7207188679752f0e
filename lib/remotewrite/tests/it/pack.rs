//! A packed request is the request that the other writer makes.

use prommodel::{Series, Table};
use proptest::prelude::*;
use remotewrite::{Sample, v1};

/// Packs samples, and checks that unpacking gives what [`v1::Writer`] writes. Bytes of the block and of the message.
fn check(packer: &mut v1::Packer, samples: &[(Series, Sample)]) -> (usize, usize) {
    let mut writer = v1::Writer::default();
    packer.clear();
    for (series, sample) in samples {
        writer.sample(series, *sample);
        packer.sample(series, *sample);
    }
    assert_eq!(packer.message_len(), writer.len());
    let block = packer.block();
    let message = snap::raw::Decoder::new()
        .decompress_vec(block)
        .expect("it is a snappy block");
    assert!(message == writer.message(), "{samples:?}");
    (block.len(), message.len())
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

#[test]
fn samples_of_equal_length_and_other_fields_are_told_apart() {
    let (table, mut packer) = (Table::new(), v1::Packer::default());
    let (a, b) = (table.intern([("a", "1")]), table.intern([("b", "2")]));
    // Without a value, and a time of ten bytes; with a value, and a time of one.
    let samples = [(0.0, -5), (1.5, 3), (0.0, -7), (2.5, 4), (f64::MAX, 5), (0.0, -5)];
    let both = |value: &(f64, i64)| [&a, &b].map(|series| (series.clone(), sample(value.0, value.1)));
    check(&mut packer, &samples.iter().flat_map(both).collect::<Vec<_>>());
}
