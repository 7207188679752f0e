// Runs before anything is painted and before any module. It is no module itself: those run later.
(function () {
  'use strict';
  const { dataset } = document.documentElement;
  // A chosen theme must not flash.
  try {
    const chosen = localStorage.getItem('invar.theme');
    if (chosen === 'light' || chosen === 'dark') dataset.theme = chosen;
  } catch {
    // Storage may be forbidden; the system's theme is used.
  }
  // The list is asked for while the modules that show it are still on their way. `lib/api.js` takes the answer.
  if (location.pathname === `${dataset.prefix}/`) {
    const url = `${dataset.prefix}/api/v0/web/components`;
    const answer = fetch(url, { cache: 'no-store' });
    answer.catch(() => {});
    /** @type {any} */ (globalThis).invarEarly = { url, answer };
  }
})();
