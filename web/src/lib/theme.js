// Light or dark: what the system says, unless a person chose.
import { store } from './store.js';

/** @typedef {"auto"|"light"|"dark"} Theme */

const KEY = 'invar.theme';
const THEMES = /** @type {const} */ (['auto', 'light', 'dark']);

/** @returns {Theme} */
function remembered() {
  try {
    const found = localStorage.getItem(KEY);
    return THEMES.find((theme) => theme === found) ?? 'auto';
  } catch {
    // A browser may forbid storage.
    return 'auto';
  }
}

export const theme = store(/** @type {Theme} */ (globalThis.document ? remembered() : 'auto'));

/** @param {Theme} to */
export function choose(to) {
  theme.set(to);
  const { dataset } = document.documentElement;
  if (to === 'auto') delete dataset.theme;
  else dataset.theme = to;
  try {
    if (to === 'auto') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, to);
  } catch {
    // It holds until the page is left.
  }
}

/** auto -> light -> dark -> auto @param {Theme} from @returns {Theme} */
export const next = (from) => /** @type {Theme} */ (THEMES[(THEMES.indexOf(from) + 1) % THEMES.length]);
