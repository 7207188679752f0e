// Asks for something now and again, and keeps what it knew while there is no answer.
import { ApiError, getJson } from './api.js';
import { useEffect, useRef, useState } from './html.js';
import { heard, refreshing } from './store.js';

/**
 * @template T
 * @typedef {{ data: T|undefined, error: ApiError|undefined }} Polled
 */

/**
 * How long to wait until the next request: as asked for, but a large answer is not asked for all the time, and a server that is
 * away is asked soon.
 * @param {number} every milliseconds
 * @param {number} took milliseconds that the last request took
 * @param {boolean} failed
 */
export function pause(every, took, failed) {
  return failed ? Math.min(every, 2000) : Math.max(every, took * 10);
}

/**
 * @template T
 * @param {string} key what is asked for; another key forgets the old answer
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {number} [every] milliseconds
 * @returns {Polled<T>}
 */
export function usePoll(key, load, every = 5000) {
  const [state, setState] = useState(/** @type {{ key: string, data?: T, error?: ApiError }} */ ({ key }));
  const loader = useRef(load);
  loader.current = load;

  useEffect(() => {
    const stop = new AbortController();
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    let timer;
    let busy = false;
    const idle = () => document.hidden || !refreshing.get();

    const run = async () => {
      clearTimeout(timer);
      if (busy || stop.signal.aborted) return;
      busy = true;
      const started = performance.now();
      let failed = false;
      try {
        const data = await loader.current(stop.signal);
        if (stop.signal.aborted) return;
        heard(true);
        setState({ key, data });
      } catch (thrown) {
        if (stop.signal.aborted) return;
        const error = thrown instanceof ApiError ? thrown : new ApiError(String(thrown), -1);
        failed = error.status === 0;
        heard(!failed);
        setState((old) => ({ key, error, ...(old.key === key && error.status === 0 ? { data: old.data } : {}) }));
      } finally {
        busy = false;
      }
      timer = setTimeout(() => idle() || run(), pause(every, performance.now() - started, failed));
    };
    const wake = () => idle() || run();

    run();
    document.addEventListener('visibilitychange', wake);
    const unwatch = refreshing.watch(wake);
    return () => {
      stop.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', wake);
      unwatch();
    };
  }, [key, every]);

  const current = state.key === key ? state : { key };
  return { data: current.data, error: current.error };
}

/** @template T @param {string} url @param {number} [every] milliseconds @returns {Polled<T>} */
export const useJson = (url, every) => usePoll(url, (signal) => getJson(url, signal), every);
