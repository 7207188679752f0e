// "Where did my data go": what did not arrive, by rule, with examples; then the whole ledger.
import { urls } from '../lib/api.js';
import { count, plural, size } from '../lib/format.js';
import { html, useState } from '../lib/html.js';
import { useJson } from '../lib/poll.js';
import { componentHref, useQuery } from '../lib/router.js';
import { Heading } from '../parts/heading.js';
import { Labels } from '../parts/labels.js';
import { LedgerTable } from '../parts/ledger-table.js';
import { Empty, Loading, Problem, Section } from '../parts/note.js';
import { Time } from '../parts/time.js';
import { Names, Typed } from '../parts/typed.js';

/** @typedef {import('../lib/types.js').Why} Why */
/** @typedef {import('../lib/types.js').Answer} Answer */
/** @typedef {import('../lib/types.js').Ledger} Ledger */

const SINCE = [
  ['', 'since the start'],
  ['5m', 'in the last 5 minutes'],
  ['15m', 'in the last 15 minutes'],
  ['1h', 'in the last hour'],
  ['6h', 'in the last 6 hours'],
  ['24h', 'in the last day'],
];

/** `a=b, c=d` -> ["a=b", "c=d"]; null if one is no label. @param {string} text */
export function labelsOf(text) {
  const parts = text.split(',').map((part) => part.trim()).filter(Boolean);
  return parts.every((part) => part.indexOf('=') > 0) ? parts : null;
}

export function WhyPage() {
  const [since, setSince] = useQuery('since', '15m');
  const [component, setComponent] = useQuery('component');
  const [label, setLabel] = useQuery('label');
  const labels = labelsOf(label);
  const why = useJson(urls.why({ since, component, labels: labels ?? [] }));
  const ledger = useJson(urls.ledger());
  const answer = /** @type {Why|undefined} */ (why.data);
  const edges = /** @type {Ledger|undefined} */ (ledger.data);

  return html`
    <${Heading} title="Where data went"><p class="soft">Every record that entered has a fate. Below are those that did not arrive, and by which rule.</p></${Heading}>
    <form class="tools" role="search" aria-label="Records that did not arrive" onSubmit=${(/** @type {Event} */ e) => e.preventDefault()}>
      <label class="field"><span>When</span>
        <select value=${since} onChange=${(/** @type {any} */ e) => setSince(e.currentTarget.value)}>
          ${SINCE.some(([value]) => value === since) ? null : html`<option value=${since}>since ${since}</option>`}
          ${SINCE.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}
        </select>
      </label>
      <${Typed} name="Component" value=${component} set=${setComponent} placeholder="any" list="why-components" />
      <datalist id="why-components"><${Names} /></datalist>
      <${Typed} name="Labels" value=${label} set=${setLabel} placeholder="job=api, level=debug" wrong=${labels === null ? 'Labels look like job=api, level=debug' : ''} />
    </form>
    <${Problem} error=${why.error} what="The answer" kept=${answer !== undefined} />
    ${answer ? html`<${Answers} of=${answer} asked=${Boolean(component || label)} labelled=${Boolean(labels?.length)} />` : why.error ? null : html`<${Loading} what="the ledger" />`}
    <${Section} id="ledger" title="Ledger" aside=${html`<span class="soft">since the start: entered = delivered + filtered + rejected + expired + returned + in flight</span>`}>
      <${Problem} error=${ledger.error} what="The ledger" kept=${edges !== undefined} />
      ${edges ? html`<${BudgetBar} of=${edges.budget} />` : null}
      ${edges?.edges.length ? html`<${LedgerTable} edges=${edges.edges} label="All edges" />` : edges ? html`<${Empty}>No record has entered yet.</${Empty}>` : null}
    </${Section}>
  `;
}

/** @param {{ of: Why, asked: boolean, labelled: boolean }} props */
function Answers({ of, asked, labelled }) {
  const items = of.answers.reduce((sum, a) => sum + a.items, 0);
  return html`
    ${of.complete ? null : html`<p class="note">What is known begins later than asked for: the program started, or the component was made, after that time.</p>`}
    <p role="status" class="sum">${items ? html`<strong>${plural(items, 'record')}</strong> did not arrive, for ${plural(of.answers.length, 'reason')}.${labelled ? ' Counts are of the rules that such records met, whatever their labels.' : ''}` : asked ? 'Nothing like that is missing.' : 'Nothing is missing: every record was delivered or is on its way.'}</p>
    <ol class="answers">${of.answers.map((a) => html`<li key=${`${a.component} ${a.fate} ${a.reason}`}><${AnswerView} of=${a} /></li>`)}</ol>
  `;
}

/** @param {{ of: Answer }} props */
function AnswerView({ of: a }) {
  return html`<article class="answer">
    <h2><span class=${`fate fate-${a.fate}`}>${a.fate.replace('_', ' ')}</span> ${plural(a.items, 'record')} <span class="soft">${size(a.bytes)}</span></h2>
    <p>by <a class="id" href=${componentHref(a.component)}>${a.component}</a>${a.place ? html` at <code>${a.place}</code>` : null}, reason <code>${a.reason}</code></p>
    ${a.rules.map((rule) => html`<${RuleView} key=${rule.block} rule=${rule} />`)}
  </article>`;
}

/** @param {{ rule: import('../lib/types.js').Rule }} props */
function RuleView({ rule }) {
  const [all, setAll] = useState(false);
  const shown = all ? rule.examples : rule.examples.slice(0, 3);
  return html`<div class="rule">
    <h3>${rule.block ? html`<code>${rule.block}</code>` : null}${rule.place ? html` <span class="soft">${rule.place}</span>` : null}</h3>
    ${shown.length ? html`<ul class="examples">
      ${shown.map((e, i) => html`<li key=${`${e.at} ${i}`}>
        <div><${Time} at=${e.at} brief /> <${Labels} of=${e.labels} /></div>
        <pre class="wrap">${e.line}</pre>
        ${e.message ? html`<div class="small">${e.message}</div>` : null}
      </li>`)}
    </ul>` : null}
    ${rule.examples.length > 3 ? html`<button type="button" class="quiet" aria-expanded=${all} onClick=${() => setAll(!all)}>${all ? 'Fewer' : `${count(rule.examples.length - 3)} more`} examples</button>` : null}
  </div>`;
}

/** @param {{ of: import('../lib/types.js').Budget }} props */
const BudgetBar = ({ of: b }) =>
  html`<p class="budget">
    <span>Memory for records: <strong>${size(b.used)}</strong>${b.limit === null ? ' (no limit)' : ` of ${size(b.limit)}`}</span>
    ${b.limit ? html`<meter min="0" max=${b.limit} low=${b.limit * 0.7} high=${b.limit * 0.9} optimum="0" value=${b.used} aria-label="Memory in use"></meter>` : null}
    <span class="soft">at most ${size(b.peak)} so far, ${b.waiting ? html`<strong>${count(b.waiting)} waiting</strong>` : 'none waiting'}</span>
  </p>`;
