//! Samples a second into snappy blocks, packed at once and written first: `cargo run --release -p remotewrite --example throughput`.

use prommodel::{Series, Table};
use remotewrite::{Sample, v1};
use std::hint::black_box;
use std::time::{Duration, Instant};

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];
const CODES: [&str; 5] = ["200", "204", "400", "404", "500"];
const BOUNDS: [&str; 12] = [
    "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf",
];

fn sample(value: f64) -> Sample {
    Sample {
        value,
        timestamp: 1_700_000_000_000,
        start_timestamp: 0,
    }
}

/// Numbers without an order, always the same ones.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % sides
    }
}

/// Labels that are those of all series of a target.
fn of_target(target: usize) -> [(&'static str, String); 8] {
    [
        ("cluster", "production-eu-west-1".to_owned()),
        ("container", "api".to_owned()),
        ("instance", format!("10.8.{}.{}:8080", target / 7, target * 31 % 256)),
        ("job", "monitoring/shop-api".to_owned()),
        ("namespace", format!("shop-{}", target / 4)),
        ("node", format!("ip-10-8-{}-17.eu-west-1.compute.internal", target / 2)),
        ("pod", format!("shop-api-7d9c5b6f4d-{:05x}", target * 7919)),
        ("team", "shop".to_owned()),
    ]
}

fn series(table: &Table, target: usize, own: &[(&str, &str)]) -> Series {
    let mut builder = prommodel::SeriesBuilder::new(table);
    for (name, value) in &of_target(target) {
        builder.set(name, value);
    }
    for (name, value) in own {
        builder.set(name, value);
    }
    builder.build()
}

/// What a scrape of some targets brings: families of counters and histograms by code and method.
fn families(table: &Table) -> Vec<(Series, Sample)> {
    let (mut samples, mut dice) = (Vec::new(), Dice(1));
    for target in 0..8 {
        for family in 0..12 {
            let (counter, bucket) = (
                format!("http_server_{family}_requests_total"),
                format!("http_server_{family}_request_duration_seconds_bucket"),
            );
            let route = format!("/api/v1/things/{}", family % 5);
            for method in METHODS {
                for code in CODES {
                    if dice.roll(3) == 0 {
                        let count = dice.roll(1 << 14) as f64;
                        let own = [
                            ("__name__", counter.as_str()),
                            ("code", code),
                            ("method", method),
                            ("route", &route),
                        ];
                        samples.push((series(table, target, &own), sample(count)));
                    }
                }
                let mut count = 0;
                for le in BOUNDS {
                    count += dice.roll(40).saturating_sub(15);
                    let own = [
                        ("__name__", bucket.as_str()),
                        ("le", le),
                        ("method", method),
                        ("route", &route),
                    ];
                    samples.push((series(table, target, &own), sample(count as f64)));
                }
            }
        }
    }
    samples
}

/// What a scrape of some targets brings: families of one series each, with values of all kinds.
fn gauges(table: &Table) -> Vec<(Series, Sample)> {
    let (mut samples, mut dice) = (Vec::new(), Dice(2));
    for target in 0..8 {
        for family in 0..250 {
            let name = format!("process_{}_of_kind_{family}", ["bytes", "seconds", "count"][family % 3]);
            let device = format!("eth{}", family / 3 % 4);
            let own = [("__name__", name.as_str()), ("device", &device)];
            let own = &own[..1 + usize::from(family % 5 < 2)];
            let value = match dice.roll(3) {
                0 => 0.0,
                1 => dice.roll(1 << 20) as f64,
                _ => dice.roll(1 << 30) as f64 / 1e6,
            };
            samples.push((series(table, target, own), sample(value)));
        }
    }
    samples
}

/// Series in no order: two thirds of the labels are others than those of the series before.
fn shuffled(table: &Table) -> Vec<(Series, Sample)> {
    let mut dice = Dice(3);
    let mut one = |_| {
        let (name, route) = (
            format!("http_server_{}_requests_total", dice.roll(20)),
            format!("/api/v1/things/{}", dice.roll(20)),
        );
        let own = [
            ("__name__", name.as_str()),
            ("code", CODES[dice.roll(5)]),
            ("method", METHODS[dice.roll(4)]),
            ("route", &route),
        ];
        let series = series(table, dice.roll(64), &own);
        (series, sample(dice.roll(1 << 14) as f64))
    };
    (0..4000).map(&mut one).collect()
}

fn measure(name: &str, samples: usize, mut work: impl FnMut() -> usize) {
    let (mut best, mut bytes) = (Duration::MAX, 0);
    for _ in 0..1000 {
        let started = Instant::now();
        bytes = black_box(work());
        best = best.min(started.elapsed());
    }
    println!(
        "    {name:<24} {:>7.1} ns a sample {:>7.1} bytes a sample",
        best.as_nanos() as f64 / samples as f64,
        bytes as f64 / samples as f64
    );
}

fn compare(name: &str, samples: &[(Series, Sample)]) {
    let labels: usize = samples.iter().map(|(series, _)| series.wire_len()).sum();
    println!(
        "{name}: {} samples, {} bytes of labels each",
        samples.len(),
        labels / samples.len()
    );
    let (mut packer, mut writer) = (v1::Packer::default(), v1::Writer::default());
    let (mut encoder, mut block) = (snap::raw::Encoder::new(), Vec::new());
    measure("packed", samples.len(), || {
        packer.clear();
        samples.iter().for_each(|(series, sample)| packer.row(series, *sample));
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

fn main() {
    let table = Table::new();
    compare("Families by code, method and le", &families(&table));
    compare("Families of one series", &gauges(&table));
    compare("Series in no order", &shuffled(&table));
}
