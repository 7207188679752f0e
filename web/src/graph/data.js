// What the graph page asks for: lists, the stream of rates, the ledger.
import { getJson, urls } from '../lib/api.js';
import { idOf } from '../lib/components.js';
import { useEffect, useMemo, useRef, useState } from '../lib/html.js';
import { rates } from '../lib/ledger.js';
import { usePoll } from '../lib/poll.js';
import { follow } from '../lib/stream.js';
import { build, structure } from './model.js';
import { onEdges, withLedger } from './flows.js';

/** @typedef {import('../lib/types.js').Component} Component */
/** @typedef {import('../lib/types.js').Flow} Flow */
/** @typedef {import('../lib/types.js').Ledger} Ledger */
/** @typedef {{ list: Component[], opened: Map<string, Component[]> }} Lists */

/** Modules of one component that are drawn; a `foreach` may have thousands. */
const MODULES_DRAWN = 24;

/**
 * @param {string} module
 * @param {Set<string>} open components whose modules are shown
 * @param {AbortSignal} signal
 * @returns {Promise<Lists>}
 */
async function read(module, open, signal) {
  /** @type {Map<string, Component[]>} */
  const opened = new Map();
  const get = (/** @type {string} */ id) => /** @type {Promise<Component[]>} */ (getJson(urls.module(id), signal));
  const deeper = async (/** @type {Component[]} */ list) => {
    for (const c of list) {
      if (!open.has(idOf(c)) || !c.createdModuleIDs?.length) continue;
      const inner = (await Promise.all(c.createdModuleIDs.slice(0, MODULES_DRAWN).map(get))).flat();
      opened.set(idOf(c), inner);
      await deeper(inner);
    }
  };
  const list = /** @type {Component[]} */ (await getJson(module ? urls.module(module) : urls.components(), signal));
  await deeper(list);
  return { list, opened };
}

/** The lists; what was shown stays until the module that was opened is read. @param {string} module @param {Set<string>} open */
function useLists(module, open) {
  const key = `graph ${module} ${[...open].sort().join(' ')}`;
  const { data, error } = usePoll(key, (signal) => read(module, open, signal), 3000);
  const last = useRef(/** @type {Lists|undefined} */ (undefined));
  if (data) last.current = data;
  return { lists: data ?? last.current, error };
}

/** Whether the page is looked at. Browsers open few connections to one server: what is hidden should hold none. */
function useShown() {
  const [shown, setShown] = useState(!document.hidden);
  useEffect(() => {
    const changed = () => setShown(!document.hidden);
    document.addEventListener('visibilitychange', changed);
    return () => document.removeEventListener('visibilitychange', changed);
  }, []);
  return shown;
}

/** What the stream told last. @param {string} module */
function useFlows(module) {
  const shown = useShown();
  const [flows, setFlows] = useState(/** @type {Flow[]} */ ([]));
  const [live, setLive] = useState(false);
  useEffect(() => {
    if (!shown) return;
    const stop = new AbortController();
    setFlows([]);
    follow({
      url: urls.graph(module, 2),
      mark: '|;|',
      take: (values) => setFlows(/** @type {Flow[]} */ (values.at(-1) ?? [])),
      state: (error) => {
        setLive(error === null);
        if (error) setFlows([]);
      },
      signal: stop.signal,
    });
    return () => stop.abort();
  }, [module, shown]);
  return { flows, live };
}

/** Edges of the ledger, and how fast each counts. */
function useLedger() {
  const { data } = usePoll(urls.ledger(), async (signal) => ({ at: performance.now(), ledger: /** @type {Ledger} */ (await getJson(urls.ledger(), signal)) }), 4000);
  const last = useRef(/** @type {typeof data} */ (undefined));
  return useMemo(() => {
    const before = last.current;
    last.current = data;
    if (!data) return { edges: [], perSecond: new Map() };
    const { edges } = data.ledger;
    return { edges, perSecond: before && before !== data ? rates(before.ledger.edges, edges, (data.at - before.at) / 1000) : new Map() };
  }, [data]);
}

/**
 * The graph with its rates. The level keeps its identity while the structure is the same.
 * @param {string} module
 * @param {Set<string>} open
 */
export function useGraph(module, open) {
  const { lists, error } = useLists(module, open);
  const { flows, live } = useFlows(module);
  const { edges, perSecond } = useLedger();
  const level = useMemo(() => (lists ? build(lists.list, lists.opened, edges) : undefined), [lists, edges]);
  const key = useMemo(() => (level ? structure(level) : ''), [level]);
  const rated = useMemo(() => (level ? withLedger(onEdges(level, flows), level, perSecond) : new Map()), [level, flows, perSecond]);
  return { level, key, rates: rated, live, error };
}
