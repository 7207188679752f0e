// One record in full, and what a stage changed of it.
import { clock } from '../lib/format.js';
import { html, useEffect } from '../lib/html.js';
import { componentHref } from '../lib/router.js';
import { changes, content, difference, pairsOf, SIGNS } from '../lib/tap.js';
import { Facts } from './note.js';

/** @typedef {import('../lib/tap.js').Row} Row */
/** @typedef {ReturnType<typeof difference>} Pairs */

const TITLES = /** @type {Record<string, string>} */ ({ line: 'Line', labels: 'Labels', structured_metadata: 'Structured metadata', extracted: 'Extracted values', timestamp: 'Timestamp' });

/** @param {{ row: Row, close: () => void }} props */
export function TapDetail({ row: { record: r }, close }) {
  useEffect(() => {
    const pressed = (/** @type {KeyboardEvent} */ event) => event.key === 'Escape' && close();
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, [close]);
  const { texts, sets } = changes(r);
  const stage = r.moment === 'stage';
  const plain = (/** @type {unknown} */ of) => difference(pairsOf(of), pairsOf(of));
  return html`<aside class="detail" aria-label="The record">
    <div class="section-head"><h2>${stage ? 'Before and after' : 'Record'}</h2><button type="button" class="quiet" onClick=${close}>Close</button></div>
    <${Facts} of=${[
      ['Passed', clock(r.at)],
      [r.to ? 'From' : 'In', html`<a class="id" href=${componentHref(r.from)}>${r.from}</a>`],
      ['To', r.to ? html`<a class="id" href=${componentHref(r.to)}>${r.to}</a>` : null],
      ['Stage', r.stage ? html`<code>${r.stage}</code>` : null],
      ['Timestamp', r.timestamp ? html`<code>${r.timestamp}</code>` : null],
    ]} />
    ${r.moment === 'dropped' ? html`<p class="note is-bad">${content(r)}</p>` : null}
    ${r.moment === 'edge' ? html`<h3>${r.signal === 'metrics' ? 'Value' : 'Line'}</h3><pre class="wrap">${content(r)}</pre>` : null}
    ${r.moment === 'edge' ? html`<${Table} title="Labels" pairs=${plain(r.labels)} /><${Table} title="Structured metadata" pairs=${plain(r.metadata)} />` : null}
    ${texts.filter((t) => t.name in TITLES).map((t) => html`<${Text} key=${t.name} title=${TITLES[t.name] ?? t.name} old=${t.old} now=${t.now} />`)}
    ${sets.map((s) => html`<${Table} key=${s.name} title=${TITLES[s.name] ?? s.name} pairs=${s.pairs} />`)}
  </aside>`;
}

/** @param {{ title: string, old?: string, now: string }} props */
const Text = ({ title, old, now }) =>
  html`<h3>${title}</h3>
    ${old !== undefined ? html`<pre class="wrap was"><span class="hidden">Before: </span>${old}</pre>` : null}
    <pre class=${`wrap ${old === undefined ? '' : 'is'}`}>${old === undefined ? null : html`<span class="hidden">After: </span>`}${now}</pre>`;

/** @param {{ title: string, pairs: Pairs }} props */
function Table({ title, pairs }) {
  if (!pairs.length) return null;
  return html`<h3>${title}</h3>
    <table class="pairs" aria-label=${title}>
      <tbody>
        ${pairs.map(
          (p) => html`<tr key=${p.name} class=${`change-${p.change}`}>
            <td class="sign"><span aria-hidden="true">${SIGNS[p.change]}</span><span class="hidden">${p.change}</span></td>
            <th scope="row" class="id">${p.name}</th>
            <td class="id wrap">${p.change === 'changed' ? html`<del>${p.old}</del> ` : null}${p.now ?? html`<del>${p.old}</del>`}</td>
          </tr>`,
        )}
      </tbody>
    </table>`;
}
