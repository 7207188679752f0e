//! Bodies as targets expose them, made in memory.

use std::fmt::Write;

const PATHS: [&str; 5] = [
    "/api/v1/query",
    "/api/v1/write",
    "/metrics",
    "/-/healthy",
    "/static/app.js",
];

/// Plain lines: `name{labels} value`.
pub fn plain(series: usize) -> String {
    let mut out = String::new();
    for at in 0..series {
        if at % 50 == 0 {
            let _ = writeln!(
                out,
                "# HELP http_requests_{at}_total Requests by handler, code and method."
            );
            let _ = writeln!(out, "# TYPE http_requests_{at}_total counter");
        }
        let (family, path) = (at / 50 * 50, PATHS[at % 5]);
        let _ = writeln!(
            out,
            "http_requests_{family}_total{{handler=\"{path}\",code=\"200\",method=\"get\",shard=\"{}\",zone=\"eu-west-1\"}} {}",
            at % 50,
            at * 37
        );
    }
    out
}

/// Counters, gauges and histograms; with `open_metrics` also exemplars and start times.
pub fn mixed(series: usize, open_metrics: bool) -> String {
    let mut out = String::new();
    let mut at = 0;
    while at < series {
        let _ = writeln!(out, "# HELP rpc_{at}_seconds Time of calls, \\\\ and \\n escaped.");
        let _ = writeln!(out, "# TYPE rpc_{at}_seconds histogram");
        for method in ["Get", "Put"] {
            let mut count = 0;
            for bound in ["0.005", "0.01", "0.1", "0.5", "1", "5", "10", "+Inf"] {
                count += at % 7 + bound.len();
                let _ = write!(
                    out,
                    "rpc_{at}_seconds_bucket{{method=\"{method}\",le=\"{bound}\"}} {count}"
                );
                if open_metrics && bound == "0.1" {
                    let _ = write!(out, " # {{trace_id=\"abc{at}\"}} 0.07 1520879607.789");
                }
                out.push('\n');
            }
            let _ = writeln!(out, "rpc_{at}_seconds_sum{{method=\"{method}\"}} {}.25", count * 3);
            let _ = writeln!(out, "rpc_{at}_seconds_count{{method=\"{method}\"}} {count}");
            if open_metrics {
                let _ = writeln!(out, "rpc_{at}_seconds_created{{method=\"{method}\"}} 1520872607.123");
            }
        }
        let _ = writeln!(out, "# TYPE temperature_{at} gauge");
        for sensor in 0..20 {
            let _ = writeln!(
                out,
                "temperature_{at}{{sensor=\"{sensor}\",room=\"küche\"}} -{sensor}.{at} {}",
                if open_metrics {
                    "1520879607.789"
                } else {
                    "1520879607789"
                }
            );
        }
        at += 40;
    }
    if open_metrics {
        out.push_str("# EOF\n");
    }
    out
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn integer(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn double(out: &mut Vec<u8>, field: u64, value: f64) {
    varint(out, field << 3 | 1);
    out.extend_from_slice(&value.to_le_bytes());
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn message(out: &mut Vec<u8>, field: u64, write: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    write(&mut inner);
    bytes(out, field, &inner);
}

fn label(out: &mut Vec<u8>, name: &str, value: &str) {
    message(out, 1, |out| {
        bytes(out, 1, name.as_bytes());
        bytes(out, 2, value.as_bytes());
    });
}

fn family(out: &mut Vec<u8>, name: &str, kind: u64, write: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    bytes(&mut inner, 1, name.as_bytes());
    bytes(&mut inner, 2, b"What it means.");
    integer(&mut inner, 3, kind);
    write(&mut inner);
    varint(out, inner.len() as u64);
    out.extend_from_slice(&inner);
}

/// Counters, classic and native histograms as protobuf.
pub fn protobuf(series: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for at in (0..series).step_by(50) {
        family(&mut out, &format!("http_requests_{at}_total"), 0, |out| {
            for shard in 0..29 {
                message(out, 4, |out| {
                    label(out, "zone", "eu-west-1");
                    label(out, "handler", PATHS[shard % 5]);
                    label(out, "shard", &shard.to_string());
                    message(out, 3, |out| double(out, 1, (at * shard) as f64));
                });
            }
        });
        family(&mut out, &format!("rpc_{at}_seconds"), 4, |out| {
            for method in ["Get", "Put"] {
                message(out, 4, |out| {
                    label(out, "method", method);
                    message(out, 7, |out| {
                        integer(out, 1, 80);
                        double(out, 2, 12.25);
                        for (nth, bound) in [0.005, 0.01, 0.1, 0.5, 1.0, 5.0, 10.0].into_iter().enumerate() {
                            message(out, 3, |out| {
                                integer(out, 1, nth as u64 * 10);
                                double(out, 2, bound);
                            });
                        }
                    });
                });
            }
        });
        family(&mut out, &format!("native_{at}_seconds"), 4, |out| {
            message(out, 4, |out| {
                label(out, "method", "Get");
                message(out, 7, |out| {
                    integer(out, 1, 12);
                    double(out, 2, 12.25);
                    integer(out, 5, 6);
                    double(out, 6, 1e-9);
                    message(out, 12, |out| {
                        integer(out, 1, 8);
                        integer(out, 2, 6);
                    });
                    bytes(out, 13, &[2, 2, 2, 4, 3, 1]);
                });
            });
        });
    }
    out
}
