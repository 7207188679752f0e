// What a checker of accessibility finds, on every page, light and dark.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, open } from './browser.mjs';
import { lines, pipeline, Program, sink, until } from './program.mjs';

/** @type {import('playwright-core').Browser} */
let browser;
/** @type {Program} */
let program;
/** @type {Awaited<ReturnType<typeof sink>>} */
let loki;
const axe = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

before(async () => {
  loki = await sink();
  program = await Program.start((p) => pipeline(loki.url, p.dir), { files: { token: 'canary-1234', 'app.log': lines(40) } });
  browser = await launch();
  await until(async () => (await (await fetch(`${program.origin}/api/v0/invar/ledger`)).text()).includes('loki.write.out#'), 'lines arrive');
});
after(async () => {
  await browser?.close();
  await program?.stop();
  loki?.stop();
});

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
