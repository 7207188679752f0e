import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changes, content, difference, filtered, Kept } from '../../src/lib/tap.js';

const record = (/** @type {object} */ more) => ({ at: '', from: 'a', to: 'b', moment: 'edge', signal: 'logs', timestamp: 't', labels: {}, ...more });

test('only the newest are kept, and what was missed is counted', () => {
  const kept = new Kept(3);
  kept.take([record({ line: '1' }), { missed: 4 }, record({ line: '2' }), null, 'text']);
  kept.take([record({ line: '3' }), record({ line: '4' }), { missed: 1 }]);
  assert.deepEqual(kept.rows.map((row) => row.record.line), ['2', '3', '4']);
  assert.deepEqual(kept.rows.map((row) => row.n), [1, 2, 3], 'numbers stay, so that rows keep their identity');
  assert.equal(kept.missed, 5);
  assert.equal(kept.seen, 4);
  kept.clear();
  assert.equal(kept.rows.length + kept.missed, 0);
});

test('the filter sees labels and lines', () => {
  const kept = new Kept();
  kept.take([record({ line: 'Paid', labels: { pod: 'api-1' } }), record({ line: 'miss', labels: { pod: 'api-2' } })]);
  assert.deepEqual(filtered(kept.rows, 'PAID pod=api').map((row) => row.n), [0]);
  assert.equal(filtered(kept.rows, ''), kept.rows);
});

test('what a stage did to a record', () => {
  const labels = /** @type {any} */ (record({ moment: 'stage', stage: 'stage.labels[1]', changed: { labels: { job: 'a', level: 'info' } }, before: { labels: { job: 'a', old: 'x' } } }));
  assert.equal(content(labels), '+level=info  −old');
  assert.deepEqual(changes(labels).sets[0]?.pairs.map((p) => `${p.name} ${p.change}`), ['job same', 'level added', 'old removed']);
  const json = /** @type {any} */ (record({ moment: 'stage', changed: { extracted: { took: 3, level: 'x' } }, before: { extracted: { took: null, level: 'y' } } }));
  assert.equal(content(json), 'level=x  took=3');
  assert.deepEqual(changes(json).sets[0]?.pairs.map((p) => `${p.name} ${p.change}`), ['level changed', 'took added']);
  const line = /** @type {any} */ (record({ moment: 'stage', changed: { line: 'b', labels: {} }, before: { line: 'a', labels: {} } }));
  assert.deepEqual(changes(line), { texts: [{ name: 'line', old: 'a', now: 'b' }], sets: [] });
  assert.equal(content(line), 'line: b');
});

test('what leaves is whole, and what is dropped says why', () => {
  const out = /** @type {any} */ (record({ moment: 'out', line: 'l', changed: { line: 'l', labels: { a: '1' }, extracted: {}, timestamp: 't' } }));
  assert.equal(content(out), 'l');
  assert.deepEqual(changes(out).sets.map((s) => [s.name, s.pairs.map((p) => p.change)]), [['labels', ['same']]]);
  assert.equal(content(/** @type {any} */ (record({ moment: 'dropped', changed: { reason: 'debug_lines' } }))), 'dropped: debug_lines');
  assert.equal(content(/** @type {any} */ (record({ moment: 'dropped' }))), 'dropped: no reason given');
  assert.equal(content(/** @type {any} */ (record({ moment: 'stage', changed: { held: true, line: 'x' } }))), 'held for the next line  line: x');
});

test('differences of labels', () => {
  assert.deepEqual(
    difference({ a: '1', b: '2', c: '3' }, { a: '1', b: '3', d: '4' }).map((d) => `${d.name} ${d.change}`),
    ['a same', 'b changed', 'c removed', 'd added'],
  );
  assert.equal(content(/** @type {any} */ (record({ value: 0 }))), '0');
});
