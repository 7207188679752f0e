// Components of the configuration and of all modules in it: the first list at once, those of modules as they come.
import { getJson, urls } from './api.js';
import { modulesOf } from './components.js';
import { useEffect, useRef, useState } from './html.js';
import { usePoll } from './poll.js';

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

/**
 * @param {{ module?: string, remote?: boolean, deep?: boolean }} of
 */
export function useComponents({ module = '', remote = false, deep = true }) {
  const url = module ? urls.module(module, remote) : urls.components(remote);
  const top = usePoll(url, (signal) => getJson(url, signal));
  const list = /** @type {Component[]|undefined} */ (top.data);
  const [inner, setInner] = useState({ url, found: /** @type {Component[]} */ ([]), left: 0 });
  const running = useRef(false);
  const wanted = useRef(url);
  wanted.current = url;
  useEffect(() => () => void (wanted.current = ''), []);

  useEffect(() => {
    const ids = list && deep ? modulesOf(list) : [];
    if (!ids.length) {
      setInner((old) => (old.found.length || old.url !== url ? { url, found: [], left: 0 } : old));
      return;
    }
    if (running.current) return;
    running.current = true;
    readModules(ids, (id) => getJson(urls.module(id, remote)))
      .then((read) => wanted.current === url && setInner({ url, ...read }))
      .finally(() => (running.current = false));
  }, [list, deep, url]);

  const found = inner.url === url && deep ? inner.found : [];
  return { ...top, list: list && (found.length ? list.concat(found) : list), left: inner.left };
}
