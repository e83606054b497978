/** Formats a duration: `3.2 s`, `4 min 12 s`, `2 h 5 min`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds) % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const;

/** Words for a duration in its largest unit, as in "finished 31 days ago": `31 days`, `1 hour`, `0 seconds`. */
export function describeDuration(ms: number, round: (amount: number) => number = Math.floor): string {
  const [unit, unitMs] = units.find(([, unitMs]) => ms >= unitMs) ?? (['second', 1000] as const);
  const amount = round(Math.max(0, ms) / unitMs);
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`;
}
