/**
 * Decides when a job has reached a limit: pure functions of what was measured and of a clock that only advances. They never
 * end a job early. A limit on time is seen at its moment, and idleness at most one look later.
 */
import type { JobLimits, LimitName, LimitUse } from './limits.ts';

/** Counters, which only grow. */
export interface Activity {
  logBytes: number;
  /** Without those to the Plan42 server. */
  gatewayBytes: number;
  /** All of its container but loopback. */
  interfaceBytes: number;
  cpuMs: number;
}

/** Measured at one moment; undefined if it was not. */
export interface Look {
  activity?: Activity | undefined;
  /** How old the counters may be. */
  lagMs?: number | undefined;
  diskBytes?: number | undefined;
  tokens?: number | undefined;
  cost?: number | undefined;
}

export interface Held {
  startedAtMs: number;
  /** When the job was last seen to do something. */
  activeAtMs: number;
  /** The last counters, and when they were read. */
  last?: { atMs: number; activity: Activity } | undefined;
  /** The limits of which most is used, and about which agent and people know. */
  noticed: readonly LimitName[];
}

export interface Verdict {
  held: Held;
  /** Limits of which most is used since this look. */
  notices: readonly LimitUse[];
  /** The job must end. */
  reached?: LimitUse | undefined;
}

const noticeShare = 0.8;
// Below this, a job counts as idle: a waiting agent still has timers, and reports that it is alive.
const busyCpuShare = 0.01;
const busyInterfaceBytesPerMs = 4;
const idleLooks = 10;
const minLookMs = 200;
const maxLookMs = 4000;

export function begin(nowMs: number): Held {
  return { startedAtMs: nowMs, activeAtMs: nowMs, noticed: [] };
}

export function consider(limits: JobLimits, before: Held, nowMs: number, look: Look = {}): Verdict {
  const held = withActivity(before, nowMs, look.activity);
  const uses: LimitUse[] = [];
  const add = (limit: LimitName, used: number | undefined) => {
    const allowed = limits[limit];
    if (allowed !== undefined && used !== undefined) uses.push({ limit, used, allowed });
  };
  add('max_duration', nowMs - held.startedAtMs);
  // Without a look, the job may have done something since.
  if (look.activity !== undefined) add('idle_timeout', Math.max(0, nowMs - held.activeAtMs - (look.lagMs ?? 0)));
  add('disk_gib', look.diskBytes);
  add('max_tokens', look.tokens);
  add('max_cost', look.cost);
  const most = uses.filter(({ used, allowed }) => used >= allowed * noticeShare);
  const notices = most.filter(({ limit }) => !held.noticed.includes(limit));
  // Space that was freed can be used again.
  const stillNoticed = held.noticed.filter((name) => {
    const use = uses.find(({ limit }) => limit === name);
    return use === undefined || most.includes(use);
  });
  return {
    held: { ...held, noticed: [...stillNoticed, ...notices.map(({ limit }) => limit)] },
    notices,
    reached: uses.find(({ used, allowed }) => used >= allowed),
  };
}

function withActivity(held: Held, nowMs: number, activity: Activity | undefined): Held {
  if (activity === undefined) return held;
  const { last } = held;
  const isActive = last === undefined || isBusy(last.activity, activity, nowMs - last.atMs);
  const logBytes = Math.max(activity.logBytes, last?.activity.logBytes ?? 0);
  return {
    ...held,
    last: { atMs: nowMs, activity: { ...activity, logBytes } },
    activeAtMs: isActive ? nowMs : held.activeAtMs,
  };
}

/** A counter that became smaller was reset by something that happened. Of a long time without a look, a short part counts. */
function isBusy(before: Activity, now: Activity, elapsedMs: number): boolean {
  const windowMs = Math.min(elapsedMs, maxLookMs);
  const grown = (name: keyof Activity) => now[name] - before[name];
  return (
    grown('logBytes') > 0 ||
    grown('gatewayBytes') !== 0 ||
    grown('interfaceBytes') < 0 ||
    grown('interfaceBytes') > windowMs * busyInterfaceBytesPerMs ||
    grown('cpuMs') < 0 ||
    grown('cpuMs') > windowMs * busyCpuShare
  );
}

/** Keeps lines that did not come from the job, and may not be in its log yet, from counting as its output. */
export function ignoreOutput(held: Held, bytes: number): Held {
  if (held.last === undefined) return held;
  const { activity } = held.last;
  return { ...held, last: { ...held.last, activity: { ...activity, logBytes: activity.logBytes + bytes } } };
}

/** The time until the next look must happen. */
export function untilNextLookMs(limits: JobLimits, { startedAtMs, noticed }: Held, nowMs: number): number {
  const waits: number[] = [];
  const { max_duration: duration, idle_timeout: idle } = limits;
  if (duration !== undefined) {
    const share = noticed.includes('max_duration') ? 1 : noticeShare;
    waits.push(Math.ceil(startedAtMs + duration * share - nowMs));
  }
  if (idle !== undefined) waits.push(Math.min(maxLookMs, Math.max(minLookMs, idle / idleLooks)));
  return Math.max(0, Math.min(...waits));
}
