import type { Config } from '../../config/schema.ts';
import { formatBytes } from '../../lib/format-bytes.ts';
import type { Runtime } from '../../runtimes/runtime.ts';
import type { JobStore } from '../store.ts';

export const garbageKinds = ['container', 'image', 'job', 'log', 'file'] as const;

/** Something that nothing needs any more. */
export interface Garbage {
  kind: (typeof garbageKinds)[number];
  /** What people know it by. */
  name: string;
  /** What it takes on disk; undefined where that isn't known. */
  bytes: number | undefined;
  /** Why it is garbage, as in "finished 31 days ago". */
  reason: string;
  /** Looks once more whether it is needed, and removes it. False when it is, or when it was gone already. */
  remove: () => Promise<boolean>;
}

export interface GarbageRules {
  /** Since when a job has to be finished; in milliseconds. */
  keepFinishedMs: number;
  /** How many of the images that were pulled are kept. */
  keepImages: number;
  /** How much those may take together. */
  keepImageBytes: number;
  /** Nothing that is younger is touched: it may be in the making. In milliseconds. */
  graceMs: number;
}

export interface GarbageContext {
  store: JobStore;
  /** Undefined when none is ready: then only files are looked at. */
  runtime: Runtime | undefined;
  instanceId: string;
  rules: GarbageRules;
  now: () => number;
  signal: AbortSignal;
}

const graceMs = 5 * 60_000;

/** The rules that the configuration sets. */
export function garbageRules({ jobs, images }: Pick<Config, 'jobs' | 'images'>): GarbageRules {
  return {
    keepFinishedMs: jobs.keepFinishedMs,
    keepImages: images.keep,
    keepImageBytes: images.keepGib === undefined ? Number.POSITIVE_INFINITY : images.keepGib * 2 ** 30,
    graceMs,
  };
}

/** `2 images, 1 job: 1.5 GiB` */
export function describeCollection(garbage: readonly Pick<Garbage, 'kind' | 'bytes'>[]): string {
  const counts = garbageKinds.flatMap((kind) => {
    const count = garbage.filter((one) => one.kind === kind).length;
    return count === 0 ? [] : [`${count} ${kind}${count === 1 ? '' : 's'}`];
  });
  return `${counts.join(', ')}: ${formatBytes(totalBytes(garbage))}`;
}

/** As far as it is known. */
export function totalBytes(garbage: readonly Pick<Garbage, 'bytes'>[]): number {
  return garbage.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
}

const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const;

/** `31 days`, `1 hour`: a time in its largest unit. */
export function describeAge(ms: number): string {
  const [unit, unitMs] = units.find(([, unitMs]) => ms >= unitMs) ?? ['second', 1000];
  const amount = Math.floor(Math.max(0, ms) / unitMs);
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`;
}
