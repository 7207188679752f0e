// Made-up answers of the HTTP API, in the shapes of docs/http-api.md.

/** @typedef {import('../../src/lib/types.js').Component} Component */
/** @typedef {import('../../src/lib/types.js').Body} Body */

const STARTED = Date.now();
export const at = (/** @type {number} */ secondsAgo) => new Date(Date.now() - secondsAgo * 1000).toISOString();

/** @param {string} name @param {unknown} value @returns {any} */
export const attr = (name, value) => ({ name, type: 'attr', value: val(value) });
/** @param {unknown} v @returns {any} */
function val(v) {
  if (v === null) return { type: 'null', value: null };
  if (Array.isArray(v)) return { type: 'array', value: v.map(val) };
  if (typeof v === 'string' && (v === '(secret)' || v.startsWith('capsule('))) return { type: 'capsule', value: v };
  if (typeof v === 'object') return { type: 'object', value: Object.entries(/** @type {object} */ (v)).map(([key, value]) => ({ key, value: val(value) })) };
  return { type: typeof v === 'boolean' ? 'bool' : typeof v, value: v };
}
/** @param {string} name @param {Body} body @param {string} [label] @returns {any} */
export const block = (name, body, label) => ({ name, type: 'block', ...(label ? { label } : {}), body });

/**
 * @param {string} localID
 * @param {{ to?: string[], refs?: string[], state?: string, message?: string, module?: string, modules?: string[] }} [more]
 * @returns {Component}
 */
export function component(localID, { to = [], refs = to, state = 'healthy', message = 'started component', module = '', modules } = {}) {
  const parts = localID.split('.');
  const label = parts.length > 2 ? parts.at(-1) : parts[1];
  return /** @type {any} */ ({
    name: parts.length > 2 ? parts.slice(0, -1).join('.') : parts[0],
    type: 'block',
    localID,
    moduleID: module,
    ...(label ? { label } : {}),
    referencesTo: refs,
    referencedBy: [],
    dataFlowEdgesTo: to,
    health: { state, message, updatedTime: new Date(STARTED - 240_000).toISOString() },
    original: '',
    arguments: [],
    exports: [],
    debugInfo: [],
    ...(modules ? { createdModuleIDs: modules } : {}),
    liveDebuggingEnabled: true,
  });
}

/** A configuration as people have them. */
export function configuration() {
  return back([
    component('local.file.token', { message: 'read file' }),
    component('discovery.kubernetes.pods', { to: ['discovery.relabel.pods'], refs: [] }),
    component('discovery.relabel.pods', { to: ['loki.source.kubernetes.pods', 'prometheus.scrape.pods'], refs: ['discovery.kubernetes.pods'] }),
    component('loki.source.kubernetes.pods', { to: ['loki.process.app'], refs: ['discovery.relabel.pods', 'loki.process.app'] }),
    component('loki.process.app', { to: ['loki.write.central'] }),
    component('loki.source.journal.system', { to: ['loki.process.system'] }),
    component('loki.process.system', { to: ['loki.write.central', 'loki.write.audit'] }),
    component('loki.write.central', { refs: ['local.file.token'] }),
    component('loki.write.audit', { state: 'unhealthy', message: 'endpoint "audit.example:3100" cannot be reached: connection refused (since 2026-11-27T17:12:37Z); entries are kept and sent again' }),
    component('prometheus.exporter.unix.host', { to: ['prometheus.scrape.host'], refs: [] }),
    component('prometheus.scrape.host', { to: ['cleanup.metrics'], refs: ['prometheus.exporter.unix.host', 'cleanup.metrics'] }),
    component('prometheus.scrape.pods', { to: ['cleanup.metrics'], refs: ['discovery.relabel.pods', 'cleanup.metrics'] }),
    component('cleanup.metrics', { to: ['prometheus.remote_write.mimir'], message: 'started custom component', modules: ['cleanup.metrics'] }),
    component('prometheus.remote_write.mimir', { refs: ['local.file.token'] }),
    component('otelcol.receiver.otlp.in', { to: ['otelcol.processor.batch.all'] }),
    component('otelcol.processor.batch.all', { to: ['otelcol.exporter.otlp.tempo'] }),
    component('otelcol.exporter.otlp.tempo', { state: 'unknown', message: 'waiting for the first batch' }),
    component('prometheus.operator.servicemonitors.all', { to: ['prometheus.remote_write.mimir'], state: 'exited', message: 'no permission to list ServiceMonitors' }),
  ]);
}

