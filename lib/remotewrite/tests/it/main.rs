//! Prometheus' own encodings, and bytes of any kind.

mod pack;

use proptest::prelude::*;
use remotewrite::{Sample, Series, v1, v2};
use serde_json::Value;
use std::path::Path;

fn vectors() -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/remotewrite.json");
    let Ok(text) = std::fs::read(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    };
    Some(serde_json::from_slice(&text).expect("the vectors are JSON"))
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().expect("a text");
    let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("two digits");
    (0..hex.len()).step_by(2).map(digits).collect()
}

/// Writes what was read; the same bytes must come out.
fn write_v1(message: &[u8]) -> Vec<u8> {
    let mut writer = v1::Writer::default();
    for part in v1::series(message) {
        match part.expect("the request is well formed") {
            v1::Part::Series(series) => {
                let labels = v1::EncodedLabels::new(series.labels.iter().copied());
                series.samples.iter().for_each(|sample| writer.sample(&labels, *sample));
                series
                    .exemplars
                    .iter()
                    .for_each(|one| writer.exemplar(&labels, one.labels.iter().copied(), one.value, one.timestamp));
                series
                    .histograms
                    .iter()
                    .for_each(|one| writer.histogram(&labels, &one.histogram, one.timestamp));
            }
            v1::Part::Metadata(one) => writer.metadata(one.family, one.kind, one.help, one.unit),
        }
    }
    writer.message().to_vec()
}

fn write_v2(message: &[u8]) -> Vec<u8> {
    let mut writer = v2::Writer::default();
    for series in v2::series(message).expect("the symbols are well formed") {
        let series: Series<'_> = series.expect("the request is well formed");
        let metadata = v2::Metadata {
            kind: series.kind,
            help: series.help,
            unit: series.unit,
        };
        let labels = || series.labels.iter().copied();
        match (series.samples.as_slice(), series.exemplars.as_slice()) {
            ([], []) => {}
            ([sample], []) => writer.sample(labels(), metadata, *sample),
            (samples, exemplars) => writer.exemplars(labels(), metadata, samples.first().copied(), exemplars),
        }
        series
            .histograms
            .iter()
            .for_each(|one| writer.histogram(labels(), metadata, &one.histogram, one.timestamp, one.start_timestamp));
    }
    let mut out = Vec::new();
    writer.finish(&mut out);
    out
}

#[test]
fn requests_are_encoded_as_prometheus_does() {
    let Some(vectors) = vectors() else { return };
    let (one, two) = (bytes(&vectors["v1"]["proto_hex"]), bytes(&vectors["v2"]["proto_hex"]));
    assert_eq!(write_v1(&one), one);
    assert_eq!(write_v2(&two), two);
    assert!(one.len() > 200 && two.len() > 200, "the vectors hold something");
    for (key, ours) in [
        (
            "content_type",
            [remotewrite::V1_CONTENT_TYPE, remotewrite::V2_CONTENT_TYPE],
        ),
        (
            "X-Prometheus-Remote-Write-Version",
            [remotewrite::V1_VERSION, remotewrite::V2_VERSION],
        ),
    ] {
        assert_eq!(vectors["v1"][key], ours[0]);
        assert_eq!(vectors["v2"][key], ours[1]);
    }
    let stale = format!("{:016x}", prommodel::STALE_NAN);
    assert_eq!(vectors["stale_nan_bits"], stale.as_str());
}

#[test]
fn values_are_read_as_they_were_meant() {
    let Some(vectors) = vectors() else { return };
    let message = bytes(&vectors["v1"]["proto_hex"]);
    let parts: Vec<_> = v1::series(&message).map(Result::unwrap).collect();
    let v1::Part::Series(up) = &parts[0] else {
        panic!("a series")
    };
    assert_eq!(up.labels, [("__name__", "up"), ("instance", "a:1"), ("job", "x")]);
    assert_eq!(
        up.samples,
        [Sample {
            value: 1.0,
            timestamp: 1_700_000_000_123,
            start_timestamp: 0
        }]
    );
    let v1::Part::Series(gone) = &parts[1] else {
        panic!("a series")
    };
    assert_eq!(gone.samples[0].value.to_bits(), prommodel::STALE_NAN);
    let v1::Part::Series(negative) = &parts[3] else {
        panic!("a series")
    };
    assert_eq!(
        (negative.samples[0].value, negative.samples[0].timestamp),
        (f64::NEG_INFINITY, -5)
    );
    let message = bytes(&vectors["v2"]["proto_hex"]);
    let series: Vec<Series<'_>> = v2::series(&message).unwrap().map(Result::unwrap).collect();
    assert_eq!(series[0].help, "target is up");
    assert_eq!(series[2].samples[0].start_timestamp, 1_699_999_990_000);
    assert_eq!(series[2].exemplars[0].labels, [("trace_id", "abc")]);
}

#[test]
fn what_a_request_lacks_is_named() {
    let mut message = Vec::new();
    protowire::push_message(&mut message, 5, |out| protowire::push_bytes(out, 1, &[1, 2]));
    let error = v2::series(&message).unwrap().next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the request has no symbol 1");
    let error = v1::series(b"\x0a\xff").next().unwrap().unwrap_err();
    assert!(error.to_string().contains("malformed protobuf at byte"), "{error}");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(message in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = v1::series(&message).count();
        if let Ok(series) = v2::series(&message) {
            let _ = series.count();
        }
    }

    #[test]
    fn samples_round_trip(value in any::<f64>(), timestamp in any::<i64>(), name in "[a-z]{0,200}", text in ".{0,300}") {
        let labels = [("__name__", name.as_str()), ("x", text.as_str())];
        let sample = Sample { value, timestamp, start_timestamp: 0 };
        let mut writer = v1::Writer::default();
        writer.sample(&v1::EncodedLabels::new(labels), sample);
        let mut other = v2::Writer::default();
        other.sample(labels, v2::Metadata::default(), sample);
        let mut message = Vec::new();
        other.finish(&mut message);
        let v1::Part::Series(one) = v1::series(writer.message()).next().unwrap().unwrap() else { panic!("a series") };
        let two = v2::series(&message).unwrap().next().unwrap().unwrap();
        for series in [one, two] {
            prop_assert_eq!(&series.labels, &labels);
            prop_assert_eq!(series.samples[0].value.to_bits(), value.to_bits());
            prop_assert_eq!(series.samples[0].timestamp, timestamp);
        }
    }
}
