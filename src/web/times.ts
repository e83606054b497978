const clockFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const dayFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

// To the millisecond, with the time zone.
const exactFormat = new Intl.DateTimeFormat(undefined, {
  weekday: 'short',
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  timeZoneName: 'short',
});

/** Formats a local time, without the date if it is today. Returns invalid times unchanged. */
export function localTime(text: string, now: Date): string {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  return date.toDateString() === now.toDateString() ? clockFormat.format(date) : dayFormat.format(date);
}

/** Formats the time of day, for log lines. */
export function clockTime(text: string): string {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? '' : clockFormat.format(date);
}

export function exactTime(text: string): string {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : exactFormat.format(date);
}

/** Formats a duration: `3.2 s`, `4 min 12 s`, `2 h 5 min`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
