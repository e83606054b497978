const clockFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const dayFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

// The day, month and time to the millisecond, and where that holds.
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

/** A local time: of today without the day. What is no time is shown as it is. */
export function localTime(text: string, now: Date): string {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  return date.toDateString() === now.toDateString() ? clockFormat.format(date) : dayFormat.format(date);
}

/** The time of day, for the lines of a log. */
export function clockTime(text: string): string {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? '' : clockFormat.format(date);
}

export function exactTime(text: string): string {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : exactFormat.format(date);
}

/** How long it took: `3.2 s`, `4 min 12 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
