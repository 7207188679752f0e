// Components of the configuration and of all modules in it: the first list at once, those of modules as they come.
import { getJson, urls } from './api.js';
import { modulesOf } from './components.js';
import { useEffect, useMemo, useRef, useState } from './html.js';
import { useJson } from './poll.js';

/** @typedef {import('./types.js').Component} Component */

/** More modules than this are not read unasked: each is a request. */
export const MODULES_READ = 64;
const AT_ONCE = 4;

/**
 * Reads modules and the modules in them.
 * @param {string[]} ids
 * @param {(id: string) => Promise<Component[]>} read
 * @returns {Promise<{ found: Component[], left: number }>} `left`: modules that were not read
 */
export async function readModules(ids, read) {
  const queue = [...ids];
  /** @type {Component[]} */
  const found = [];
  let begun = 0;
  const worker = async () => {
    for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
      if (begun >= MODULES_READ) {
        queue.unshift(id);
        return;
      }
      begun += 1;
      // A module may be gone since its list was read.
      const list = await read(id).catch(() => []);
      found.push(...list);
      queue.push(...modulesOf(list));
    }
  };
  // One that finds the queue empty may be followed by modules that another found.
  do await Promise.all(Array.from({ length: AT_ONCE }, worker));
  while (queue.length && begun < MODULES_READ);
  return { found, left: queue.length };
}

/** @type {{ found: Component[], left: number }} */
const NONE = { found: [], left: 0 };

/** Of one module, or of all; what it is asked for stays the same as long as it is used. @param {{ module?: string, remote?: boolean }} of */
export function useComponents({ module = '', remote = false }) {
  const { data, error } = useJson(module ? urls.module(module, remote) : urls.components(remote));
  const top = /** @type {Component[]|undefined} */ (data);
  const [inner, setInner] = useState(NONE);
  const stop = useMemo(() => new AbortController(), []);
  const running = useRef(false);
  useEffect(() => () => stop.abort(), []);

  useEffect(() => {
    const ids = modulesOf(top ?? []);
    if (!ids.length) setInner(NONE);
    if (!ids.length || running.current) return;
    running.current = true;
    readModules(ids, (id) => getJson(urls.module(id, remote), stop.signal))
      .then((read) => stop.signal.aborted || setInner(read))
      .finally(() => (running.current = false));
  }, [top]);

  const list = useMemo(() => (inner.found.length ? top?.concat(inner.found) : top), [top, inner]);
  return { list, left: inner.left, error };
}
