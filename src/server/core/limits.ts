import { formatBytes } from '../../lib/format-bytes.ts';

/** A limit of what clients may store and send. */
export interface Limit {
  /** As the documentation names it. */
  readonly what: string;
  readonly max: number;
  readonly unit: 'bytes' | 'count';
}

const kib = 1024;
const mib = 1024 * kib;
const bytes = (what: string, max: number): Limit => ({ what, max, unit: 'bytes' });

/** All limits. docs/control-plane.md has this table, and a test compares them. */
export const limits = {
  message: bytes('a message to a runner, before encryption', 8 * mib),
  poll: bytes('all messages of one poll', 16 * mib),
} as const satisfies Record<string, Limit>;

/** `1 MiB`, or `500`. */
export function formatLimit({ max, unit }: Limit): string {
  return unit === 'bytes' ? formatBytes(max) : String(max);
}
