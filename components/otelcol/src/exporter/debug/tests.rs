use super::*;
use otlp_wire::json;

fn texts(signal: Signal, text: &str) -> (String, String) {
    let (request, _) = json::decode(signal, text.as_bytes()).unwrap();
    (normal::text(signal, &request), detailed::text(signal, &request))
}

#[test]
fn logs_are_told_as_the_collector_tells_them() {
    let (normal, detailed) = texts(
        Signal::Logs,
        r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"api"}}]},"scopeLogs":[{"scope":{"name":"lib","version":"1"},"logRecords":[{"timeUnixNano":"1581452773000000789","severityNumber":9,"severityText":"Info","body":{"stringValue":"hello"},"attributes":[{"key":"n","value":{"intValue":"1"}}],"traceId":"08040201000000000000000000000000","spanId":"0102040800000000"}]}]}]}"#,
    );
    assert_eq!(
        normal,
        "ResourceLog #0 service.name=api\nScopeLog #0 lib@1\nhello n=1\n"
    );
    assert_eq!(
        detailed,
        "ResourceLog #0\nResource SchemaURL: \nResource attributes:\n     -> service.name: Str(api)\nScopeLogs #0\n\
         ScopeLogs SchemaURL: \nInstrumentationScope lib 1\nLogRecord #0\nObservedTimestamp: 1970-01-01 00:00:00 +0000 UTC\n\
         Timestamp: 2020-02-11 20:26:13.000000789 +0000 UTC\nSeverityText: Info\nSeverityNumber: Info(9)\nBody: Str(hello)\n\
         Attributes:\n     -> n: Int(1)\nTrace ID: 08040201000000000000000000000000\nSpan ID: 0102040800000000\nFlags: 0\n"
    );
}

#[test]
fn metrics_and_spans_are_told_too() {
    let (normal, detailed) = texts(
        Signal::Metrics,
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","unit":"1","sum":{"isMonotonic":true,"aggregationTemporality":2,"dataPoints":[{"attributes":[{"key":"k","value":{"stringValue":"v"}}],"asInt":"3"}]}}]}]}]}"#,
    );
    assert_eq!(normal, "ResourceMetrics #0\nScopeMetrics #0\nm{k=v} 3\n");
    assert!(detailed.contains("     -> DataType: Sum\n     -> IsMonotonic: true\n     -> AggregationTemporality: Cumulative\nNumberDataPoints #0\n"), "{detailed}");
    let (normal, detailed) = texts(
        Signal::Traces,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"op","kind":2,"traceId":"08040201000000000000000000000000","spanId":"0102040800000000","events":[{"name":"e","attributes":[{"key":"k","value":{"boolValue":true}}]}],"status":{"code":2,"message":"bad"}}]}]}]}"#,
    );
    assert_eq!(
        normal,
        "ResourceTraces #0\nScopeTraces #0\nop 08040201000000000000000000000000 0102040800000000\n"
    );
    assert!(detailed.contains("    Kind           : Server\n"), "{detailed}");
    assert!(
        detailed.contains("    Status message : bad\nEvents:\nSpanEvent #0\n     -> Name: e\n"),
        "{detailed}"
    );
    assert!(
        detailed.contains("     -> Attributes::\n          -> k: Bool(true)\n"),
        "{detailed}"
    );
}