/** Fills in who is referred to by whom. @param {Component[]} list */
export function back(list) {
  for (const c of list) {
    for (const to of c.referencesTo) list.find((other) => other.localID === to)?.referencedBy.push(c.localID);
  }
  return list;
}

export const modules = /** @type {Record<string, Component[]>} */ ({
  'cleanup.metrics': back([
    component('prometheus.relabel.drop', { module: 'cleanup.metrics', to: ['prometheus.relabel.shorten'] }),
    component('prometheus.relabel.shorten', { module: 'cleanup.metrics', modules: undefined }),
  ]),
  // The remote configuration, and a module in it.
  remotecfg: back([
    component('loki.source.file.far', { module: 'remotecfg', to: ['tidy.far'] }),
    component('tidy.far', { module: 'remotecfg', to: ['loki.write.remote'], modules: ['remotecfg/tidy.far'] }),
    component('loki.write.remote', { module: 'remotecfg' }),
  ]),
  'remotecfg/tidy.far': [component('loki.process.inner', { module: 'remotecfg/tidy.far' })],
});

/** Many that are cheap. @param {number} n */
export const many = (n) => Array.from({ length: n }, (_, i) => component(`local.file.f${i}`, { message: 'read file', state: i % 997 === 3 ? 'unhealthy' : 'healthy' }));

/** A wide configuration: n sources, with a stage each, and a few sinks, which every seventh stage joins. @param {number} n */
export function wide(n) {
  const list = [];
  for (let i = 0; i < n; i += 1) {
    list.push(component(`loki.source.file.s${i}`, { to: [`loki.process.p${i}`] }));
    list.push(component(`loki.process.p${i}`, { to: i % 7 ? [`loki.write.w${i % 5}`] : [`loki.write.w${i % 5}`, `loki.write.w${(i + 1) % 5}`] }));
  }
  for (let i = 0; i < 5; i += 1) list.push(component(`loki.write.w${i}`));
  return back(list);
}

/** @param {Component} c @returns {Component} */
export function full(c) {
  if (c.name === 'loki.process') {
    c.arguments = [
      attr('forward_to', ['capsule("loki.LogsReceiver")']),
      block('stage.json', [attr('expressions', { level: 'level', msg: 'message', took: 'duration_ms' }), attr('source', null), attr('drop_malformed', false)]),
      block('stage.labels', [attr('values', { level: '' }), attr('source_type', 'extracted')]),
      block('stage.drop', [attr('source', ''), attr('expression', '.*debug.*'), attr('separator', ';'), attr('older_than', '0s'), attr('drop_counter_reason', 'debug_lines')]),
    ];
    c.exports = [attr('receiver', 'capsule("loki.LogsReceiver")')];
  } else if (c.name === 'loki.write') {
    c.arguments = [
      block('endpoint', [attr('url', 'http://audit.example:3100/loki/api/v1/push'), attr('name', ''), attr('batch_wait', '1s'), attr('bearer_token', '(secret)'), block('queue_config', [attr('capacity', '10MiB'), attr('min_shards', 1), attr('block_on_overflow', true)])]),
      attr('external_labels', { cluster: 'eu-1', region: 'north' }),
    ];
    c.exports = [attr('receiver', 'capsule("loki.LogsReceiver")')];
    c.debugInfo = [block('endpoint', [attr('url', 'http://audit.example:3100/loki/api/v1/push'), attr('last_error', 'connection refused'), attr('sent', 12840)], 'audit')];
  } else if (c.name.startsWith('discovery.')) {
    c.exports = [attr('targets', Array.from({ length: 240 }, (_, i) => ({ __address__: `10.0.${i >> 4}.${i & 15}:8080`, namespace: 'shop', pod: `api-${i}` })))];
  }
  return c;
}

const amount = (/** @type {number} */ items) => ({ items, bytes: items * 180 });
/** @param {string} from @param {string} to @param {number} n @param {Partial<import('../../src/lib/types.js').Edge>} [more] */
const edge = (from, to, n, more = {}) => {
  const lost = Object.values({ ...more.filtered, ...more.rejected }).reduce((s, a) => s + a.items, 0) + (more.in_flight?.items ?? 0);
  return { from, to, entered: amount(n), delivered: amount(n - lost), filtered: {}, rejected: {}, expired: {}, dead_lettered: {}, returned: amount(0), lost: amount(0), in_flight: amount(0), balanced: true, ...more };
};

