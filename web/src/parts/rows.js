// A table of any length: only the rows in view are in the document.
import { html, useEffect, useLayoutEffect, useRef, useState } from '../lib/html.js';

/** Rows kept above and below the view, so that moving with the Tab key always finds the next link. */
const MARGIN = 12;

/**
 * The rows to draw.
 * @param {number} top pixels scrolled
 * @param {number} height pixels in view
 * @param {number} rowHeight
 * @param {number} length
 * @returns {[number, number]} first, and one after the last
 */
export function slice(top, height, rowHeight, length) {
  const first = Math.max(0, Math.floor(top / rowHeight) - MARGIN);
  const last = Math.min(length, Math.ceil((top + height) / rowHeight) + MARGIN);
  // Even steps, so that most scrolling changes nothing.
  return [Math.max(0, Math.min(first - (first % 8), length)), Math.min(length, last + (8 - (last % 8)))];
}

/**
 * @template T
 * @typedef {{ id: string, title: unknown, sort?: "ascending"|"descending"|"none", cell: (row: T) => unknown }} Column
 */

/**
 * @param {object} props
 * @param {string} props.label
 * @param {any[]} props.rows
 * @param {Column<any>[]} props.columns
 * @param {(row: any) => string|number} props.keyOf
 * @param {number} props.rowHeight
 * @param {string} [props.name] class of the table
 * @param {boolean} [props.follow] keep the end in view while it is in view
 * @param {number} [props.dropped] rows that once were before the first one
 * @param {(row: any) => string} [props.rowClass]
 * @param {unknown} [props.empty] shown instead of rows
 */
export function Rows({ label, rows, columns, keyOf, rowHeight, name = '', follow = false, dropped = 0, rowClass, empty }) {
  const box = useRef(/** @type {HTMLDivElement|null} */ (null));
  const [view, setView] = useState({ top: 0, height: globalThis.innerHeight ?? 800 });
  const atEnd = useRef(true);
  const before = useRef(dropped);

  useEffect(() => {
    const element = /** @type {HTMLDivElement} */ (box.current);
    const measure = () => setView((old) => (old.height === element.clientHeight ? old : { ...old, height: element.clientHeight }));
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useLayoutEffect(() => {
    const element = /** @type {HTMLDivElement} */ (box.current);
    if (follow && atEnd.current) element.scrollTop = element.scrollHeight;
    else if (follow && dropped > before.current) element.scrollTop -= (dropped - before.current) * rowHeight;
    before.current = dropped;
  }, [rows, follow, dropped]);

  const scrolled = () => {
    const element = /** @type {HTMLDivElement} */ (box.current);
    atEnd.current = element.scrollTop + element.clientHeight >= element.scrollHeight - rowHeight;
    setView((old) => {
      const was = slice(old.top, old.height, rowHeight, rows.length);
      const is = slice(element.scrollTop, old.height, rowHeight, rows.length);
      return was[0] === is[0] && was[1] === is[1] ? old : { ...old, top: element.scrollTop };
    });
  };

  const [first, last] = slice(Math.min(view.top, rows.length * rowHeight), view.height, rowHeight, rows.length);
  const spacer = (/** @type {number} */ n) =>
    n > 0 && html`<tr class="spacer" aria-hidden="true" style=${{ height: `${n * rowHeight}px` }}><td colspan=${columns.length}></td></tr>`;

  return html`<div class="rows" ref=${box} onScroll=${scrolled} role="region" aria-label=${label} tabindex="0">
    <table class=${name} aria-label=${label} aria-rowcount=${rows.length + 1} style=${{ '--row': `${rowHeight}px` }}>
      <thead>
        <tr aria-rowindex="1">
          ${columns.map((c) => html`<th key=${c.id} scope="col" class=${`c-${c.id}`} aria-sort=${c.sort}>${c.title}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${spacer(first)}
        ${rows.slice(first, last).map(
          (row, i) => html`<tr key=${keyOf(row)} aria-rowindex=${first + i + 2} class=${rowClass?.(row)}>
            ${columns.map((c) => html`<td key=${c.id} class=${`c-${c.id}`}>${c.cell(row)}</td>`)}
          </tr>`,
        )}
        ${spacer(rows.length - last)}
      </tbody>
    </table>
    ${rows.length ? null : empty}
  </div>`;
}
