// Sends one request of each signal with the OpenTelemetry SDK and prints what it sent, a JSON object, as OTLP/JSON has it.
//
// Usage: NODE_PATH=.../node_modules node otel_sdk.cjs grpc|http|proto ENDPOINT none|gzip
const [protocol, endpoint, compression] = process.argv.slice(2);
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { JsonTraceSerializer, JsonMetricsSerializer, JsonLogsSerializer } = require("@opentelemetry/otlp-transformer");
const { BasicTracerProvider, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-base");
const { MeterProvider, PeriodicExportingMetricReader } = require("@opentelemetry/sdk-metrics");
const { LoggerProvider, SimpleLogRecordProcessor } = require("@opentelemetry/sdk-logs");
const { trace, context, SpanKind, SpanStatusCode } = require("@opentelemetry/api");
const { SeverityNumber } = require("@opentelemetry/api-logs");

const kind = protocol === "http" ? "http" : protocol;
const { OTLPTraceExporter } = require(`@opentelemetry/exporter-trace-otlp-${kind}`);
const { OTLPMetricExporter } = require(`@opentelemetry/exporter-metrics-otlp-${kind}`);
const { OTLPLogExporter } = require(`@opentelemetry/exporter-logs-otlp-${kind}`);

const sent = { logs: [], metrics: [], traces: [] };
const failed = [];
const options = (signal) => ({ url: protocol === "grpc" ? endpoint : `${endpoint}/v1/${signal}`, compression });

function watched(exporter, signal, serializer) {
  const send = exporter.export.bind(exporter);
  exporter.export = (data, done) => {
    sent[signal].push(JSON.parse(new TextDecoder().decode(serializer.serializeRequest(data))));
    send(data, (result) => {
      if (result.code !== 0) failed.push(`${signal}: ${result.error}`);
      done(result);
    });
  };
  return exporter;
}

async function main() {
  const resource = resourceFromAttributes({ "service.name": "peer", list: ["a", "b"], ratio: 0.25 });
  const tracing = new BasicTracerProvider({
    resource,
    spanProcessors: [new SimpleSpanProcessor(watched(new OTLPTraceExporter(options("traces")), "traces", JsonTraceSerializer))],
  });
  const tracer = tracing.getTracer("lib", "1.2");
  const remote = { traceId: "0102030405060708090a0b0c0d0e0f10", spanId: "1112131415161718", traceFlags: 1, isRemote: true };
  const outer = tracer.startSpan("outer", { kind: SpanKind.SERVER, links: [{ context: remote, attributes: { why: "test" } }] });
  outer.setAttributes({ text: "grüße", number: -7, real: 1.5, flag: true, numbers: [1, 2, 3] });
  outer.addEvent("event", { k: "v" });
  const inner = tracer.startSpan("inner", {}, trace.setSpan(context.active(), outer));
  inner.setStatus({ code: SpanStatusCode.ERROR, message: "it broke" });
  inner.end();
  outer.end();

  const logs = new LoggerProvider({
    resource,
    processors: [
      new SimpleLogRecordProcessor(
        ((exporter) => Object.assign(exporter, { exporter }))(watched(new OTLPLogExporter(options("logs")), "logs", JsonLogsSerializer)),
      ),
    ],
  });
  logs.getLogger("lib", "1.2").emit({
    severityNumber: SeverityNumber.WARN,
    severityText: "WARN",
    body: { nested: { list: [1, "two", 3.5] }, text: "line" },
    attributes: { a: 1, b: "x".repeat(300) },
  });

  const reader = new PeriodicExportingMetricReader({
    exporter: watched(new OTLPMetricExporter(options("metrics")), "metrics", JsonMetricsSerializer),
    exportIntervalMillis: 3600000,
  });
  const metering = new MeterProvider({ resource, readers: [reader] });
  const meter = metering.getMeter("lib", "1.2");
  meter.createCounter("counter", { unit: "1", description: "counts" }).add(5, { k: "v" });
  meter.createUpDownCounter("updown").add(-2.5, { k: "v" });
  const histogram = meter.createHistogram("histogram", { unit: "ms" });
  for (const value of [0.5, 3, 700, 12345]) histogram.record(value, { k: "v" });

  await tracing.forceFlush();
  await logs.forceFlush();
  await metering.forceFlush();
  await metering.shutdown();
  await tracing.shutdown();
  await logs.shutdown();
  if (failed.length > 0) throw new Error(`not accepted: ${failed}`);
  process.stdout.write(JSON.stringify(sent));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
