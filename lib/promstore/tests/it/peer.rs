//! The same samples and queries for the store and for a real Prometheus.

use promstore::{Config, Store};
use remotewrite::{Sample, v1};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const PROMETHEUS: &str = "/usr/bin/prometheus";

/// Samples are every 15 s, a little behind the full second, so that none lies on the edge of a range: Prometheus 2 counts that sample, Prometheus 3
/// does not, and neither does the store.
const STEP: i64 = 15_000;
const STEPS: i64 = 54;

const QUERIES: &[&str] = &[
    "requests_total",
    "requests_total{code=\"500\"}",
    "requests_total{code!=\"500\",instance=~\"a|c\"}",
    "{__name__=~\"requests.*|up\",instance!~\"b|c\"}",
    "requests_total{nothing=\"\"}",
    "requests_total{nothing=\"x\"}",
    "requests_total offset 2m",
    "temperature offset -30s",
    "rate(requests_total[1m])",
    "rate(requests_total[5m])",
    "rate(requests_total[37s] offset 1m)",
    "increase(requests_total[2m])",
    "increase(requests_total{instance=\"c\"}[3m])",
    "irate(requests_total[1m])",
    "delta(temperature[2m])",
    "idelta(temperature[2m])",
    "rate(sparse[5m])",
    "increase(late_total[5m])",
    "rate(gone[5m])",
    "gone",
    "odd",
    "odd * 2",
    "sum(requests_total)",
    "sum by (instance) (rate(requests_total[2m]))",
    "sum without (code) (rate(requests_total[2m]))",
    "sum(rate(requests_total[2m])) by (code, job)",
    "avg by (instance) (temperature)",
    "max(temperature)",
    "min by (room) (temperature)",
    "max(odd)",
    "min(odd)",
    "count by (code) (requests_total)",
    "count(requests_total > 500)",
    "group by (room) (temperature)",
    "stddev(temperature)",
    "stdvar by (instance) (requests_total)",
    "topk(2, requests_total)",
    "topk by (code) (1, requests_total)",
    "bottomk(2, temperature)",
    "quantile(0.9, requests_total)",
    "temperature > 20",
    "20 < temperature",
    "temperature > bool 20",
    "temperature == temperature",
    "requests_total / 3 + 1",
    "2 ^ 3 ^ 2 - 10 % 4",
    "-temperature",
    "temperature - temperature offset 1m",
    "requests_total{code=\"500\"} / ignoring(code) requests_total{code=\"200\"}",
    "requests_total{code=\"500\"} > on(instance) requests_total{code=\"200\"}",
    "sum by (instance) (requests_total{code=\"500\"}) / sum by (instance) (requests_total)",
    "temperature and up",
    "temperature and on(instance) up",
    "temperature or up",
    "up unless on(instance) temperature",
    "1 > bool 2",
    "1 + 2 * 3",
    "time()",
    "timestamp(temperature)",
    "vector(7)",
    "scalar(sum(temperature))",
    "absent(temperature)",
    "absent(nothing{a=\"b\",c=~\"d\"})",
    "abs(delta(temperature[1m]))",
    "ceil(temperature)",
    "round(temperature, 0.5)",
    "round(temperature)",
    "clamp_max(temperature, 20)",
    "sgn(delta(temperature[1m]))",
    "sqrt(requests_total)",
    "avg_over_time(temperature[3m])",
    "max_over_time(temperature[3m])",
    "min_over_time(temperature[3m])",
    "sum_over_time(temperature[3m])",
    "count_over_time(sparse[5m])",
    "last_over_time(sparse[5m])",
    "stddev_over_time(temperature[3m])",
    "changes(up[5m])",
    "resets(requests_total[10m])",
    "histogram_quantile(0.9, rate(latency_bucket[5m]))",
    "histogram_quantile(0.5, sum by (le) (rate(latency_bucket[2m])))",
    "histogram_quantile(1.5, latency_bucket)",
    "rate(nothing[5m])",
    "rate({instance=\"a\"}[5m])",
    "requests_total + on(job) requests_total",
    "temperature[1m]",
    "sum(requests_total",
    "rate(requests_total)",
    "requests_total{code=~\"(\"}",
];

/// A program that is ended with the test.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn request(address: SocketAddr, head: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let length = body.len();
    // 1.0: an answer that is not cut into chunks.
    write!(
        stream,
        "{head} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {length}\r\n"
    )
    .ok()?;
    write!(
        stream,
        "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n\r\n"
    )
    .ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let at = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let status = std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()?;
    Some((status, answer.split_off(at + 4)))
}

