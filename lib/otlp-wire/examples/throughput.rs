//! How long a record takes on this machine: `cargo run --release -p otlp-wire --example throughput`.
//!
//! Requests have 1000 records: log records of 283 bytes with 5 attributes, spans of 370 bytes with 8. Printed is the best of seven rounds.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use bytes::Bytes;
use otlp_wire::common::AnyValue;
use otlp_wire::edit::{Action, Actions, Mode, Pair, Verdict, records, resources};
use otlp_wire::logs::LogRecord;
use otlp_wire::traces::Span;
use otlp_wire::write::{Writer, number};
use otlp_wire::{Rope, Signal, json, scan, scan_utf8, split};

const RECORDS: usize = 1000;
const ROUND: Duration = Duration::from_millis(120);

fn measure(what: &str, mut work: impl FnMut()) {
    work();
    let round = |work: &mut dyn FnMut()| {
        let (start, mut runs) = (Instant::now(), 0u32);
        while start.elapsed() < ROUND {
            work();
            runs += 1;
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(runs) / RECORDS as f64
    };
    let best = (0..7).map(|_| round(&mut work)).fold(f64::INFINITY, f64::min);
    println!("  {what:44} {best:8.1}");
}

/// A resource with one scope; `record` writes a record.
fn request(mut record: impl FnMut(&mut Writer, usize)) -> Bytes {
    let mut out = Writer::new();
    out.container(number::RESOURCES, |out| {
        out.message(number::RESOURCE, |out| {
            for (key, value) in [
                ("service.name", "checkout"),
                ("k8s.pod.name", "checkout-5d8f7c9b6-x2v4q"),
            ] {
                out.attribute(
                    number::RESOURCE_ATTRIBUTES,
                    key.as_bytes(),
                    AnyValue::String(value.as_bytes()),
                );
            }
        });
        out.container(number::SCOPES, |out| {
            (0..RECORDS).for_each(|i| out.message(number::RECORDS, |out| record(out, i)));
        });
    });
    out.finish()
}

fn attributes(out: &mut Writer, number: u32, i: usize, count: usize) {
    let path = format!("/api/v1/items/{}", i * 7919 % 1000);
    let pairs = [
        ("http.request.method", AnyValue::String(b"GET")),
        ("url.path", AnyValue::String(path.as_bytes())),
        ("http.response.status_code", AnyValue::Int(200)),
        ("thread.name", AnyValue::String(b"worker-3")),
        ("duration_ms", AnyValue::Double(i as f64 / 8.0)),
        ("server.address", AnyValue::String(b"10.1.2.3")),
        (
            "user_agent.original",
            AnyValue::String(b"curl/8.5.0 (x86_64-pc-linux-gnu) libcurl/8.5.0 OpenSSL/3.0.13"),
        ),
        ("peer.service", AnyValue::String(b"cart")),
    ];
    for (key, value) in pairs.into_iter().take(count) {
        out.attribute(number, key.as_bytes(), value);
    }
}

fn logs() -> Bytes {
    request(|out, i| {
        let body = format!(
            "request {i:06} handled for customer {:05} by node-7 in region eu-west",
            i * 31 % 99_991
        );
        let mut record = LogRecord::default();
        record.time_unix_nano = 1_700_000_000_000_000_000 + i as u64;
        record.observed_time_unix_nano = record.time_unix_nano + 1000;
        record.severity_number = 9;
        record.severity_text = b"INFO";
        record.body = Some(AnyValue::String(body.as_bytes()));
        record.trace_id = Some(&[7; 16]);
        record.span_id = Some(&[8; 8]);
        record.write(out);
        attributes(out, number::LOG_ATTRIBUTES, i, 5);
    })
}

fn spans() -> Bytes {
    request(|out, i| {
        let mut span = Span::default();
        span.trace_id = Some(&[7; 16]);
        span.span_id = Some(&[8; 8]);
        span.parent_span_id = Some(&[9; 8]);
        span.name = b"GET /api/v1/items/{item}";
        span.kind = 2;
        span.start_time_unix_nano = 1_700_000_000_000_000_000 + i as u64;
        span.end_time_unix_nano = span.start_time_unix_nano + 5_000_000;
        span.write(out);
        attributes(out, number::SPAN_ATTRIBUTES, i, 8);
    })
}

fn main() {
    for (signal, request) in [(Signal::Logs, logs()), (Signal::Traces, spans())] {
        println!("{signal:?}: {} bytes a record; ns per record:", request.len() / RECORDS);
        let payload = Rope::from(request.clone());
        let insert = Actions(vec![Action::Set {
            mode: Mode::Insert,
            pair: Pair::new(b"deployment.environment", AnyValue::String(b"production")),
        }]);
        let update = Actions(vec![Action::Set {
            mode: Mode::Update,
            pair: Pair::new(b"no.such.key", AnyValue::String(b"production")),
        }]);
        measure("scan", || assert!(black_box(scan(signal, black_box(&request))).is_ok()));
        measure("scan, and texts are UTF-8", || {
            assert!(black_box(scan_utf8(signal, black_box(&request))).is_ok());
        });
        measure("copy", || drop(black_box(black_box(&request).to_vec())));
        measure("concatenation of two, flattened (a record)", || {
            let mut rope = payload.clone();
            rope.concat(payload.clone());
            black_box(rope.to_bytes());
        });
        measure("split into parts of 300", || {
            black_box(split(signal, &payload, NonZeroUsize::new(300).expect("not 0")));
        });
        measure("last attribute read", || {
            let mut found = 0;
            match signal {
                Signal::Logs => {
                    for record in otlp_wire::logs::resources(&request)
                        .flat_map(|one| one.scopes())
                        .flat_map(|one| one.records())
                    {
                        found += usize::from(record.attributes().get(b"duration_ms").is_some());
                    }
                }
                _ => {
                    for span in otlp_wire::traces::resources(&request)
                        .flat_map(|one| one.scopes())
                        .flat_map(|one| one.spans())
                    {
                        found += usize::from(span.attributes().get(b"peer.service").is_some());
                    }
                }
            }
            assert_eq!(black_box(found), RECORDS);
        });
        measure("edit: insert", || {
            let edited = records(signal, &payload, |_, attributes| {
                insert.apply(&mut attributes.get());
                Verdict::Keep
            });
            assert!(black_box(edited).changed);
        });
        measure("edit: nothing changes", || {
            let edited = records(signal, &payload, |_, attributes| {
                update.apply(&mut attributes.get());
                Verdict::Keep
            });
            assert!(!black_box(edited).changed);
        });
        measure("edit: every second record dropped", || {
            let mut i = 0;
            let edited = records(signal, &payload, |_, _| {
                i += 1;
                if i % 2 == 0 { Verdict::Drop } else { Verdict::Keep }
            });
            assert!(black_box(edited).changed);
        });
        measure("edit: insert in the resource", || {
            let edited = resources(signal, &payload, |_, attributes| insert.apply(attributes));
            assert!(black_box(edited).changed);
        });
        let text = json::encode(signal, &request);
        measure("to JSON", || drop(black_box(json::encode(signal, &request))));
        measure("from JSON", || drop(black_box(json::decode(signal, &text))));
    }
}
