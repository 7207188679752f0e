// The configuration as a graph, with what flows on it.
import { idOf, splitId, stateOf, STATES, tally } from '../lib/components.js';
import { plural } from '../lib/format.js';
import { html, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from '../lib/html.js';
import { href, moduleHref, useQuery } from '../lib/router.js';
import { useGraph } from '../graph/data.js';
import { Arrows, LevelView } from '../graph/draw.js';
import { useGestures } from '../graph/gestures.js';
import { boxes, place } from '../graph/layout.js';
import { allNodes, neighbours } from '../graph/model.js';
import { Overview } from '../graph/overview.js';
import { begin, center, exceeds, fit, reveal, sees, zoom } from '../graph/view.js';
import { HealthShape } from '../parts/health.js';
import { Heading } from '../parts/heading.js';
import { Empty, Loading, Problem } from '../parts/note.js';

/** @typedef {import('../lib/types.js').Component} Component */

/** More nodes than this are in the document only while they are in view, and edges do not move. */
const MANY = 300;
/** Below these scales small text, and all text, cannot be read and is left out. */
const FAR = 0.5;
const FARTHEST = 0.14;

/** @param {{ route: import('../lib/router.js').Route }} props */
export function GraphPage({ route: { id: module } }) {
  const [openText, setOpen] = useQuery('open');
  const open = useMemo(() => new Set(openText.split(',').filter(Boolean)), [openText]);
  const { level, key, rates, live, error } = useGraph(module, open);
  const placed = useMemo(() => (level ? place(level) : undefined), [key, level === undefined]);
  const toggle = (/** @type {string} */ id) => {
    const next = new Set(open);
    if (!next.delete(id)) next.add(id);
    setOpen([...next].join(','));
  };
  const components = useMemo(() => {
    const nodes = level ? allNodes(level).flatMap((n) => n.component ?? []) : [];
    return new Map(nodes.map((c) => [idOf(c), c]));
  }, [level]);

  return html`
    <${Heading} title=${module ? `Graph of ${module}` : 'Graph'} aside=${html`<span class=${`chip live-${live ? 'live' : 'waiting'}`}><span class="dot" aria-hidden="true"></span>${live ? 'live rates' : 'no rates'}</span>`}>
      ${module ? html`<span class="links"><a href=${href('graph')}>whole configuration</a><a href=${moduleHref(module)}>list</a></span>` : null}
    </${Heading}>
    <${Problem} error=${error} what="The graph" kept=${level !== undefined} />
    ${placed ? (components.size ? html`<${Canvas} placed=${placed} components=${components} rates=${rates} toggle=${toggle} level=${level} />` : html`<${Empty}>There are no components.</${Empty}>`) : error ? null : html`<${Loading} what="the graph" />`}
  `;
}

/**
 * @param {object} props
 * @param {import('../graph/layout.js').Placed} props.placed
 * @param {Map<string, Component>} props.components
 * @param {Map<string, import('../graph/flows.js').Rate>} props.rates
 * @param {(id: string) => void} props.toggle
 * @param {import('../graph/model.js').Level} props.level
 */
function Canvas({ placed, components, rates, toggle, level }) {
  const box = useRef(/** @type {HTMLDivElement|null} */ (null));
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [view, setView] = useState({ x: 0, y: 0, k: 1 });
  const [focus, setFocus] = useQuery('focus');
  const [hover, setHover] = useState('');
  // Until a person moves it, all of the graph is kept in view.
  const touched = useRef(false);
  const where = useMemo(() => boxes(placed), [placed]);

  useLayoutEffect(() => {
    const element = /** @type {HTMLDivElement} */ (box.current);
    const measure = () => setSize({ width: element.clientWidth, height: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const all = useCallback(() => {
    touched.current = true;
    setView(fit(placed, room(size)));
  }, [placed, size]);
  useLayoutEffect(() => {
    if (size.width && !touched.current) setView(begin(placed, room(size)));
  }, [placed, size]);
  useEffect(() => {
    const at = where.get(focus);
    if (!at || !size.width) return;
    touched.current = true;
    setView((v) => center(v, at, size));
  }, [focus, size.width > 0]);

  const change = (/** @type {(v: import('../graph/view.js').View) => import('../graph/view.js').View} */ by) => {
    touched.current = true;
    setView(by);
  };
  useGestures(box, change, all);

  const marked = hover || (components.has(focus) ? focus : '');
  const near = useMemo(() => (marked ? neighbours(level, marked) : null), [level, marked]);
  const many = where.size > MANY;
  const look = {
    components,
    rates,
    near,
    focus: marked,
    far: /** @type {0|1|2} */ (view.k < FARTHEST ? 2 : view.k < FAR ? 1 : 0),
    toggle,
    visible: (/** @type {string} */ id) => {
      const at = where.get(id);
      return !many || !at || sees(view, at, size);
    },
    enter: (/** @type {string} */ id) => {
      setHover(id);
      const at = where.get(id);
      // A key may have moved the focus out of view; a pointer cannot.
      if (at && document.activeElement?.closest('.graph') && document.activeElement.matches(':focus-visible')) setView((v) => reveal(v, at, size));
    },
    leave: () => setHover(''),
  };
  const middle = { x: size.width / 2, y: size.height / 2 };

  return html`<div class="graph">
    <div class="tools">
      <${Search} components=${components} focus=${focus} set=${setFocus} />
      <span class="soft small" role="status">${summary(components, placed)}</span>
      <div class="segments" role="group" aria-label="View">
        <button type="button" title="Smaller ( - )" aria-label="Smaller" onClick=${() => change((v) => zoom(v, 0.8, middle))}>−</button>
        <button type="button" title="All of it ( 0 )" onClick=${all}>Fit</button>
        <button type="button" title="Larger ( + )" aria-label="Larger" onClick=${() => change((v) => zoom(v, 1.25, middle))}>+</button>
      </div>
    </div>
    <div class="canvas" ref=${box} tabindex="0" role="group" aria-label="Graph of components. Arrow keys move it, plus and minus zoom, 0 shows all, Tab goes through the components.">
      <svg width="100%" height="100%" class=${`drawing ${many ? 'is-many' : ''}`}>
        <${Arrows} />
        <g style=${{ transform: `translate(${view.x}px, ${view.y}px) scale(${view.k})` }}><${LevelView} placed=${placed} look=${look} /></g>
      </svg>
      <${Legend} components=${components} />
      ${size.width > 0 && exceeds(view, placed, size) && html`<${Overview} drawing=${placed} where=${where} components=${components} view=${view} window=${size} change=${change} />`}
    </div>
  </div>`;
}

/** The legend lies over the lowest part. @param {import('../graph/view.js').Size} size */
const room = ({ width, height }) => ({ width, height: height - 36 });

/** @param {Map<string, Component>} components @param {import('../graph/layout.js').Placed} placed */
const summary = (components, placed) => `${plural(components.size, 'component')}, ${plural(placed.edges.length, 'connection')}`;

/** Finds a node by any part of its id. @param {{ components: Map<string, Component>, focus: string, set: (id: string) => void }} props */
function Search({ components, focus, set }) {
  const [text, setText] = useState(focus);
  useEffect(() => setText(focus), [focus]);
  // The graph is drawn anew with every step of the pointer; what is the same is not compared again.
  const options = useMemo(() => [...components.keys()].slice(0, 1000).map((id) => html`<option key=${id} value=${id}></option>`), [components]);
  const find = (/** @type {string} */ what) => {
    const asked = what.trim().toLowerCase();
    const ids = [...components.keys()];
    set(asked ? (ids.find((id) => id.toLowerCase() === asked) ?? ids.find((id) => id.toLowerCase().includes(asked)) ?? '') : '');
  };
  return html`<form class="field grow" role="search" onSubmit=${(/** @type {Event} */ e) => (e.preventDefault(), find(text))}>
    <label class="hidden" for="graph-search">Find a component</label>
    <input id="graph-search" type="search" list="graph-ids" value=${text} placeholder="Find a component" spellcheck=${false} autocomplete="off"
      onInput=${(/** @type {any} */ e) => {
        setText(e.currentTarget.value);
        if (!e.currentTarget.value || components.has(e.currentTarget.value)) set(e.currentTarget.value);
      }} />
    <datalist id="graph-ids">${options}</datalist>
    ${focus && !components.has(focus) ? html`<span class="soft small">${splitId(focus).localID} is not in this graph</span>` : null}
  </form>`;
}

/** @param {{ components: Map<string, Component> }} props */
function Legend({ components }) {
  const counts = useMemo(() => tally([...components.values()]), [components]);
  return html`<ul class="legend" aria-label="Legend">
    ${STATES.filter((s) => counts[s]).map((s) => html`<li key=${s}><${HealthShape} state=${stateOf(s)} /> ${s} ${counts[s]}</li>`)}
    <li><svg width="26" height="8" aria-hidden="true"><path class="legend-data" d="M1 4h24" /></svg> data</li>
    <li><svg width="26" height="8" aria-hidden="true"><path class="legend-value" d="M1 4h24" /></svg> values</li>
  </ul>`;
}
