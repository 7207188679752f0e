// How much goes over each drawn edge.
import { splitId } from '../lib/components.js';
import { owner } from '../lib/ledger.js';
import { edgeKey, walk } from './model.js';

/** @typedef {import('../lib/types.js').Flow} Flow */
/** @typedef {{ rate: number, unit: string }} Rate */

const UNITS = /** @type {Record<string, string>} */ ({
  loki_log: 'logs',
  otel_log: 'logs',
  prometheus_metric: 'samples',
  otel_metric: 'metrics',
  otel_trace: 'spans',
});

/** @param {string} type of the stream */
const unit = (type) => UNITS[type] ?? 'records';

/**
 * Sums what the stream told on the edges that are drawn.
 * @param {import('./model.js').Level} level
 * @param {Flow[]} flows
 * @returns {Map<string, Rate>}
 */
export function onEdges(level, flows) {
  /** @type {Map<string, Rate>} */
  const found = new Map();
  for (const { componentID, targetComponentIDs, type, rate } of flows) {
    for (const target of targetComponentIDs) {
      walk(level, componentID, target, (_, from, to) => {
        const key = edgeKey(from, to);
        const old = found.get(key);
        found.set(key, { rate: (old?.rate ?? 0) + rate, unit: old && old.unit !== unit(type) ? 'records' : unit(type) });
      });
    }
  }
  return found;
}

/** The ledger counts records of any signal; what sends them tells which. @param {string} id */
function unitOf(id) {
  const { localID } = splitId(id);
  if (localID.startsWith('loki.')) return 'logs';
  return localID.startsWith('prometheus.') ? 'samples' : 'records';
}

/**
 * Adds what the ledger knows of edges that the stream does not tell of: those in modules and across their borders.
 * @param {Map<string, Rate>} known
 * @param {import('./model.js').Level} level
 * @param {Map<string, number>} ledger records a second by `from\nto`
 */
export function withLedger(known, level, ledger) {
  /** @type {Map<string, Rate>} */
  const more = new Map();
  for (const [pair, rate] of ledger) {
    const [from = '', to = ''] = pair.split('\n');
    walk(level, from, to, (_, a, b) => {
      const key = edgeKey(a, b);
      if (!known.has(key)) more.set(key, { rate: (more.get(key)?.rate ?? 0) + rate, unit: unitOf(owner(from)) });
    });
  }
  return new Map([...known, ...more]);
}
