import assert from 'node:assert/strict';
import { test } from 'node:test';
import { destination, edgesOf, owner, rates, refused, total } from '../../src/lib/ledger.js';
import { labelsOf } from '../../src/pages/why.js';
import { byUrgency } from '../../src/pages/queues.js';
import { ledger, queues } from '../mock/data.mjs';

const { edges } = ledger();

test('edges of a component', () => {
  const names = (/** @type {string} */ id) => {
    const { into, out } = edgesOf(edges, id);
    return [into.map((e) => e.from), out.map((e) => e.to)];
  };
  assert.deepEqual(names('loki.process.app'), [['loki.source.kubernetes.pods'], ['loki.write.central']]);
  assert.deepEqual(names('loki.write.central'), [['loki.process.app'], ['loki.write.central#https://logs.example/loki/api/v1/push']]);
  assert.deepEqual(names('cleanup.metrics'), [['prometheus.scrape.pods', 'prometheus.scrape.host'], ['prometheus.remote_write.mimir']], 'a module is all that is in it');
  assert.deepEqual(names('cleanup'), [[], []], 'a name is not a prefix of another');
});

test('sums', () => {
  assert.deepEqual(total({ a: { items: 1, bytes: 2 }, b: { items: 3, bytes: 4 } }), { items: 4, bytes: 6 });
  assert.deepEqual(total(undefined), { items: 0, bytes: 0 });
  assert.equal(owner('loki.write.x#http://a#b'), 'loki.write.x');
  assert.equal(destination('loki.write.x#http://a#b'), 'http://a#b');
  const edge = /** @type {any} */ ({ rejected: { late: { items: 1, bytes: 1 } }, dead_lettered: { late: { items: 2, bytes: 2 } } });
  assert.deepEqual(Object.entries(refused(edge)).map(([reason, { items }]) => [reason, items]), [['late', 1], ['late (kept as dead letters)', 2]]);
});

test('rates are differences, also over a restart', () => {
  const edge = (/** @type {number} */ items) => /** @type {any} */ ({ from: 'a', to: 'b', entered: { items, bytes: 0 } });
  assert.equal(rates([edge(100)], [edge(150)], 5).get('a\nb'), 10);
  assert.equal(rates([edge(100)], [edge(20)], 5).get('a\nb'), 4);
  assert.equal(rates([], [edge(20)], 5).get('a\nb'), 4);
  assert.equal(rates([], [edge(20)], 0).get('a\nb'), 0);
});

test('labels as people type them', () => {
  assert.deepEqual(labelsOf(''), []);
  assert.deepEqual(labelsOf(' job=a , level=x=y '), ['job=a', 'level=x=y']);
  assert.equal(labelsOf('job'), null);
  assert.equal(labelsOf('=a'), null);
});

test('the queue that loses data first stands first', () => {
  assert.deepEqual(byUrgency(/** @type {any} */ (queues().queues)).map((q) => q.component), ['loki.write.audit', 'prometheus.remote_write.mimir', 'loki.write.central']);
});
