import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { open } from './browser.mjs';
import { lines, pipeline } from './program.mjs';
import { begin, browser, loki, program } from './world.mjs';

begin();

const ids = (/** @type {import('playwright-core').Page} */ page) => page.locator('.node').evaluateAll((nodes) => nodes.map((n) => /** @type {HTMLElement} */ (n).dataset.id).sort());
/** Lines are written as long as the page is looked at. */
function writing() {
  let n = 100;
  const timer = setInterval(() => appendFile(join(program.dir, 'app.log'), lines(20, (n += 20))), 200);
  return () => clearInterval(timer);
}

test('nodes, edges and live rates', async () => {
  const { page, context, problems } = await open(browser, program.origin);
  const enough = writing();
  await page.goto(`${program.base}/graph`);
  await page.locator('.node').first().waitFor();
  assert.deepEqual(await ids(page), ['local.file.token', 'loki.process.app', 'loki.source.file.app', 'loki.write.out', 'tidy.one']);
  assert.equal(await page.locator('.edge[data-from="loki.source.file.app"][data-to="loki.process.app"]').count(), 1);
  await page.getByText('live rates').waitFor();
  await page.locator('.edge.is-flowing[data-from="loki.source.file.app"] .rate').waitFor();
  assert.match(/** @type {string} */ (await page.locator('.edge[data-from="loki.source.file.app"] .rate').textContent()), /^[\d.]+ logs\/s$/);
  enough();
  assert.deepEqual(problems, []);
  await context.close();
});

test('a module opens where it stands, and closes', async () => {
  const { page, context, problems } = await open(browser, program.origin);
  await page.goto(`${program.base}/graph`);
  await page.getByRole('button', { name: 'Open the module of tidy.one' }).press('Enter');
  await page.locator('.node[data-id="tidy.one/loki.process.inner"]').waitFor();
  assert.match(page.url(), /open=tidy\.one/);
  await page.reload();
  await page.locator('.node[data-id="tidy.one/loki.process.inner"]').waitFor();
  await page.getByRole('button', { name: 'Close the module of tidy.one' }).click();
  await page.waitForFunction(() => document.querySelectorAll('.node').length === 5);
  assert.deepEqual(problems, []);
  await context.close();
});

test('a reload of the configuration changes the graph while the page is open, and nothing else does', async () => {
  const { page, context, problems } = await open(browser, program.origin);
  await page.goto(`${program.base}/graph`);
  await page.locator('.node').first().waitFor();
  const places = () => page.locator('.node').evaluateAll((nodes) => Object.fromEntries(nodes.map((n) => [/** @type {HTMLElement} */ (n).dataset.id, /** @type {HTMLElement} */ (n).style.transform])));
  await page.waitForTimeout(3500);
  const before = await places();
  await page.waitForTimeout(3500);
  assert.deepEqual(await places(), before, 'nothing moves while nothing changes');
  await program.configure(pipeline(loki.url, program.dir, `loki.process "second" { forward_to = [loki.write.out.receiver] }`));
  await program.reload();
  await page.locator('.node[data-id="loki.process.second"]').waitFor();
  assert.equal(await page.locator('.edge[data-from="loki.process.second"][data-to="loki.write.out"]').count(), 1);
  await program.configure(pipeline(loki.url, program.dir));
  await program.reload();
  await page.waitForFunction(() => !document.querySelector('.node[data-id="loki.process.second"]'));
  assert.deepEqual(problems, []);
  await context.close();
});

test('pan, zoom, search, and the way to a component', async () => {
  const { page, context, problems } = await open(browser, program.origin);
  await page.goto(`${program.base}/graph`);
  await page.locator('.node').first().waitFor();
  const view = () => page.locator('.drawing > g').evaluate((g) => /** @type {SVGElement} */ (g).style.transform);
  const whole = await view();
  const box = /** @type {{ x: number, y: number, width: number, height: number }} */ (await page.locator('.canvas').boundingBox());
  await page.mouse.move(box.x + 30, box.y + 60);
  await page.mouse.wheel(0, -240);
  await page.waitForFunction((old) => /** @type {SVGElement} */ (document.querySelector('.drawing > g')).style.transform !== old, whole);
  const zoomed = await view();
  await page.mouse.down();
  await page.mouse.move(box.x + 90, box.y + 90, { steps: 4 });
  await page.mouse.up();
  assert.notEqual(await view(), zoomed);
  await page.locator('.canvas').focus();
  await page.keyboard.press('0');
  await page.waitForFunction((old) => /** @type {SVGElement} */ (document.querySelector('.drawing > g')).style.transform === old, whole);
  await page.keyboard.press('ArrowLeft');
  assert.notEqual(await view(), whole);

  await page.getByRole('combobox', { name: 'Find a component' }).fill('process.app');
  await page.keyboard.press('Enter');
  await page.locator('.node.is-focus[data-id="loki.process.app"]').waitFor();
  assert.ok((await page.locator('.node.is-dim').count()) >= 1);
  await page.getByRole('link', { name: /^loki\.process\.app/ }).click();
  await page.getByRole('heading', { level: 1, name: 'loki.process.app' }).waitFor();
  assert.deepEqual(problems, []);
  await context.close();
});
