//! How fast bodies of 10,000 series are parsed: `cargo run --release -p promscrape --example throughput`.

#[path = "../tests/it/bodies.rs"]
mod bodies;

use promscrape::{Buffers, Entry, Format, LabelsBuf, Options, Parser};
use std::hint::black_box;
use std::time::{Duration, Instant};

const SERIES: usize = 10_000;

/// What is done with each sample.
#[derive(Clone, Copy, PartialEq)]
enum Work {
    /// Only the key and the value are looked at, as for a series that is in the cache.
    Raw,
    /// The keys of the scrape before are expected.
    Expected,
    /// Labels are decoded.
    Labels,
}

fn pass(
    body: &[u8],
    format: Format,
    options: Options,
    work: Work,
    buffers: &mut Buffers,
    keys: &mut Vec<Vec<u8>>,
) -> usize {
    let mut labels = LabelsBuf::new();
    let mut parser = Parser::new(body, format, options, buffers);
    let first = keys.is_empty();
    let mut samples = 0;
    loop {
        let more = match (work, keys.get(samples)) {
            (Work::Expected, Some(key)) => parser.advance_expecting(key),
            _ => parser.advance(),
        };
        if !more.expect("the body is well-formed") {
            return samples;
        }
        match parser.entry() {
            Entry::Series(series) => {
                black_box((series.raw, series.value));
                if first {
                    keys.push(series.raw.to_vec());
                }
            }
            Entry::Histogram(sample) => {
                black_box(sample.histogram);
            }
            _ => continue,
        }
        samples += 1;
        if work == Work::Labels {
            parser.labels(&mut labels).expect("labels are well-formed");
            black_box(&labels);
        }
    }
}

fn measure(name: &str, body: &[u8], format: Format, options: Options, work: Work) {
    let mut buffers = Buffers::new();
    let mut keys = Vec::new();
    let samples = pass(body, format, options, work, &mut buffers, &mut keys);
    // The best of several rounds: whatever else runs on the machine only makes it slower.
    let mut best = Duration::MAX;
    let deadline = Instant::now() + Duration::from_secs(2);
    while Instant::now() < deadline {
        let started = Instant::now();
        for _ in 0..10 {
            black_box(pass(body, format, options, work, &mut buffers, &mut keys));
        }
        best = best.min(started.elapsed() / 10);
    }
    let seconds = best.as_secs_f64();
    println!(
        "{name:34} {:8.0} MB/s {:7.1} ns/sample {:7.2} M samples/s  ({samples} samples, {} bytes)",
        body.len() as f64 / seconds / 1e6,
        seconds / samples as f64 * 1e9,
        samples as f64 / seconds / 1e6,
        body.len()
    );
}

fn main() {
    let plain = bodies::plain(SERIES);
    let mixed = bodies::mixed(SERIES, false);
    let open_metrics = bodies::mixed(SERIES, true);
    let protobuf = bodies::protobuf(SERIES);
    let none = Options::default();
    let starts = Options {
        start_timestamps: true,
        ..none
    };
    let convert = Options {
        convert_classic: true,
        ..none
    };
    let text = Format::Text;
    measure("text, plain lines", plain.as_bytes(), text, none, Work::Raw);
    measure(
        "text, plain lines, expected",
        plain.as_bytes(),
        text,
        none,
        Work::Expected,
    );
    measure(
        "text, plain lines, with labels",
        plain.as_bytes(),
        text,
        none,
        Work::Labels,
    );
    measure("text, mixed", mixed.as_bytes(), text, none, Work::Raw);
    measure("text, mixed, expected", mixed.as_bytes(), text, none, Work::Expected);
    measure("text, mixed, converted", mixed.as_bytes(), text, convert, Work::Raw);
    let format = Format::OpenMetrics;
    measure("OpenMetrics, mixed", open_metrics.as_bytes(), format, none, Work::Raw);
    measure(
        "OpenMetrics, mixed, expected",
        open_metrics.as_bytes(),
        format,
        none,
        Work::Expected,
    );
    measure(
        "OpenMetrics, start timestamps",
        open_metrics.as_bytes(),
        format,
        starts,
        Work::Raw,
    );
    measure("protobuf", &protobuf, Format::Protobuf, none, Work::Raw);
    measure("protobuf, with labels", &protobuf, Format::Protobuf, none, Work::Labels);
}
