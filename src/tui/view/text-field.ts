import { displayWidth } from '../../lib/display-width.ts';
import { pad } from './line.ts';

export interface ShownText {
  /** Padded to the width of the field. */
  text: string;
  /** Column of the cursor in it. */
  cursor: number;
}

/** The part of a text around the cursor that fits into the field, with one column for a cursor at the end. */
export function showText(value: string, cursor: number, columns: number): ShownText {
  const room = Math.max(1, columns - 1);
  const before = fitting(Array.from(value.slice(0, cursor)).toReversed(), room)
    .toReversed()
    .join('');
  const column = displayWidth(before);
  const behind = fitting(Array.from(value.slice(cursor)), columns - column).join('');
  return { text: pad(before + behind, columns), cursor: Math.min(column, columns - 1) };
}

/** The first characters that fit into `columns`. */
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

/** Masks a secret: as many stars as fit, and its length if it is longer. */
export function masked(value: string, columns: number): string {
  const stars = '*'.repeat(value.length);
  if (stars.length <= columns) return stars;
  const length = ` (${value.length} characters)`;
  return `${'*'.repeat(Math.max(1, columns - length.length))}${length}`;
}