fn get(address: SocketAddr, path: &str, parameters: &[(&str, &str)]) -> Value {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    let (_, body) = request(address, &format!("GET {path}?{query}"), b"").expect("it answers");
    serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&body)))
}

fn serve(store: Arc<Store>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    listener.set_nonblocking(true).expect("a socket");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime");
            axum::serve(listener, promstore::router(store)).await
        })
    });
    address
}

fn start(dir: &std::path::Path) -> Option<(Peer, SocketAddr)> {
    if !std::path::Path::new(PROMETHEUS).exists() {
        return None;
    }
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = free.local_addr().expect("it is bound");
    drop(free);
    let config = dir.join("prometheus.yml");
    std::fs::write(&config, "global: {}\n").expect("it can be written");
    let child = Command::new(PROMETHEUS)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--web.enable-remote-write-receiver")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let peer = Peer(child);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !matches!(request(address, "GET /-/ready", b""), Some((200, _))) {
        assert!(Instant::now() < deadline, "Prometheus does not become ready");
        std::thread::sleep(Duration::from_millis(50));
    }
    Some((peer, address))
}

/// Everything that is pushed, from `base` on, in order of time.
fn samples(base: i64) -> Vec<u8> {
    let mut writer = v1::Writer::default();
    for i in 0..STEPS {
        let step = i as f64;
        let mut put = |labels: &[(&str, &str)], shift: i64, value: f64| {
            let timestamp = base + i * STEP + shift;
            let labels = v1::EncodedLabels::new(labels.iter().copied());
            writer.sample(
                &labels,
                Sample {
                    value,
                    timestamp,
                    start_timestamp: 0,
                },
            );
        };
        for (n, instance) in ["a", "b", "c"].into_iter().enumerate() {
            let shift = 137 + 211 * n as i64;
            for (code, slope) in [("200", 7.25), ("500", 0.5)] {
                let labels = [
                    ("__name__", "requests_total"),
                    ("code", code),
                    ("instance", instance),
                    ("job", "api"),
                ];
                // c starts again twice.
                let count = if instance == "c" { step % 20.0 } else { step };
                let first = if instance == "c" { 3.0 } else { 1000.0 * (n + 1) as f64 };
                put(&labels, shift, first + count * slope * (n + 1) as f64);
            }
            let labels = [
                ("__name__", "temperature"),
                ("instance", instance),
                ("room", ["x", "y", "y"][n]),
            ];
            put(&labels, shift, 20.0 + (step / 5.0 + n as f64).sin() * 3.0);
            put(
                &[("__name__", "up"), ("instance", instance)],
                shift,
                f64::from(u8::from(i % 9 != n as i64)),
            );
            for (le, share) in [("0.1", 0.25), ("0.5", 0.7), ("1", 0.9), ("+Inf", 1.0)] {
                let labels = [("__name__", "latency_bucket"), ("instance", instance), ("le", le)];
                put(&labels, shift, (step * share * 10.0 * (n + 1) as f64).floor() + 500.0);
            }
        }
        if i % 4 == 0 && !(20..28).contains(&i) {
            put(&[("__name__", "sparse")], 401, 2000.0 + step * 3.0);
        }
        if i >= 25 {
            put(&[("__name__", "late_total")], 77, (step - 25.0) * 4.0);
        }
        match i {
            0..30 => put(&[("__name__", "gone")], 91, step),
            30 => put(&[("__name__", "gone")], 91, f64::from_bits(prommodel::STALE_NAN)),
            _ => {}
        }
        for (kind, value) in [
            ("nan", f64::from_bits(prommodel::NORMAL_NAN)),
            ("inf", f64::INFINITY),
            ("small", 1.25e-9),
            ("large", -3e25),
        ] {
            put(&[("__name__", "odd"), ("kind", kind)], 53, value);
        }
    }
    writer.message().to_vec()
}

