import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getJson } from '../../src/lib/api.js';

test('a proxy that gets no answer is no answer; a refusal is one', async (t) => {
  const statusOf = async (/** @type {number} */ status) => {
    t.mock.method(globalThis, 'fetch', async () => new Response('<h1>said</h1>', { status }));
    return getJson('/x').then(() => null, (error) => error.status);
  };
  assert.deepEqual([await statusOf(502), await statusOf(504), await statusOf(503), await statusOf(404)], [0, 0, 503, 404]);
});
