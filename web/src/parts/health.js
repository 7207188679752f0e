// Health as a shape, a colour and a word: never by colour alone.
import { stateOf } from '../lib/components.js';
import { html } from '../lib/html.js';

/** Outlines in a box of 12 by 12. */
const SHAPES = {
  healthy: 'M6 1a5 5 0 1 1 0 10A5 5 0 0 1 6 1Z',
  unhealthy: 'M6 .8 11.6 11H.4Z',
  unknown: 'M6 .4 11.6 6 6 11.6.4 6Z',
  exited: 'M1.2 1.2h9.6v9.6H1.2Z',
};

/** @param {{ state: string, x?: number, y?: number }} props */
export function HealthShape({ state, x, y }) {
  const known = stateOf(state);
  return html`<svg class=${`shape is-${known}`} x=${x} y=${y} width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
    <path d=${SHAPES[known]} />
  </svg>`;
}

/** @param {{ state: string }} props */
export const HealthBadge = ({ state }) =>
  html`<span class=${`badge is-${stateOf(state)}`}><${HealthShape} state=${state} />${stateOf(state)}</span>`;

/** A state that is not of a component, in the same colours. @param {{ state: string, as: string }} props */
export const StateBadge = ({ state, as }) => html`<span class=${`badge is-${as}`}><${HealthShape} state=${as} />${state}</span>`;
