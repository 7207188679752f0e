import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyText, oneLine, scalarText, withoutUnset } from '../../src/lib/body.js';
import { attr, block } from '../mock/data.mjs';

const body = [
  attr('forward_to', ['capsule("loki.LogsReceiver")']),
  attr('note', ''),
  block('endpoint', [attr('url', 'http://x/"y"'), attr('token', '(secret)'), attr('proxy', null), attr('retry', true), attr('shards', 2)], 'main'),
  block('empty', []),
  block('unset', [attr('a', null)]),
  attr('labels', { job: 'a', 'odd key': 'b' }),
];

test('a body is text of the language', () => {
  assert.equal(
    bodyText(body),
    [
      'forward_to = [capsule("loki.LogsReceiver")]',
      'note = ""',
      'endpoint "main" {',
      '\turl = "http://x/\\"y\\""',
      '\ttoken = (secret)',
      '\tproxy = null',
      '\tretry = true',
      '\tshards = 2',
      '}',
      'empty { }',
      'unset {',
      '\ta = null',
      '}',
      'labels = { job = "a", "odd key" = "b" }',
      '',
    ].join('\n'),
  );
});

test('what says nothing can be left out, and is counted', () => {
  const { body: kept, hidden } = withoutUnset(body);
  assert.equal(hidden, 3);
  assert.deepEqual(kept.map((part) => part.name), ['forward_to', 'endpoint', 'empty', 'labels']);
});

test('long values take lines', () => {
  const many = attr('targets', Array.from({ length: 9 }, (_, i) => ({ __address__: `10.0.0.${i}:80` }))).value;
  assert.equal(oneLine(many), null);
  const text = bodyText([{ name: 'targets', type: 'attr', value: many }]);
  assert.equal(text.split('\n').length, 12);
  assert.ok(text.includes('\t{ __address__ = "10.0.0.3:80" },\n'));
});

test('odd values', () => {
  assert.equal(scalarText({ type: 'string', value: null }), 'null');
  assert.equal(oneLine({ type: 'array', value: null }), '[]');
  assert.equal(oneLine({ type: 'object', value: [] }), '{}');
});
