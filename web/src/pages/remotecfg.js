// The remote configuration: where it comes from, whether it runs, and what is in it.
import { urls } from '../lib/api.js';
import { span } from '../lib/format.js';
import { html } from '../lib/html.js';
import { useComponents } from '../lib/modules.js';
import { useJson } from '../lib/poll.js';
import { ComponentList } from '../parts/component-list.js';
import { StateBadge } from '../parts/health.js';
import { Heading } from '../parts/heading.js';
import { Labels } from '../parts/labels.js';
import { Empty, Facts, Loading, Problem, Section } from '../parts/note.js';
import { Time } from '../parts/time.js';

/** @typedef {import('../lib/types.js').RemoteConfig} RemoteConfig */

const AS = { applied: 'healthy', applying: 'unknown', failed: 'unhealthy', unset: 'unknown' };

export function RemoteConfigPage() {
  const { data, error } = useJson(urls.remotecfg());
  const state = /** @type {RemoteConfig|undefined} */ (data);
  return html`
    <${Heading} title="Remote configuration" aside=${state?.configured ? html`<${StateBadge} state=${state.status} as=${AS[state.status] ?? 'unknown'} />` : null} />
    <${Problem} error=${error} what="The state of the remote configuration" kept=${state !== undefined} />
    ${state ? (state.configured ? html`<${Content} of=${state} />` : html`<${Empty}>No remote configuration is set up. A <code>remotecfg</code> block in the configuration names a server to take it from.</${Empty}>`) : error ? null : html`<${Loading} what="its state" />`}
  `;
}

/** @param {{ of: RemoteConfig }} props */
function Content({ of: s }) {
  const { list, left, error } = useComponents({ remote: true });
  return html`
    ${s.message ? html`<div class=${`note ${s.status === 'failed' ? 'is-bad' : ''}`} role=${s.status === 'failed' ? 'alert' : undefined}><pre class="wrap">${s.message}</pre></div>` : null}
    <${Section} id="state" title="State">
      <${Facts} of=${[
        ['Server', html`<code class="wrap">${s.url}</code>`],
        ['Id', html`<code>${s.id}</code>`],
        ['Name', s.name],
        ['Attributes', Object.keys(s.attributes ?? {}).length ? html`<${Labels} of=${s.attributes} />` : null],
        ['Hash', s.hash ? html`<code>${s.hash}</code>` : null],
        ['Asked', html`<${Time} at=${s.lastPoll} />`],
        ['Loaded', html`<${Time} at=${s.lastLoad} />`],
        ['Asks every', span(s.pollFrequencySeconds)],
      ]} />
    </${Section}>
    <${Section} id="components" title="Its components">
      <${Problem} error=${error} what="The list" kept=${list !== undefined} />
      ${list ? html`<div class="bounded"><${ComponentList} list=${list} left=${left} within="remotecfg" remote /></div>` : null}
    </${Section}>
    <${Section} id="source" title="What runs">
      ${s.source ? html`<pre class="code" tabindex="0">${s.source}</pre>` : html`<${Empty}>Nothing of it runs.</${Empty}>`}
    </${Section}>
  `;
}
