// Where everything goes. Open modules are laid out first and are then nodes of their size; parts that are not joined stand side by side.
import { graphlib, layout as dagre } from '../../vendor/dagre/dagre.js';
import { splitId } from '../lib/components.js';

/** @typedef {import('./model.js').Level} Level */
/** @typedef {import('./model.js').GraphNode} GraphNode */
/** @typedef {import('./model.js').GraphEdge} GraphEdge */
/** @typedef {{ x: number, y: number }} Point */
/** @typedef {{ node: GraphNode, x: number, y: number, width: number, height: number, inner: Placed|null }} PlacedNode x and y of the upper left corner, in its level */
/** @typedef {{ edge: GraphEdge, points: Point[], label: Point }} PlacedEdge */
/** @typedef {{ level: Level, width: number, height: number, nodes: PlacedNode[], edges: PlacedEdge[] }} Placed */

const NODE_HEIGHT = 46;
const MODULE_HEAD = 34;
const PAD = 18;
const GAP = 28;
/** Joined parts larger than this are laid out by the quick way. */
const LARGE = 400;

/** The two lines of a node: label, or the name if it has none; and the name. @param {GraphNode} node */
export function titles({ id, component }) {
  const label = component?.label ?? '';
  return { first: label || splitId(id).localID, second: label ? (component?.name ?? '') : '' };
}

/** Cuts in the middle: both ends of a name tell most. @param {string} text @param {number} [most] */
export function cut(text, most = 30) {
  if (text.length <= most) return text;
  const half = Math.floor((most - 1) / 2);
  return `${text.slice(0, most - 1 - half)}…${text.slice(text.length - half)}`;
}

/** @param {GraphNode} node @param {Placed|null} inner */
function sizeOf(node, inner) {
  if (inner) return { width: Math.max(180, inner.width + 2 * PAD), height: inner.height + MODULE_HEAD + PAD };
  if (!node.component) return { width: 12, height: 12 };
  const { first, second } = titles(node);
  const letters = Math.max(cut(first).length * 7.8, cut(second).length * 6.8);
  const made = node.component.createdModuleIDs?.length ? 26 : 0;
  return { width: Math.round(Math.max(96, letters + 46 + made)), height: NODE_HEIGHT };
}

/** @param {Level} level @returns {Placed} */
export function place(level) {
  /** @type {PlacedNode[]} */
  const nodes = level.nodes.map((node) => {
    const inner = node.inner ? place(node.inner) : null;
    return { node, x: 0, y: 0, inner, ...sizeOf(node, inner) };
  });
  const parts = joined(nodes, level.edges);
  const alone = parts.filter((part) => part.nodes.length === 1).flatMap((part) => part.nodes);
  const boxes = parts.filter((part) => part.nodes.length > 1).map(placePart);
  const { width: wide } = pack(boxes);
  // Those that nothing is joined to stand below, as wide as the rest.
  const rows = boxes.length ? shelve(alone, Math.max(wide, 900), 12) : pack(alone, 12);
  const top = boxes.length ? Math.max(...boxes.map((box) => box.y + box.height)) + GAP : 0;
  for (const box of boxes) move(box, box.x, box.y);
  for (const node of alone) node.y += top;
  return {
    level,
    nodes,
    edges: boxes.flatMap((box) => box.edges),
    width: Math.max(wide, rows.width),
    height: alone.length ? top + rows.height : Math.max(0, top - GAP),
  };
}

/** @param {{ nodes: PlacedNode[], edges: PlacedEdge[] }} box @param {number} x @param {number} y */
function move(box, x, y) {
  for (const node of box.nodes) {
    node.x += x;
    node.y += y;
  }
  const shift = (/** @type {Point} */ p) => ({ x: p.x + x, y: p.y + y });
  for (const edge of box.edges) {
    edge.points = edge.points.map(shift);
    edge.label = shift(edge.label);
  }
}

/**
 * Divides into parts that no edge joins, each with its edges.
 * @param {PlacedNode[]} nodes
 * @param {GraphEdge[]} edges
 */
function joined(nodes, edges) {
  /** @type {Map<string, string>} */
  const parent = new Map(nodes.map((n) => [n.node.id, n.node.id]));
  const root = (/** @type {string} */ id) => {
    let at = id;
    for (let up = parent.get(at); up !== undefined && up !== at; up = parent.get(at)) {
      parent.set(at, parent.get(up) ?? up);
      at = up;
    }
    return at;
  };
  const valid = edges.filter((e) => parent.has(e.from) && parent.has(e.to));
  for (const e of valid) parent.set(root(e.from), root(e.to));
  /** @type {Map<string, { nodes: PlacedNode[], edges: GraphEdge[] }>} */
  const parts = new Map();
  for (const node of nodes) {
    const key = root(node.node.id);
    const part = parts.get(key);
    if (part) part.nodes.push(node);
    else parts.set(key, { nodes: [node], edges: [] });
  }
  for (const e of valid) parts.get(root(e.from))?.edges.push(e);
  return [...parts.values()];
}

