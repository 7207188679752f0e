// Members of the cluster, as this one sees them.
import { urls } from '../lib/api.js';
import { plural } from '../lib/format.js';
import { html } from '../lib/html.js';
import { useJson } from '../lib/poll.js';
import { StateBadge } from '../parts/health.js';
import { Heading } from '../parts/heading.js';
import { Empty, Loading, Problem } from '../parts/note.js';

/** @typedef {import('../lib/types.js').Peer} Peer */

const AS = { participant: 'healthy', viewer: 'unknown', terminating: 'exited' };
const MEANS = {
  participant: 'takes its share of the work',
  viewer: 'sees the cluster and takes no work',
  terminating: 'is leaving and gives its work away',
};

export function ClusteringPage() {
  const { data, error } = useJson(urls.peers(), 3000);
  const peers = /** @type {Peer[]|undefined} */ (data);
  const working = (peers ?? []).filter((p) => p.state === 'participant').length;
  return html`
    <${Heading} title="Clustering">
      ${peers ? html`<p class="soft" role="status">${plural(peers.length, 'member')}, ${working} of them ${working === 1 ? 'takes' : 'take'} work.${peers.length === 1 ? ' This program runs alone.' : ''}</p>` : null}
    </${Heading}>
    <${Problem} error=${error} what="The list of members" kept=${peers !== undefined} />
    ${peers ? (peers.length ? html`<${Table} peers=${peers} />` : html`<${Empty}>The cluster has no members yet.</${Empty}>`) : error ? null : html`<${Loading} what="members" />`}
  `;
}

/** @param {{ peers: Peer[] }} props */
const Table = ({ peers }) =>
  html`<div class="scroll" role="region" aria-label="Members" tabindex="0">
    <table>
      <thead><tr><th scope="col">State</th><th scope="col">Name</th><th scope="col">Address</th><th scope="col">Meaning</th></tr></thead>
      <tbody>
        ${[...peers]
          .sort((a, b) => Number(b.isSelf) - Number(a.isSelf) || (a.name < b.name ? -1 : 1))
          .map(
            (p) => html`<tr key=${p.name}>
              <td><${StateBadge} state=${p.state} as=${AS[p.state] ?? 'unknown'} /></td>
              <th scope="row" class="id">${p.name}${p.isSelf ? html` <span class="chip">this one</span>` : null}</th>
              <td class="id">${p.addr}</td>
              <td class="soft">${MEANS[p.state] ?? ''}</td>
            </tr>`,
          )}
      </tbody>
    </table>
  </div>`;
