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
