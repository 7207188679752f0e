import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsed, splitter } from '../../src/lib/stream.js';

test('parts come out whole, however the pieces are cut', () => {
  const text = '[1]|;|[{"a":"|"}]|;||;|[3';
  for (let length = 1; length <= text.length; length += 1) {
    const split = splitter('|;|');
    const found = [];
    for (let at = 0; at < text.length; at += length) found.push(...split(text.slice(at, at + length)));
    assert.deepEqual(found, ['[1]', '[{"a":"|"}]', ''], `pieces of ${length}`);
    assert.deepEqual(parsed(found), [[1], [{ a: '|' }]]);
    assert.deepEqual(split(']|;|'), ['[3]']);
  }
});

test('lines', () => {
  const split = splitter('\n');
  assert.deepEqual(parsed(split('{"a":1}\n{"b"')), [{ a: 1 }]);
  assert.deepEqual(parsed(split(':2}\nbroken\n\n')), [{ b: 2 }]);
});

test('what has no end does not grow for ever', () => {
  const split = splitter('\n', 10);
  assert.deepEqual(split('x'.repeat(11)), []);
  assert.deepEqual(split('y\n'), ['y'], 'what was too long is gone');
});
