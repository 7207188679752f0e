//! Runs the fuzz targets of `fuzz/`.

use anyhow::{Context, Result, bail};
use base64::Engine;
use clap::Args;
use otlp_wire::Signal;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Args)]
pub struct Options {
    /// What to feed: scanner, parser, formatter, evaluator, otlp, scrape, remotewrite or promql.
    #[arg(value_parser = TARGETS)]
    target: String,
    /// How long.
    #[arg(long, default_value_t = 600, value_name = "N")]
    seconds: u64,
    /// Longest input in bytes.
    #[arg(long, default_value_t = 4096, value_name = "N")]
    max_len: u64,
    /// Do not show what libFuzzer prints on the way.
    #[arg(long)]
    quiet: bool,
}

const TARGETS: [&str; 8] = [
    "scanner",
    "parser",
    "formatter",
    "evaluator",
    "otlp",
    "scrape",
    "remotewrite",
    "promql",
];
/// Those whose input is not the language.
const OTHERS: [&str; 4] = ["otlp", "scrape", "remotewrite", "promql"];
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Expressions that ask for much: what is put around what, twenty times.
const HOSTILE: [(&str, &str, &str); 7] = [
    ("encoding.to_base64(", "\"aaaaaaaa\"", ")"),
    ("encoding.to_json({a = ", "\"\\\"\"", "})"),
    ("string.replace(", "\"aaaa\"", ", \"\", \"aaaa\")"),
    (
        "array.combine_maps(",
        "[{a = 1}, {a = 1}]",
        ", [{a = 1}, {a = 1}], [\"a\"])",
    ),
    ("json_path(\"[[[[[[[[1]]]]]]]]\", \"$..*..*", "\")", ""),
    (
        "string.format(\"%70000d%.70000f%.70000g%[1]*d\", ",
        "70000",
        ", 1.5, 1.5)",
    ),
    (
        "",
        "encoding.from_yaml(\"a: &a [x,x,x]\\nb: &b [*a,*a,*a]\\nc: [*b,*b,*b]\")",
        "",
    ),
];

/// Queries, with all that can be in one.
const PROMQL: [&str; 12] = [
    "sum by (l) (rate(c[5m])) / on(l) group(g) > bool 1",
    "topk(2, {__name__=~\"c|g\", l!=\"\"} offset -30s)",
    "quantile without (l) (0.9, -g ^ 2 % 3)",
    "histogram_quantile(0.9, sum(increase(h_bucket[2m])) by (le))",
    "c and ignoring(l) g or vector(0x1F) unless absent(c{l='\\x61\\u0061'})",
    "clamp(delta(g[1m30s]), scalar(max(c)), Inf) + time() - NaN # end",
    "avg_over_time(c[1m]) atan2 stddev_over_time(g[1m])",
    "irate(c{l=`a`}[1m]) * idelta(c[1m]) + changes(g[300]) - resets(c[5m])",
    "round(sort_desc(timestamp(c)), 0.5) == g <= 1e300",
    "{\"c\", \"l\"=\"a\"}",
    "c[5m]",
    "count_over_time(c[5m:1m]) @ 5",
];

/// A request of each signal, with all that can be in one.
const OTLP: [(Signal, &str); 3] = [
    (
        Signal::Logs,
        r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"a","value":{"stringValue":"b"}}],
        "entityRefs":[{"type":"t","idKeys":["a"]}]},"scopeLogs":[{"scope":{"name":"s","version":"1"},"logRecords":[
        {"timeUnixNano":"1","severityNumber":9,"body":{"kvlistValue":{"values":[{"key":"k","value":{"intValue":"-1"}},
        {"key":"l","value":{"arrayValue":{"values":[{"doubleValue":0.5},{"boolValue":true},{"bytesValue":"AAE="}]}}}]}},
        "attributes":[{"key":"a","value":{}}],"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"},
        {"eventName":"e","flags":1}],"schemaUrl":"u"}],"schemaUrl":"v"}]}"#,
    ),
    (
        Signal::Metrics,
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"g","unit":"s","gauge":{"dataPoints":[{"asInt":"1"}]}},
        {"name":"c","sum":{"dataPoints":[{"asDouble":1.5,"exemplars":[{"asInt":"1","spanId":"eee19b7ec3c1b174"}]}],
        "aggregationTemporality":2,"isMonotonic":true}},{"histogram":{"dataPoints":[{"count":"2","sum":0,
        "bucketCounts":["1","1"],"explicitBounds":[1],"min":0}]}},{"exponentialHistogram":{"dataPoints":[{"scale":3,
        "positive":{"offset":-1,"bucketCounts":["1","300"]},"zeroThreshold":0.1}]}},{"summary":{"dataPoints":[
        {"quantileValues":[{"quantile":0.5,"value":2}]},{"attributes":[{"key":"a","value":{"boolValue":true}}]}]}}]}]}]}"#,
    ),
    (
        Signal::Traces,
        r#"{"resourceSpans":[{"resource":{},"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c",
        "spanId":"eee19b7ec3c1b174","parentSpanId":"eee19b7ec3c1b173","name":"n","kind":2,"startTimeUnixNano":"1",
        "attributes":[{"key":"a","value":{"stringValue":"b"}}],"events":[{"name":"e","timeUnixNano":"2"}],
        "links":[{"traceState":"x=y","flags":256}],"status":{"code":2,"message":"m"}},{"name":"o"}]}]}]}"#,
    ),
];

