//! OTLP/JSON.

use crate::oracle::Decoded;
use crate::{SIGNALS, generate};
use fastrand::Rng;
use otlp_wire::json::{decode, encode};
use otlp_wire::{Signal, receive};

#[test]
fn requests_come_back_from_json() {
    let mut rng = Rng::with_seed(6);
    for round in 0..3_000 {
        let signal = SIGNALS[round % 3];
        let request = generate::request(&mut rng, signal);
        let text = encode(signal, &request);
        let (back, count) = decode(signal, &text).unwrap();
        assert_eq!(receive(signal, request.clone().into()).unwrap().1, count);
        let theirs = Decoded::new(signal, &request).unwrap();
        let ours = Decoded::new(signal, &back).unwrap();
        assert!(ours.encode() == theirs.encode(), "{}", String::from_utf8_lossy(&text));
    }
}

const LOGS: &str = r#"{
  "resourceLogs": [{
    "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "my.\u00e9\ud83d\ude00\ud83d\n"}}],
                 "entityRefs": null, "unknown": [{"a": [1, "x", null, true, {}]}]},
    "scope_logs": [{
      "scope": null,
      "schemaUrl": "u",
      "logRecords": [{
        "timeUnixNano": "1544712660300000000", "observed_time_unix_nano": 1544712660300000000,
        "severityNumber": "SEVERITY_NUMBER_WARN2", "severityText": null, "flags": 1e0,
        "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "eee19b7ec3c1b174", "eventName": "e",
        "body": {"kvlistValue": {"values": [
          {"key": "i", "value": {"intValue": "-9223372036854775808"}}, {"key": "j", "value": {"intValue": 7}},
          {"key": "d", "value": {"doubleValue": "-Infinity"}}, {"key": "n", "value": {"doubleValue": "NaN"}},
          {"key": "b", "value": {"boolValue": false}}, {"key": "y", "value": {"bytesValue": "AP8="}},
          {"key": "a", "value": {"arrayValue": {"values": [{}, {"doubleValue": 1.5e3}]}}}, {"key": "none"}
        ]}}
      }, {}]
    }]
  }]
}"#;

#[test]
fn what_the_collector_reads_is_read() {
    let (request, count) = decode(Signal::Logs, LOGS.as_bytes()).unwrap();
    assert_eq!(count, 2);
    let text = String::from_utf8(encode(Signal::Logs, &request)).unwrap();
    assert_eq!(
        text,
        concat!(
            r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"my.é😀"#,
            "\u{fffd}",
            r#"\n"}}]},"scopeLogs":[{"schemaUrl":"u","logRecords":[{"timeUnixNano":"1544712660300000000","#,
            r#""observedTimeUnixNano":"1544712660300000000","severityNumber":14,"flags":1,"#,
            r#""traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","eventName":"e","#,
            r#""body":{"kvlistValue":{"values":[{"key":"i","value":{"intValue":"-9223372036854775808"}},"#,
            r#"{"key":"j","value":{"intValue":"7"}},{"key":"d","value":{"doubleValue":"-Infinity"}},"#,
            r#"{"key":"n","value":{"doubleValue":"NaN"}},{"key":"b","value":{"boolValue":false}},"#,
            r#"{"key":"y","value":{"bytesValue":"AP8="}},"#,
            r#"{"key":"a","value":{"arrayValue":{"values":[{},{"doubleValue":1500}]}}},{"key":"none"}]}}},{}]}]}]}"#,
        )
    );
}

