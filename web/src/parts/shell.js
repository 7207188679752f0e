// What surrounds every page: navigation, theme, whether the server answers.
import { html, useEffect, useRef, useState } from '../lib/html.js';
import { href } from '../lib/router.js';
import { refreshing, silentSince, useStore } from '../lib/store.js';
import { choose, next, theme } from '../lib/theme.js';
import { clock } from '../lib/format.js';

const PAGES = [
  ['list', '', 'Components'],
  ['graph', 'graph', 'Graph'],
  ['debug', 'debug', 'Live debugging'],
  ['why', 'why', 'Where data went'],
  ['queues', 'queues', 'Queues'],
  ['clustering', 'clustering', 'Clustering'],
  ['remotecfg', 'remotecfg', 'Remote configuration'],
];

const THEME_SIGNS = { auto: '◐', light: '○', dark: '●' };

/** Which entry a page is below. @param {import('../lib/router.js').Route} route */
const entry = (route) => (route.remote ? 'remotecfg' : route.page === 'component' || route.page === 'module' ? 'list' : route.page);

/** @param {{ route: import('../lib/router.js').Route, children?: import('../lib/html.js').Children }} props */
export function Shell({ route, children }) {
  const main = useRef(/** @type {HTMLElement|null} */ (null));
  // On a narrow screen the entries are scrolled sideways.
  useEffect(() => document.querySelector('nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' }), [route.page, route.id]);

  const skip = (/** @type {Event} */ event) => {
    event.preventDefault();
    main.current?.focus();
  };

  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <header class="top">
      <a class="brand" href=${href('')} aria-label="Invar: components"><${Mark} />Invar</a>
      <nav aria-label="Pages">
        <ul>
          ${PAGES.map(
            ([page, path, title]) => html`<li key=${page}>
              <a href=${href(/** @type {string} */ (path))} aria-current=${entry(route) === page ? 'page' : undefined}>${title}</a>
            </li>`,
          )}
        </ul>
      </nav>
      <${Controls} />
    </header>
    <${Silence} />
    <main id="main" ref=${main} tabindex="-1" class=${`page page-${route.page}`}>${children}</main>
  `;
}

const Mark = () => html`<svg width="18" height="18" viewBox="0 0 18 18" aria-hidden="true"><path d="M2 4h14M2 14h14M9 4v10" /></svg>`;

function Controls() {
  const on = useStore(refreshing);
  const now = useStore(theme);
  return html`<div class="controls">
    <button type="button" class="quiet" aria-pressed=${on} title="Ask again every few seconds" onClick=${() => refreshing.set(!on)}>
      <span class=${on ? 'dot is-on' : 'dot'} aria-hidden="true"></span>Refresh
    </button>
    <button type="button" class="quiet" title="Theme: as the system, light or dark" onClick=${() => choose(next(now))}>
      <span aria-hidden="true">${THEME_SIGNS[now]}</span> <span class="hidden">Theme: </span>${now}
    </button>
  </div>`;
}

/** Says that nobody answers, a moment after that began: a restart is quick. */
function Silence() {
  const since = useStore(silentSince);
  const [said, setSaid] = useState(false);
  useEffect(() => {
    setSaid(false);
    if (since === null) return;
    const timer = setTimeout(() => setSaid(true), 700);
    return () => clearTimeout(timer);
  }, [since]);
  const text = said && since !== null ? `Invar has given no answer since ${clock(new Date(since).toISOString()).slice(0, 8)}. What is shown may be old; this page asks again.` : '';
  return html`<div class=${text ? 'silence' : 'hidden'} role="status">${text}</div>`;
}
