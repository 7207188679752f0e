// Which page is shown. Pages other than the list are loaded when they are first asked for.
import { html, useEffect, useState } from './lib/html.js';
import { useRoute } from './lib/router.js';
import { Heading } from './parts/heading.js';
import { Loading, Problem } from './parts/note.js';
import { Shell } from './parts/shell.js';
import { ListPage } from './pages/list.js';
import { ApiError } from './lib/api.js';

/** @typedef {import('./lib/router.js').Route} Route */
/** @typedef {(props: { route: Route }) => any} Page */

/** @type {Record<string, () => Promise<Page>>} */
const LATER = {
  graph: async () => (await import('./pages/graph.js')).GraphPage,
  component: async () => (await import('./pages/component.js')).ComponentPage,
  debug: async () => (await import('./pages/debug.js')).DebugPage,
  clustering: async () => (await import('./pages/clustering.js')).ClusteringPage,
  remotecfg: async () => (await import('./pages/remotecfg.js')).RemoteConfigPage,
  why: async () => (await import('./pages/why.js')).WhyPage,
  queues: async () => (await import('./pages/queues.js')).QueuesPage,
};

/** @type {Map<string, Page>} */
const loaded = new Map([
  ['list', ListPage],
  ['module', ListPage],
  ['missing', Missing],
]);

export function App() {
  const route = useRoute();
  const page = loaded.get(route.page);
  return html`<${Shell} route=${route}>
    ${page
      ? html`<${page} key=${`${route.page} ${route.remote} ${route.id}`} route=${route} />`
      : html`<${Later} key=${route.page} name=${route.page} route=${route} />`}
  </${Shell}>`;
}

/** @param {{ name: string, route: Route }} props */
function Later({ name, route }) {
  const [error, setError] = useState(/** @type {ApiError|undefined} */ (undefined));
  const [, setDone] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    let timer;
    const load = () =>
      /** @type {NonNullable<typeof LATER[string]>} */ (LATER[name])().then(
        (page) => (loaded.set(name, page), setError(undefined), setDone(1)),
        () => {
          if (stop.signal.aborted) return;
          setError(new ApiError('Invar does not answer. This page tries again.', 0));
          timer = setTimeout(again, 2000);
        },
      );
    // A failed import stays failed for its address; the document has to be loaded anew once the server is back.
    const again = () =>
      fetch(location.href, { cache: 'no-store', signal: stop.signal }).then(
        (answer) => void (answer.ok ? location.reload() : load()),
        () => void (stop.signal.aborted || load()),
      );
    load();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [name]);
  const page = loaded.get(name);
  if (page) return html`<${page} key=${`${name} ${route.remote} ${route.id}`} route=${route} />`;
  return error ? html`<${Problem} error=${error} what="The page" />` : html`<${Loading} what="the page" />`;
}

function Missing() {
  return html`<${Heading} title="No such page" /><p>Nothing is at <code>${location.pathname}</code>. The navigation above leads to all pages.</p>`;
}
