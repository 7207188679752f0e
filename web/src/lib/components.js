// Lists of components: their ids, and which of them a person asked for.

/** @typedef {import('./types.js').Component} Component */
/** @typedef {import('./types.js').HealthState} HealthState */

/** Worst first, as lists are sorted. @type {HealthState[]} */
export const STATES = ['unhealthy', 'exited', 'unknown', 'healthy'];

/** The id of what stands in the same module. @param {string} moduleID @param {string} localID */
export const inModule = (moduleID, localID) => (moduleID ? `${moduleID}/${localID}` : localID);

/** The id in the whole configuration. @param {{ moduleID: string, localID: string }} c */
export const idOf = (c) => inModule(c.moduleID, c.localID);

/** @param {string} id @returns {{ moduleID: string, localID: string }} */
export function splitId(id) {
  const at = id.lastIndexOf('/');
  return { moduleID: at < 0 ? '' : id.slice(0, at), localID: id.slice(at + 1) };
}

/** A state that this page knows. @param {string} state @returns {HealthState} */
export const stateOf = (state) => STATES.find((known) => known === state) ?? 'unknown';

/** How many are in each state. @param {Component[]} list @returns {Record<HealthState, number>} */
export function tally(list) {
  const counts = { unhealthy: 0, exited: 0, unknown: 0, healthy: 0 };
  for (const c of list) counts[stateOf(c.health.state)] += 1;
  return counts;
}

/** Names of components with how many there are, most frequent first. @param {Component[]} list @returns {[string, number][]} */
export function kinds(list) {
  /** @type {Map<string, number>} */
  const found = new Map();
  for (const c of list) found.set(c.name, (found.get(c.name) ?? 0) + 1);
  return [...found].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

/** @typedef {{ text: string, health: string, kind: string }} Filter */

/**
 * Those that have every word in their id or message, and the state and name asked for.
 * @param {Component[]} list
 * @param {Filter} filter
 */
export function matching(list, { text, health, kind }) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length && !health && !kind) return list;
  return list.filter((c) => {
    if (health && stateOf(c.health.state) !== health) return false;
    if (kind && c.name !== kind) return false;
    if (!words.length) return true;
    const where = `${idOf(c)} ${c.health.message}`.toLowerCase();
    return words.every((word) => where.includes(word));
  });
}

/** @typedef {{ by: "health"|"id"|"kind"|"updated", down: boolean }} Order */

/** Sorts as people count: r9 before r10. A collator does that too, and takes ten times as long. @param {string} id */
const natural = (id) => id.replace(/\d+/g, (digits) => digits.padStart(12, '0'));

/** @param {string} a @param {string} b */
const compareText = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** @type {Record<Order["by"], (a: Component, b: Component) => number>} */
const ORDERS = {
  health: (a, b) => STATES.indexOf(stateOf(a.health.state)) - STATES.indexOf(stateOf(b.health.state)),
  id: () => 0,
  kind: (a, b) => compareText(a.name, b.name),
  updated: (a, b) => compareText(b.health.updatedTime, a.health.updatedTime),
};

/** Sorted; equal ones by id. @param {Component[]} list @param {Order} order */
export function sorted(list, { by, down }) {
  // The order comes from the address, where anything may stand.
  const compare = Object.hasOwn(ORDERS, by) ? ORDERS[by] : ORDERS.health;
  const sign = down ? -1 : 1;
  const keyed = list.map((c) => ({ c, id: natural(idOf(c)) }));
  keyed.sort((a, b) => sign * (compare(a.c, b.c) || compareText(a.id, b.id)));
  return keyed.map(({ c }) => c);
}

/** Ids of the modules that these components made. @param {Component[]} list */
export const modulesOf = (list) => list.flatMap((c) => c.createdModuleIDs ?? []);
