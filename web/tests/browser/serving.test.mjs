import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, open } from './browser.mjs';
import { lines, pipeline, Program, sink } from './program.mjs';

/** @type {import('playwright-core').Browser} */
let browser;
/** @type {Awaited<ReturnType<typeof sink>>} */
let loki;

before(async () => {
  loki = await sink();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  loki?.stop();
});

test('below a prefix, every page works', async () => {
  const program = await Program.start((p) => pipeline(loki.url, p.dir), { prefix: '/collector/ui', files: { token: 'x', 'app.log': lines(8) } });
  const { page, context, problems } = await open(browser, program.origin);
  try {
    await page.goto(`${program.base}/`);
    await page.getByRole('link', { name: 'loki.process.app' }).click();
    await page.getByRole('heading', { level: 1, name: 'loki.process.app' }).waitFor();
    assert.equal(new URL(page.url()).pathname, '/collector/ui/component/loki.process.app');
    await page.reload();
    await page.getByText('drop_counter_reason').waitFor();
    await page.getByRole('link', { name: 'In the graph' }).click();
    await page.locator('.node.is-focus').waitFor();
    await page.goto(`${program.base}/debug/loki.process.app`);
    await page.getByRole('heading', { level: 1, name: 'Live debugging of loki.process.app' }).waitFor();
    assert.deepEqual(problems, []);
  } finally {
    await context.close();
    await program.stop();
  }
});

test('the page says that the program is away, and goes on when it is back', async () => {
  const program = await Program.start((p) => pipeline(loki.url, p.dir), { files: { token: 'x', 'app.log': lines(8) } });
  const { page, context } = await open(browser, program.origin);
  try {
    await page.goto(`${program.base}/`);
    await page.getByText('loki.write.out').waitFor();
    await program.kill();
    await page.getByText('Invar has given no answer since').waitFor({ timeout: 20_000 });
    assert.ok(await page.getByText('loki.write.out').isVisible(), 'what was known stays');
    await program.configure(pipeline(loki.url, program.dir, 'local.file "fresh" { filename = "/dev/null" }'));
    await program.run();
    await page.getByText('local.file.fresh').waitFor();
    assert.equal(await page.getByText('Invar has given no answer since').count(), 0);
  } finally {
    await context.close();
    await program.stop();
  }
});

test('the answers forbid what the pages do not need', async () => {
  const program = await Program.start('local.file "a" { filename = "/dev/null" }');
  try {
    const index = await fetch(`${program.base}/`);
    const policy = index.headers.get('content-security-policy') ?? '';
    for (const part of ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]) assert.ok(policy.includes(part), policy);
    assert.ok(!/script-src[^;]*unsafe/.test(policy), policy);
    const script = await fetch(`${program.base}/assets/src/main.js`);
    assert.match(script.headers.get('content-type') ?? '', /^text\/javascript/);
    const etag = script.headers.get('etag');
    assert.ok(etag);
    assert.equal((await fetch(`${program.base}/assets/src/main.js`, { headers: { 'if-none-match': etag } })).status, 304);
    for (const path of ['/assets/src/..%2f..%2findex.html', '/assets/nothing.js', '/assets/']) {
      assert.equal((await fetch(program.base + path)).status, 404, path);
    }
  } finally {
    await program.stop();
  }
});
