// A small picture of all of the graph, with what is in view: shown when that is not all.
import { STATES, stateOf } from '../lib/components.js';
import { html, useMemo, useRef } from '../lib/html.js';
import { look } from './view.js';

/** @typedef {import('./layout.js').Box} Box */
/** @typedef {import('./view.js').View} View */
/** @typedef {import('./view.js').Size} Size */

const WIDEST = 190;
/** Part of the window's height that it may take. */
const HIGHEST = 0.55;

/**
 * @param {object} props
 * @param {Size} props.drawing
 * @param {Map<string, Box>} props.where
 * @param {Map<string, import('../lib/types.js').Component>} props.components
 * @param {View} props.view
 * @param {Size} props.window
 * @param {(by: (view: View) => View) => void} props.change
 */
export function Overview({ drawing, where, components, view, window, change }) {
  const held = useRef(false);
  const scale = Math.min(WIDEST / drawing.width, (window.height * HIGHEST) / drawing.height);
  // One shape for all nodes of a state: thousands are no matter.
  const shapes = useMemo(() => {
    const paths = /** @type {Record<string, string[]>} */ (Object.fromEntries(STATES.map((s) => [s, []])));
    for (const [id, box] of where) {
      const c = components.get(id);
      if (c) paths[stateOf(c.health.state)]?.push(`M${box.x} ${box.y}h${box.width}v${box.height}h${-box.width}z`);
    }
    // The worst last, on top.
    return [...STATES].reverse().map((state) => ({ state, path: paths[state]?.join('') ?? '' }));
  }, [where, components]);

  const move = (/** @type {PointerEvent} */ e) => {
    e.stopPropagation();
    if (!held.current) return;
    const { left, top } = /** @type {Element} */ (e.currentTarget).getBoundingClientRect();
    const point = { x: (e.clientX - left) / scale, y: (e.clientY - top) / scale };
    change((v) => look(v, point, window));
  };
  const down = (/** @type {PointerEvent} */ e) => {
    held.current = true;
    /** @type {Element} */ (e.currentTarget).setPointerCapture(e.pointerId);
    move(e);
  };
  const up = () => (held.current = false);

  return html`<svg class="overview" width=${drawing.width * scale} height=${drawing.height * scale} viewBox=${`0 0 ${drawing.width} ${drawing.height}`} aria-hidden="true"
    onPointerDown=${down} onPointerMove=${move} onPointerUp=${up} onPointerCancel=${up}>
    ${shapes.map(({ state, path }) => html`<path key=${state} class=${`is-${state}`} d=${path} />`)}
    <rect x=${-view.x / view.k} y=${-view.y / view.k} width=${window.width / view.k} height=${window.height / view.k} style=${{ strokeWidth: 1.5 / scale }} />
  </svg>`;
}