export function ledger() {
  const t = Math.floor((Date.now() - STARTED) / 100) + 5000;
  return {
    edges: [
      edge('loki.source.kubernetes.pods', 'loki.process.app', t * 40, { filtered: { debug_lines: amount(t * 12) } }),
      edge('loki.process.app', 'loki.write.central', t * 28, { in_flight: amount(120) }),
      edge('loki.source.journal.system', 'loki.process.system', t * 3, { filtered: { older_than: amount(41) } }),
      edge('loki.process.system', 'loki.write.audit', t * 3, { in_flight: amount(t) }),
      edge('loki.write.central', 'loki.write.central#https://logs.example/loki/api/v1/push', t * 31, { rejected: { 'entry too far behind': amount(204) } }),
      edge('prometheus.scrape.pods', 'cleanup.metrics/prometheus.relabel.drop', t * 900),
      edge('prometheus.scrape.host', 'cleanup.metrics/prometheus.relabel.drop', t * 90),
      edge('cleanup.metrics/prometheus.relabel.drop', 'cleanup.metrics/prometheus.relabel.shorten', t * 990, { filtered: { relabel_drop: amount(t * 310) } }),
      edge('cleanup.metrics/prometheus.relabel.shorten', 'prometheus.remote_write.mimir', t * 680),
      edge('otelcol.receiver.otlp.in', 'otelcol.processor.batch.all', t * 6, { lost: amount(0) }),
    ],
    budget: { limit: 2_497_451_212, used: 214_000_000, peak: 520_300_000, waiting: 0 },
  };
}

export const why = () => ({
  since: at(900),
  complete: false,
  answers: [
    {
      component: 'loki.process.app', place: 'config.alloy:41', fate: 'filtered', reason: 'debug_lines', items: 48_211, bytes: 9_120_332,
      rules: [{ block: 'stage.drop#0', place: 'config.alloy:52', examples: Array.from({ length: 5 }, (_, i) => ({ at: at(2 + i * 7), labels: { job: 'shop/api', level: 'debug', pod: `api-${i}` }, line: `{"level":"debug","message":"cache miss for basket ${8812 + i}","duration_ms":${3 + i}}` })) }],
    },
    {
      component: 'loki.write.central', place: 'config.alloy:80', fate: 'rejected', reason: 'entry too far behind', items: 204, bytes: 51_004,
      rules: [{ block: 'endpoint#0', place: 'config.alloy:81', examples: [{ at: at(40), labels: { job: 'system/journal' }, line: 'Nov 26 04:11:12 host kernel: usb 1-1: new high-speed device', message: 'logs.example answered 400: entry too far behind, oldest acceptable timestamp is 2026-11-27T16:00:00Z' }] }],
    },
  ],
});

export const queues = () => ({
  queues: [
    { component: 'loki.write.central', destination: 'https://logs.example/loki/api/v1/push', state: 'healthy', message: '', depthRecords: 0, depthBytes: 0, diskBytes: 0, limitBytes: 1 << 30, oldestSeconds: null, inBytesPerSecond: 183_000, outBytesPerSecond: 183_000, secondsToLoss: null },
    { component: 'loki.write.audit', destination: 'http://audit.example:3100/loki/api/v1/push', state: 'failing', message: 'cannot be reached: connection refused', depthRecords: 812_331, depthBytes: 702_000_000, diskBytes: 198_000_000, limitBytes: 1 << 30, oldestSeconds: 8_131, inBytesPerSecond: 186_000, outBytesPerSecond: 0, secondsToLoss: 1_990 },
    { component: 'prometheus.remote_write.mimir', destination: 'https://mimir.example/api/v1/push', state: 'failing', message: 'answered 401: credentials are refused; sent again when they change', depthRecords: 2_210_000, depthBytes: 88_000_000, diskBytes: 41_000_000, limitBytes: 4 * (1 << 30), oldestSeconds: 311, inBytesPerSecond: 240_000, outBytesPerSecond: 0, secondsToLoss: 17_530 },
  ],
});