/** @param {{ nodes: PlacedNode[], edges: GraphEdge[] }} part */
function placePart(part) {
  const large = part.nodes.length > LARGE;
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: 'LR', nodesep: part.nodes.length > 100 ? 10 : 16, edgesep: 12, ranksep: 34, ...(large ? { ranker: 'longest-path' } : {}) });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { node, width, height } of part.nodes) graph.setNode(node.id, { width, height });
  for (const e of part.edges) {
    const label = e.kind === 'data' && !large ? { width: 84, height: 14, labelpos: 'c' } : {};
    graph.setEdge(e.from, e.to, { ...label, weight: e.kind === 'data' ? 2 : 1 });
  }
  dagre(graph, large ? /** @type {any} */ ({ disableOptimalOrderHeuristic: true }) : undefined);
  for (const placed of part.nodes) {
    const at = /** @type {any} */ (graph.node(placed.node.id));
    placed.x = Math.round(at.x - placed.width / 2);
    placed.y = Math.round(at.y - placed.height / 2);
  }
  const edges = part.edges.map((edge) => {
    const { points, x, y } = /** @type {{ points: Point[], x?: number, y?: number }} */ (/** @type {unknown} */ (graph.edge(edge.from, edge.to)));
    const middle = points[Math.floor(points.length / 2)] ?? { x: 0, y: 0 };
    return { edge, points, label: x !== undefined && y !== undefined ? { x, y } : middle };
  });
  attach(part.nodes, edges);
  const { width = 0, height = 0 } = /** @type {{ width?: number, height?: number }} */ (graph.graph());
  return { nodes: part.nodes, edges, x: 0, y: 0, width, height };
}

/**
 * Lets edges leave at the right side of a node and arrive at the left one, spread so that they can be told apart.
 * @param {PlacedNode[]} nodes
 * @param {PlacedEdge[]} edges
 */
function attach(nodes, edges) {
  const byId = new Map(nodes.map((n) => [n.node.id, n]));
  /** @param {"from"|"to"} end @param {number} at index of the point */
  const spread = (end, at) => {
    /** @type {Map<string, PlacedEdge[]>} */
    const ends = new Map();
    for (const e of edges) ends.set(e.edge[end], [...(ends.get(e.edge[end]) ?? []), e]);
    for (const [id, list] of ends) {
      const node = /** @type {PlacedNode} */ (byId.get(id));
      const beside = (/** @type {PlacedEdge} */ e) => e.points.at(at === 0 ? 1 : -2)?.y ?? 0;
      list.sort((a, b) => beside(a) - beside(b));
      const step = Math.min(9, (node.height - 14) / list.length);
      list.forEach((e, i) => {
        const y = node.y + node.height / 2 + (i - (list.length - 1) / 2) * step;
        e.points[at === 0 ? 0 : e.points.length - 1] = { x: node.x + (end === 'from' ? node.width : -2), y };
      });
    }
  };
  spread('from', 0);
  spread('to', -1);
}

/** How much wider than high a screen is. */
const SCREEN = 1.9;

/** @typedef {{ x: number, y: number, width: number, height: number }} Box */

/**
 * Puts boxes on shelves, the largest first, as wide as lets them be drawn largest.
 * @param {Box[]} list
 * @param {number} [gap]
 */
function pack(list, gap = GAP) {
  const ordered = [...list].sort((a, b) => b.height - a.height || b.width - a.width);
  const area = ordered.reduce((sum, b) => sum + (b.width + gap) * (b.height + gap), 0);
  const least = Math.max(0, ...ordered.map((b) => b.width));
  let best = { width: 0, height: 0, room: 0, need: Infinity };
  for (let stretch = 0.8; stretch < 5; stretch *= 1.15) {
    const room = Math.max(least, Math.sqrt(area * stretch));
    const size = shelve(ordered, room, gap);
    const need = Math.max(size.width / SCREEN, size.height);
    if (need < best.need) best = { ...size, room, need };
  }
  return shelve(ordered, best.room, gap);
}

/** @param {Box[]} list @param {number} room @param {number} gap */
function shelve(list, room, gap) {
  let [x, y, shelf, width] = [0, 0, 0, 0];
  for (const box of list) {
    if (x > 0 && x + box.width > room) {
      y += shelf + gap;
      x = 0;
      shelf = 0;
    }
    box.x = x;
    box.y = y;
    x += box.width + gap;
    shelf = Math.max(shelf, box.height);
    width = Math.max(width, box.x + box.width);
  }
  return { width, height: y + shelf };
}

/** Where each node is in the whole drawing. @param {Placed} placed @param {number} [x] @param {number} [y] @param {Map<string, Box>} [found] */
export function boxes(placed, x = 0, y = 0, found = new Map()) {
  for (const n of placed.nodes) {
    found.set(n.node.id, { x: x + n.x, y: y + n.y, width: n.width, height: n.height });
    if (n.inner) boxes(n.inner, x + n.x + PAD, y + n.y + MODULE_HEAD, found);
  }
  return found;
}

export const INNER = { x: PAD, y: MODULE_HEAD };

/** A smooth line through points, level at each of them. @param {Point[]} points */
export function curve(points) {
  const [first, ...rest] = points;
  if (!first) return '';
  const n = (/** @type {number} */ v) => Math.round(v * 10) / 10;
  let path = `M${n(first.x)} ${n(first.y)}`;
  let from = first;
  for (const to of rest) {
    const bend = (to.x - from.x) / 2;
    path += `C${n(from.x + bend)} ${n(from.y)} ${n(to.x - bend)} ${n(to.y)} ${n(to.x)} ${n(to.y)}`;
    from = to;
  }
  return path;
}
