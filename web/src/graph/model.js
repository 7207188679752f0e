// The configuration as a graph: what is drawn, before anybody knows where.
import { idOf, inModule } from '../lib/components.js';
import { owner } from '../lib/ledger.js';

/** @typedef {import('../lib/types.js').Component} Component */

/**
 * @typedef {object} GraphNode
 * @property {string} id in the whole configuration; a port is `module component#in` or `#out`
 * @property {Component|null} component null for a port
 * @property {Level|null} inner what is in the module that it made, if that is open
 */
/** @typedef {{ from: string, to: string, kind: "data"|"value" }} GraphEdge */
/** @typedef {{ owner: string, nodes: GraphNode[], edges: GraphEdge[] }} Level `owner`: the component whose module this is */
/** @typedef {{ from: string, to: string }} Pair */

export const edgeKey = (/** @type {string} */ from, /** @type {string} */ to) => `${from}\n${to}`;
const PORT_IN = '#in';
const PORT_OUT = '#out';

/**
 * @param {Component[]} list
 * @param {Map<string, Component[]>} opened components of the modules that are open, by who made them
 * @param {Pair[]} seen pairs between which data went, which lists do not tell of modules
 * @param {string} [of] the component whose module this is
 * @returns {Level}
 */
export function build(list, opened, seen = [], of = '') {
  const level = nest(list, opened, of);
  /** Keys of the edges and ids of the ports that a level has. @type {Map<Level, Set<string>>} */
  const known = new Map();
  for (const { from, to } of seen) {
    walk(level, from, owner(to), (at, a, b) => {
      const has = known.get(at) ?? new Set(at.edges.map((e) => edgeKey(e.from, e.to)));
      known.set(at, has);
      for (const end of [a, b]) {
        if (!end.includes('#') || has.has(end)) continue;
        has.add(end);
        at.nodes.push({ id: end, component: null, inner: null });
      }
      const key = edgeKey(a, b);
      if (has.has(key)) return;
      has.add(key);
      at.edges.push({ from: a, to: b, kind: 'data' });
    });
  }
  return level;
}

/** @param {Component[]} list @param {Map<string, Component[]>} opened @param {string} of @returns {Level} */
function nest(list, opened, of) {
  const ids = new Set(list.map(idOf));
  /** @type {Map<string, GraphEdge>} */
  const edges = new Map();
  for (const c of list) {
    const from = idOf(c);
    for (const local of c.dataFlowEdgesTo) {
      const to = inModule(c.moduleID, local);
      if (ids.has(to) && to !== from) edges.set(edgeKey(from, to), { from, to, kind: 'data' });
    }
  }
  for (const c of list) {
    const to = idOf(c);
    for (const local of c.referencesTo) {
      // A value goes from what is referred to, to who refers to it.
      const from = inModule(c.moduleID, local);
      if (!ids.has(from) || from === to || edges.has(edgeKey(from, to)) || edges.has(edgeKey(to, from))) continue;
      edges.set(edgeKey(from, to), { from, to, kind: 'value' });
    }
  }
  const nodes = list.map((component) => {
    const id = idOf(component);
    const inner = opened.get(id);
    return { id, component, inner: inner ? nest(inner, opened, id) : null };
  });
  return { owner: of, nodes, edges: [...edges.values()] };
}

/** @typedef {{ ids: Map<string, GraphNode>, modules: Map<string, GraphNode> }} Index nodes by id, and by the modules that they made */
/** @type {WeakMap<Level, Index>} */
const indexes = new WeakMap();

/** @param {Level} level @returns {Index} */
function indexOf(level) {
  const old = indexes.get(level);
  if (old) return old;
  const index = { ids: new Map(level.nodes.map((n) => [n.id, n])), modules: new Map() };
  for (const n of level.nodes) for (const module of n.component?.createdModuleIDs ?? []) index.modules.set(module, n);
  indexes.set(level, index);
  return index;
}

/** The node of a level that is a component, or holds it. @param {Level} level @param {string} id */
function locate(level, id) {
  const { ids, modules } = indexOf(level);
  let found = ids.get(id);
  for (let end = id.indexOf('/'); !found && end >= 0; end = id.indexOf('/', end + 1)) found = modules.get(id.slice(0, end));
  return found;
}

/**
 * Which drawn edges the way from one component to another takes, through every open module on it. None leads to nowhere.
 * @param {Level} level
 * @param {string} from
 * @param {string} to
 * @param {(level: Level, from: string, to: string) => void} visit
 */
export function walk(level, from, to, visit) {
  if (!to) return;
  const a = locate(level, from);
  const b = locate(level, to);
  if (a && a === b) {
    if (a.inner) walk(a.inner, from, to, visit);
    return;
  }
  if (a && b) visit(level, a.id, b.id);
  if (a?.inner) leave(a.inner, from, visit);
  if (b?.inner) enter(b.inner, to, visit);
}

/** @param {Level} level @param {string} from @param {(level: Level, from: string, to: string) => void} visit */
function leave(level, from, visit) {
  const a = locate(level, from);
  if (!a) return;
  visit(level, a.id, level.owner + PORT_OUT);
  if (a.inner) leave(a.inner, from, visit);
}

/** @param {Level} level @param {string} to @param {(level: Level, from: string, to: string) => void} visit */
function enter(level, to, visit) {
  const b = locate(level, to);
  if (!b) return;
  visit(level, level.owner + PORT_IN, b.id);
  if (b.inner) enter(b.inner, to, visit);
}

/** Equal for graphs that are laid out alike: health and rates do not count. @param {Level} level @returns {string} */
export function structure(level) {
  const nodes = level.nodes.map((n) => `${n.id}${n.component?.createdModuleIDs?.length ? '+' : ''}${n.inner ? `{${structure(n.inner)}}` : ''}`);
  const edges = level.edges.map((e) => `${e.from}>${e.to}${e.kind === 'data' ? '' : '?'}`);
  return `${nodes.sort().join(' ')}|${edges.sort().join(' ')}`;
}

/** Every node, also of open modules. @param {Level} level @returns {GraphNode[]} */
export const allNodes = (level) => level.nodes.flatMap((n) => [n, ...(n.inner ? allNodes(n.inner) : [])]);

/** What is joined to a node directly. @param {Level} level @param {string} id @returns {Set<string>} */
export function neighbours(level, id) {
  const found = new Set([id]);
  const look = (/** @type {Level} */ at) => {
    for (const e of at.edges) {
      if (e.from === id) found.add(e.to);
      if (e.to === id) found.add(e.from);
    }
    for (const n of at.nodes) if (n.inner) look(n.inner);
  };
  look(level);
  return found;
}
