// What most tests begin with: a browser, the program with its pipeline, and a Loki that it sends to.
import { after, before } from 'node:test';
import { launch } from './browser.mjs';
import { lines, pipeline, Program, sink, until } from './program.mjs';

/** @type {import('playwright-core').Browser} */
export let browser;
/** @type {Program} */
export let program;
/** @type {Awaited<ReturnType<typeof sink>>} */
export let loki;

/**
 * Has the tests of a file begin with all of it, and end without.
 * @param {object} [how]
 * @param {number} [how.n] lines that there are
 * @param {string} [how.more] of the configuration; DIR is the folder of the files
 * @param {Record<string, string>} [how.files] more of them
 * @param {boolean} [how.arrived] wait until lines are with Loki
 */
export function begin({ n = 8, more = '', files = {}, arrived = false } = {}) {
  before(async () => {
    loki = await sink();
    program = await Program.start((p) => pipeline(loki.url, p.dir, more.replaceAll('DIR', p.dir)), { files: { token: 'canary-1234', 'app.log': lines(n), ...files } });
    browser = await launch();
    if (arrived) await until(async () => (await (await fetch(`${program.origin}/api/v0/invar/ledger`)).text()).includes('loki.write.out#'), 'lines arrive');
  });
  after(async () => {
    await browser?.close();
    await program?.stop();
    loki?.stop();
  });
}
