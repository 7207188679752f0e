import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open } from './browser.mjs';
import { begin, browser, program } from './world.mjs';

begin({ arrived: true });

test('a component shows what it was given, what it is joined to and its part of the ledger', async () => {
  const { page, context, problems } = await open(browser, program.origin);
  await page.goto(`${program.base}/component/loki.process.app`);
  await page.getByRole('heading', { level: 1, name: 'loki.process.app' }).waitFor();
  const text = async (/** @type {string} */ name) => (await page.getByRole('region', { name, exact: true }).first().innerText()).replace(/\s+/g, ' ');
  assert.match(await text('Arguments'), /stage\.drop \{.*drop_counter_reason = "debug_lines"/);
  assert.match(await text('Exports'), /receiver = capsule/);
  assert.match(await text('Joined to'), /References tidy\.one Referenced by loki\.source\.file\.app Sends data to tidy\.one/);
  await page.getByText('debug_lines: 2').waitFor();
  await page.getByText(/config\.alloy:\d+/).first().waitFor();
  assert.match(await text('Health'), /Place .*config\.alloy:\d+/);
  assert.deepEqual(problems, []);

  await page.getByRole('link', { name: 'loki.source.file.app' }).first().click();
  await page.getByRole('heading', { level: 1, name: 'loki.source.file.app' }).waitFor();
  await page.goto(`${program.base}/component/tidy.one`);
  await page.getByRole('link', { name: 'Module contents' }).click();
  await page.getByRole('link', { name: 'loki.process.inner' }).click();
  await page.getByRole('heading', { level: 1, name: 'loki.process.inner' }).waitFor();
  await page.getByRole('navigation', { name: 'Where this is' }).getByRole('link', { name: 'tidy.one' }).click();
  await page.getByRole('heading', { level: 1, name: 'Module tidy.one' }).waitFor();
  assert.deepEqual(problems, []);
  await context.close();
});

test('no secret reaches a page', async () => {
  const { page, context, problems } = await open(browser, program.origin);
  for (const path of ['/component/local.file.token', '/component/loki.write.out']) {
    await page.goto(program.base + path);
    await page.getByText('(secret)').first().waitFor();
    assert.ok(!(await page.content()).includes('canary-1234'));
  }
  assert.deepEqual(problems, []);
  await context.close();
});

test('a component that is not there is said to be missing', async () => {
  const { page, context } = await open(browser, program.origin);
  await page.goto(`${program.base}/component/loki.write.gone`);
  await page.getByRole('alert').waitFor();
  await page.getByText('It may have been taken out of the configuration').waitFor();
  await page.goto(`${program.base}/nothing/like/that`);
  await page.getByRole('heading', { name: 'No such page' }).waitFor();
  await context.close();
});
