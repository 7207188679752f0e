// Words where there is nothing else to show: an error, an empty list, a wait.
import { html } from '../lib/html.js';

/** @typedef {import('../lib/api.js').ApiError} ApiError */
/** @typedef {import('../lib/html.js').Children} Children */

/** @param {{ error: ApiError|undefined, what?: string, kept?: boolean }} props `kept`: old data is still shown */
export function Problem({ error, what = '', kept = false }) {
  // That nobody answers is said once, at the top of the page.
  if (!error || (kept && error.status === 0)) return null;
  return html`<div class="note is-bad" role="alert">
    <strong>${what ? `${what} could not be read.` : 'That did not work.'}</strong> ${error.message}
  </div>`;
}

/** @param {{ children?: Children }} props */
export const Empty = ({ children }) => html`<p class="note is-empty">${children}</p>`;

/** Shown after a moment only, so that quick answers do not flicker. @param {{ what: string }} props */
export const Loading = ({ what }) => html`<p class="note is-loading" role="status">Reading ${what}…</p>`;

/**
 * A list of names and values.
 * @param {{ of: [string, unknown][] }} props
 */
export const Facts = ({ of }) =>
  html`<dl class="facts">
    ${of
      .filter(([, value]) => value !== null && value !== undefined && value !== '')
      .map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;

/** @param {{ title: string, id: string, aside?: unknown, children?: Children }} props */
export const Section = ({ title, id, aside, children }) =>
  html`<section class="section" aria-labelledby=${id}>
    <header class="section-head"><h2 id=${id}>${title}</h2>${aside ?? null}</header>
    ${children}
  </section>`;
