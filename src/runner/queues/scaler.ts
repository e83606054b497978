/** Decides when to add and remove queues: a pure function of measurements and the clock. */
import type { Config } from '../../config/schema.ts';

export type ScalerSettings = Pick<
  Config['queues'],
  'maxQueues' | 'scaleUpAfterMs' | 'scaleUpAt' | 'scaleDownAfterMs' | 'scaleDownAt'
>;

/** Measurements since the last decision. Times are in milliseconds of one monotonic clock. */
export interface ScalerWindow {
  startedAt: number;
  polls: number;
  /** Sum of the polls' utilisations, each from 0 to 1. */
  utilisation: number;
  /** Time of the last change; minus infinity before the first. */
  scaledAt: number;
}

export type Verdict = { action: 'up'; count: number } | { action: 'down' } | { action: 'none' };

const messagesPerFullPoll = 10;

export function startWindow(now: number, scaledAt = Number.NEGATIVE_INFINITY): ScalerWindow {
  return { startedAt: now, polls: 0, utilisation: 0, scaledAt };
}

/** How full a poll's response was, from 0 to 1. */
export function pollUtilisation(messages: number): number {
  return Math.min(1, messages / messagesPerFullPoll);
}

/** Returns the window with one more poll. */
export function addPoll(window: ScalerWindow, messages: number): ScalerWindow {
  return { ...window, polls: window.polls + 1, utilisation: window.utilisation + pollUtilisation(messages) };
}

/** Average over the window's polls; undefined without any. */
export function averageUtilisation({ polls, utilisation }: ScalerWindow): number | undefined {
  return polls === 0 ? undefined : utilisation / polls;
}

/**
 * Decides for `queues` queues at `now`. Returns the verdict and the next window. Must not be called while queues are being
 * registered or drained.
 */
export function decide(
  window: ScalerWindow,
  now: number,
  queues: number,
  settings: ScalerSettings,
): { verdict: Verdict; window: ScalerWindow } {
  const age = now - window.startedAt;
  const sinceScaled = now - window.scaledAt;
  // Without any poll there is no basis for a change.
  const average = averageUtilisation(window);
  const longEnough = (ms: number) => age >= ms && sinceScaled >= ms;

  if (average !== undefined && average >= settings.scaleUpAt && longEnough(settings.scaleUpAfterMs)) {
    const count = Math.min(queues, settings.maxQueues - queues);
    if (count > 0) return { verdict: { action: 'up', count }, window: startWindow(now, now) };
  }
  if (average !== undefined && average <= settings.scaleDownAt && longEnough(settings.scaleDownAfterMs) && queues > 1) {
    return { verdict: { action: 'down' }, window: startWindow(now, now) };
  }
  const steady = age >= Math.max(settings.scaleUpAfterMs, settings.scaleDownAfterMs);
  return { verdict: { action: 'none' }, window: steady ? startWindow(now, window.scaledAt) : window };
}
