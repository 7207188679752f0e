import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { open } from './browser.mjs';
import { lines, pipeline } from './program.mjs';
import { begin, browser, loki, program } from './world.mjs';

const LIVE = 'livedebugging { enabled = true }';

let n = 100;
// It begins once there is a program. Its end is said first, so that it stops first.
const writer = setInterval(() => program && appendFile(join(program.dir, 'app.log'), lines(8, (n += 8))), 100);
after(() => clearInterval(writer));
begin({ more: LIVE });

test('records are shown as they pass, filtered, paused and cleared', async () => {
  const { page, context, problems } = await open(browser, program.origin);
  await page.goto(`${program.base}/debug/loki.process.app`);
  await page.locator('.tap-rows tbody .line').first().waitFor();
  await page.locator('.tap-rows .line', { hasText: 'basket' }).first().waitFor();
  await page.getByRole('searchbox', { name: 'Filter what is shown' }).fill('nothing like that');
  await page.getByText('No record is like that.').waitFor();
  await page.getByRole('searchbox', { name: 'Filter what is shown' }).fill('');
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.locator('.chip', { hasText: 'paused' }).waitFor();
  await page.waitForTimeout(300);
  const kept = await page.locator('.counts').textContent();
  await page.waitForTimeout(600);
  assert.equal(await page.locator('.counts').textContent(), kept, 'nothing is added while it is paused');
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.waitForFunction(() => document.querySelector('.counts')?.textContent?.startsWith('0 records'));
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.locator('.tap-rows .line').first().waitFor();
  await page.waitForFunction(() => Number(/^([\d,]+) record/.exec(document.querySelector('.counts')?.textContent ?? '')?.[1]?.replace(',', '')) >= 300);
  assert.ok((await page.locator('.tap-rows tbody tr').count()) < 100, 'only rows in view are in the document');
  assert.deepEqual(problems, []);
  await context.close();
});

test('before and after of a stage', async () => {
  const { page, context, problems } = await open(browser, program.origin);
  await page.goto(`${program.base}/debug/loki.process.app?stages=1`);
  await page.locator('.moment.is-dropped').first().waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('searchbox', { name: 'Filter what is shown' }).fill('stage.labels');
  await page.locator('.tap-rows tbody tr.moment-stage .line').first().click();
  await page.getByRole('heading', { name: 'Before and after' }).waitFor();
  await page.locator('.pairs .change-added', { hasText: 'level' }).waitFor();
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('.detail').count(), 0);
  assert.deepEqual(problems, []);
  await context.close();
});

test('a stream goes on after a reload', async () => {
  const { page, context, problems } = await open(browser, program.origin);
  await page.goto(`${program.base}/debug/loki.process.app`);
  await page.locator('.tap-rows .line').first().waitFor();
  await program.configure(pipeline(loki.url, program.dir, `${LIVE}\nlocal.file "more" { filename = "/dev/null" }`));
  await program.reload();
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.locator('.tap-rows .line').first().waitFor();
  assert.deepEqual(problems, []);
  await context.close();
});
