// The part of the drawing that is in view: a place and a scale.

/** @typedef {{ x: number, y: number, k: number }} View a point p of the drawing is seen at p * k + (x, y) */
/** @typedef {{ width: number, height: number }} Size */

const LEAST = 0.04;
const MOST = 2.5;

const within = (/** @type {number} */ k) => Math.min(MOST, Math.max(LEAST, k));

/** @param {View} view @param {number} dx @param {number} dy @returns {View} */
export const pan = (view, dx, dy) => ({ ...view, x: view.x + dx, y: view.y + dy });

/**
 * Larger or smaller, with one point of the view staying where it is.
 * @param {View} view
 * @param {number} factor
 * @param {{ x: number, y: number }} at
 * @returns {View}
 */
export function zoom(view, factor, at) {
  const k = within(view.k * factor);
  const real = k / view.k;
  return { k, x: at.x - (at.x - view.x) * real, y: at.y - (at.y - view.y) * real };
}

/** All of it. @param {Size} drawing @param {Size} window @param {number} [margin] @returns {View} */
export function fit(drawing, window, margin = 24) {
  const room = { width: Math.max(1, window.width - 2 * margin), height: Math.max(1, window.height - 2 * margin) };
  const k = within(Math.min(1.1, room.width / Math.max(1, drawing.width), room.height / Math.max(1, drawing.height)));
  return { k, x: (window.width - drawing.width * k) / 2, y: (window.height - drawing.height * k) / 2 };
}

/** Smaller than this, a whole graph is no good beginning. */
const READABLE = 0.3;

/** Where to begin: all of it if that can be read, otherwise its upper left part. @param {Size} drawing @param {Size} window @returns {View} */
export function begin(drawing, window) {
  const all = fit(drawing, window);
  if (all.k >= READABLE) return all;
  const k = Math.min(0.8, Math.max(0.5, Math.min((window.width - 48) / drawing.width, 1)));
  return { k, x: Math.max(24, (window.width - drawing.width * k) / 2), y: Math.max(24, (window.height - drawing.height * k) / 2) };
}

/** Whether some of the drawing is out of view. @param {View} view @param {Size} drawing @param {Size} window */
export const exceeds = (view, drawing, window) =>
  view.x < -1 || view.y < -1 || view.x + drawing.width * view.k > window.width + 1 || view.y + drawing.height * view.k > window.height + 1;

/** With a point of the drawing in the middle. @param {View} view @param {{ x: number, y: number }} point @param {Size} window @returns {View} */
export const look = (view, point, window) => ({ ...view, x: window.width / 2 - point.x * view.k, y: window.height / 2 - point.y * view.k });

/** A box in the middle, large enough to read. @param {View} view @param {import('./layout.js').Box} box @param {Size} window @returns {View} */
export function center(view, box, window) {
  const k = within(Math.max(view.k, 0.85));
  return { k, x: window.width / 2 - (box.x + box.width / 2) * k, y: window.height / 2 - (box.y + box.height / 2) * k };
}

/** Moved as little as brings a box into view. @param {View} view @param {import('./layout.js').Box} box @param {Size} window @returns {View} */
export function reveal(view, box, window, margin = 40) {
  const shift = (/** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ room) =>
    low < margin ? margin - low : high > room - margin ? Math.max(margin - low, room - margin - high) : 0;
  const dx = shift(box.x * view.k + view.x, (box.x + box.width) * view.k + view.x, window.width);
  const dy = shift(box.y * view.k + view.y, (box.y + box.height) * view.k + view.y, window.height);
  return dx || dy ? pan(view, dx, dy) : view;
}

/** Whether any of a box is in view, or close to it. @param {View} view @param {import('./layout.js').Box} box @param {Size} window */
export function sees(view, box, window, margin = 200) {
  const x = box.x * view.k + view.x;
  const y = box.y * view.k + view.y;
  return x < window.width + margin && y < window.height + margin && x + box.width * view.k > -margin && y + box.height * view.k > -margin;
}
