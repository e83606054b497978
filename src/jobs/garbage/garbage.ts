import type { Config } from '../../config/schema.ts';
import { formatBytes } from '../../lib/format-bytes.ts';
import type { Runtime } from '../../runtimes/runtime.ts';
import type { JobStore } from '../store.ts';

export const garbageKinds = ['container', 'image', 'volume', 'job', 'log', 'file', 'mirror', 'gateway'] as const;

/** Something that is no longer needed. */
export interface Garbage {
  kind: (typeof garbageKinds)[number];
  /** The name that users see. */
  name: string;
  /** Its size on disk; undefined if unknown. */
  bytes: number | undefined;
  /** Why it is garbage, as in "finished 31 days ago". */
  reason: string;
  /** Checks again whether it is needed, then removes it. False if it is needed or already gone. */
  remove: () => Promise<boolean>;
}

export interface GarbageRules {
  /** How long finished jobs are kept. */
  keepFinishedMs: number;
  /** How many of the pulled images are kept. */
  keepImages: number;
  /** Their maximum total size. */
  keepImageBytes: number;
  /** The names of images that are not removed. */
  wantedImages: readonly string[];
  /** The maximum total size of git mirrors. */
  keepMirrorBytes: number;
  /** Nothing younger is removed, because it may still be under construction. */
  graceMs: number;
}

export interface GarbageContext {
  store: JobStore;
  /** Undefined if none is ready: then only files are collected. */
  runtime: Runtime | undefined;
  instanceId: string;
  rules: GarbageRules;
  now: () => number;
  signal: AbortSignal;
  /** Called for what would be garbage if it were older than `graceMs`, or if its runner no longer existed. */
  onKept?: (kept: Kept) => void;
  /** Containers of other runner instances are listed, and removed for this one. By default, they are neither. */
  others?: { remove: string | undefined };
}

/** Something that stays because it is young, or because its runner may be running. */
export type Kept = Pick<Garbage, 'kind' | 'name' | 'reason'>;

const graceMs = 5 * 60_000;

/** The rules from the configuration. */
export function garbageRules({ jobs, images }: Pick<Config, 'jobs' | 'images'>): GarbageRules {
  return {
    keepFinishedMs: jobs.keepFinishedMs,
    keepImages: images.keep,
    keepImageBytes: images.keepGib === undefined ? Number.POSITIVE_INFINITY : images.keepGib * 2 ** 30,
    wantedImages: images.prefetch,
    keepMirrorBytes: jobs.mirrors ? jobs.mirrorsGib * 2 ** 30 : 0,
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

/** The sum of the known sizes. */
export function totalBytes(garbage: readonly Pick<Garbage, 'bytes'>[]): number {
  return garbage.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
}
