import { displayWidth } from '../../lib/display-width.ts';
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
  const before = fitting(Array.from(value.slice(0, cursor)).toReversed(), room)
    .toReversed()
    .join('');
  const column = displayWidth(before);
  const behind = fitting(Array.from(value.slice(cursor)), columns - column).join('');
  return { text: pad(before + behind, columns), cursor: Math.min(column, columns - 1) };
}

/** As many of the characters, from the first on, as there are columns for. */
function fitting(characters: readonly string[], columns: number): string[] {
  const kept: string[] = [];
  let width = 0;
  for (const character of characters) {
    width += displayWidth(character);
    if (width > columns) break;
    kept.push(character);
  }
  return kept;
}

/** A secret that nobody shall read over a shoulder: as many stars as there is room for, and how long it is. */
export function masked(value: string, columns: number): string {
  const stars = '*'.repeat(value.length);
  if (stars.length <= columns) return stars;
  const length = ` (${value.length} characters)`;
  return `${'*'.repeat(Math.max(1, columns - length.length))}${length}`;
}
