// Reading the ledger: sums, and the edges of one component.

/** @typedef {import('./types.js').Edge} Edge */
/** @typedef {import('./types.js').Amount} Amount */
/** @typedef {import('./types.js').Amounts} Amounts */

/** @param {Amounts|undefined} amounts @returns {Amount} */
export function total(amounts) {
  const sum = { items: 0, bytes: 0 };
  for (const { items, bytes } of Object.values(amounts ?? {})) {
    sum.items += items;
    sum.bytes += bytes;
  }
  return sum;
}

/** What an end of an edge is of: the component, without its destination. @param {string} end */
export function owner(end) {
  const at = end.indexOf('#');
  return at < 0 ? end : end.slice(0, at);
}

/** What follows the component in a sink's edge. @param {string} end */
export function destination(end) {
  const at = end.indexOf('#');
  return at < 0 ? '' : end.slice(at + 1);
}

/**
 * The edges that lead to a component and away from it. One that made a module is all that is in it.
 * @param {Edge[]} edges
 * @param {string} id
 */
export function edgesOf(edges, id) {
  const within = (/** @type {string} */ end) => owner(end) === id || end.startsWith(`${id}/`);
  const into = edges.filter((e) => within(e.to) && !within(e.from));
  const out = edges.filter((e) => within(e.from) && (!within(e.to) || destination(e.to)));
  return { into, out };
}

/** What was refused for good, by reason, also what is kept as dead letters. @param {Edge} e @returns {Amounts} */
export const refused = (e) => ({
  ...e.rejected,
  ...Object.fromEntries(Object.entries(e.dead_lettered ?? {}).map(([reason, amount]) => [`${reason} (kept as dead letters)`, amount])),
});

/**
 * Records a second between two readings of the ledger, by `from` and `to`. A counter that went back began anew.
 * @param {Edge[]} before
 * @param {Edge[]} after
 * @param {number} seconds
 * @returns {Map<string, number>}
 */
export function rates(before, after, seconds) {
  const old = new Map(before.map((e) => [`${e.from}\n${e.to}`, e.entered.items]));
  const found = new Map();
  for (const e of after) {
    const key = `${e.from}\n${e.to}`;
    const base = old.get(key) ?? 0;
    const more = e.entered.items >= base ? e.entered.items - base : e.entered.items;
    found.set(key, seconds > 0 ? more / seconds : 0);
  }
  return found;
}
