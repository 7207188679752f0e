// Addresses of pages. The server answers all of them with the same document.
import { useEffect, useState } from './html.js';

/** @typedef {{ page: string, id: string, remote: boolean }} Route */

/** What the server put before every path, for example `/ui`; empty at the root. */
export const prefix = globalThis.document?.documentElement.dataset.prefix ?? '';

/** Ids may hold slashes (modules), which stay as they are in the path. @param {string} id */
export const encodeId = (id) => id.split('/').map(encodeURIComponent).join('/');

/** The address of a page: `href('component', 'loki.write.out')`. @param {string} page @param {string} [id] */
export const href = (page, id = '') => `${prefix}/${page}${id ? `/${encodeId(id)}` : ''}`;

/** The address of what is in the remote configuration, whose ids begin with `remotecfg/`. @param {string} page @param {string} id */
const remoteHref = (page, id) => href(`remotecfg/${page}`, id.replace(/^remotecfg\//, ''));

/** @param {string} id @param {boolean} [remote] the component is of the remote configuration */
export const componentHref = (id, remote = false) => (remote ? remoteHref('component', id) : href('component', id));

/** @param {string} id @param {boolean} [remote] */
export const moduleHref = (id, remote = false) => (remote ? remoteHref('module', id) : href('module', id));

const WITH_ID = new Set(['component', 'module']);
const MAYBE_ID = new Set(['graph', 'debug']);
const PLAIN = new Set(['clustering', 'remotecfg', 'why', 'queues']);

/**
 * Which page a path is.
 * @param {string} path
 * @param {string} [before] the prefix
 * @returns {Route}
 */
export function parse(path, before = prefix) {
  const none = { page: 'missing', id: '', remote: false };
  if (!path.startsWith(before)) return none;
  let parts;
  try {
    parts = path.slice(before.length).split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    return none;
  }
  const remote = parts[0] === 'remotecfg' && parts.length > 1;
  if (remote) parts.shift();
  const [page = 'list', ...rest] = parts;
  const id = rest.join('/');
  if (WITH_ID.has(page)) return id ? { page, id, remote } : none;
  if (remote) return none;
  if (MAYBE_ID.has(page)) return { page, id, remote };
  return (PLAIN.has(page) || page === 'list') && !id ? { page, id, remote } : none;
}

const CHANGED = 'invar:route';

/** Goes to a page without loading the document again. @param {string} to */
function navigate(to) {
  if (to === location.pathname + location.search) return;
  history.pushState(null, '', to);
  dispatchEvent(new Event(CHANGED));
}

/** Calls when the address changes, until what it returns is called. @param {() => void} changed */
function onAddress(changed) {
  addEventListener(CHANGED, changed);
  addEventListener('popstate', changed);
  return () => {
    removeEventListener(CHANGED, changed);
    removeEventListener('popstate', changed);
  };
}

/** The page that is shown. @returns {Route} */
export function useRoute() {
  const [path, setPath] = useState(location.pathname);
  useEffect(() => onAddress(() => setPath(location.pathname)), []);
  return parse(path);
}

/** Lets plain links to pages be followed without loading. */
export function interceptLinks() {
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = /** @type {Element} */ (event.target).closest?.('a[href]');
    if (!link || link.hasAttribute('download') || link.getAttribute('target')) return;
    const url = new URL(/** @type {string} */ (link.getAttribute('href')), location.href);
    if (url.origin !== location.origin || url.hash || parse(url.pathname).page === 'missing') return;
    event.preventDefault();
    navigate(url.pathname + url.search);
  });
}

/**
 * A value that lives in the query of the address, so that going back or loading again finds it.
 * @param {string} name
 * @param {string} [initial]
 * @returns {[string, (value: string) => void]}
 */
export function useQuery(name, initial = '') {
  const read = () => new URLSearchParams(location.search).get(name) ?? initial;
  const [value, setValue] = useState(read);
  useEffect(() => onAddress(() => setValue(read())), [name]);
  /** @param {string} next */
  const set = (next) => {
    const query = new URLSearchParams(location.search);
    if (next === initial) query.delete(name);
    else query.set(name, next);
    const text = query.toString();
    history.replaceState(null, '', location.pathname + (text ? `?${text}` : ''));
    setValue(next);
  };
  return [value, set];
}
