import assert from 'node:assert/strict';
import { test } from 'node:test';
import { componentHref, encodeId, href, moduleHref, parse } from '../../src/lib/router.js';

test('paths are pages', () => {
  const page = (/** @type {string} */ path, before = '') => {
    const { page, id, remote } = parse(path, before);
    return `${remote ? 'remote ' : ''}${page}${id ? ` ${id}` : ''}`;
  };
  for (const [path, expected] of /** @type {[string, string][]} */ ([
    ['/', 'list'],
    ['', 'list'],
    ['/graph', 'graph'],
    ['/graph/', 'graph'],
    ['/graph/a.b', 'graph a.b'],
    ['/component/loki.write.x', 'component loki.write.x'],
    ['/component/pipe.one/loki.process.inner', 'component pipe.one/loki.process.inner'],
    ['/component/a%22b%20c', 'component a"b c'],
    ['/component', 'missing'],
    ['/module/pipe.one', 'module pipe.one'],
    ['/debug', 'debug'],
    ['/debug/loki.write.x', 'debug loki.write.x'],
    ['/remotecfg', 'remotecfg'],
    ['/remotecfg/component/a.b', 'remote component a.b'],
    ['/remotecfg/module/a.b', 'remote module a.b'],
    ['/remotecfg/graph', 'missing'],
    ['/clustering', 'clustering'],
    ['/why', 'why'],
    ['/queues', 'queues'],
    ['/queues/x', 'missing'],
    ['/metrics', 'missing'],
    ['/list', 'list'],
    ['/%ff', 'missing'],
  ])) {
    assert.equal(page(path), expected, path);
    assert.equal(page(`/ui${path}`, '/ui'), expected, `/ui${path}`);
  }
  assert.equal(page('/elsewhere', '/ui'), 'missing');
});

test('addresses lead back to what they were made of', () => {
  for (const id of ['loki.write.x', 'pipe.one/loki.process.inner', 'a b/c#d', 'é/%']) {
    assert.equal(parse(componentHref(id), '').id, id);
    assert.equal(parse(componentHref(id, true), '').id, id);
    assert.equal(parse(href('debug', id), '').id, id);
  }
  assert.equal(encodeId('a/b c'), 'a/b%20c');
});

test('ids of the remote configuration begin with its name, and addresses say it once', () => {
  assert.equal(componentHref('remotecfg/a.b', true), '/remotecfg/component/a.b');
  assert.equal(componentHref('a.b', true), '/remotecfg/component/a.b');
  assert.equal(moduleHref('remotecfg/m.x/n.y', true), '/remotecfg/module/m.x/n.y');
  assert.equal(componentHref('remotecfg/a.b'), '/component/remotecfg/a.b');
});
