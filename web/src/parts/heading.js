import { html, useEffect } from '../lib/html.js';

/**
 * The heading of a page, which also names the document.
 * @param {{ title: string, mono?: boolean, aside?: unknown, children?: import('../lib/html.js').Children }} props
 */
export function Heading({ title, mono = false, aside, children }) {
  useEffect(() => {
    document.title = `${title} · Invar`;
  }, [title]);
  return html`<div class="head">
    <h1 tabindex="-1" class=${mono ? 'id' : ''}>${title}</h1>
    ${aside ?? null}
    ${children ? html`<div class="head-more">${children}</div>` : null}
  </div>`;
}
