"""Sends one request of each signal with the OpenTelemetry SDK and prints what it sent, a JSON object, as OTLP/JSON has it.

Usage: otel_sdk.py grpc|http ENDPOINT none|gzip|deflate
"""

import base64
import json
import logging
import sys

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

protocol, endpoint, compression = sys.argv[1:4]
sent = {"logs": [], "metrics": [], "traces": []}
failed = []

if protocol == "grpc":
    import grpc
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    kinds = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip, "deflate": grpc.Compression.Deflate}
    options = lambda signal: {"endpoint": endpoint, "insecure": True, "compression": kinds[compression]}
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    kinds = {"none": Compression.NoCompression, "gzip": Compression.Gzip, "deflate": Compression.Deflate}
    options = lambda signal: {"endpoint": f"{endpoint}/v1/{signal}", "compression": kinds[compression]}


def hexed(node):
    """Identifiers in hexadecimal, as OTLP/JSON has them."""
    if isinstance(node, dict):
        return {
            key: base64.b64decode(value).hex() if key in ("traceId", "spanId", "parentSpanId") else hexed(value)
            for key, value in node.items()
        }
    return [hexed(one) for one in node] if isinstance(node, list) else node


def watched(exporter, signal, encode):
    export = exporter.export

    def watch(data, *args, **kwargs):
        sent[signal].append(hexed(MessageToDict(encode(data), use_integers_for_enums=True)))
        result = export(data, *args, **kwargs)
        if result.name != "SUCCESS":
            failed.append(signal)
        return result

    exporter.export = watch
    return exporter


resource = Resource.create({"service.name": "peer", "list": ["a", "b"], "ratio": 0.25})

tracing = TracerProvider(resource=resource)
tracing.add_span_processor(SimpleSpanProcessor(watched(OTLPSpanExporter(**options("traces")), "traces", encode_spans)))
tracer = tracing.get_tracer("lib", "1.2", attributes={"scope": "yes"})
remote = SpanContext(0x0102030405060708090A0B0C0D0E0F10, 0x1112131415161718, True, TraceFlags(1))
with tracer.start_as_current_span("outer", kind=SpanKind.SERVER, links=[Link(remote, {"why": "test"})]) as span:
    span.set_attributes({"text": "grüße", "number": -7, "real": 1.5, "flag": True, "numbers": [1, 2, 3]})
    span.add_event("event", {"k": "v"})
    with tracer.start_as_current_span("inner") as inner:
        inner.set_status(Status(StatusCode.ERROR, "it broke"))

logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(SimpleLogRecordProcessor(watched(OTLPLogExporter(**options("logs")), "logs", encode_logs)))
from opentelemetry._logs import LogRecord, SeverityNumber

logger = logs.get_logger("lib", "1.2")
logger.emit(
    LogRecord(
        timestamp=1581452773000000789,
        observed_timestamp=1581452773000000790,
        severity_text="WARN",
        severity_number=SeverityNumber.WARN,
        body={"nested": {"list": [1, "two", 3.5]}, "text": "line"},
        attributes={"a": 1, "b": "x" * 300},
    )
)

reader = PeriodicExportingMetricReader(
    watched(OTLPMetricExporter(**options("metrics")), "metrics", encode_metrics), export_interval_millis=3_600_000
)
views = [View(instrument_name="exponential", aggregation=ExponentialBucketHistogramAggregation())]
metering = MeterProvider(resource=resource, metric_readers=[reader], views=views)
meter = metering.get_meter("lib", "1.2")
meter.create_counter("counter", unit="1", description="counts").add(5, {"k": "v"})
meter.create_up_down_counter("updown").add(-2.5, {"k": "v"})
for value in (0.5, 3, 700, 12345):
    meter.create_histogram("histogram", unit="ms").record(value, {"k": "v"})
    meter.create_histogram("exponential").record(value, {"k": "v"})
metering.force_flush()
metering.shutdown()
tracing.shutdown()
logs.shutdown()

if failed:
    sys.exit(f"not accepted: {failed}")
json.dump(sent, sys.stdout)