/// Builds a target, makes its first inputs, runs it and says what was found. Fails if anything was.
pub fn run(options: &Options) -> Result<()> {
    let target = &options.target;
    let base = target_dir()?.join("fuzz");
    let (corpus, artifacts) = (base.join("corpus").join(target), base.join("artifacts").join(target));
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&artifacts)?;
    let seeds = seed(target, &corpus)?;
    // What was found before is where to begin: it is found again, unless it was mended.
    for entry in fs::read_dir(&artifacts)? {
        let old = entry?.path();
        if let Some(name) = old.file_name() {
            fs::rename(&old, corpus.join(name))?;
        }
    }
    println!("{seeds} inputs to begin with, in {}", corpus.display());
    // All of it is safe code: no sanitizer, which would halve the speed.
    let mut command = Command::new("cargo");
    command
        .args(["+nightly", "fuzz", "run", "-s", "none", target])
        .arg(&corpus)
        .arg("--")
        .arg(format!("-max_total_time={}", options.seconds))
        .arg(format!("-max_len={}", options.max_len))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(["-print_final_stats=1", "-timeout=25", "-rss_limit_mb=2048"]);
    if !OTHERS.contains(&target.as_str()) {
        command.arg(format!("-dict={ROOT}/fuzz/alloy.dict"));
    }
    let mut child = command
        .current_dir(ROOT)
        .env("CARGO_TARGET_DIR", &base)
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let stderr = child.stderr.take().context("standard error is piped")?;
    let mut seen = Seen::default();
    for line in BufReader::new(stderr).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        seen.line(&line);
        if !options.quiet {
            writeln!(std::io::stderr(), "{line}")?;
        }
    }
    let status = child.wait()?;
    if seen.executions.is_none() {
        bail!(
            "{target} did not run: it needs a nightly toolchain (rustup toolchain install nightly) and cargo-fuzz \
             (cargo install cargo-fuzz --locked){}",
            seen.error
                .map(|error| format!("; cargo says: {error}"))
                .unwrap_or_default()
        );
    }
    let or = |value: Option<String>| value.unwrap_or_else(|| "?".to_owned());
    let found: Vec<PathBuf> = fs::read_dir(&artifacts)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    println!(
        "{target}: {} executions, {} a second, {} edges, {} MiB at the peak, {} findings",
        or(seen.executions),
        or(seen.speed),
        or(seen.edges),
        or(seen.memory),
        found.len()
    );
    for path in &found {
        println!("  {}", path.display());
    }
    if !found.is_empty() || !status.success() {
        bail!("{target}: something was found");
    }
    Ok(())
}

/// What libFuzzer said.
#[derive(Default)]
struct Seen {
    executions: Option<String>,
    speed: Option<String>,
    edges: Option<String>,
    memory: Option<String>,
    error: Option<String>,
}

impl Seen {
    fn line(&mut self, line: &str) {
        for (name, field) in [
            ("stat::number_of_executed_units:", &mut self.executions),
            ("stat::average_exec_per_sec:", &mut self.speed),
            ("stat::peak_rss_mb:", &mut self.memory),
            ("error:", &mut self.error),
        ] {
            if let Some(value) = line.strip_prefix(name) {
                *field = Some(value.trim().to_owned());
            }
        }
        if let Some(edges) = line.split_once(" cov: ").and_then(|(_, rest)| rest.split(' ').next()) {
            self.edges = Some(edges.to_owned());
        }
    }
}

fn target_dir() -> Result<PathBuf> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(ROOT)
        .output()
        .context("cannot start cargo")?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).context("cargo metadata gave no JSON")?;
    Ok(metadata["target_directory"]
        .as_str()
        .context("cargo metadata names no target directory")?
        .into())
}

/// Requests of OTLP: the byte that the target reads first, and the text or what it is in protobuf.
fn requests() -> Result<Vec<Vec<u8>>> {
    let mut inputs = Vec::new();
    for (kind, (signal, text)) in (0..).zip(OTLP) {
        let (request, _) = otlp_wire::json::decode(signal, text.as_bytes())?;
        inputs.push([&[kind], request.as_ref()].concat());
        inputs.push([&[kind + 3], text.as_bytes()].concat());
    }
    Ok(inputs)
}

