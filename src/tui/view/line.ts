import { displayWidth, truncate, wrapWords } from '../../lib/display-width.ts';
import { printableLine } from '../../lib/printable.ts';
import type { FieldId } from '../state/state.ts';

export type Look = 'plain' | 'bold' | 'dim' | 'good' | 'bad' | 'inverse';

export interface Span {
  text: string;
  look: Look;
}

/** One row of the screen. */
export interface Line {
  spans: readonly Span[];
  /** Focusable fields in this row. */
  fields?: readonly FieldId[];
  /** Set if the focused text is in this row. */
  cursorColumn?: number;
}

export const emptyLine: Line = { spans: [] };

/** Escapes control characters, for text from outside. */
export function span(text: string, look: Look = 'plain'): Span {
  return { text: printableLine(text), look };
}

/** Unescaped text. */
export function raw(text: string, look: Look = 'plain'): Span {
  return { text, look };
}

export function lineWidth(spans: readonly Span[]): number {
  return spans.reduce((sum, { text }) => sum + displayWidth(text), 0);
}

/** Truncates to `columns`. */
export function fit({ spans, ...line }: Line, columns: number): Line {
  const kept: Span[] = [];
  let left = columns;
  for (const { text, look } of spans) {
    if (left <= 0) break;
    const cut = truncate(text, left);
    kept.push({ text: cut, look });
    left -= displayWidth(cut);
  }
  return { ...line, spans: kept };
}

export function pad(text: string, columns: number): string {
  const cut = truncate(text, columns);
  return cut + ' '.repeat(Math.max(0, columns - displayWidth(cut)));
}

/** Wraps into at most `rows` lines of at most `columns`, and truncates the last one. */
export function wrap(text: string, columns: number, rows: number): string[] {
  const lines = wrapWords(text, columns);
  const kept = lines.length < rows ? lines : [...lines.slice(0, rows - 1), lines.slice(rows - 1).join(' ')];
  return kept.map((line) => truncate(line, columns));
}
