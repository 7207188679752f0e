// All components, or those of one module.
import { splitId } from '../lib/components.js';
import { html } from '../lib/html.js';
import { useComponents } from '../lib/modules.js';
import { componentHref, href } from '../lib/router.js';
import { ComponentList } from '../parts/component-list.js';
import { Heading } from '../parts/heading.js';
import { Loading, Problem } from '../parts/note.js';

/** @param {{ route: import('../lib/router.js').Route }} props */
export function ListPage({ route: { id, remote } }) {
  const { list, left, error } = useComponents({ module: id, remote });
  return html`
    <${Heading} title=${id ? `Module ${id}` : 'Components'} aside=${id
      ? html`<span class="links"><a href=${componentHref(id, remote)}>component ${splitId(id).localID}</a>${remote ? null : html`<a href=${href('graph', id)}>graph</a>`}</span>`
      : null} />
    <${Problem} error=${error} what="The list" kept=${list !== undefined} />
    ${list ? html`<${ComponentList} list=${list} left=${left} remote=${remote} within=${remote ? `remotecfg/${id}` : id} />` : error ? null : html`<${Loading} what="components" />`}
  `;
}
