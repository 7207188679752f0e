// Live debugging: records as they pass, newest last.
import { urls } from '../lib/api.js';
import { clock, count, plural } from '../lib/format.js';
import { html, useEffect, useMemo, useRef, useState } from '../lib/html.js';
import { componentHref, useQuery } from '../lib/router.js';
import { follow } from '../lib/stream.js';
import { content, filtered, Kept, KEPT } from '../lib/tap.js';
import { Heading } from '../parts/heading.js';
import { Empty, Problem } from '../parts/note.js';
import { Rows } from '../parts/rows.js';
import { TapDetail } from '../parts/tap-detail.js';
import { Names, Typed } from '../parts/typed.js';

/** @typedef {import('../lib/tap.js').Row} Row */
/** @typedef {import('../lib/api.js').ApiError} ApiError */
/** @typedef {{ rows: Row[], missed: number, seen: number }} Shot */

const SAMPLES = [1, 0.5, 0.1, 0.01, 0.001];
const NOTHING = { rows: [], missed: 0, seen: 0 };
const ROW = 26;

/**
 * Follows a tap. Records are shown once an animation frame, however many come.
 * @param {string} url empty: none
 * @param {boolean} paused
 */
function useTap(url, paused) {
  const [shot, setShot] = useState(/** @type {Shot} */ (NOTHING));
  const [error, setError] = useState(/** @type {ApiError|null|undefined} */ (undefined));
  const kept = useRef(new Kept());
  const hold = useRef(paused);
  hold.current = paused;
  const frame = useRef(0);

  const show = () => {
    const { rows, missed, seen } = kept.current;
    setShot({ rows: rows.slice(), missed, seen });
  };
  useEffect(() => {
    kept.current = new Kept();
    setShot(NOTHING);
    setError(undefined);
    if (!url) return;
    const stop = new AbortController();
    const take = (/** @type {unknown[]} */ values) => {
      if (hold.current) return;
      kept.current.take(values);
      // Frames stop while the page is hidden; what is kept is bounded all the same.
      if (!frame.current) {
        frame.current = requestAnimationFrame(() => {
          frame.current = 0;
          show();
        });
      }
    };
    follow({ url, mark: '\n', take, state: setError, signal: stop.signal });
    return () => {
      stop.abort();
      cancelAnimationFrame(frame.current);
      frame.current = 0;
    };
  }, [url]);
  const clear = () => {
    kept.current.clear();
    show();
  };
  return { ...shot, error, clear };
}

