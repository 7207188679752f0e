// The files themselves: the libraries of others are what their packages ship, and index.html asks for what is needed.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { imported, index, withPreload } from '../preload.mjs';
import { LICENCES, MODULES, served } from '../vendor.mjs';

const web = fileURLToPath(new URL('../..', import.meta.url));
const read = (/** @type {string} */ path) => readFile(join(web, path), 'utf8');

test('vendored files are those of the packages', { skip: !existsSync(join(web, 'node_modules/preact')) && 'npm install was not run' }, async () => {
  for (const [from, to] of MODULES) assert.equal(await read(`vendor/${to}`), served(await read(`node_modules/${from}`)), `${to}: run node tests/vendor.mjs`);
  for (const [from, to] of LICENCES) assert.equal(await read(`vendor/${to}`), await read(`node_modules/${from}`), to);
});

test('the page preloads what main.js imports', async () => {
  const html = await readFile(index, 'utf8');
  assert.equal(html, withPreload(html, await imported('src/main.js')), 'run node tests/preload.mjs');
});

test('every import names a file, and no file is out of use', async () => {
  const files = (await readdir(join(web, 'src'), { recursive: true })).filter((name) => name.endsWith('.js')).map((name) => `src/${name}`);
  const used = new Set(['src/early.js']);
  const look = async (/** @type {string} */ entry) => {
    for (const file of await imported(entry)) {
      used.add(file);
      for (const [, page] of (await read(file)).matchAll(/await import\('(\.[^']+)'\)/g)) {
        const path = join(file, '..', /** @type {string} */ (page));
        if (!used.has(path)) await look(path);
      }
    }
  };
  await look('src/main.js');
  used.add('src/lib/types.js');
  assert.deepEqual(files.filter((file) => !used.has(file)), []);
});

test('files are small', async () => {
  for (const name of await readdir(join(web, 'src'), { recursive: true })) {
    if (!/\.(js|css)$/.test(name)) continue;
    const lines = (await read(`src/${name}`)).split('\n').length;
    assert.ok(lines <= 320, `${name} has ${lines} lines`);
  }
});

test('nothing makes markup of text', async () => {
  for (const name of await readdir(join(web, 'src'), { recursive: true })) {
    if (!name.endsWith('.js')) continue;
    assert.doesNotMatch(await read(`src/${name}`), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|https?:\/\//, name);
  }
});
