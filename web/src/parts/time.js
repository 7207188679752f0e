import { ago, moment } from '../lib/format.js';
import { html } from '../lib/html.js';

/** A time, with how long ago it was. @param {{ at: string|null|undefined, brief?: boolean }} props */
export function Time({ at, brief = false }) {
  if (!at || at.startsWith('0001-')) return html`<span class="soft">never</span>`;
  const full = moment(at);
  const since = ago(at);
  return html`<time datetime=${at} title=${brief ? full : at}>${brief ? since : full}${!brief && since ? html` <span class="soft">${since}</span>` : null}</time>`;
}