/** @param {string} id */
export const detail = (id) => ({
  id,
  place: 'config.alloy:41',
  healthHistory: [
    { state: 'unknown', message: 'component created', at: at(260) },
    { state: 'healthy', message: 'started component', at: at(258) },
    { state: 'unhealthy', message: 'endpoint cannot be reached: connection refused', at: at(70) },
    { state: 'healthy', message: 'started component', at: at(30) },
  ],
  busySeconds: 4.281,
});

export const peers = [
  { name: 'node-a', addr: '10.0.0.11:12345', isSelf: true, state: 'participant' },
  { name: 'node-b', addr: '10.0.0.12:12345', isSelf: false, state: 'participant' },
  { name: 'node-c', addr: '10.0.0.13:12345', isSelf: false, state: 'terminating' },
];

export const remotecfg = () => ({
  configured: true, url: 'https://fleet.example/collector', id: 'host-17', name: 'Host 17', attributes: { os: 'linux', team: 'shop' }, status: 'failed',
  message: 'config.alloy:3:1: component "loki.write.gone" does not exist or is out of scope\nWhat ran before runs on.', hash: '8f0a22c1', lastPoll: at(12), lastLoad: at(4000), pollFrequencySeconds: 60,
  source: 'loki.write "remote" {\n\tendpoint {\n\t\turl = "https://logs.example/loki/api/v1/push"\n\t}\n}\n',
});

/** Rates as the stream of the graph has them. */
export const flows = () => {
  const about = (/** @type {number} */ n) => Math.round(n * (0.9 + Math.random() * 0.2));
  const flow = (/** @type {string} */ componentID, /** @type {string[]} */ targetComponentIDs, /** @type {string} */ type, /** @type {number} */ rate) => ({ componentID, targetComponentIDs, type, rate });
  return [
    flow('loki.source.kubernetes.pods', ['loki.process.app'], 'loki_log', about(400)),
    flow('loki.process.app', ['loki.write.central'], 'loki_log', about(280)),
    flow('loki.source.journal.system', ['loki.process.system'], 'loki_log', about(30)),
    flow('loki.process.system', ['loki.write.audit'], 'loki_log', about(30)),
    flow('prometheus.scrape.pods', ['cleanup.metrics'], 'prometheus_metric', about(9000)),
    flow('prometheus.scrape.host', ['cleanup.metrics'], 'prometheus_metric', about(900)),
    flow('cleanup.metrics', ['prometheus.remote_write.mimir'], 'prometheus_metric', about(6800)),
    flow('otelcol.receiver.otlp.in', ['otelcol.processor.batch.all'], 'otel_trace', about(60)),
  ];
};

let n = 0;
/** Lines of a tap: one record as it goes through the stages. @param {boolean} stages */
export function tapped(stages) {
  n += 1;
  const debug = n % 4 === 0;
  const now = new Date().toISOString();
  const line = `{"level":"${debug ? 'debug' : 'info'}","message":"${debug ? 'cache miss for' : 'paid'} basket ${8000 + n}","duration_ms":${n % 90}}`;
  const from = 'loki.process.app';
  const base = { at: now, from, to: 'loki.write.central', signal: 'logs', timestamp: now, line };
  const labels = { job: 'shop/api', pod: `api-${n % 7}` };
  const more = { ...labels, level: debug ? 'debug' : 'info' };
  const edgeLine = { ...base, from: 'loki.source.kubernetes.pods', to: from, moment: 'edge', labels };
  const extracted = { level: debug ? 'debug' : 'info', took: n % 90 };
  const inside = { at: now, from, signal: 'logs', labels: {} };
  const steps = !stages
    ? []
    : [
        { ...inside, stage: 'stage.json[0]', moment: 'stage', changed: { extracted }, before: { extracted: { level: null, took: null } } },
        { ...inside, stage: 'stage.labels[1]', moment: 'stage', labels: more, changed: { labels: more }, before: { labels } },
        ...(debug ? [] : [{ ...inside, stage: 'stage.template[2]', moment: 'stage', changed: { line: `paid basket ${8000 + n}`, timestamp: now }, before: { line, timestamp: now } }]),
        debug
          ? { ...inside, moment: 'dropped', changed: { reason: 'debug_lines' } }
          : { ...inside, moment: 'out', labels: more, line, changed: { extracted, labels: more, line, structured_metadata: {}, timestamp: now } },
      ];
  return [edgeLine, ...steps, ...(debug ? [] : [{ ...base, moment: 'edge', labels: more }]), ...(n % 50 === 0 ? [{ missed: 12 }] : [])];
}
