import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onEdges, withLedger } from '../../src/graph/flows.js';
import { boxes, curve, cut, place } from '../../src/graph/layout.js';
import { allNodes, build, edgeKey, neighbours, structure } from '../../src/graph/model.js';
import { begin, center, exceeds, fit, look, reveal, sees, zoom } from '../../src/graph/view.js';
import { component, configuration, ledger, many, modules, wide } from '../mock/data.mjs';

const list = configuration();
const closed = build(list, new Map());
const opened = new Map([['cleanup.metrics', /** @type {any} */ (modules['cleanup.metrics'])]]);

test('edges are of data, or of values where no data flows', () => {
  const kinds = new Map(closed.edges.map((e) => [`${e.from} ${e.to}`, e.kind]));
  assert.equal(kinds.get('loki.process.app loki.write.central'), 'data');
  assert.equal(kinds.get('local.file.token loki.write.central'), 'value');
  assert.equal(kinds.get('loki.write.central local.file.token'), undefined);
});

test('an open module has ports where data crosses its border', () => {
  const level = build(list, opened, ledger().edges);
  const inner = level.nodes.find((n) => n.id === 'cleanup.metrics')?.inner;
  assert.deepEqual(inner?.edges.map((e) => `${e.from} ${e.to}`).sort(), [
    'cleanup.metrics#in cleanup.metrics/prometheus.relabel.drop',
    'cleanup.metrics/prometheus.relabel.drop cleanup.metrics/prometheus.relabel.shorten',
    'cleanup.metrics/prometheus.relabel.shorten cleanup.metrics#out',
  ]);
  assert.notEqual(structure(level), structure(closed));
});

test('structure changes with nodes and edges, not with health or order', () => {
  const sick = list.map((c) => ({ ...c, health: { ...c.health, state: /** @type {const} */ ('unhealthy') } })).reverse();
  assert.equal(structure(build(sick, new Map())), structure(closed));
  assert.notEqual(structure(build(list.slice(1), new Map())), structure(closed));
});

test('rates are summed where a module is closed, and found inside where it is open', () => {
  const flows = [
    { componentID: 'prometheus.scrape.pods', targetComponentIDs: ['cleanup.metrics/prometheus.relabel.drop'], type: 'prometheus_metric', rate: 5 },
    { componentID: 'cleanup.metrics/prometheus.relabel.drop', targetComponentIDs: ['cleanup.metrics/prometheus.relabel.shorten'], type: 'prometheus_metric', rate: 4 },
    { componentID: 'prometheus.scrape.pods', targetComponentIDs: ['cleanup.metrics'], type: 'prometheus_metric', rate: 1 },
    { componentID: 'gone.x', targetComponentIDs: ['cleanup.metrics'], type: 'loki_log', rate: 1 },
  ];
  const key = edgeKey('prometheus.scrape.pods', 'cleanup.metrics');
  assert.deepEqual(onEdges(closed, flows).get(key), { rate: 6, unit: 'samples' });
  const level = build(list, opened, ledger().edges);
  const inside = edgeKey('cleanup.metrics/prometheus.relabel.drop', 'cleanup.metrics/prometheus.relabel.shorten');
  assert.deepEqual(onEdges(level, flows).get(inside), { rate: 4, unit: 'samples' });
  const more = withLedger(onEdges(level, []), level, new Map([[inside, 7]]));
  assert.equal(more.get(inside)?.rate, 7);
});

test('what goes nowhere draws nothing', () => {
  const level = build(list, opened, [{ from: 'cleanup.metrics/prometheus.relabel.drop', to: '' }]);
  assert.equal(structure(level), structure(build(list, opened)));
});

test('a component is found in the module that holds it, and in no other', () => {
  const level = build([component('a.x', { modules: ['a.x/1', 'a.x/2'] }), component('a.x/1', { modules: ['b/c'] }), component('d.y')], new Map(), [
    { from: 'd.y', to: 'a.x/2/deep.er/z.z' },
    { from: 'b/c/e.e', to: 'd.y' },
    { from: 'a.x/3/e.e', to: 'd.y' },
    { from: 'b/cc/e.e', to: 'd.y' },
  ]);
  assert.deepEqual(level.edges.map((e) => `${e.from} ${e.to}`), ['d.y a.x', 'a.x/1 d.y']);
});

