// Copies the libraries that the pages use from their packages. Run after a change of a version in package.json.
import { cp, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const web = fileURLToPath(new URL('..', import.meta.url));

/** Source in node_modules -> file in vendor. */
export const MODULES = [
  ['preact/dist/preact.mjs', 'preact/preact.js'],
  ['preact/hooks/dist/hooks.mjs', 'preact/hooks.js'],
  ['htm/dist/htm.mjs', 'htm/htm.js'],
  ['@dagrejs/dagre/dist/dagre.esm.js', 'dagre/dagre.js'],
];
export const LICENCES = [
  ['preact/LICENSE', 'preact/LICENSE'],
  ['htm/LICENSE', 'htm/LICENSE'],
  ['@dagrejs/dagre/LICENSE', 'dagre/LICENSE'],
  ['@dagrejs/graphlib/LICENSE', 'dagre/LICENSE.graphlib'],
];

/**
 * What is served for a module of a package: no bare import, no pointer to a source map.
 * @param {string} text
 */
export function served(text) {
  return text.replaceAll('from"preact"', 'from"./preact.js"').replace(/^\/\/# sourceMappingURL=.*\n?/m, '');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [from, to] of MODULES) {
    await writeFile(`${web}vendor/${to}`, served(await readFile(`${web}node_modules/${from}`, 'utf8')));
  }
  for (const [from, to] of LICENCES) await cp(`${web}node_modules/${from}`, `${web}vendor/${to}`);
}
