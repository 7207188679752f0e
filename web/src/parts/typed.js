// Fields that ask once a person has stopped typing, and the ids that they offer.
import { urls } from '../lib/api.js';
import { idOf } from '../lib/components.js';
import { html } from '../lib/html.js';
import { useJson } from '../lib/poll.js';

/** @typedef {import('../lib/types.js').Component} Component */

/**
 * @param {object} props
 * @param {string} props.name
 * @param {string} props.value
 * @param {(value: string) => void} props.set
 * @param {string} props.placeholder
 * @param {string} [props.list] id of a list of what may be meant
 * @param {string} [props.wrong] what is wrong with it
 * @param {boolean} [props.grow] takes the room that is left
 */
export function Typed({ name, value, set, placeholder, list, wrong = '', grow = false }) {
  return html`<label class=${grow ? 'field grow' : 'field'}><span>${name}</span>
    <input value=${value} placeholder=${placeholder} list=${list} spellcheck=${false} autocomplete="off" aria-invalid=${wrong ? 'true' : undefined}
      onChange=${(/** @type {any} */ e) => set(e.currentTarget.value.trim())} />
    ${wrong ? html`<span class="is-unhealthy text small" role="alert">${wrong}</span>` : null}
  </label>`;
}

/** Ids of components, for a list of what may be meant. */
export function Names() {
  const { data } = useJson(urls.components(), 60_000);
  return /** @type {Component[]} */ (data ?? []).slice(0, 500).map((c) => html`<option key=${idOf(c)} value=${idOf(c)}></option>`);
}
