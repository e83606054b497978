import { pad } from './line.ts';

export interface ShownText {
  /** As wide as the field. */
  text: string;
  /** Column of the cursor in it. */
  cursor: number;
}

/** The part of a text around the cursor that a field has room for; one column is kept for a cursor behind the end. */
export function showText(value: string, cursor: number, columns: number): ShownText {
  const room = Math.max(1, columns - 1);
  const start = Math.max(0, cursor - room);
  const part = value.slice(start, start + columns);
  return { text: pad(part, columns), cursor: Math.min(cursor - start, columns - 1) };
}

/** A secret that nobody shall read over a shoulder: as many stars as there is room for, and how long it is. */
export function masked(value: string, columns: number): string {
  const stars = '*'.repeat(value.length);
  if (stars.length <= columns) return stars;
  const length = ` (${value.length} characters)`;
  return `${'*'.repeat(Math.max(1, columns - length.length))}${length}`;
}