/** @param {{ route: import('../lib/router.js').Route }} props */
export function DebugPage({ route: { id } }) {
  const [pattern, setPattern] = useQuery('pattern', id || '*');
  const [where, setWhere] = useQuery('where');
  const [sample, setSample] = useQuery('sample', '1');
  const [stages, setStages] = useQuery('stages');
  const [text, setText] = useState('');
  const [paused, setPaused] = useState(false);
  const [picked, setPicked] = useState(/** @type {Row|null} */ (null));
  const url = pattern ? urls.tap({ pattern, where, beforeAfter: stages === '1', sample: Number(sample) || 1 }) : '';
  const tap = useTap(url, paused);
  const rows = useMemo(() => filtered(tap.rows, text), [tap.rows, text]);

  const state = tap.error ? 'waiting' : tap.error === undefined ? 'connecting' : paused ? 'paused' : 'live';
  return html`
    <${Heading} title=${id ? `Live debugging of ${id}` : 'Live debugging'} aside=${html`<span class=${`chip live-${state}`}><span class="dot" aria-hidden="true"></span>${state}</span>`}
    >${id ? html`<span class="links"><a href=${componentHref(id)}>component</a></span>` : null}</${Heading}>
    <form class="tools" aria-label="What is shown" onSubmit=${(/** @type {Event} */ e) => e.preventDefault()}>
      <${Typed} name="Components or edges" value=${pattern} set=${setPattern} placeholder="loki.* or loki.source.*->loki.process.*" list="tap-ids" grow />
      <datalist id="tap-ids"><${Names} /></datalist>
      <${Typed} name="Where" value=${where} set=${setWhere} placeholder="expression, at the server" />
      <label class="field"><span>Sample</span>
        <select value=${sample} onChange=${(/** @type {any} */ e) => setSample(e.currentTarget.value)}>
          ${SAMPLES.map((s) => html`<option key=${s} value=${String(s)}>${s === 1 ? 'all' : `1 in ${Math.round(1 / s)}`}</option>`)}
        </select>
      </label>
      <label class="check"><input type="checkbox" checked=${stages === '1'} onChange=${(/** @type {any} */ e) => setStages(e.currentTarget.checked ? '1' : '')} /> before and after each stage</label>
    </form>
    <div class="tools" role="group" aria-label="Records">
      <label class="field grow"><span class="hidden">Filter what is shown</span>
        <input type="search" value=${text} spellcheck=${false} autocomplete="off" placeholder="Filter what is shown" onInput=${(/** @type {any} */ e) => setText(e.currentTarget.value)} />
      </label>
      <button type="button" class="button" aria-pressed=${paused} onClick=${() => setPaused(!paused)}>${paused ? 'Go on' : 'Pause'}</button>
      <button type="button" class="button" onClick=${() => (tap.clear(), setPicked(null))}>Clear</button>
      <span class="soft small counts">${text ? `${count(rows.length)} of ` : ''}${plural(tap.rows.length, 'record')} kept (at most ${count(KEPT)})${tap.missed ? html`, <strong class="is-unknown text">${count(tap.missed)} missed</strong>` : ''}</span>
    </div>
    <${Announce} live=${state} n=${tap.seen} />
    <${Problem} error=${tap.error && tap.error.status > 0 ? tap.error : undefined} what="The stream" />
    <div class=${picked ? 'tap has-detail' : 'tap'}>
      <${Rows} label="Records" name="tap-rows" rows=${rows} columns=${columns(pattern, setPicked)} keyOf=${(/** @type {Row} */ r) => r.n} rowHeight=${ROW} follow=${!paused}
        dropped=${text ? 0 : tap.seen - tap.rows.length} rowClass=${(/** @type {Row} */ r) => `moment-${r.record.moment}${picked?.n === r.n ? ' is-picked' : ''}`}
        empty=${html`<${Empty}>${tap.rows.length ? 'No record is like that.' : state === 'live' ? 'No record has passed yet.' : state === 'paused' ? 'Paused.' : 'Waiting for the stream.'}</${Empty}>`} />
      ${picked ? html`<${TapDetail} row=${picked} close=${() => setPicked(null)} />` : null}
    </div>
  `;
}

/** Where a record was, without repeating the one component that is looked at. @param {import('../lib/types.js').TapRecord} r @param {string} looked */
function whereOf({ from, to, stage }, looked) {
  if (to) return `${from === looked ? '' : `${from} `}→${to === looked ? '' : ` ${to}`}`;
  if (!stage) return from;
  return from === looked ? stage : html`${stage} <span class="soft">${from}</span>`;
}

/** @param {string} looked the pattern @param {(row: Row) => void} pick */
function columns(looked, pick) {
  return [
    { id: 'at', title: 'Time', cell: (/** @type {Row} */ { record: r }) => clock(r.at) },
    { id: 'moment', title: 'Moment', cell: (/** @type {Row} */ { record: r }) => html`<span class=${`moment is-${r.moment}`}>${r.moment}</span>` },
    { id: 'where', title: 'Where', cell: (/** @type {Row} */ { record: r }) => html`<span title=${r.to ? `${r.from} → ${r.to}` : r.from}>${whereOf(r, looked)}</span>` },
    {
      id: 'line',
      title: 'Record',
      cell: (/** @type {Row} */ row) => html`<button type="button" class="line" onClick=${() => pick(row)}>${content(row.record) || html`<span class="soft">${brief(row.record.labels)}</span>`}${
        row.record.signal === 'metrics' ? html` <span class="soft">${brief(row.record.labels)}</span>` : null}</button>`,
    },
  ];
}

/** @param {Record<string, string>|undefined} labels */
const brief = (labels) => Object.entries(labels ?? {}).map(([k, v]) => `${k}=${v}`).join(' ');

/** Tells those who listen how it goes, not more often than one can bear. @param {{ live: string, n: number }} props */
function Announce({ live, n }) {
  const [said, setSaid] = useState('');
  const latest = useRef(n);
  latest.current = n;
  useEffect(() => {
    setSaid(live);
    const timer = setInterval(() => setSaid(`${live}, ${plural(latest.current, 'record')} so far`), 10_000);
    return () => clearInterval(timer);
  }, [live]);
  return html`<p class="hidden" role="status">${said}</p>`;
}
