import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open } from './browser.mjs';
import { begin, browser, program } from './world.mjs';

begin();

test('the list shows every component, also of modules, and finds them', async () => {
  const { page, context, problems } = await open(browser, program.origin);
  await page.goto(`${program.base}/`);
  const ids = page.locator('.components tbody a.id');
  await page.getByText('loki.process.inner').waitFor();
  assert.deepEqual((await ids.allTextContents()).sort(), ['local.file.token', 'loki.process.app', 'loki.source.file.app', 'loki.write.out', 'tidy.one', 'tidy.one/loki.process.inner']);
  assert.equal(await page.title(), 'Components · Invar');

  await page.keyboard.press('/');
  await page.keyboard.type('process inner');
  await page.waitForFunction(() => document.querySelectorAll('.components tbody a.id').length === 1);
  assert.match(page.url(), /q=process\+inner/);
  await page.reload();
  await page.getByText('loki.process.inner').waitFor();
  assert.equal(await page.getByRole('searchbox').inputValue(), 'process inner', 'the address keeps the search');
  await page.getByRole('searchbox').fill('');

  await page.getByRole('combobox', { name: 'Kind' }).selectOption('loki.write');
  await page.waitForFunction(() => document.querySelectorAll('.components tbody a.id').length === 1);
  await page.getByRole('combobox', { name: 'Kind' }).selectOption('');
  await page.getByRole('button', { name: /^healthy/ }).click();
  await page.getByText('local.file.token').waitFor();
  assert.deepEqual(problems, []);
  await context.close();
});

test('a refresh keeps focus, selection and place', async () => {
  const { page, context, problems } = await open(browser, program.origin, { viewport: { width: 900, height: 340 } });
  await page.goto(`${program.base}/`);
  await page.getByText('loki.process.inner').waitFor();
  const link = page.getByRole('link', { name: 'loki.write.out' });
  await link.focus();
  const top = await page.locator('.rows').evaluate((box) => box.scrollTop);
  await page.waitForResponse((answer) => answer.url().endsWith('/web/components'));
  await page.waitForTimeout(300);
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'loki.write.out');
  assert.equal(await page.locator('.rows').evaluate((box) => box.scrollTop), top);
  assert.deepEqual(problems, []);
  await context.close();
});

test('pages are reached by keys, and begin at their heading', async () => {
  const { page, context, problems } = await open(browser, program.origin);
  await page.goto(`${program.base}/`);
  await page.getByText('loki.write.out').waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Skip to the content');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'main');
  for (const name of ['Graph', 'Live debugging', 'Where data went', 'Queues', 'Clustering', 'Remote configuration']) {
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name }).press('Enter');
    await page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
    await page.waitForFunction((title) => document.title.startsWith(title), name);
    await page.waitForFunction((title) => document.activeElement?.tagName === 'H1' && document.activeElement.textContent === title, name);
  }
  await page.goBack();
  await page.getByRole('heading', { level: 1, name: 'Clustering' }).waitFor();
  assert.deepEqual(problems.filter((p) => !p.includes('404')), []);
  await context.close();
});

test('dark and light: as the system, or as chosen, which is remembered', async () => {
  const { page, context } = await open(browser, program.origin, { colorScheme: 'dark' });
  await page.goto(`${program.base}/`);
  const back = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const dark = await back();
  await page.getByRole('button', { name: 'Theme: auto' }).click();
  const light = await back();
  assert.notEqual(light, dark);
  await page.reload();
  assert.equal(await back(), light);
  await page.getByRole('button', { name: 'Theme: light' }).click();
  assert.equal(await back(), dark);
  await context.close();
});
