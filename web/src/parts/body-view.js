// A body of the API as text of the configuration language: aligned, coloured, long values folded.
import { bodyText, elements, isScalar, keyText, members, oneLine, weight, withoutUnset } from '../lib/body.js';
import { plural } from '../lib/format.js';
import { html, useState } from '../lib/html.js';
import { Empty } from './note.js';

/** @typedef {import('../lib/types.js').Body} Body */
/** @typedef {import('../lib/types.js').Value} Value */

/** Parts of a list that are drawn before a person asks for more. */
const FEW = 100;
/** Leaves above which a value begins folded. */
const HEAVY = 40;

/** @param {{ body: Body, label: string, empty: string }} props */
export function BodyView({ body, label, empty }) {
  const [all, setAll] = useState(false);
  const said = withoutUnset(body);
  if (!body.length) return html`<${Empty}>${empty}</${Empty}>`;
  const shown = all ? body : said.body;
  return html`<div class="body">
    <div class="body-tools">
      ${said.hidden > 0 && html`<button type="button" class="quiet" aria-pressed=${all} onClick=${() => setAll(!all)}>${all ? 'Hide' : 'Show'} ${plural(said.hidden, 'unset attribute')}</button>`}
      <${Copy} text=${() => bodyText(shown)} />
    </div>
    <div class="code" tabindex="0" role="region" aria-label=${`Text of ${label}`}>
      ${shown.length ? html`<${Parts} body=${shown} />` : html`<span class="t-unset">all attributes are unset</span>`}
    </div>
  </div>`;
}

/** @param {{ text: () => string }} props */
function Copy({ text }) {
  const [said, setSaid] = useState('');
  // Browsers give the clipboard to local and encrypted pages only.
  if (!globalThis.navigator?.clipboard) return null;
  const copy = () =>
    navigator.clipboard.writeText(text()).then(
      () => setSaid('Copied'),
      () => setSaid('Not allowed'),
    );
  return html`<button type="button" class="quiet" onClick=${copy}>Copy</button><span class="soft small" role="status">${said}</span>`;
}

/** @param {{ body: Body }} props */
function Parts({ body }) {
  const width = Math.min(28, Math.max(0, ...body.map((p) => (p.type === 'attr' ? p.name.length : 0))));
  return body.map((part, i) =>
    part.type === 'attr'
      ? html`<div class="t-attr" key=${i}><span class="t-name">${part.name.padEnd(width)}</span><span class="t-sign"> = </span><${ValueView} value=${part.value} /></div>`
      : html`<div class="t-block" key=${i}>
          <div><span class="t-kind">${part.name}</span>${part.label ? html` <span class="t-string">${JSON.stringify(part.label)}</span>` : null}<span class="t-sign"> {${part.body.length ? '' : '}'}</span></div>
          ${part.body.length ? html`<div class="t-inner"><${Parts} body=${part.body} /></div><div class="t-sign">}</div>` : null}
        </div>`,
  );
}

/** @param {{ value: Value }} props */
function ValueView({ value }) {
  const line = oneLine(value);
  if (line !== null) return html`<span class=${isScalar(value) ? kind(value) : 't-plain'}>${line}</span>`;
  const list = value.type === 'array';
  const length = list ? elements(value).length : members(value).length;
  const [open, close] = list ? '[]' : '{}';
  return html`<details class="t-many" open=${weight(value) <= HEAVY}>
    <summary data-close=${` ${close}`}><span class="t-sign">${open}</span> <span class="soft">${plural(length, list ? 'element' : 'member')}</span></summary>
    <div class="t-inner"><${Many} value=${value} /></div>
    <span class="t-sign">${close}</span>
  </details>`;
}

/** @param {{ value: Value }} props */
function Many({ value }) {
  const [few, setFew] = useState(FEW);
  const parts = value.type === 'array' ? elements(value).map((one) => ({ key: '', value: one })) : members(value);
  return html`${parts.slice(0, few).map(
    (part, i) => html`<div key=${i}>
      ${part.key ? html`<span class="t-name">${keyText(part.key)}</span><span class="t-sign"> = </span>` : null}<${ValueView} value=${part.value} /><span class="t-sign">,</span>
    </div>`,
  )}
  ${parts.length > few && html`<button type="button" class="quiet" onClick=${() => setFew(few + 1000)}>${plural(parts.length - few, 'more')}</button>`}`;
}

/** @param {Value} v */
function kind(v) {
  if (v.value === '(secret)') return 't-secret';
  if (v.value === null) return 't-unset';
  return `t-${v.type}`;
}
