//! `otelcol.exporter.loki` and `otelcol.receiver.loki`.

use crate::bridge::Bridge;
use crate::rig::{batch, batch_of, export, items};
use component::{LogsReceiver, OtelConsumer};
use otelcol::{exporter, receiver};
use otlp_wire::common::AnyValue;
use otlp_wire::logs::{self, LogRecord};
use otlp_wire::write::{self, Writer, number};
use otlp_wire::{Signal, json};
use signals::{Entry, Labels, LogBatch, LogStream, Logs, Otlp, OtlpBatch, Permit, Refused};
use value::{Capsule, Value};

fn to_loki() -> Bridge<Otlp, Logs> {
    Bridge::new(
        (&exporter::loki::COMPONENT, "otelcol.exporter.loki"),
        "",
        ("", "forward_to"),
        |receiver| Value::Capsule(Capsule::new(LogsReceiver(Some(receiver)))),
        |instance| export::<OtelConsumer>(instance, "input").0,
    )
}

fn from_loki() -> Bridge<Logs, Otlp> {
    Bridge::new(
        (&receiver::loki::COMPONENT, "otelcol.receiver.loki"),
        "",
        ("output", "logs"),
        |receiver| Value::Capsule(Capsule::new(OtelConsumer(Some(receiver)))),
        |instance| export::<LogsReceiver>(instance, "receiver").0,
    )
}

type Pair<'a> = (&'a str, AnyValue<'a>);

fn text(text: &str) -> AnyValue<'_> {
    AnyValue::String(text.as_bytes())
}

