// The template tag and the hooks, from the vendored libraries.
import htm from '../../vendor/htm/htm.js';
import { h } from '../../vendor/preact/preact.js';

export { render } from '../../vendor/preact/preact.js';
export {
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from '../../vendor/preact/hooks.js';

/** @typedef {import('../../vendor/preact/preact.js').VNode<any>} Node */
/** @typedef {import('../../vendor/preact/preact.js').ComponentChildren} Children */

/** @type {(strings: TemplateStringsArray, ...values: any[]) => Node} */
export const html = /** @type {any} */ (htm.bind(h));
