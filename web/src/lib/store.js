// Values that several parts of the pages watch.
import { useEffect, useState } from './html.js';

/**
 * @template T
 * @typedef {{ get: () => T, set: (value: T) => void, watch: (seen: (value: T) => void) => () => void }} Store
 */

/**
 * @template T
 * @param {T} initial
 * @returns {Store<T>}
 */
export function store(initial) {
  let value = initial;
  /** @type {Set<(value: T) => void>} */
  const watchers = new Set();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const seen of [...watchers]) seen(value);
    },
    watch(seen) {
      watchers.add(seen);
      return () => watchers.delete(seen);
    },
  };
}

/**
 * @template T
 * @param {Store<T>} from
 * @returns {T}
 */
export function useStore(from) {
  const [value, setValue] = useState(from.get());
  useEffect(() => {
    setValue(from.get());
    return from.watch((next) => setValue(() => next));
  }, [from]);
  return value;
}

/** Whether pages ask again every few seconds. */
export const refreshing = store(true);

/** Since when (milliseconds) the server gives no answer, or null while it does. */
export const silentSince = store(/** @type {number|null} */ (null));

/** Notes how a request went. A refused one is an answer too. @param {boolean} answered */
export function heard(answered) {
  if (answered) silentSince.set(null);
  else if (silentSince.get() === null) silentSince.set(Date.now());
}
