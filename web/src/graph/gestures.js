// Pan and zoom by mouse, touch and keys.
import { useEffect, useRef } from '../lib/html.js';
import { pan, zoom } from './view.js';

/** @typedef {import('./view.js').View} View */
/** @typedef {(change: (view: View) => View) => void} Change */

/** Pixels that a pointer may move and still be a click. */
const STILL = 5;

/**
 * @param {{ current: HTMLElement|SVGSVGElement|null }} box
 * @param {Change} change
 * @param {() => void} all shows all of it
 */
export function useGestures(box, change, all) {
  const acts = useRef({ change, all });
  acts.current = { change, all };

  useEffect(() => {
    const element = /** @type {HTMLElement} */ (box.current);
    /** @type {Map<number, { x: number, y: number }>} */
    const held = new Map();
    let moved = 0;

    const at = (/** @type {{ clientX: number, clientY: number }} */ e) => {
      const { left, top } = element.getBoundingClientRect();
      return { x: e.clientX - left, y: e.clientY - top };
    };
    const down = (/** @type {PointerEvent} */ e) => {
      if (e.button !== 0) return;
      if (!held.size) moved = 0;
      held.set(e.pointerId, at(e));
    };
    const move = (/** @type {PointerEvent} */ e) => {
      const old = held.get(e.pointerId);
      if (!old) return;
      // It was let go where nobody told of it.
      if (!e.buttons) return void held.delete(e.pointerId);
      const now = at(e);
      moved += Math.abs(now.x - old.x) + Math.abs(now.y - old.y);
      if (moved > STILL && !element.hasPointerCapture(e.pointerId)) element.setPointerCapture(e.pointerId);
      const other = [...held].find(([id]) => id !== e.pointerId)?.[1];
      held.set(e.pointerId, now);
      if (!other) {
        acts.current.change((v) => pan(v, now.x - old.x, now.y - old.y));
        return;
      }
      const between = (/** @type {{ x: number, y: number }} */ p) => Math.max(1, Math.hypot(p.x - other.x, p.y - other.y));
      const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
      acts.current.change((v) => pan(zoom(v, between(now) / between(old), middle), (now.x - old.x) / 2, (now.y - old.y) / 2));
    };
    const up = (/** @type {PointerEvent} */ e) => held.delete(e.pointerId);
    // The end of a drag is no click on what lies below.
    const click = (/** @type {Event} */ e) => {
      if (moved <= STILL) return;
      e.preventDefault();
      e.stopPropagation();
      moved = 0;
    };
    const wheel = (/** @type {WheelEvent} */ e) => {
      e.preventDefault();
      const step = e.deltaMode === 1 ? 16 : 1;
      // Two fingers on a pad move; a wheel, or a pinch, which comes as a wheel with Ctrl, zooms.
      const slides = !e.ctrlKey && e.deltaMode === 0 && (e.deltaX !== 0 || !Number.isInteger(e.deltaY));
      if (slides) acts.current.change((v) => pan(v, -e.deltaX, -e.deltaY));
      else acts.current.change((v) => zoom(v, Math.exp(-Math.max(-60, Math.min(60, e.deltaY * step)) * (e.ctrlKey ? 0.01 : 0.004)), at(e)));
    };
    const key = (/** @type {KeyboardEvent} */ e) => {
      if (e.ctrlKey || e.metaKey || e.altKey) return;
      const { width, height } = element.getBoundingClientRect();
      const middle = { x: width / 2, y: height / 2 };
      const step = e.shiftKey ? 200 : 60;
      /** @type {Record<string, (v: View) => View>} */
      const keys = {
        ArrowLeft: (v) => pan(v, step, 0),
        ArrowRight: (v) => pan(v, -step, 0),
        ArrowUp: (v) => pan(v, 0, step),
        ArrowDown: (v) => pan(v, 0, -step),
        '+': (v) => zoom(v, 1.25, middle),
        '=': (v) => zoom(v, 1.25, middle),
        '-': (v) => zoom(v, 0.8, middle),
      };
      const act = keys[e.key];
      if (act) acts.current.change(act);
      else if (e.key === '0') acts.current.all();
      else return;
      e.preventDefault();
    };
    const options = /** @type {const} */ ({ capture: true });
    element.addEventListener('pointerdown', down);
    element.addEventListener('pointermove', move);
    element.addEventListener('pointerup', up);
    element.addEventListener('pointercancel', up);
    element.addEventListener('click', click, options);
    element.addEventListener('wheel', wheel, { passive: false });
    element.addEventListener('keydown', key);
    return () => {
      element.removeEventListener('pointerdown', down);
      element.removeEventListener('pointermove', move);
      element.removeEventListener('pointerup', up);
      element.removeEventListener('pointercancel', up);
      element.removeEventListener('click', click, options);
      element.removeEventListener('wheel', wheel);
      element.removeEventListener('keydown', key);
    };
  }, []);
}