test('no two nodes lie on each other, and all lie inside', () => {
  for (const level of [closed, build(list, opened, ledger().edges), build(wide(40), new Map()), build(many(60), new Map())]) {
    const placed = place(level);
    const nodes = placed.nodes;
    assert.equal(nodes.length, level.nodes.length);
    for (const [i, a] of nodes.entries()) {
      assert.ok(a.x >= -1 && a.y >= -1 && a.x + a.width <= placed.width + 1 && a.y + a.height <= placed.height + 1, a.node.id);
      for (const b of nodes.slice(i + 1)) {
        const apart = a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
        assert.ok(apart, `${a.node.id} lies on ${b.node.id}`);
      }
    }
    const all = boxes(placed);
    assert.equal(all.size, allNodes(level).length);
  }
});

test('inner nodes lie in their module', () => {
  const all = boxes(place(build(list, opened, ledger().edges)));
  const [outer, inner] = [all.get('cleanup.metrics'), all.get('cleanup.metrics/prometheus.relabel.drop')];
  assert.ok(outer && inner && inner.x > outer.x && inner.y > outer.y && inner.x + inner.width < outer.x + outer.width && inner.y + inner.height < outer.y + outer.height);
});

test('a cycle and a reference to nowhere break nothing', () => {
  const odd = [component('a.x', { to: ['b.x'] }), component('b.x', { to: ['a.x', 'gone.x', 'b.x'] })];
  assert.equal(place(build(odd, new Map())).edges.length, 2);
  assert.deepEqual(place(build([], new Map())).nodes, []);
});

test('hundreds of joined nodes are laid out in a moment', () => {
  const started = performance.now();
  place(build(wide(300), new Map()));
  console.log(`605 nodes in ${Math.round(performance.now() - started)} ms`);
});

test('neighbours', () => {
  assert.deepEqual([...neighbours(closed, 'loki.process.app')].sort(), ['loki.process.app', 'loki.source.kubernetes.pods', 'loki.write.central']);
});

test('the view', () => {
  const window = { width: 1000, height: 500 };
  const view = fit({ width: 2000, height: 200 }, window, 0);
  assert.deepEqual(view, { k: 0.5, x: 0, y: 200 });
  const zoomed = zoom(view, 2, { x: 500, y: 250 });
  assert.equal((500 - zoomed.x) / zoomed.k, (500 - view.x) / view.k, 'the point under the pointer stays');
  const box = { x: 1900, y: 10, width: 100, height: 40 };
  assert.ok(!sees(zoomed, box, window, 0));
  assert.ok(sees(reveal(zoomed, box, window), box, window, 0));
  const middle = center(zoomed, box, window);
  assert.equal(box.x * middle.k + middle.x + (box.width * middle.k) / 2, 500);
});

test('a graph that is too large to be read as a whole begins at its upper left', () => {
  const window = { width: 1000, height: 500 };
  assert.deepEqual(begin({ width: 2000, height: 200 }, window), fit({ width: 2000, height: 200 }, window));
  const tall = { width: 1300, height: 9000 };
  const view = begin(tall, window);
  assert.ok(view.k >= 0.5 && view.y === 24, JSON.stringify(view));
  assert.ok(exceeds(view, tall, window) && !exceeds(fit(tall, window), tall, window));
  const there = look(view, { x: 650, y: 8000 }, window);
  assert.equal(8000 * there.k + there.y, 250);
});

test('names and lines', () => {
  assert.equal(cut('prometheus.operator.servicemonitors', 20), 'prometheus…emonitors');
  assert.equal(cut('short'), 'short');
  assert.equal(curve([]), '');
  assert.equal(curve([{ x: 0, y: 0 }, { x: 10, y: 5 }]), 'M0 0C5 0 5 5 10 5');
});
