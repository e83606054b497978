/** When to have more queues and when fewer: a pure function of measurements and the clock. */
import type { Config } from '../config/schema.ts';

export type ScalerSettings = Pick<
  Config['queues'],
  'maxQueues' | 'scaleUpAfterMs' | 'scaleUpAt' | 'scaleDownAfterMs' | 'scaleDownAt'
>;

/** What has been measured since the last decision. Times are in milliseconds of one monotonic clock. */
export interface ScalerWindow {
  startedAt: number;
  polls: number;
  /** Sum of the polls' utilisations, each from 0 to 1. */
  utilisation: number;
  /** Of the last decision to scale; minus infinity before the first. */
  scaledAt: number;
}

export type Verdict = { action: 'up'; count: number } | { action: 'down' } | { action: 'none' };

const messagesPerFullPoll = 10;

export function startWindow(now: number, scaledAt = Number.NEGATIVE_INFINITY): ScalerWindow {
  return { startedAt: now, polls: 0, utilisation: 0, scaledAt };
}

/** How much of what it could bring a poll has brought, from 0 to 1. */
export function pollUtilisation(messages: number): number {
  return Math.min(1, messages / messagesPerFullPoll);
}

/** The window with one more poll. */
export function addPoll(window: ScalerWindow, messages: number): ScalerWindow {
  return { ...window, polls: window.polls + 1, utilisation: window.utilisation + pollUtilisation(messages) };
}

/** Of the window's polls; undefined without a single one. */
export function averageUtilisation({ polls, utilisation }: ScalerWindow): number | undefined {
  return polls === 0 ? undefined : utilisation / polls;
}

/**
 * Decides for `queues` queues at `now`. Returns the verdict and the window to go on with. Not to be called while
 * queues are being registered or drained.
 */
export function decide(
  window: ScalerWindow,
  now: number,
  queues: number,
  settings: ScalerSettings,
): { verdict: Verdict; window: ScalerWindow } {
  const age = now - window.startedAt;
  const sinceScaled = now - window.scaledAt;
  // Without a single poll nothing is known, and nothing changes.
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
