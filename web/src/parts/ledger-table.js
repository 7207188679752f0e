// What entered each edge and what became of it.
import { compact, count, plural, size } from '../lib/format.js';
import { html, useState } from '../lib/html.js';
import { destination, owner, refused, total } from '../lib/ledger.js';
import { componentHref } from '../lib/router.js';

/** @typedef {import('../lib/types.js').Edge} Edge */
/** @typedef {import('../lib/types.js').Amount} Amount */
/** @typedef {import('../lib/types.js').Amounts} Amounts */

/** Edges that are shown before a person asks for more, and how many each time adds. */
const FIRST = 200;
const MORE = 1000;

/** @param {{ edges: Edge[], label: string }} props */
export function LedgerTable({ edges, label }) {
  const [most, setMost] = useState(FIRST);
  return html`<div class="scroll" role="region" aria-label=${label} tabindex="0">
    <table class="ledger">
      <thead>
        <tr>
          <th scope="col">From</th><th scope="col">To</th>
          <th scope="col" class="n">Entered</th><th scope="col" class="n">Delivered</th><th scope="col" class="n">Filtered</th>
          <th scope="col" class="n">Rejected</th><th scope="col" class="n">Expired</th><th scope="col" class="n">Returned</th>
          <th scope="col" class="n">In flight</th><th scope="col">Balance</th>
        </tr>
      </thead>
      <tbody>
        ${edges.slice(0, most).map(
          (e) => html`<tr key=${`${e.from} ${e.to}`}>
            <td><${End} end=${e.from} /></td><td><${End} end=${e.to} /></td>
            <${Cell} of=${e.entered} /><${Cell} of=${e.delivered} />
            <${Reasons} of=${e.filtered} /><${Reasons} of=${refused(e)} bad /><${Reasons} of=${e.expired} bad />
            <${Cell} of=${e.returned} /><${Cell} of=${e.in_flight} />
            <td>${e.balanced
              ? html`<span class="is-healthy text">✓ balanced</span>`
              : html`<span class="is-unhealthy text">✗ ${count(e.lost?.items ?? 0)} lost</span>`}</td>
          </tr>`,
        )}
      </tbody>
    </table>
    ${edges.length > most ? html`<button type="button" class="quiet" onClick=${() => setMost(most + MORE)}>${plural(edges.length - most, 'more edge')}</button>` : null}
  </div>`;
}

/** @param {{ end: string }} props */
function End({ end }) {
  if (!end) return html`<span class="soft">nowhere</span>`;
  const to = destination(end);
  return html`<a class="id" href=${componentHref(owner(end))}>${owner(end)}</a>${to ? html`<div class="soft small wrap">${to}</div>` : null}`;
}

/** @param {{ of: Amount }} props */
const Cell = ({ of }) => html`<td class="n" title=${size(of.bytes)}><${Count} n=${of.items} /></td>`;

/** @param {{ n: number, bad?: boolean }} props */
const Count = ({ n, bad = false }) =>
  html`<span class=${n === 0 ? 'zero' : bad ? 'is-unhealthy text' : ''} title=${count(n)}>${n < 1e7 ? count(n) : compact(n)}</span>`;

/** @param {{ of: Amounts, bad?: boolean }} props */
function Reasons({ of, bad = false }) {
  const sum = total(of);
  return html`<td class="n" title=${size(sum.bytes)}>
    <${Count} n=${sum.items} bad=${bad} />
    ${Object.entries(of).map(([reason, amount]) => html`<div class="soft small" key=${reason}>${reason}: ${count(amount.items)}</div>`)}
  </td>`;
}
