// What live debugging keeps: the newest records, and how a stage changed one.

/** @typedef {import('./types.js').TapRecord} TapRecord */
/** @typedef {{ n: number, record: TapRecord, text: string }} Row */

/** Rows that are kept; older ones are forgotten. */
export const KEPT = 1000;

/** Everything of a record that the filter looks at. @param {TapRecord} r */
const searchable = (r) =>
  [r.from, r.to, r.stage, r.moment, content(r), ...Object.entries(r.labels ?? {}).map(([k, v]) => `${k}=${v}`)]
    .filter((part) => part !== undefined && part !== '')
    .join(' ')
    .toLowerCase();

/** The newest records, in order of arrival. */
export class Kept {
  constructor(limit = KEPT) {
    this.limit = limit;
    /** @type {Row[]} */
    this.rows = [];
    this.missed = 0;
    this.seen = 0;
  }

  /** @param {unknown[]} values lines of the stream */
  take(values) {
    for (const value of values) {
      if (typeof value !== 'object' || value === null) continue;
      if ('missed' in value) this.missed += Number(value.missed) || 0;
      if (!('moment' in value)) continue;
      const record = /** @type {TapRecord} */ (value);
      this.rows.push({ n: this.seen, record, text: searchable(record) });
      this.seen += 1;
    }
    if (this.rows.length > this.limit) this.rows.splice(0, this.rows.length - this.limit);
  }

  clear() {
    this.rows = [];
    this.missed = 0;
  }
}

/** @param {Row[]} rows @param {string} text */
export function filtered(rows, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return words.length ? rows.filter((row) => words.every((word) => row.text.includes(word))) : rows;
}

/** @param {unknown} value */
const textOf = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

/** Names and values of an object; null is what has no value. @param {unknown} value @returns {Record<string, string>} */
export function pairsOf(value) {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== null).map(([k, v]) => [k, textOf(v)]));
}

/**
 * Names and values that differ.
 * @param {Record<string, string>} old
 * @param {Record<string, string>} now
 * @returns {{ name: string, change: "same"|"added"|"removed"|"changed", old?: string, now?: string }[]}
 */
export function difference(old, now) {
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort();
  return names.map((name) => {
    const [was, is] = [old[name], now[name]];
    const change = was === undefined ? 'added' : is === undefined ? 'removed' : was === is ? 'same' : 'changed';
    return { name, change, old: was, now: is };
  });
}

/** Members of a change that are texts; the others are names with values. */
const TEXTS = new Set(['line', 'timestamp', 'reason', 'held']);

/**
 * What a stage did to a record, member by member.
 * @param {TapRecord} r
 * @returns {{ texts: { name: string, old?: string, now: string }[], sets: { name: string, pairs: ReturnType<typeof difference> }[] }}
 */
export function changes({ changed = {}, before = {}, moment }) {
  const members = Object.entries(changed ?? {});
  const texts = members.filter(([name]) => TEXTS.has(name)).map(([name, now]) => ({ name, now: textOf(now), ...(name in before ? { old: textOf(before[name]) } : {}) }));
  const sets = members
    .filter(([name]) => !TEXTS.has(name))
    .map(([name, now]) => {
      const after = pairsOf(now);
      // What leaves is shown whole: there is no earlier value to compare with.
      return { name, pairs: difference(moment === 'stage' ? pairsOf(before[name]) : after, after) };
    })
    .filter(({ pairs }) => pairs.length > 0);
  return { texts, sets };
}

/** Signs of what a stage did to a value. */
export const SIGNS = { added: '+', removed: '−', changed: '~', same: '' };

/** What a record says, on one line. @param {TapRecord} r */
export function content(r) {
  if (r.moment === 'dropped') return `dropped: ${textOf(r.changed?.reason ?? 'no reason given')}`;
  const plain = r.line ?? r.text ?? (r.value === undefined ? '' : String(r.value));
  if (r.moment !== 'stage' || plain) return plain;
  const { texts, sets } = changes(r);
  const differing = sets.flatMap(({ name, pairs }) =>
    pairs
      .filter((p) => p.change !== 'same')
      .map((p) => `${name === 'extracted' ? '' : SIGNS[p.change]}${p.name}${p.now === undefined ? '' : `=${p.now}`}`),
  );
  return [...differing, ...texts.map((t) => (t.name === 'held' ? 'held for the next line' : `${t.name}: ${t.now}`))].join('  ');
}
