// Answers that do not end: texts divided by a mark, followed again when they break off.
import { ApiError, ask } from './api.js';
import { heard } from './store.js';

/**
 * Cuts a text that comes in pieces at a mark.
 * @param {string} mark
 * @param {number} [limit] characters after which a part that has no end is given up
 */
export function splitter(mark, limit = 8 << 20) {
  let rest = '';
  /** @param {string} piece @returns {string[]} the parts that are complete */
  return (piece) => {
    // The mark may begin in what was kept, so that only its last characters need another look.
    const seen = Math.max(0, rest.length - mark.length + 1);
    rest += piece;
    if (rest.indexOf(mark, seen) < 0) {
      if (rest.length > limit) rest = '';
      return [];
    }
    const parts = rest.split(mark);
    rest = /** @type {string} */ (parts.pop());
    return parts;
  };
}

/** The JSON of each part; what is none is left out. @param {string[]} parts @returns {unknown[]} */
export function parsed(parts) {
  return parts.flatMap((part) => {
    if (part.trim() === '') return [];
    try {
      return [JSON.parse(part)];
    } catch {
      return [];
    }
  });
}

/** @param {number} ms @param {AbortSignal} signal */
const sleep = (ms, signal) =>
  /** @type {Promise<void>} */ (
    new Promise((done) => {
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', () => (clearTimeout(timer), done()), { once: true });
    })
  );

/**
 * @typedef {object} Follower
 * @property {string} url
 * @property {string} mark what stands between the parts
 * @property {(values: unknown[]) => void} take
 * @property {(error: ApiError|null) => void} [state] null when the stream runs
 * @property {AbortSignal} signal
 */

/**
 * Reads until `signal`. A stream that ends or breaks is asked for again, less and less often; one that is refused is asked for
 * again every five seconds, since a reload may bring what it needs.
 * @param {Follower} follower
 */
export async function follow({ url, mark, take, state, signal }) {
  let wait = 500;
  while (!signal.aborted) {
    try {
      const answer = await ask(url, signal);
      heard(true);
      state?.(null);
      const split = splitter(mark);
      const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body)
        .pipeThrough(/** @type {any} */ (new TextDecoderStream()))
        .getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done || signal.aborted) break;
        wait = 500;
        const values = parsed(split(/** @type {any} */ (value)));
        if (values.length) take(values);
      }
      if (!signal.aborted) state?.(new ApiError('The stream ended. It is asked for again.', 0));
    } catch (thrown) {
      if (signal.aborted) return;
      const error = thrown instanceof ApiError ? thrown : new ApiError('The stream broke off. It is asked for again.', 0);
      if (thrown instanceof ApiError) heard(error.status !== 0);
      state?.(error);
      if (error.status > 0) wait = 5000;
    }
    await sleep(wait, signal);
    wait = Math.min(wait * 2, 5000);
  }
}
