import type { State } from '../state/state.ts';
import { drawBody } from './body.ts';
import { helpFor } from './help.ts';
import { emptyLine, fit, type Line, lineWidth, raw, span } from './line.ts';
import { drawMessage } from './message.ts';

export interface Size {
  columns: number;
  rows: number;
}

export interface ScreenFrame {
  /** One per row. */
  lines: Line[];
  cursor: { x: number; y: number } | undefined;
}

// Title and rule at the top; rule, message and help at the bottom.
const topRows = 2;
const otherRows = topRows + 1 + 1;

/** Draws the whole screen. `tick` advances the spinner. */
export function draw(state: State, { columns, rows }: Size, tick: number): ScreenFrame {
  const message = drawMessage(state, { columns, rows }, tick);
  const bodyRows = Math.max(1, rows - otherRows - message.length);
  const body = drawBody(state, columns);
  const focused = body.findLastIndex(({ fields }) => fields?.includes(state.focus));
  const first = firstVisible(focused, body.length, bodyRows);
  const visible = body.slice(first, first + bodyRows);
  const below = body.length - first - visible.length;
  const lines = [
    title(state, columns),
    rule(columns, first > 0 ? 'more above' : ''),
    ...visible,
    ...Array.from({ length: bodyRows - visible.length }, () => emptyLine),
    rule(columns, below > 0 ? 'more below' : ''),
    ...message,
    { spans: [raw(' '), raw(helpFor(state), 'dim')] },
  ];
  return { lines: lines.slice(0, rows).map((line) => fit(line, columns)), cursor: cursorOf(visible, columns) };
}

/** The first visible line of the body, so that the focus is in the middle if possible. */
function firstVisible(focused: number, length: number, rows: number): number {
  return Math.max(0, Math.min(focused - Math.floor(rows / 2), length - rows));
}

function cursorOf(visible: readonly Line[], columns: number): ScreenFrame['cursor'] {
  const row = visible.findIndex(({ cursorColumn }) => cursorColumn !== undefined);
  const column = visible[row]?.cursorColumn;
  return column === undefined ? undefined : { x: Math.min(column, columns - 1), y: row + topRows };
}

function title({ path }: State, columns: number): Line {
  const left = [raw(' '), span('Plan42 runner configuration', 'bold')];
  const gap = columns - lineWidth(left) - 1;
  const right = path.length + 2 > gap ? `...${path.slice(path.length - Math.max(0, gap - 5))}` : path;
  return { spans: [...left, raw(' '.repeat(Math.max(1, gap - right.length))), span(right, 'dim')] };
}

function rule(columns: number, text: string): Line {
  if (text === '') return { spans: [raw('-'.repeat(columns), 'dim')] };
  return {
    spans: [raw('-'.repeat(Math.max(0, columns - text.length - 4)), 'dim'), raw(` ${text} `), raw('--', 'dim')],
  };
}
