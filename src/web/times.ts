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

/** Returns the start of the local day of `now`. */
export function startOfDay(now: Date): Date {
  const start = new Date(now);
  start.setHours(0, 0, 0, 0);
  return start;
}
