//! How fast requests are written and read on this machine: `cargo run --release -p lokipush --example throughput`.

use std::hint::black_box;
use std::time::Instant;

use lokipush::{Compressor, Encoder, decompress, proto};

const ROUNDS: u32 = 200;

fn measure(what: &str, bytes: usize, mut work: impl FnMut()) {
    work();
    let start = Instant::now();
    for _ in 0..ROUNDS {
        work();
    }
    let rate = bytes as f64 * f64::from(ROUNDS) / start.elapsed().as_secs_f64() / 1e9;
    println!("{what:32} {rate:6.2} GB/s");
}

fn main() {
    for len in [50, 200, 1000] {
        // Lines that compress about as well as an access log does.
        let lines: Vec<Vec<u8>> = (0..(1 << 20) / len)
            .map(|i| {
                let text = format!(
                    "10.0.{}.{} - GET /api/v1/items/{} 200 {}",
                    i % 7,
                    i % 251,
                    i * 7919 % 10_007,
                    i * 31 % 997
                );
                text.into_bytes().into_iter().cycle().take(len).collect()
            })
            .collect();
        let bytes: usize = lines.iter().map(Vec::len).sum();
        let mut encoder = Encoder::new();
        let mut fill = |metadata: bool| {
            encoder.clear();
            for (i, line) in lines.iter().enumerate() {
                if i % 100 == 0 {
                    encoder.begin_stream("{app=\"api\", env=\"prod\", host=\"node-1\"}");
                }
                let timestamp = 1_700_000_000_000_000_000 + i as i64 * 1_234_567;
                if metadata {
                    encoder.entry(timestamp, line, [("trace_id", "4bf92f3577b34da6")]);
                } else {
                    encoder.plain_entry(timestamp, line);
                }
            }
            encoder.finish().len()
        };
        measure(&format!("encode, {len} B lines"), bytes, || {
            black_box(fill(false));
        });
        measure(&format!("encode + metadata, {len} B lines"), bytes, || {
            black_box(fill(true));
        });
        fill(false);
        let message = encoder.finish().to_vec();
        let mut compressor = Compressor::new();
        let block = compressor.compress(&message).expect("small").to_vec();
        measure(&format!("compress, {len} B lines"), bytes, || {
            black_box(compressor.compress(&message).expect("small").len());
        });
        measure(&format!("decompress, {len} B lines"), bytes, || {
            black_box(decompress(&block, 100 << 20).expect("valid").len());
        });
        measure(&format!("read, {len} B lines"), bytes, || {
            let streams = proto::Streams::new(&message).map(|s| s.expect("valid"));
            let total: usize = streams
                .flat_map(|s| s.entries())
                .map(|e| e.expect("valid").line.len())
                .sum();
            assert_eq!(total, bytes);
        });
    }
}
