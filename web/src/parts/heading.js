import { html, useEffect, useRef } from '../lib/html.js';

/** A document begins at its top; every later page at its heading. */
let first = true;

/**
 * The heading of a page, which also names the document.
 * @param {{ title: string, mono?: boolean, aside?: unknown, children?: import('../lib/html.js').Children }} props
 */
export function Heading({ title, mono = false, aside, children }) {
  const heading = useRef(/** @type {HTMLElement|null} */ (null));
  // For those who listen as for those who look.
  useEffect(() => {
    if (!first) {
      scrollTo(0, 0);
      heading.current?.focus({ preventScroll: true });
    }
    first = false;
  }, []);
  useEffect(() => {
    document.title = `${title} · Invar`;
  }, [title]);
  return html`<div class="head">
    <h1 ref=${heading} tabindex="-1" class=${mono ? 'id' : ''}>${title}</h1>
    ${aside ?? null}
    ${children ? html`<div class="head-more">${children}</div>` : null}
  </div>`;
}
