// Arguments, exports and debug info: bodies of the API, as text of the configuration language.

/** @typedef {import('./types.js').Body} Body */
/** @typedef {import('./types.js').Value} Value */
/** @typedef {import('./types.js').Member} Member */

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** @param {string} key */
export const keyText = (key) => (PLAIN_KEY.test(key) ? key : JSON.stringify(key));

/** @param {Value} v @returns {Value[]} */
export const elements = (v) => (v.type === 'array' && Array.isArray(v.value) ? v.value : []);

/** @param {Value} v @returns {Member[]} */
export const members = (v) => (v.type === 'object' && Array.isArray(v.value) ? v.value : []);

/** Whether a value has no parts. @param {Value} v */
export const isScalar = (v) => v.type !== 'array' && v.type !== 'object';

/** Whether nothing was said: null, an empty text, list or object. @param {Value} v */
function isUnset(v) {
  if (v.type === 'null' || v.value === null) return true;
  if (v.type === 'string') return v.value === '';
  return Array.isArray(v.value) && v.value.length === 0;
}

/** Text of a value without parts. @param {Value} v */
export function scalarText(v) {
  if (v.type === 'null' || v.value === null || v.value === undefined) return 'null';
  if (v.type === 'string') return JSON.stringify(v.value);
  return String(v.value);
}

/** How many leaves a value has. @param {Value} v @returns {number} */
export function weight(v) {
  if (isScalar(v)) return 1;
  const inner = v.type === 'array' ? elements(v) : members(v).map((m) => m.value);
  return inner.reduce((sum, one) => sum + weight(one), 1);
}

/** On one line, or null if that is longer than `room`. @param {Value} v @param {number} [room] @returns {string|null} */
export function oneLine(v, room = 72) {
  if (isScalar(v)) return scalarText(v);
  const list = v.type === 'array';
  const inner = [];
  let length = 4;
  for (const part of list ? elements(v).map((value) => ({ key: '', value })) : members(v)) {
    const text = oneLine(part.value, room);
    if (text === null) return null;
    inner.push(list ? text : `${keyText(part.key)} = ${text}`);
    length += text.length + part.key.length + 5;
    if (length > room) return null;
  }
  if (!inner.length) return list ? '[]' : '{}';
  return list ? `[${inner.join(', ')}]` : `{ ${inner.join(', ')} }`;
}

/** @param {Value} v @param {string} indent @returns {string} */
function valueText(v, indent) {
  const short = oneLine(v);
  if (short !== null) return short;
  const deeper = `${indent}\t`;
  const inner =
    v.type === 'array'
      ? elements(v).map((e) => `${deeper}${valueText(e, deeper)},\n`)
      : members(v).map((m) => `${deeper}${keyText(m.key)} = ${valueText(m.value, deeper)},\n`);
  const [open, close] = v.type === 'array' ? '[]' : '{}';
  return `${open}\n${inner.join('')}${indent}${close}`;
}

/** The whole body as text, for copying. @param {Body} body @param {string} [indent] @returns {string} */
export function bodyText(body, indent = '') {
  return body
    .map((part) => {
      if (part.type === 'attr') return `${indent}${part.name} = ${valueText(part.value, indent)}\n`;
      const label = part.label ? ` ${JSON.stringify(part.label)}` : '';
      const inner = bodyText(part.body, `${indent}\t`);
      return `${indent}${part.name}${label} {${inner ? `\n${inner}${indent}` : ' '}}\n`;
    })
    .join('');
}

/**
 * Without the attributes that say nothing and the blocks that have nothing else.
 * @param {Body} body
 * @returns {{ body: Body, hidden: number }}
 */
export function withoutUnset(body) {
  let hidden = 0;
  /** @type {Body} */
  const kept = [];
  for (const part of body) {
    if (part.type === 'attr') {
      if (isUnset(part.value)) hidden += 1;
      else kept.push(part);
      continue;
    }
    const inner = withoutUnset(part.body);
    hidden += inner.hidden;
    if (part.body.length > 0 && inner.body.length === 0) continue;
    kept.push({ ...part, body: inner.body });
  }
  return { body: kept, hidden };
}
