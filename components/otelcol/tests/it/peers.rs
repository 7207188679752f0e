//! SDKs of others: what they send arrives field for field. `.ci/run` installs them; where they are missing a test says in one line that it is
//! skipped.

use crate::kit::Rig;
use otelcol::receiver::otlp::COMPONENT;
use serde_json::Value as Json;
use signals::Signal;
use std::path::{Path, PathBuf};
use std::process::Stdio;

const CONFIG: &str = "http { endpoint = \"127.0.0.1:0\" }\ngrpc { endpoint = \"127.0.0.1:0\" }\n\
                      output {\n logs = []\n metrics = []\n traces = []\n}";
const SIGNALS: [(&str, Signal); 3] = [
    ("logs", Signal::Logs),
    ("metrics", Signal::Metrics),
    ("traces", Signal::Traces),
];

/// What an environment variable names, or else what is in the cache of `.ci/run`.
fn peer(variable: &str, cached: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let cached = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache/invar/peers").join(cached));
    named.or(cached).filter(|path| path.exists())
}

/// A request without what means the same as nothing, numbers as one kind of numbers, and objects as they compare.
fn plain(value: &Json) -> Option<Json> {
    match value {
        Json::Null => None,
        Json::Bool(false) => None,
        Json::Number(number) => {
            let number = number.as_f64()?;
            (number != 0.0).then(|| number.into())
        }
        Json::String(text) if text.is_empty() || text == "0" => None,
        // Numbers of 64 bits may be either.
        Json::String(text) => Some(text.parse::<f64>().map_or_else(|_| value.clone(), Json::from)),
        Json::Array(list) => {
            let list: Vec<Json> = list.iter().map(|one| plain(one).unwrap_or(Json::Null)).collect();
            (!list.is_empty()).then_some(Json::Array(list))
        }
        Json::Object(object) => {
            let fields = object
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), plain(value)?)));
            let fields: serde_json::Map<String, Json> = fields.collect();
            (!fields.is_empty()).then_some(Json::Object(fields))
        }
        other => Some(other.clone()),
    }
}

async fn compare(program: &Path, script: &str, variable: Option<(&str, &Path)>, protocol: &str, compression: &str) {
    let mut rig = Rig::new(&COMPONENT, CONFIG);
    let server = if protocol == "grpc" { "grpc" } else { "http" };
    let endpoint = format!("http://{}", rig.address(server));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script);
    let mut command = tokio::process::Command::new(program);
    command.arg(script).args([protocol, &endpoint, compression]);
    command.stdin(Stdio::null()).kill_on_drop(true);
    if let Some((name, value)) = variable {
        command.env(name, value);
    }
    let output = command.output().await.unwrap();
    let case = format!("{protocol} {compression}");
    assert!(
        output.status.success(),
        "{case}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let sent: Json = serde_json::from_slice(&output.stdout).unwrap();
    for (name, signal) in SIGNALS {
        let wanted: Vec<_> = sent[name].as_array().unwrap().iter().map(plain).collect();
        let arrived: Vec<_> = rig.sink.json(signal).iter().map(plain).collect();
        assert!(!wanted.is_empty(), "{case}: no {name}");
        // Requests of one signal may be on their way at the same time.
        assert_eq!(wanted.len(), arrived.len(), "{case}: {name}");
        for one in &wanted {
            assert!(
                arrived.contains(one),
                "{case}: {name}\nsent {one:#?}\narrived {arrived:#?}"
            );
        }
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_python_sdk_sends_arrives() {
    let Some(python) = peer("INVAR_OTEL_PYTHON", "otel-python/bin/python") else {
        println!("skipped: no Python with the OpenTelemetry SDK; INVAR_OTEL_PYTHON may name one");
        return;
    };
    for (protocol, compression) in [
        ("grpc", "none"),
        ("grpc", "gzip"),
        ("http", "none"),
        ("http", "gzip"),
        ("http", "deflate"),
    ] {
        compare(&python, "otel_sdk.py", None, protocol, compression).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_javascript_sdk_sends_arrives() {
    let Some(modules) = peer("INVAR_OTEL_NODE_MODULES", "otel-node/node_modules") else {
        println!("skipped: no OpenTelemetry SDK for Node.js; INVAR_OTEL_NODE_MODULES may name its folder");
        return;
    };
    for (protocol, compression) in [
        ("grpc", "none"),
        ("grpc", "gzip"),
        ("proto", "gzip"),
        ("http", "none"),
        ("http", "gzip"),
    ] {
        let variable = Some(("NODE_PATH", modules.as_path()));
        compare(Path::new("node"), "otel_sdk.cjs", variable, protocol, compression).await;
    }
}