/// Numbers of one answer: by labels, and by time within them.
fn numbers(answer: &Value) -> BTreeMap<String, Vec<(f64, f64)>> {
    let point = |point: &Value| -> (f64, f64) {
        let value = point[1].as_str().expect("a value is text");
        let value = value.parse().unwrap_or_else(|_| panic!("{value:?} is a number"));
        (point[0].as_f64().expect("a time is a number"), value)
    };
    let data = &answer["data"];
    if data["resultType"] == "scalar" {
        return BTreeMap::from([(String::new(), vec![point(&data["result"])])]);
    }
    let elements = data["result"].as_array().expect("a list").iter();
    let elements = elements.map(|element| {
        let labels: BTreeMap<String, Value> = serde_json::from_value(element["metric"].clone()).expect("labels");
        let points = match element["values"].as_array() {
            Some(values) => values.iter().map(point).collect(),
            None => vec![point(&element["value"])],
        };
        (format!("{labels:?}"), points)
    });
    elements.collect()
}

fn close(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

fn compare(what: &str, ours: &Value, theirs: &Value) -> Result<(), String> {
    let show = || format!("{what}\nours:   {ours}\ntheirs: {theirs}\n");
    if (&ours["status"], &ours["errorType"]) != (&theirs["status"], &theirs["errorType"]) {
        return Err(show());
    }
    if ours["status"] != "success" {
        return Ok(());
    }
    if ours["data"]["resultType"] != theirs["data"]["resultType"] {
        return Err(show());
    }
    let (ours, theirs) = (numbers(ours), numbers(theirs));
    let same = ours.len() == theirs.len()
        && ours.iter().zip(&theirs).all(|((a, ours), (b, theirs))| {
            let near = |(a, b): (&(f64, f64), &(f64, f64))| a.0 == b.0 && close(a.1, b.1);
            a == b && ours.len() == theirs.len() && ours.iter().zip(theirs).all(near)
        });
    if same { Ok(()) } else { Err(show()) }
}

#[test]
fn answers_are_those_of_prometheus() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let Some((_peer, theirs)) = start(dir.path()) else {
        eprintln!("skipped: there is no {PROMETHEUS}");
        return;
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is after 1970")
        .as_millis() as i64;
    let base = (now - STEPS * STEP) / 1000 * 1000;
    let ours = serve(Arc::new(Store::new(Config::default())));
    let body = snap::raw::Encoder::new()
        .compress_vec(&samples(base))
        .expect("it can be compressed");
    for address in [ours, theirs] {
        let (status, answer) = request(address, "POST /api/v1/write", &body).expect("it answers");
        assert_eq!(status, 204, "{}", String::from_utf8_lossy(&answer));
    }

    let mut differences = Vec::new();
    let (mut compared, mut filled) = (0, 0);
    let mut both = |path: &str, parameters: &[(&str, &str)]| {
        let (a, b) = (get(ours, path, parameters), get(theirs, path, parameters));
        compared += 1;
        let result = &a["data"]["result"];
        filled += u32::from(result.as_array().is_some_and(|result| !result.is_empty()));
        differences.extend(compare(&format!("{path} {parameters:?}"), &a, &b).err());
    };
    for query in QUERIES {
        for seconds in [20, 333, 480, 806, 1000] {
            let time = (base / 1000 + seconds).to_string();
            both("/api/v1/query", &[("query", query), ("time", &time)]);
        }
        let (start, end) = ((base / 1000 - 20).to_string(), (base / 1000 + 1200).to_string());
        both(
            "/api/v1/query_range",
            &[("query", query), ("start", &start), ("end", &end), ("step", "17")],
        );
    }
    for (path, parameters) in [
        ("/api/v1/labels", &[][..]),
        ("/api/v1/labels", &[("match[]", "up")]),
        ("/api/v1/label/__name__/values", &[]),
        (
            "/api/v1/label/instance/values",
            &[
                ("match[]", "temperature{room=\"y\"}"),
                ("match[]", "up{instance=\"a\"}"),
            ],
        ),
        ("/api/v1/label/nothing/values", &[]),
    ] {
        let (a, b) = (get(ours, path, parameters), get(theirs, path, parameters));
        assert_eq!(a, b, "{path} {parameters:?}");
    }
    let sorted = |address| {
        let answer = get(
            address,
            "/api/v1/series",
            &[("match[]", "requests_total"), ("match[]", "up")],
        );
        let mut series: Vec<String> = answer["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(Value::to_string)
            .collect();
        series.sort();
        series
    };
    assert_eq!(sorted(ours), sorted(theirs));
    println!(
        "{compared} answers compared, {filled} with elements, {} differ",
        differences.len()
    );
    assert!(filled > 400, "only {filled} answers have elements");
    assert!(
        differences.is_empty(),
        "{} of {compared} differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
}
