import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idOf, kinds, matching, sorted, splitId, stateOf, tally } from '../../src/lib/components.js';
import { readModules, MODULES_READ } from '../../src/lib/modules.js';
import { pause } from '../../src/lib/poll.js';
import { slice } from '../../src/parts/rows.js';
import { component, configuration, many } from '../mock/data.mjs';

const list = configuration();
const ids = (/** @type {import('../../src/lib/types.js').Component[]} */ some) => some.map(idOf);

test('search takes every word, in id or message', () => {
  const found = (/** @type {string} */ text, health = '', kind = '') => ids(matching(list, { text, health, kind }));
  assert.deepEqual(found('LOKI audit'), ['loki.write.audit']);
  assert.deepEqual(found('refused'), ['loki.write.audit']);
  assert.deepEqual(found('', 'exited'), ['prometheus.operator.servicemonitors.all']);
  assert.deepEqual(found('', '', 'loki.process'), ['loki.process.app', 'loki.process.system']);
  assert.deepEqual(found('nothing like that'), []);
  assert.equal(matching(list, { text: ' ', health: '', kind: '' }), list, 'no filter copies nothing');
  const inner = component('loki.process.x', { module: 'pipe.one' });
  assert.deepEqual(ids(matching([inner], { text: 'pipe.one', health: '', kind: '' })), ['pipe.one/loki.process.x']);
});

test('worst first, then by id as people count', () => {
  assert.deepEqual(ids(sorted(list, { by: 'health', down: false })).slice(0, 3), ['loki.write.audit', 'prometheus.operator.servicemonitors.all', 'otelcol.exporter.otlp.tempo']);
  assert.deepEqual(ids(sorted(many(12), { by: 'id', down: false })).slice(-3), ['local.file.f9', 'local.file.f10', 'local.file.f11']);
  assert.deepEqual(ids(sorted(many(12), { by: 'id', down: true }))[0], 'local.file.f11');
  for (const by of ['name', 'constructor']) assert.equal(ids(sorted(list, { by: /** @type {any} */ (by), down: false }))[0], 'loki.write.audit', 'an order that nobody knows');
});

test('counts', () => {
  assert.deepEqual(tally(list), { unhealthy: 1, exited: 1, unknown: 1, healthy: 15 });
  assert.equal(stateOf('a state of tomorrow'), 'unknown');
  assert.deepEqual(kinds(list)[0], ['loki.process', 2]);
});

test('ids', () => {
  assert.deepEqual(splitId('a.b/c.d/e.f'), { moduleID: 'a.b/c.d', localID: 'e.f' });
  assert.deepEqual(splitId('a.b'), { moduleID: '', localID: 'a.b' });
});

test('modules are read with those in them, and not without bound', async () => {
  const inner = { a: [component('pipe.b', { module: 'a', modules: ['a/b'] })], 'a/b': [component('x.y', { module: 'a/b' })] };
  const read = async (/** @type {string} */ id) => /** @type {any} */ (inner)[id] ?? Promise.reject(new Error('gone'));
  const { found, left } = await readModules(['a', 'gone'], read);
  assert.deepEqual(ids(found), ['a/pipe.b', 'a/b/x.y']);
  assert.equal(left, 0);
  const endless = await readModules(['m'], async (id) => [component('pipe.z', { module: id, modules: [`${id}/z`, `${id}/y`] })]);
  assert.equal(endless.found.length, MODULES_READ);
  assert.ok(endless.left > 0);
});

test('only rows in view are drawn', () => {
  const [first, last] = slice(34 * 1000, 600, 34, 5000);
  assert.ok(first > 970 && first <= 1000 && last >= 1018 && last < 1050, `${first}..${last}`);
  assert.deepEqual(slice(0, 600, 34, 3), [0, 3]);
  assert.deepEqual(slice(0, 600, 34, 0), [0, 0]);
  assert.equal(slice(34 * 4990, 600, 34, 5000)[1], 5000);
});

test('a large answer is asked for less often, a server that is away sooner', () => {
  assert.equal(pause(5000, 20, false), 5000);
  assert.equal(pause(5000, 900, false), 9000);
  assert.equal(pause(5000, 20, true), 2000);
});