/// Bodies of scrapes, each with the bytes that say which format and which options, or requests of remote write, each with the byte that says which version:
/// the recorded cases beside the clone, and one by hand.
fn metrics(target: &str, shared: &Path) -> Result<Vec<Vec<u8>>> {
    let vectors = |name: &str| -> Result<serde_json::Value> {
        match fs::read_to_string(shared.join("vectors").join(name)) {
            Ok(text) => Ok(serde_json::from_str(&text)?),
            Err(_) => Ok(serde_json::Value::Null),
        }
    };
    let mut inputs = Vec::new();
    if target == "remotewrite" {
        let vectors = vectors("remotewrite.json")?;
        for (kind, version) in [(0, "v1"), (1, "v2")] {
            let hex = vectors[version]["proto_hex"].as_str().unwrap_or_default().as_bytes();
            let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
            let message: Option<Vec<u8>> = hex.chunks(2).map(byte).collect();
            inputs.push([&[kind], message.context("a vector is not hexadecimal")?.as_slice()].concat());
        }
        inputs.push(b"\0\x0a\x10\x0a\x06\x0a\x01a\x12\x01b\x12\x02\x10\x01\x1a\x02\x18\x01".to_vec());
    } else {
        for case in vectors("textparse.json")?["cases"].as_array().into_iter().flatten() {
            let kind = match case["format"].as_str() {
                Some("om") => 1,
                Some("proto") => 2,
                _ => 0,
            };
            let body = match (case["input"].as_str(), case["input_b64"].as_str()) {
                (Some(text), _) => text.as_bytes().to_vec(),
                (None, Some(text)) => base64::engine::general_purpose::STANDARD.decode(text)?,
                (None, None) => continue,
            };
            inputs.extend([0, 1, 26].map(|options| [&[kind, options], body.as_slice()].concat()));
        }
        // A family with a counter, and one with a native histogram.
        inputs.push(b"\x02\0\x13\x0a\x01a\x18\0\x22\x0c\x0a\x06\x0a\x01b\x12\x01c\x1a\x02\x09\0".to_vec());
        inputs.push(b"\0\0# TYPE a counter\na{b=\"c\"} 1 2\n".to_vec());
    }
    Ok(inputs)
}

/// Puts what is known of the language into the corpus: configurations and recorded cases beside the clone, and choices for the programs that
/// two of the targets make. What former runs found is kept.
fn seed(target: &str, corpus: &Path) -> Result<usize> {
    let shared = Path::new(ROOT).join("../shared");
    let mut inputs: Vec<Vec<u8>> = Vec::new();
    if target == "otlp" {
        inputs = requests()?;
    } else if target == "promql" {
        inputs = PROMQL.iter().map(|query| query.as_bytes().to_vec()).collect();
    } else if OTHERS.contains(&target) {
        inputs = metrics(target, &shared)?;
    } else if shared.is_dir() {
        let text = fs::read_to_string(shared.join("vectors/syntax.json"))?;
        let vectors: serde_json::Value = serde_json::from_str(&text)?;
        let list = |name: &str, field: &str| -> Vec<Vec<u8>> {
            let cases = vectors[name].as_array().into_iter().flatten();
            cases
                .filter_map(|case| Some(case[field].as_str()?.as_bytes().to_vec()))
                .collect()
        };
        if target == "evaluator" {
            inputs.extend(list("eval", "expr"));
        } else {
            inputs.extend(list("fmt", "in"));
            configurations(&shared, &mut inputs)?;
        }
    } else {
        println!("../shared is absent: beginning with next to nothing");
        inputs.push(b"a = 1\nb \"c\" {\n\td = [1, \"x\"] // e\n}\n".to_vec());
    }
    if target == "evaluator" {
        inputs.extend(HOSTILE.iter().map(|(open, inside, close)| {
            let (open, close) = (open.repeat(20), close.repeat(20));
            format!("{open}{inside}{close}").into_bytes()
        }));
    }
    if matches!(target, "formatter" | "evaluator") {
        inputs.extend((0..64_u32).map(choices));
    }
    for input in &inputs {
        fs::write(corpus.join(format!("seed-{:016x}", fnv(input))), input)?;
    }
    Ok(inputs.len())
}

/// Files in the language, and the members of archives.
fn configurations(folder: &Path, inputs: &mut Vec<Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            configurations(&path, inputs)?;
            continue;
        }
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("alloy" | "in" | "expect") => inputs.push(fs::read(&path)?),
            Some("txtar") => {
                let text = fs::read_to_string(&path)?;
                let members = text.split("\n-- ").filter_map(|member| member.split_once('\n'));
                inputs.extend(members.map(|(_, member)| member.as_bytes().to_vec()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The byte that says that choices follow, and some.
fn choices(seed: u32) -> Vec<u8> {
    let mut state = u64::from(seed) + 1;
    let random = std::iter::repeat_with(move || {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    });
    std::iter::once(255)
        .chain(random.skip(16).take(20 + seed as usize * 6))
        .collect()
}

/// FNV-1a: names inputs by what they hold.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}
