// Writes the list of modules that index.html asks for at once: all that main.js imports, directly or not. A browser that finds them out
// itself waits for one file after the other.
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const web = fileURLToPath(new URL('..', import.meta.url));

/** Modules that a file imports without waiting for a person, itself among them. @param {string} entry @returns {Promise<string[]>} */
export async function imported(entry) {
  const found = new Set([entry]);
  for (const file of found) {
    const text = await readFile(join(web, file), 'utf8');
    for (const [, from] of text.matchAll(/(?:^|[;\n}])\s*(?:import|export)\s*(?:[\w$*{][^'";]*?from\s*)?["'](\.[^"']+)["']/g)) {
      found.add(relative(web, join(web, dirname(file), /** @type {string} */ (from))));
    }
  }
  return [...found].sort();
}

/** @param {string} html @param {string[]} files */
export function withPreload(html, files) {
  const links = files.map((file) => `<link rel="modulepreload" href="{{prefix}}/assets/${file}">\n`).join('');
  return html.replace(/(<!-- preload -->\n)(?:<link rel="modulepreload".*\n)*/, `$1${links}`);
}

export const index = join(web, 'index.html');

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(index, withPreload(await readFile(index, 'utf8'), await imported('src/main.js')));
}
