import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, open } from './browser.mjs';
import { Program } from './program.mjs';

/** @type {import('playwright-core').Browser} */
let browser;
/** @type {Program[]} */
const members = [];
/** @type {Program} */
let anna;

/** @param {string} name */
async function join(name) {
  const others = members.map((member) => `127.0.0.1:${member.port}`).join(',');
  const args = ['--cluster.enabled', `--cluster.node-name=${name}`, '--cluster.advertise-address=127.0.0.1', `--cluster.join-addresses=${others}`];
  const member = await Program.start('loki.echo "e" {}', { args });
  members.push(member);
  return member;
}

before(async () => {
  browser = await launch();
  anna = await join('anna');
});
after(async () => {
  await browser?.close();
  await Promise.all(members.map((member) => member.stop()));
});

test('members come and go while the page is open', async () => {
  const { page, context, problems } = await open(browser, anna.origin);
  await page.goto(`${anna.base}/clustering`);
  const rows = page.locator('tbody tr');
  await rows.filter({ hasText: 'anna' }).getByText('participant').waitFor();
  const bert = await join('bert');
  await rows.filter({ hasText: 'bert' }).getByText('participant').waitFor();
  assert.equal(await rows.count(), 2);
  await bert.kill();
  await rows.filter({ hasText: 'bert' }).waitFor({ state: 'detached' });
  assert.equal(await rows.count(), 1);
  assert.deepEqual(problems, []);
  await context.close();
});
