import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ago, compact, count, plural, rate, size, span } from '../../src/lib/format.js';

test('numbers', () => {
  assert.equal(count(1234567), '1,234,567');
  assert.equal(compact(1234567), '1.23M');
  assert.equal(compact(8750), '8.75k');
  assert.equal(rate(0), '0');
  assert.equal(rate(0.001), '<0.01');
  assert.equal(rate(0.4), '0.4');
  assert.equal(rate(9000), '9k');
  assert.equal(plural(1, 'record'), '1 record');
  assert.equal(plural(1200, 'record'), '1,200 records');
});

test('sizes', () => {
  assert.deepEqual([0, 999, 1024, 1536, 1048576, 150 * 2 ** 30].map(size), ['0 B', '999 B', '1.0 KiB', '1.5 KiB', '1.0 MiB', '150 GiB']);
  assert.equal(size(1048575), '1.0 MiB', 'never 1024.0 KiB');
  assert.equal(size(-1), '0 B');
});

test('spans', () => {
  assert.deepEqual([0, 0.25, 1, 59.6, 61, 3725, 86400, 90061, 4e8].map(span), ['0 s', '250 ms', '1 s', '1 min', '1 min 1 s', '1 h 2 min', '1 d', '1 d 1 h', 'over a year']);
});

test('how long ago', () => {
  const now = Date.parse('2026-01-01T00:10:00Z');
  assert.equal(ago('2026-01-01T00:10:00Z', now), 'now');
  assert.equal(ago('2026-01-01T00:10:05Z', now), 'now', 'a clock that is ahead');
  assert.equal(ago('2026-01-01T00:07:30.123456789Z', now), '2 min ago');
  assert.equal(ago('2024-01-01T00:00:00Z', now), 'over a year ago');
  assert.equal(ago('nonsense', now), '');
});
