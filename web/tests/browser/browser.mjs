// A browser that talks to one server and nothing else.
import { chromium } from 'playwright-core';

const ARGS = [
  '--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--disable-default-apps',
  '--disable-features=OptimizationHints,MediaRouter,Translate', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGS });

/**
 * A page whose console errors, failed scripts and requests to others are kept.
 * @param {import('playwright-core').Browser} browser
 * @param {string} origin
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
export async function open(browser, origin, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'light', reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  /** @type {string[]} */
  const problems = [];
  page.on('console', (said) => said.type() === 'error' && problems.push(`console: ${said.text()} (${said.location().url})`));
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  page.on('request', (asked) => {
    const { protocol, origin: to } = new URL(asked.url());
    if (to !== origin && protocol !== 'data:') problems.push(`request to ${asked.url()}`);
  });
  return { context, page, problems };
}
