import * as v from 'valibot';

export function isoTime(date: Date): string {
  return date.toISOString();
}

/** Go's zero time, which stands for a required time without a value. */
export const zeroTime = '0001-01-01T00:00:00Z';

const rfc3339 = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/**
 * Returns the same instant in UTC with every digit of its fraction (Go sends nine, with its local offset), or undefined
 * if `text` is not an RFC 3339 time. A stored invalid time would make a Go client reject the whole response.
 */
export function toUtc(text: string): string | undefined {
  const [, wallClock, fraction = '', offset] = rfc3339.exec(text) ?? [];
  if (wallClock === undefined || offset === undefined || !isCalendarTime(wallClock)) return undefined;
  if (offset !== 'Z' && !/^[+-]([01]\d|2[0-3]):[0-5]\d$/.test(offset)) return undefined;
  const instant = new Date(`${wallClock}${offset}`).toISOString();
  // Years outside 0000–9999, which an offset can reach, have no RFC 3339 form.
  return /^\d{4}-/.test(instant) ? `${instant.slice(0, 19)}${fraction}Z` : undefined;
}

// `Date` accepts 30 February as 2 March, and 24:00 as the next day.
function isCalendarTime(wallClock: string): boolean {
  const date = new Date(`${wallClock}Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(wallClock);
}

const notATime = 'must be an RFC 3339 time';

/** A time in a request body, read as UTC. */
export const Time = v.pipe(
  v.string(),
  // The rest of a longer one would be digits of the second.
  v.maxLength(64, notATime),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const utc = toUtc(dataset.value);
    if (utc !== undefined) return utc;
    addIssue({ message: notATime });
    return NEVER;
  }),
);
