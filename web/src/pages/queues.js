// Queues on disk: how much waits for each destination, and how long that can go on.
import { urls } from '../lib/api.js';
import { count, plural, size, span } from '../lib/format.js';
import { html } from '../lib/html.js';
import { useJson } from '../lib/poll.js';
import { componentHref } from '../lib/router.js';
import { StateBadge } from '../parts/health.js';
import { Heading } from '../parts/heading.js';
import { Empty, Loading, Problem } from '../parts/note.js';

/** @typedef {import('../lib/types.js').Queue} Queue */

const AS = { healthy: 'healthy', 'catching up': 'unknown', failing: 'unhealthy' };

/** Loss within this time stands out. */
const SOON = 3600;

/** The one that loses data first, first; then the oldest. @param {Queue[]} queues */
export const byUrgency = (queues) =>
  [...queues].sort(
    (a, b) => (a.secondsToLoss ?? Infinity) - (b.secondsToLoss ?? Infinity) || (b.oldestSeconds ?? -1) - (a.oldestSeconds ?? -1) || 0,
  );

export function QueuesPage() {
  const { data, error } = useJson(urls.queues(), 3000);
  const queues = /** @type {{ queues: Queue[] }|undefined} */ (data)?.queues;
  return html`
    <${Heading} title="Queues"><p class="soft">What could not be sent at once waits on disk, for each destination alone. Nothing is lost until a queue is full.</p></${Heading}>
    <${Problem} error=${error} what="The list of queues" kept=${queues !== undefined} />
    ${queues ? (queues.length ? html`<${Table} queues=${byUrgency(queues)} />` : html`<${Empty}>No component has a queue.</${Empty}>`) : error ? null : html`<${Loading} what="queues" />`}
  `;
}

/** @param {{ queues: Queue[] }} props */
function Table({ queues }) {
  return html`<div class="scroll" role="region" aria-label="Queues" tabindex="0">
    <table class="queues">
      <thead>
        <tr>
          <th scope="col">State</th><th scope="col">Destination</th><th scope="col" class="n">Waiting</th><th scope="col">Full</th>
          <th scope="col" class="n">Oldest unsent</th><th scope="col" class="n">In</th><th scope="col" class="n">Out</th><th scope="col" class="n">Until loss</th>
        </tr>
      </thead>
      <tbody>${queues.map((q) => html`<${Row} key=${`${q.component} ${q.destination}`} q=${q} />`)}</tbody>
    </table>
  </div>`;
}

/** @param {{ q: Queue }} props */
function Row({ q }) {
  const full = q.limitBytes ? Math.min(1, q.diskBytes / q.limitBytes) : 0;
  const soon = q.secondsToLoss !== null && q.secondsToLoss < SOON;
  return html`<tr>
    <td><${StateBadge} state=${q.state} as=${AS[q.state] ?? 'unknown'} /></td>
    <td>
      <a class="id" href=${componentHref(q.component)}>${q.component}</a>
      <div class="soft small wrap">${q.destination}</div>
      ${q.message ? html`<div class="small wrap">${q.message}</div>` : null}
    </td>
    <td class="n">${size(q.depthBytes)}<div class="soft small">${plural(q.depthRecords, 'record')}</div></td>
    <td>${q.limitBytes
      ? html`<meter min="0" max="1" low="0.5" high="0.8" optimum="0" value=${full} aria-label="How full"></meter><div class="soft small">${Math.round(full * 100)}% of ${size(q.limitBytes)}</div>`
      : html`<span class="soft">no limit</span>`}</td>
    <td class="n">${q.oldestSeconds === null ? html`<span class="soft">empty</span>` : span(q.oldestSeconds)}</td>
    <td class="n"><${Flow} bytes=${q.inBytesPerSecond} /></td>
    <td class="n"><${Flow} bytes=${q.outBytesPerSecond} /></td>
    <td class="n">${q.secondsToLoss === null
      ? html`<span class="soft">does not grow</span>`
      : html`<strong class=${soon ? 'is-unhealthy text' : ''} title=${`${count(q.secondsToLoss)} seconds at the present rate`}>${soon ? '▲ ' : ''}${span(q.secondsToLoss)}</strong>`}</td>
  </tr>`;
}

/** @param {{ bytes: number|null }} props */
const Flow = ({ bytes }) => (bytes === null ? html`<span class="soft" title="Not known yet">–</span>` : `${size(bytes)}/s`);
