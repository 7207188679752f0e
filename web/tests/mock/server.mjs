// A stand-in for the program while the pages are edited: `npm run mock`, then http://127.0.0.1:12399/.
// `--many 5000` and `--wide 150` make other configurations, `--prefix /ui` moves the pages.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as data from './data.mjs';

const web = fileURLToPath(new URL('../..', import.meta.url));
const TYPES = /** @type {Record<string, string>} */ ({ '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' });
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

/** @typedef {import('node:http').ServerResponse} Response */
/** @typedef {{ prefix?: string, many?: number, wide?: number }} Options */

/** @param {Options} options */
export function serve({ prefix = '', many = 0, wide = 0 } = {}) {
  const list = many ? data.many(many) : wide ? data.wide(wide) : data.configuration();

  /** @param {Response} to @param {unknown} value */
  const json = (to, value) => to.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  /** @param {Response} to @param {number} every @param {() => string} text */
  const stream = (to, every, text) => {
    to.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
    to.write(text());
    const timer = setInterval(() => to.write(text()), every);
    to.on('close', () => clearInterval(timer));
  };

  return createServer(async (asked, to) => {
    const url = new URL(asked.url ?? '/', 'http://mock');
    const path = decodeURIComponent(url.pathname);
    const ours = /** @type {Record<string, () => unknown>} */ ({ ledger: data.ledger, why: data.why, queues: data.queues, remotecfg: data.remotecfg });
    if (path.startsWith('/api/v0/invar/')) {
      const name = path.slice('/api/v0/invar/'.length);
      if (name.startsWith('components/')) return json(to, data.detail(name.slice('components/'.length)));
      if (name === 'tap') return stream(to, 100, () => data.tapped(url.searchParams.has('beforeAfter')).map((r) => `${JSON.stringify(r)}\n`).join(''));
      const answer = ours[name];
      return answer ? json(to, answer()) : to.writeHead(404).end('404 page not found\n');
    }
    if (!path.startsWith(`${prefix}/`)) return to.writeHead(404).end('404 page not found\n');
    const page = path.slice(prefix.length);
    if (page.startsWith('/assets/')) {
      const file = normalize(page.slice('/assets/'.length));
      const content = /^(src|vendor)\//.test(file) ? await readFile(join(web, file)).catch(() => null) : null;
      return content ? to.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'text/plain', 'cache-control': 'no-cache' }).end(content) : to.writeHead(404).end();
    }
    if (page.startsWith('/api/v0/web/')) {
      const wanted = page.slice('/api/v0/web/'.length);
      const rest = wanted.replace(/^remotecfg\//, '');
      // Ids of the remote configuration begin with its name, which may be left out here.
      const whole = (/** @type {string} */ id) => (rest === wanted || id.startsWith('remotecfg/') ? id : `remotecfg/${id}`);
      const named = /^modules\/(.+)\/components$/.exec(rest)?.[1];
      const module = named && whole(named);
      if (rest === 'peers') return json(to, data.peers);
      if (rest === 'components') return json(to, rest === wanted ? list : data.modules.remotecfg);
      if (module) return data.modules[module] ? json(to, data.modules[module]) : to.writeHead(404).end('module not found\n');
      if (/^graph(\/|$)/.test(rest)) return stream(to, 2000, () => `${JSON.stringify(data.flows())}|;|`);
      const id = whole(rest.replace(/^components\//, ''));
      const found = [...list, ...Object.values(data.modules).flat()].find((c) => (c.moduleID ? `${c.moduleID}/${c.localID}` : c.localID) === id);
      return found ? json(to, data.full(structuredClone(found))) : to.writeHead(404).end(`component "${id}" does not exist\n`);
    }
    const html = await readFile(join(web, 'index.html'), 'utf8');
    return to.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': POLICY }).end(html.replaceAll('{{prefix}}', prefix));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { port: { type: 'string', default: '12399' }, prefix: { type: 'string', default: '' }, many: { type: 'string' }, wide: { type: 'string' } } });
  serve({ prefix: values.prefix, many: Number(values.many ?? 0), wide: Number(values.wide ?? 0) }).listen(Number(values.port), '127.0.0.1', () => {
    console.log(`http://127.0.0.1:${values.port}${values.prefix}/`);
  });
}
