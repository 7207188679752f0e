// What a checker of accessibility finds, on every page, light and dark.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { open } from './browser.mjs';
import { begin, browser, program } from './world.mjs';

const axe = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

begin({ n: 40, arrived: true });

/** A page, and what is there once it shows what it is for. */
const PAGES = /** @type {[string, string][]} */ ([
  ['/', '.components tbody a'],
  ['/graph?open=tidy.one', '.node'],
  ['/component/loki.process.app', '.ledger'],
  ['/module/tidy.one', '.components tbody a'],
  ['/debug/loki.process.app', '.rows'],
  ['/why', '.answer'],
  ['/queues', 'h1'],
  ['/clustering', 'tbody tr'],
  ['/remotecfg', '.note'],
  ['/nothing', 'h1'],
]);

for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
  test(`no page has a known problem (${colorScheme})`, async () => {
    const { page, context } = await open(browser, program.origin, { colorScheme });
    for (const [path, ready] of PAGES) {
      await page.goto(program.base + path);
      await page.locator(ready).first().waitFor();
      await page.evaluate(axe);
      const found = await page.evaluate(() =>
        /** @type {any} */ (globalThis).axe.run(document, { resultTypes: ['violations'] }).then((/** @type {any} */ r) =>
          r.violations.map((/** @type {any} */ v) => `${v.id}: ${v.help} (${v.nodes.slice(0, 3).map((/** @type {any} */ n) => n.html.slice(0, 120)).join(' | ')})`),
        ),
      );
      assert.deepEqual(found, [], path);
    }
    await context.close();
  });
}
