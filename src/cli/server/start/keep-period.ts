import { InvalidArgumentError } from 'commander';

/** How long the server keeps something. */
export interface KeepPeriod {
  /** Undefined is forever. */
  ms: number | undefined;
  /** As it was given. */
  text: string;
}

const unitsMs: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };
const maxMs = 100 * 365 * 86_400_000;

export const defaultKeepDeleted = '30d';

/** An option parser for `12h`, `90d`, `4w` or `forever`. Less than an hour is a mistake. */
export function keepPeriod(text: string): KeepPeriod {
  if (text === 'forever') return { ms: undefined, text };
  const [, amount, unit = ''] = /^(\d{1,6})([hdw])$/.exec(text) ?? [];
  const ms = Number(amount) * (unitsMs[unit] ?? 0);
  if (ms > 0 && ms <= maxMs) return { ms, text };
  throw new InvalidArgumentError('It must be a time of at least an hour, such as 12h, 90d or 4w, or "forever".');
}