#[test]
fn metrics_are_read() {
    let text = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
        {"name":"h","histogram":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA","dataPoints":[
            {"count":3,"sum":0,"bucketCounts":["1",1,1],"explicitBounds":[1,"2"],"min":-0.0}]}},
        {"name":"e","exponentialHistogram":{"dataPoints":[
            {"scale":-3,"positive":{"offset":-2,"bucketCounts":[300,"4"]},"zeroThreshold":1e-300}]}},
        {"name":"g","gauge":{"dataPoints":[{"asInt":"0"},{"asDouble":0}]}},
        {"name":"s","summary":{"dataPoints":[{"quantileValues":[{"quantile":0.5,"value":2}]}]}}
    ]}]}]}"#;
    let (request, count) = decode(Signal::Metrics, text.as_bytes()).unwrap();
    assert_eq!(count, 5);
    let text = String::from_utf8(encode(Signal::Metrics, &request)).unwrap();
    for part in [
        r#""aggregationTemporality":1,"#,
        r#"{"count":"3","sum":0,"bucketCounts":["1","1","1"],"explicitBounds":[1,2],"min":-0}"#,
        r#"{"scale":-3,"positive":{"offset":-2,"bucketCounts":["300","4"]},"zeroThreshold":1e-300}"#,
        r#"[{"asInt":"0"},{"asDouble":0}]"#,
        r#""quantileValues":[{"quantile":0.5,"value":2}]"#,
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn members_that_occur_twice_are_merged() {
    let text = r#"{"resourceLogs":[{"resource":{"droppedAttributesCount":1},"resource":{"droppedAttributesCount":2},
        "scopeLogs":[{"logRecords":[{}]}],"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a","intValue":1}}]}]}]}"#;
    let (request, count) = decode(Signal::Logs, text.as_bytes()).unwrap();
    assert_eq!(count, 2);
    assert_eq!(
        String::from_utf8(encode(Signal::Logs, &request)).unwrap(),
        concat!(
            r#"{"resourceLogs":[{"resource":{"droppedAttributesCount":2},"scopeLogs":[{"logRecords":[{}]},"#,
            r#"{"logRecords":[{"body":{"intValue":"1"}}]}]}]}"#
        )
    );
}

#[test]
fn errors_say_where() {
    let record =
        |inside: &str| format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{}},{{{inside}}}]}}]}}]}}"#);
    for (text, path, reason) in [
        (
            record(r#""traceId":"00""#),
            ".traceId",
            "a trace id is 32 hexadecimal digits",
        ),
        (
            record(r#""spanId":"gg""#),
            ".spanId",
            "a span id is 16 hexadecimal digits",
        ),
        (
            record(r#""timeUnixNano":"x""#),
            ".timeUnixNano",
            "an integer is expected",
        ),
        (
            record(r#""timeUnixNano":-1"#),
            ".timeUnixNano",
            "an integer is out of range",
        ),
        (record(r#""flags":4294967296"#), ".flags", "an integer is out of range"),
        (
            record(r#""severityNumber":"WARN""#),
            ".severityNumber",
            "the name is not one of those that can stand here",
        ),
        (
            record(r#""body":{"bytesValue":"?"}"#),
            ".body.bytesValue",
            "bytes are base64",
        ),
        (
            record(r#""body":{"stringValue":1}"#),
            ".body.stringValue",
            "a string is expected",
        ),
        (
            record(r#""body":{"boolValue":"true"}"#),
            ".body.boolValue",
            "true or false is expected",
        ),
        (record(r#""attributes":{}"#), ".attributes", "an array is expected"),
        (record(r#""attributes":[1]"#), ".attributes[0]", "an object is expected"),
        (
            record(r#""eventName":"\x""#),
            ".eventName",
            "an escape is not one of JSON",
        ),
    ] {
        let error = decode(Signal::Logs, text.as_bytes()).unwrap_err();
        assert_eq!(
            error.path,
            format!("resourceLogs[0].scopeLogs[0].logRecords[1]{path}"),
            "{text}"
        );
        assert_eq!(error.reason, reason, "{text}");
        assert!(error.at > 50 && error.at < text.len(), "{error}");
    }
    for text in [
        "",
        "{",
        "[]",
        "1",
        "{} x",
        "{\"a\":}",
        "{\"a\" 1}",
        "{\"a\":1,}",
        "{\"a\":\"\n\"}",
        "nul",
        "{\"a",
    ] {
        let error = decode(Signal::Logs, text.as_bytes()).unwrap_err();
        assert!(error.to_string().starts_with("malformed OTLP/JSON at byte"), "{text}");
    }
    let deep = format!("{{\"x\":{}", "[".repeat(100_000));
    assert_eq!(
        decode(Signal::Logs, deep.as_bytes()).unwrap_err().reason,
        "values are nested too deeply"
    );
    let array = "{\"arrayValue\":{\"values\":[";
    let deep = record(&format!("\"body\":{}", array.repeat(1000)));
    assert_eq!(
        decode(Signal::Logs, deep.as_bytes()).unwrap_err().reason,
        "messages are nested too deeply"
    );
}

#[test]
fn any_text_is_read_or_refused() {
    let mut rng = Rng::with_seed(9);
    for round in 0..20_000 {
        let signal = SIGNALS[round % 3];
        let mut text = match round % 2 {
            0 => LOGS.as_bytes().to_vec(),
            _ => encode(signal, &generate::small(&mut rng, signal)),
        };
        crate::mutate::bytes(&mut rng, &mut text);
        let _ = decode(signal, &text);
    }
}
