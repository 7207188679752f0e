import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open } from './browser.mjs';
import { lines } from './program.mjs';
import { begin, browser, program } from './world.mjs';

// A second destination that nobody serves: its queue grows.
const AWAY = `
loki.source.file "away" {
	targets    = [{__path__ = "DIR/away.log"}]
	forward_to = [loki.write.away.receiver]
	file_match { enabled = false }
}
loki.write "away" { endpoint { url = "http://127.0.0.1:9/loki/api/v1/push" } }`;

begin({ n: 40, more: AWAY, files: { 'away.log': lines(100) } });

test('where data went: rule, place, examples, and the ledger', async () => {
  const { page, context, problems } = await open(browser, program.origin);
  await page.goto(`${program.base}/why`);
  const answer = page.locator('.answer', { hasText: 'debug_lines' });
  await answer.waitFor();
  const text = (await answer.innerText()).replace(/\s+/g, ' ');
  assert.match(text, /filtered 10 records/);
  assert.match(text, /loki\.process\.app/);
  assert.match(text, /stage\.drop/);
  assert.match(text, /config\.alloy:\d+/);
  assert.match(text, /"level":"debug"/);
  await page.getByRole('region', { name: 'All edges' }).getByText('loki.source.file.app').first().waitFor();
  await page.getByText(/Memory for records/).waitFor();
  await page.getByRole('combobox', { name: 'Component', exact: true }).fill('loki.write.out');
  await page.keyboard.press('Tab');
  await page.getByText('Nothing like that is missing.').waitFor();
  await page.getByRole('combobox', { name: 'Component', exact: true }).fill('');
  await page.getByLabel('Labels').fill('level=debug');
  await page.keyboard.press('Tab');
  await answer.waitFor();
  await page.getByLabel('Labels').fill('nonsense');
  await page.keyboard.press('Tab');
  await page.getByText('Labels look like').waitFor();
  assert.deepEqual(problems, []);
  await context.close();
});

test('queues: depth, age, state', async () => {
  const { page, context, problems } = await open(browser, program.origin);
  await page.goto(`${program.base}/queues`);
  const row = page.locator('.queues tbody tr', { hasText: 'loki.write.away' });
  await row.getByText(/failing|catching up/).waitFor();
  await row.getByText('100 records').waitFor();
  assert.deepEqual(problems, []);
  await context.close();
});

test('clustering and remote configuration', async () => {
  const { page, context, problems } = await open(browser, program.origin);
  await page.goto(`${program.base}/clustering`);
  await page.getByText('This program runs alone.').waitFor();
  assert.equal(await page.locator('tbody tr').count(), 1);
  await page.goto(`${program.base}/remotecfg`);
  await page.getByText('No remote configuration is set up.').waitFor();
  assert.deepEqual(problems, []);
  await context.close();
});
