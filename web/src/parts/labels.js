import { html } from '../lib/html.js';

/** @param {{ of: Record<string, string> }} props */
export const Labels = ({ of }) =>
  html`<span class="labels">${Object.entries(of).map(([k, v]) => html`<span class="label" key=${k}><i>${k}</i>=${v}</span> `)}</span>`;
