// Requests to the HTTP API, and its errors in words.
import { encodeId, prefix } from './router.js';

/** @typedef {import('./types.js').Component} Component */

/** An answer that was not what was asked for. `status` is 0 if there was none. */
export class ApiError extends Error {
  /** @param {string} message @param {number} status */
  constructor(message, status) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
  }
}

/** @param {boolean} remote */
const web = (remote) => `${prefix}/api/v0/web${remote ? '/remotecfg' : ''}`;

export const urls = {
  /** @param {boolean} [remote] */
  components: (remote = false) => `${web(remote)}/components`,
  /** @param {string} id @param {boolean} [remote] */
  module: (id, remote = false) => `${web(remote)}/modules/${encodeId(id)}/components`,
  /** @param {string} id @param {boolean} [remote] */
  component: (id, remote = false) => `${web(remote)}/components/${encodeId(id)}`,
  peers: () => `${prefix}/api/v0/web/peers`,
  /** @param {string} module @param {number} window seconds */
  graph: (module, window) => `${prefix}/api/v0/web/graph${module ? `/${encodeId(module)}` : ''}?window=${window}`,
  ledger: () => '/api/v0/invar/ledger',
  /** @param {string} id */
  detail: (id) => `/api/v0/invar/components/${encodeId(id)}`,
  queues: () => '/api/v0/invar/queues',
  remotecfg: () => '/api/v0/invar/remotecfg',
  /** @param {{ since?: string, component?: string, labels?: string[] }} asked */
  why({ since, component, labels = [] }) {
    const query = new URLSearchParams();
    if (since) query.set('since', since);
    if (component) query.set('component', component);
    for (const label of labels) query.append('label', label);
    return `/api/v0/invar/why?${query}`;
  },
  /** @param {{ pattern: string, where?: string, beforeAfter?: boolean, sample?: number }} asked */
  tap({ pattern, where, beforeAfter = false, sample = 1 }) {
    const query = new URLSearchParams({ pattern });
    if (where) query.set('where', where);
    if (beforeAfter) query.set('beforeAfter', 'true');
    if (sample < 1) query.set('sample', String(sample));
    return `/api/v0/invar/tap?${query}`;
  },
};

/**
 * What to tell a person about an answer.
 * @param {number} status
 * @param {string} text the answer
 */
export function words(status, text) {
  const said = text.trim().slice(0, 500);
  switch (status) {
    case 401:
      return 'Invar asks for credentials. Load the page again to give them.';
    case 403:
      return `Invar refuses this: ${said || 'forbidden'}.`;
    case 404:
      return said && !/^404 page not found$/.test(said) ? said : 'This program does not answer that.';
    case 503:
      return `Invar is not ready: ${said || 'it may be starting'}.`;
    default:
      return said || `Invar answered with status ${status}.`;
  }
}

/** The answer that `early.js` asked for, once. @param {string} url @returns {Promise<Response>|undefined} */
function early(url) {
  const begun = /** @type {{ invarEarly?: { url: string, answer: Promise<Response> } }} */ (globalThis);
  if (begun.invarEarly?.url !== url) return undefined;
  const { answer } = begun.invarEarly;
  delete begun.invarEarly;
  return answer;
}

/**
 * Asks, and fails with words if the answer is no.
 * @param {string} url
 * @param {AbortSignal} [signal]
 */
export async function ask(url, signal) {
  let answer;
  try {
    answer = await (early(url) ?? fetch(url, { cache: 'no-store', signal: signal ?? null }));
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError('Invar does not answer.', 0);
  }
  // What stands in front of it says so.
  if (answer.status === 502 || answer.status === 504) throw new ApiError('Invar does not answer.', 0);
  if (!answer.ok) throw new ApiError(words(answer.status, await answer.text().catch(() => '')), answer.status);
  return answer;
}

/**
 * @template T
 * @param {string} url
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
export async function getJson(url, signal) {
  const answer = await ask(url, signal);
  try {
    return await answer.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError('The answer broke off, or is not of Invar.', 0);
  }
}
