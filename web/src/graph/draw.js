// Nodes and edges as SVG.
import { idOf, stateOf } from '../lib/components.js';
import { rate as rateText } from '../lib/format.js';
import { html } from '../lib/html.js';
import { componentHref } from '../lib/router.js';
import { HealthShape } from '../parts/health.js';
import { curve, cut, INNER, titles } from './layout.js';
import { edgeKey } from './model.js';

/** @typedef {import('./layout.js').Placed} Placed */
/** @typedef {import('./layout.js').PlacedNode} PlacedNode */
/** @typedef {import('./layout.js').PlacedEdge} PlacedEdge */

/**
 * @typedef {object} Look
 * @property {Map<string, import('../lib/types.js').Component>} components as they are now, by id
 * @property {Map<string, import('./flows.js').Rate>} rates
 * @property {Set<string>|null} near what is not dimmed; null: all
 * @property {string} focus
 * @property {0|1|2} far 1: only labels can be read, 2: nothing can
 * @property {(id: string) => boolean} visible
 * @property {(id: string) => void} toggle
 * @property {(id: string) => void} enter
 * @property {() => void} leave
 */

/** A level: edges below nodes. @param {{ placed: Placed, look: Look }} props */
export function LevelView({ placed, look }) {
  const seen = placed.nodes.filter((n) => look.visible(n.node.id));
  const ids = seen.length === placed.nodes.length ? null : new Set(seen.map((n) => n.node.id));
  const edges = ids ? placed.edges.filter(({ edge }) => ids.has(edge.from) || ids.has(edge.to)) : placed.edges;
  return html`
    <g class="edges">${edges.map((e) => html`<${EdgeView} key=${edgeKey(e.edge.from, e.edge.to)} of=${e} look=${look} />`)}</g>
    <g class="nodes" role="list">${seen.map((n) => html`<${NodeView} key=${n.node.id} of=${n} look=${look} />`)}</g>
  `;
}

/** @param {{ of: PlacedEdge, look: Look }} props */
function EdgeView({ of: { edge, points, label }, look }) {
  const flow = look.rates.get(edgeKey(edge.from, edge.to));
  const dim = look.near && edge.from !== look.focus && edge.to !== look.focus;
  const path = curve(points);
  const flowing = flow && flow.rate > 0;
  // Ten times as much is one step thicker.
  const width = flowing ? Math.min(5, 1.6 + Math.max(0, Math.log10(flow.rate)) * 0.6) : 1.2;
  const text = flowing && !look.far ? `${rateText(flow.rate)} ${flow.unit}/s` : '';
  return html`<g class=${`edge edge-${edge.kind}${flowing ? ' is-flowing' : ''}${dim ? ' is-dim' : ''}`} data-from=${edge.from} data-to=${edge.to}>
    <path class="line" d=${path} style=${{ strokeWidth: width }} marker-end=${`url(#arrow-${flowing ? 'flow' : edge.kind})`} />
    ${flowing && html`<path class="move" d=${path} style=${{ strokeWidth: width }} />`}
    ${text && html`<text class="rate" x=${label.x} y=${label.y - 5}>${text}</text>`}
  </g>`;
}

/** @param {{ of: PlacedNode, look: Look }} props */
function NodeView({ of: placed, look }) {
  const { node, x, y, width, height, inner } = placed;
  const at = { transform: `translate(${x}px, ${y}px)` };
  if (!node.component) return html`<g class="port" style=${at}><title>${node.id.endsWith('in') ? 'comes in' : 'goes out'}</title><circle cx="6" cy="6" r="5" /></g>`;
  const now = look.components.get(node.id) ?? node.component;
  const state = stateOf(now.health.state);
  const dim = look.near && !look.near.has(node.id);
  const made = now.createdModuleIDs?.length ?? 0;
  const classes = `node is-${state}${dim && !inner ? ' is-dim' : ''}${look.focus === node.id ? ' is-focus' : ''}${inner ? ' is-open' : ''}`;
  return html`<g class=${classes} style=${at} role="listitem" data-id=${node.id}>
    <a href=${componentHref(idOf(now))} onPointerEnter=${() => look.enter(node.id)} onPointerLeave=${look.leave}
      onFocus=${() => look.enter(node.id)} onBlur=${look.leave} draggable=${false}>
      <title>${`${idOf(now)}\n${state}: ${now.health.message}`}</title>
      <rect class="box" width=${width} height=${height} rx="6" />
      <rect class="edge-mark" width="4" height=${height - 12} x="0" y="6" rx="2" />
      ${look.far < 2 && html`<${Text} of=${placed} state=${state} far=${look.far} />`}
    </a>
    ${made > 0 && look.far < 2 && html`<${Toggle} id=${node.id} x=${width - 24} y=${inner ? 9 : height / 2 - 9} open=${Boolean(inner)} toggle=${look.toggle} />`}
    ${inner && html`<g style=${{ transform: `translate(${INNER.x}px, ${INNER.y}px)` }}><${LevelView} placed=${inner} look=${look} /></g>`}
  </g>`;
}

/** Shapes of health, where only text is drawn. @type {Record<string, string>} */
const SIGNS = { unhealthy: '▲ ', exited: '■ ', unknown: '◆ ' };

/** @param {{ of: PlacedNode, state: string, far: number }} props */
function Text({ of: { node, width, height, inner }, state, far }) {
  const { first, second } = titles(node);
  const middle = height / 2;
  // From afar there is room for the label alone, in letters as high as the node.
  if (far && !inner) return html`<text class="first far" x="12" y=${middle + 8}>${SIGNS[state] ?? ''}${cut(first, Math.max(3, Math.floor((width - 18) / 13)))}</text>`;
  return html`
    <${HealthShape} state=${state} x=${14} y=${inner ? 12 : middle - 6} />
    <text class="first" x="34" y=${inner ? 22 : second ? middle - 3 : middle + 5}>${cut(first)}</text>
    ${second && !inner ? html`<text class="second" x="34" y=${middle + 13}>${cut(second)}</text>` : null}
  `;
}

/** Opens a module where it stands. @param {{ id: string, x: number, y: number, open: boolean, toggle: (id: string) => void }} props */
function Toggle({ id, x, y, open, toggle }) {
  const act = (/** @type {Event} */ event) => {
    event.preventDefault();
    event.stopPropagation();
    toggle(id);
  };
  const pressed = (/** @type {KeyboardEvent} */ event) => (event.key === 'Enter' || event.key === ' ') && act(event);
  return html`<g class="toggle" style=${{ transform: `translate(${x}px, ${y}px)` }} role="button" tabindex="0" aria-expanded=${open} aria-label=${`${open ? 'Close' : 'Open'} the module of ${id}`}
    onClick=${act} onKeyDown=${pressed}>
    <title>${open ? 'Close the module' : 'Open the module'}</title>
    <rect width="18" height="18" rx="4" /><path d=${open ? 'M5 9h8' : 'M5 9h8M9 5v8'} />
  </g>`;
}

/** Heads of arrows. */
export const Arrows = () =>
  html`<defs>${['data', 'value', 'flow'].map(
    (kind) => html`<marker key=${kind} id=${`arrow-${kind}`} class=${`arrow arrow-${kind}`} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 .5 8 4 0 7.5Z" /></marker>`,
  )}</defs>`;
