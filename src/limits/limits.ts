/** The limits of a job, and how far it has used them. */
import * as v from 'valibot';
import { formatBytes } from '../lib/format-bytes.ts';
import { formatCost } from '../lib/format-cost.ts';
import { formatDuration } from '../lib/format-duration.ts';

/** In the configuration, in files, and in texts for people. */
export const limitNames = ['max_duration', 'idle_timeout', 'disk_gib', 'max_tokens', 'max_cost'] as const;
export type LimitName = (typeof limitNames)[number];

export function isLimitName(name: string): name is LimitName {
  return limitNames.some((known) => known === name);
}

/** Those that a job has: milliseconds, bytes, tokens, and money. */
export const JobLimits = v.object({
  max_duration: v.optional(v.number()),
  idle_timeout: v.optional(v.number()),
  disk_gib: v.optional(v.number()),
  max_tokens: v.optional(v.number()),
  max_cost: v.optional(v.number()),
});
export type JobLimits = v.InferOutput<typeof JobLimits>;

/** A limit that a job has used so much of. */
export interface LimitUse {
  limit: LimitName;
  used: number;
  allowed: number;
}

export function hasLimits(limits: JobLimits): boolean {
  return limitNames.some((name) => limits[name] !== undefined);
}

/** As in `max_duration 8 h 0 min`, for lists. */
export function describeLimits(limits: JobLimits): string {
  return limitNames
    .flatMap((name) => (limits[name] === undefined ? [] : [`${name} ${describeAmount(name, limits[name])}`]))
    .join(', ');
}

const sentences: Readonly<Record<LimitName, (used: string, allowed: string) => string>> = {
  max_duration: (used, allowed) => `it ran for ${used}, and limits.max_duration is ${allowed}`,
  idle_timeout: (used, allowed) =>
    `it had no output, network traffic or processor use for ${used}, and limits.idle_timeout is ${allowed}`,
  disk_gib: (used, allowed) => `it used ${used} of disk space, and limits.disk_gib is ${allowed}`,
  max_tokens: (used, allowed) => `its models used ${used}, and limits.max_tokens is ${allowed}`,
  max_cost: (used, allowed) => `its models cost ${used}, and limits.max_cost is ${allowed}`,
};

/** The limit at which a job ended. */
export interface ReachedLimit extends Omit<LimitUse, 'used'> {
  /** Undefined if the runtime does not report it: the kubelet names the limit only. */
  used: number | undefined;
}

/** As a clause: which limit, how much was used, and how much is allowed. */
export function describeUse({ limit, used, allowed }: ReachedLimit): string {
  if (used === undefined) return `it reached limits.${limit}, which is ${describeAmount(limit, allowed)}`;
  return sentences[limit](describeAmount(limit, used), describeAmount(limit, allowed));
}

/** The line of a job's log about a limit of which most is used. */
export function noticeLine(use: LimitUse): string {
  return `plan42: limits: 80 % used: ${describeUse(use)}; the job ends at the limit`;
}

/** The line of a job's log about a limit that is reached. */
export function reachedLine(use: LimitUse, wrapUpMs: number): string {
  return `plan42: limits: limit reached: ${describeUse(use)}; SIGTERM now, SIGKILL in ${wrapUpMs / 1000} s`;
}

/** How a file for agents counts an amount. */
export const units: Readonly<Record<LimitName, { unit: string; perUnit: number }>> = {
  max_duration: { unit: 'seconds', perUnit: 1000 },
  idle_timeout: { unit: 'seconds', perUnit: 1000 },
  disk_gib: { unit: 'bytes', perUnit: 1 },
  max_tokens: { unit: 'tokens', perUnit: 1 },
  // In the currency of the prices.
  max_cost: { unit: 'cost', perUnit: 1 },
};

/** For people. */
export function describeAmount(limit: LimitName, amount: number): string {
  if (limit === 'disk_gib') return formatBytes(amount);
  if (limit === 'max_tokens') return `${amount.toLocaleString('en-US')} tokens`;
  return limit === 'max_cost' ? formatCost(amount) : formatDuration(amount);
}
