// The list of components, with its search, filters and counts: of the configuration, of a module, of the remote configuration.
import { idOf, kinds, matching, sorted, stateOf, STATES, tally } from '../lib/components.js';
import { count, plural } from '../lib/format.js';
import { html, useEffect, useMemo, useRef } from '../lib/html.js';
import { componentHref, moduleHref, useQuery } from '../lib/router.js';
import { HealthBadge, HealthShape } from './health.js';
import { Empty } from './note.js';
import { Rows } from './rows.js';
import { Time } from './time.js';

/** @typedef {import('../lib/types.js').Component} Component */
/** @typedef {import('../lib/components.js').Order} Order */

const ROW = 34;

/** @param {{ list: Component[], remote?: boolean, left?: number, within?: string }} props `within`: the module that is shown */
export function ComponentList({ list, remote = false, left = 0, within = '' }) {
  const [text, setText] = useQuery('q');
  const [health, setHealth] = useQuery('health');
  const [kind, setKind] = useQuery('kind');
  const [sort, setSort] = useQuery('sort', 'health');
  const order = /** @type {Order} */ ({ by: sort.replace('-', '') || 'health', down: sort.startsWith('-') });
  const search = useSlash();

  const names = useMemo(() => kinds(list), [list]);
  const counts = useMemo(() => tally(list), [list]);
  const shown = useMemo(
    () => sorted(matching(list, { text, health, kind }), order),
    [list, text, health, kind, sort],
  );

  /** @param {Order["by"]} by @param {string} title */
  const heading = (by, title) => {
    const active = order.by === by;
    const sign = active ? (order.down ? '↓' : '↑') : '';
    return {
      title: html`<button type="button" class="sorter" onClick=${() => setSort(active && !order.down ? `-${by}` : by)}>${title}<span aria-hidden="true">${sign}</span></button>`,
      sort: /** @type {"ascending"|"descending"|"none"} */ (active ? (order.down ? 'descending' : 'ascending') : 'none'),
    };
  };
  const modules = (/** @type {Component} */ c) =>
    (c.createdModuleIDs ?? []).map((id) => html` <a class="chip" key=${id} href=${moduleHref(id, remote)}>open module</a>`);

  const columns = [
    { id: 'health', ...heading('health', 'Health'), cell: (/** @type {Component} */ c) => html`<${HealthBadge} state=${c.health.state} />` },
    {
      id: 'id',
      ...heading('id', 'Component'),
      cell: (/** @type {Component} */ c) => html`<a class="id" href=${componentHref(idOf(c), remote)} title=${idOf(c)}>${
        c.moduleID && c.moduleID !== within ? html`<span class="soft">${c.moduleID}/</span>` : null
      }${c.localID}</a>${modules(c)}`,
    },
    { id: 'kind', ...heading('kind', 'Kind'), cell: (/** @type {Component} */ c) => html`<span class="soft">${c.name}</span>` },
    { id: 'message', title: 'Message', cell: (/** @type {Component} */ c) => html`<span title=${c.health.message}>${c.health.message}</span>` },
    { id: 'updated', ...heading('updated', 'Since'), cell: (/** @type {Component} */ c) => html`<${Time} at=${c.health.updatedTime} brief />` },
  ];

  return html`<div class="list">
    <form class="tools" role="search" aria-label="Components" onSubmit=${(/** @type {Event} */ e) => e.preventDefault()}>
      <label class="field grow">
        <span class="hidden">Search by name, label, module or message</span>
        <input ref=${search} type="search" value=${text} placeholder="Search name, label, module, message   ( / )" autocomplete="off" spellcheck=${false}
          onInput=${(/** @type {any} */ e) => setText(e.currentTarget.value)} />
      </label>
      <div class="segments" role="group" aria-label="Health">
        <button type="button" aria-pressed=${health === ''} onClick=${() => setHealth('')}>All <b>${count(list.length)}</b></button>
        ${STATES.map(
          (state) => html`<button type="button" key=${state} aria-pressed=${health === state} disabled=${!counts[state] && health !== state}
            onClick=${() => setHealth(health === state ? '' : state)}><${HealthShape} state=${state} />${state} <b>${count(counts[state])}</b></button>`,
        )}
      </div>
      <label class="field">
        <span class="hidden">Kind</span>
        <select value=${kind} onChange=${(/** @type {any} */ e) => setKind(e.currentTarget.value)}>
          <option value="">every kind</option>
          ${kind && !names.some(([name]) => name === kind) ? html`<option value=${kind}>${kind} (0)</option>` : null}
          ${names.map(([name, n]) => html`<option key=${name} value=${name}>${name} (${n})</option>`)}
        </select>
      </label>
    </form>
    <p class="hidden" role="status">${plural(shown.length, 'component')} shown of ${count(list.length)}</p>
    ${left ? html`<p class="soft small">${plural(left, 'module')} more: open them from the component that made them.</p>` : null}
    <${Rows} label="Components" name="components" rows=${shown} columns=${columns} keyOf=${idOf} rowHeight=${ROW}
      rowClass=${(/** @type {Component} */ c) => `row-${stateOf(c.health.state)}`}
      empty=${html`<${Empty}>${list.length ? 'No component is like that.' : 'The configuration has no components.'}</${Empty}>`} />
  </div>`;
}

/** A field that the slash key leads to. */
function useSlash() {
  const field = useRef(/** @type {HTMLInputElement|null} */ (null));
  useEffect(() => {
    const pressed = (/** @type {KeyboardEvent} */ event) => {
      const at = /** @type {HTMLElement} */ (event.target);
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName)) return;
      event.preventDefault();
      field.current?.focus();
      field.current?.select();
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, []);
  return field;
}
