// Numbers, sizes and times as people read them. One locale, so that numbers look as in the logs and the documentation.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

/** 1234567 -> "1,234,567" @param {number} n */
export const count = (n) => whole.format(n);

/** 1234567 -> "1.23M" @param {number} n */
export const compact = (n) => short.format(n).replace('K', 'k');

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** 1536 -> "1.5 KiB" @param {number} bytes */
export function size(bytes) {
  let n = Math.max(0, bytes);
  let unit = 0;
  while (n >= 1023.95 && unit < UNITS.length - 1) {
    n /= 1024;
    unit += 1;
  }
  return `${unit === 0 || n >= 99.95 ? Math.round(n) : n.toFixed(1)} ${UNITS[unit]}`;
}

/** Records a second, short enough for an edge of the graph. @param {number} n */
export function rate(n) {
  if (n <= 0) return '0';
  return n < 0.01 ? '<0.01' : compact(n);
}

const SPANS = /** @type {const} */ ([
  ['d', 86400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
]);

/** The two largest units: 3725 -> "1 h 2 min". @param {number} seconds */
export function span(seconds) {
  if (seconds < 1) return seconds <= 0 ? '0 s' : `${Math.max(1, Math.round(seconds * 1000))} ms`;
  let rest = Math.round(seconds);
  if (rest >= 86400 * 365) return 'over a year';
  const parts = [];
  for (const [unit, length] of SPANS) {
    const n = Math.floor(rest / length);
    rest -= n * length;
    if (n > 0) parts.push(`${n} ${unit}`);
    else if (parts.length) break;
    if (parts.length === 2) break;
  }
  return parts.join(' ');
}

const pad = (/** @type {number} */ n, width = 2) => String(n).padStart(width, '0');

/** Local time of day with milliseconds. @param {string} rfc3339 */
export function clock(rfc3339) {
  const at = new Date(rfc3339);
  if (Number.isNaN(at.getTime())) return rfc3339;
  return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}.${pad(at.getMilliseconds(), 3)}`;
}

/** Local date and time to the second. @param {string} rfc3339 */
export function moment(rfc3339) {
  const at = new Date(rfc3339);
  if (Number.isNaN(at.getTime())) return rfc3339;
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${clock(rfc3339).slice(0, 8)}`;
}

/** How long ago: "3 min", or "" for what is no time. @param {string} rfc3339 @param {number} [now] */
export function ago(rfc3339, now = Date.now()) {
  const at = new Date(rfc3339).getTime();
  if (Number.isNaN(at)) return '';
  const seconds = Math.max(0, Math.floor((now - at) / 1000));
  if (seconds < 1) return 'now';
  return `${span(seconds).replace(/^(\d+ \w+) .*/, '$1')} ago`;
}

/** "1 component", "2 components" @param {number} n @param {string} one @param {string} [many] */
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