/// A request of one record.
fn request(resource: &[Pair<'_>], attributes: &[Pair<'_>], edit: impl FnOnce(&mut LogRecord<'_>)) -> OtlpBatch {
    let mut out = Writer::new();
    out.container(number::RESOURCES, |out| {
        out.message(number::RESOURCE, |out| {
            for (key, value) in resource {
                out.attribute(number::RESOURCE_ATTRIBUTES, key.as_bytes(), *value);
            }
        });
        out.container(number::SCOPES, |out| {
            out.message(number::SCOPE, |out| {
                let mut scope = otlp_wire::common::Scope::default();
                (scope.name, scope.version) = (b"lib", b"1");
                scope.write(out);
            });
            out.message(number::RECORDS, |out| {
                let mut record = LogRecord::default();
                edit(&mut record);
                record.write(out);
                for (key, value) in attributes {
                    out.attribute(number::LOG_ATTRIBUTES, key.as_bytes(), *value);
                }
            });
        });
    });
    batch_of(Signal::Logs, out.finish())
}

async fn pass(bridge: &Bridge<Otlp, Logs>, batch: OtlpBatch) -> (String, String, i64) {
    let taken = bridge.pass(batch).await;
    let stream = &taken[0][0];
    let entry = &stream.entries[0];
    let line = String::from_utf8(entry.line.to_vec()).unwrap();
    (stream.labels.to_string(), line, entry.timestamp)
}

#[tokio::test]
async fn records_are_lines_of_json_with_labels_by_hints() {
    let bridge = to_loki();
    let nested = write::Value::map([(&b"name"[..], text("inner"))]);
    let resource = [
        ("service.name", text("api")),
        ("service.namespace", text("shop")),
        ("service.instance.id", text("i1")),
        ("host.name", text("h1")),
        ("pod", nested.view()),
        ("loki.resource.labels", text("host.name, pod.name, missing")),
    ];
    let hint = write::Value::array([text("event"), text("n")]);
    let attributes = [
        ("event", text("e")),
        ("n", AnyValue::Int(3)),
        ("z", text("<z>")),
        ("loki.attribute.labels", hint.view()),
        ("loki.tenant", text("z.not")),
    ];
    let batch = request(&resource, &attributes, |record| {
        record.observed_time_unix_nano = 7;
        record.severity_number = 10;
        record.severity_text = b"note";
        record.flags = 1;
        record.trace_id = Some(&[0xab; 16]);
        record.body = Some(text("a \"b\""));
    });
    let (labels, line, time) = pass(&bridge, batch).await;
    assert_eq!(
        labels,
        r#"{event="e", exporter="OTLP", host_name="h1", instance="i1", job="shop/api", level="INFO2", n="3", pod_name="inner"}"#
    );
    assert_eq!(
        line,
        concat!(
            r#"{"body":"a \"b\"","traceid":"abababababababababababababababab","severity":"note","flags":1,"#,
            r#""attributes":{"z":"\u003cz\u003e"},"resources":{"pod":{"name":"inner"},"service.instance.id":"i1","#,
            r#""service.name":"api","service.namespace":"shop"},"instrumentation_scope":{"name":"lib","version":"1"}}"#
        )
    );
    assert_eq!(time, 7);
    bridge.stop().await;
}

#[tokio::test]
async fn records_are_lines_of_other_formats_too() {
    let bridge = to_loki();
    let list = write::Value::array([AnyValue::Int(1), text("x y")]);
    let attributes = [
        ("loki.format", text("logfmt")),
        ("a", list.view()),
        ("level", text("own")),
    ];
    let resource = [("tenant", text("t")), ("loki.tenant", text("tenant"))];
    let line = |body: &'static str| {
        request(&resource, &attributes, |record| {
            record.severity_text = b"warn";
            record.severity_number = 13;
            record.body = Some(text(body));
        })
    };
    let (labels, text_line, _) = pass(&bridge, line("plain text")).await;
    assert_eq!(labels, r#"{exporter="OTLP", level="own", tenant="t"}"#);
    let tail = r#"attribute_a_0=1 attribute_a_1="x y" instrumentation_scope_name=lib instrumentation_scope_version=1"#;
    assert_eq!(text_line, format!("msg=\"plain text\" severity=warn {tail}"));
    let (_, text_line, _) = pass(&bridge, line("severity=x k=v")).await;
    assert_eq!(text_line, format!("severity=warn k=v {tail}"));
    let raw = [("loki.format", text("raw"))];
    let body = |record: &mut LogRecord<'_>| record.body = Some(AnyValue::Double(0.5));
    assert_eq!(pass(&bridge, request(&[], &raw, body)).await.1, "0.5");
    let wrong = [("loki.format", text("xml"))];
    assert!(bridge.pass(request(&[], &wrong, |_| {})).await.is_empty());
    let edge = bridge.edge();
    assert_eq!(
        (items(edge.delivered), items(edge.filtered["conversion_failed"])),
        (3, 1)
    );
    bridge.stop().await;
}

#[tokio::test]
async fn records_of_one_label_set_are_one_stream_and_refusals_go_back() {
    let bridge = to_loki();
    let records = || batch(Signal::Logs, &["a", "b", "c"]);
    bridge.sink.refuse(1);
    assert_eq!(bridge.source.accept(records()).await, Err(Refused::retry("not now")));
    let taken = bridge.pass(records()).await;
    assert_eq!((taken[0].len(), taken[0][0].entries.len()), (1, 3));
    assert_eq!(items(bridge.edge().delivered), 3);
    let spans = bridge.source.accept(batch(Signal::Traces, &["a"])).await;
    assert!(spans.is_err_and(|refused| !refused.is_retryable()));
    bridge.stop().await;
}

#[tokio::test]
async fn entries_are_records_with_their_labels_as_attributes() {
    let bridge = from_loki();
    let streams = || {
        vec![
            LogStream {
                labels: Labels::from_pairs([("job", "j"), ("filename", "/var/log/x.log")]),
                entries: vec![Entry::new(5, "one"), Entry::new(6, "two")],
            },
            LogStream {
                labels: Labels::empty(),
                entries: vec![Entry::new(7, b"\xff".as_slice())],
            },
        ]
    };
    bridge.sink.refuse(1);
    let refused = bridge.source.accept(LogBatch::new(streams(), Permit::none())).await;
    assert_eq!(refused, Err(Refused::retry("not now")));
    let taken = bridge.pass(LogBatch::new(streams(), Permit::none())).await;
    assert_eq!((taken.len(), taken[0].records), (1, 3));
    let request = taken[0].payload.to_bytes();
    assert!(json::encode(Signal::Logs, &request).len() > 100);
    let records: Vec<LogRecord<'_>> = logs::resources(&request)
        .flat_map(|resource| resource.scopes())
        .flat_map(|scope| scope.records())
        .collect();
    assert_eq!(
        records.iter().map(|record| record.time_unix_nano).collect::<Vec<_>>(),
        [5, 6, 7]
    );
    assert!(records[0].observed_time_unix_nano > 1_000_000_000);
    let attributes: Vec<(String, String)> = records[1]
        .attributes()
        .iter()
        .map(|pair| {
            let value = pair.value().as_str().unwrap().into_owned();
            (String::from_utf8_lossy(pair.key).into_owned(), value)
        })
        .collect();
    let expected = [
        ("log.file.path", "/var/log/x.log"),
        ("log.file.name", "x.log"),
        ("filename", "/var/log/x.log"),
        ("job", "j"),
        ("loki.attribute.labels", "filename,job"),
    ];
    assert_eq!(
        attributes,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(records[2].attributes().iter().count(), 0);
    assert!(matches!(records[2].body, Some(AnyValue::String(b"\xff"))));
    assert_eq!(items(bridge.edge().delivered), 3);
    bridge.stop().await;
}
