// One component: health, arguments, exports, debug info, what it is joined to, and its part of the ledger.
import { urls } from '../lib/api.js';
import { inModule, stateOf } from '../lib/components.js';
import { plural, span } from '../lib/format.js';
import { html } from '../lib/html.js';
import { edgesOf } from '../lib/ledger.js';
import { useJson } from '../lib/poll.js';
import { componentHref, href, moduleHref } from '../lib/router.js';
import { BodyView } from '../parts/body-view.js';
import { HealthBadge } from '../parts/health.js';
import { Heading } from '../parts/heading.js';
import { LedgerTable } from '../parts/ledger-table.js';
import { Empty, Facts, Loading, Problem, Section } from '../parts/note.js';
import { Time } from '../parts/time.js';

/** @typedef {import('../lib/types.js').Component} Component */
/** @typedef {import('../lib/types.js').Detail} Detail */
/** @typedef {import('../lib/types.js').Ledger} Ledger */

/** @param {{ route: import('../lib/router.js').Route }} props */
export function ComponentPage({ route: { id, remote } }) {
  const { data, error } = useJson(urls.component(id, remote));
  const component = /** @type {Component|undefined} */ (data);
  const global = remote && !id.startsWith('remotecfg/') ? `remotecfg/${id}` : id;
  const detail = /** @type {Detail|undefined} */ (useJson(urls.detail(global)).data);
  const ledger = /** @type {Ledger|undefined} */ (useJson(urls.ledger()).data);

  return html`
    <nav class="crumbs" aria-label="Where this is"><${Crumbs} id=${id} remote=${remote} /></nav>
    <${Heading} title=${component?.localID ?? id} mono aside=${component && html`<${HealthBadge} state=${component.health.state} />`}>
      <div class="actions">
        <a class="button" href=${href('debug', global)}>Live debugging</a>
        ${remote ? null : html`<a class="button" href=${`${href('graph', component?.moduleID ?? '')}?focus=${encodeURIComponent(id)}`}>In the graph</a>`}
        <a class="button" href=${`${href('why')}?component=${encodeURIComponent(global)}`}>Where its data went</a>
        ${(component?.createdModuleIDs ?? []).map((module) => html`<a class="button" key=${module} href=${moduleHref(module, remote)}>Module ${module === global ? 'contents' : module}</a>`)}
      </div>
    </${Heading}>
    <${Problem} error=${error} what="The component" kept=${component !== undefined} />
    ${!component && error && error.status === 404 ? html`<p>It may have been taken out of the configuration. <a href=${href('')}>All components</a></p>` : null}
    ${component ? html`<${Content} of=${component} id=${id} global=${global} remote=${remote} detail=${detail} ledger=${ledger} />` : error ? null : html`<${Loading} what="the component" />`}
  `;
}

/** @param {{ id: string, remote: boolean }} props */
function Crumbs({ id, remote }) {
  const modules = id.split('/').slice(0, -1);
  return html`<ol>
    <li>${remote ? html`<a href=${href('remotecfg')}>Remote configuration</a>` : html`<a href=${href('')}>Components</a>`}</li>
    ${modules.map((name, i) => html`<li key=${i}><a href=${moduleHref(modules.slice(0, i + 1).join('/'), remote)}>${name}</a></li>`)}
  </ol>`;
}

/** @param {{ of: Component, id: string, global: string, remote: boolean, detail?: Detail, ledger?: Ledger }} props */
function Content({ of: c, id, global, remote, detail, ledger }) {
  const links = (/** @type {string[]} */ ids) =>
    ids.length
      ? html`<ul class="links">${ids.map((one) => html`<li key=${one}><a class="id" href=${componentHref(inModule(c.moduleID, one), remote)}>${one}</a></li>`)}</ul>`
      : html`<span class="soft">nothing</span>`;
  const { into, out } = edgesOf(ledger?.edges ?? [], global);
  return html`
    <div class="columns">
      <${Section} id="health" title="Health">
        <p class=${`health-message is-${stateOf(c.health.state)}`}>${c.health.message || html`<span class="soft">no message</span>`}</p>
        <${Facts} of=${[
          ['Since', html`<${Time} at=${c.health.updatedTime} />`],
          ['Kind', html`<code>${c.name}</code>`],
          ['Place', detail?.place ? html`<code>${detail.place}</code>` : null],
          ['CPU time', detail ? span(detail.busySeconds) : null],
        ]} />
        ${detail && detail.healthHistory.length > 1 ? html`<${History} of=${detail.healthHistory} />` : null}
      </${Section}>
      <${Section} id="joined" title="Joined to">
        <${Facts} of=${[
          ['References', links(c.referencesTo)],
          ['Referenced by', links(c.referencedBy)],
          ['Sends data to', links(c.dataFlowEdgesTo)],
        ]} />
      </${Section}>
    </div>
    <${Section} id="ledger" title="Ledger" aside=${into.length + out.length ? html`<span class="soft">entered = delivered + filtered + rejected + expired + returned + in flight</span>` : null}>
      ${into.length || out.length
        ? html`${into.length ? html`<h3>Came in</h3><${LedgerTable} edges=${into} label="What came in" />` : null}
            ${out.length ? html`<h3>Went out</h3><${LedgerTable} edges=${out} label="What went out" />` : null}`
        : html`<${Empty}>No record has passed this component.</${Empty}>`}
    </${Section}>
    <${Section} id="arguments" title="Arguments"><${BodyView} key=${id} body=${c.arguments ?? []} label="arguments" empty="It takes no arguments." /></${Section}>
    <${Section} id="exports" title="Exports"><${BodyView} key=${id} body=${c.exports ?? []} label="exports" empty="It exports nothing." /></${Section}>
    ${c.debugInfo?.length ? html`<${Section} id="debug" title="Debug info"><${BodyView} key=${id} body=${c.debugInfo} label="debug info" empty="" /></${Section}>` : null}
  `;
}

/** @param {{ of: import('../lib/types.js').HealthChange[] }} props */
const History = ({ of }) =>
  html`<details class="history" open=${of.length <= 4}>
    <summary>${plural(of.length, 'change')} of health</summary>
    <ol>
      ${[...of].reverse().map(
        (change, i) => html`<li key=${`${change.at} ${i}`}><${Time} at=${change.at} brief /> <${HealthBadge} state=${change.state} /> <span class="wrap">${change.message}</span></li>`,
      )}
    </ol>
  </details>`;
