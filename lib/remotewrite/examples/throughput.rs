//! Samples a second into snappy blocks, packed at once and written first: `cargo run --release -p remotewrite --example throughput`.

use prommodel::{Series, Table};
use remotewrite::{Sample, v1};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Samples of a request: what a scrape of some targets brings, every eighth series.
fn request(table: &Table) -> Vec<(Series, Sample)> {
    let mut samples = Vec::new();
    for target in 0..16 {
        for at in (0..1000).step_by(8) {
            let (name, route) = (
                format!("http_requests_{}_total", at / 20),
                format!("/api/v1/things/{}", at / 20),
            );
            let (pod, instance) = (format!("app-{target}"), format!("host-{target}:8080"));
            let code = ["200", "204", "400", "404", "500"][at % 5];
            let method = ["GET", "POST", "PUT", "DELETE"][at % 20 / 5];
            let series = table.intern([
                ("__name__", name.as_str()),
                ("cluster", "eu-1"),
                ("code", code),
                ("instance", &instance),
                ("job", "bench"),
                ("method", method),
                ("namespace", "shop"),
                ("pod", &pod),
                ("route", &route),
                ("team", "shop"),
                ("version", "v1.0"),
            ]);
            let sample = Sample {
                value: (target * 7 + at * 13) as f64,
                timestamp: 1_700_000_000_000 + target as i64,
                start_timestamp: 0,
            };
            samples.push((series, sample));
        }
    }
    samples
}

fn measure(name: &str, samples: usize, mut work: impl FnMut() -> usize) {
    let (mut best, mut bytes) = (Duration::MAX, 0);
    for _ in 0..2000 {
        let started = Instant::now();
        bytes = black_box(work());
        best = best.min(started.elapsed());
    }
    println!(
        "{name:<24} {:>7.1} ns a sample {:>7.1} bytes a sample",
        best.as_nanos() as f64 / samples as f64,
        bytes as f64 / samples as f64
    );
}

fn main() {
    let table = Table::new();
    let samples = request(&table);
    let (mut packer, mut writer) = (v1::Packer::default(), v1::Writer::default());
    let (mut encoder, mut block) = (snap::raw::Encoder::new(), Vec::new());
    measure("packed at once", samples.len(), || {
        packer.clear();
        samples
            .iter()
            .for_each(|(series, sample)| packer.sample(series, *sample));
        packer.block().len()
    });
    measure("written, then compressed", samples.len(), || {
        writer.clear();
        samples
            .iter()
            .for_each(|(series, sample)| writer.sample(series, *sample));
        block.resize(snap::raw::max_compress_len(writer.len()), 0);
        encoder.compress(writer.message(), &mut block).expect("there is room")
    });
}
