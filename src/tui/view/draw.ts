import { connectionPart } from '../state/fields.ts';
import { currentCheck } from '../state/github.ts';
import type { State } from '../state/state.ts';
import { drawBody } from './body.ts';
import { helpFor } from './help.ts';
import { emptyLine, fit, type Line, lineWidth, raw, type Span, span, wrap } from './line.ts';

export interface Size {
  columns: number;
  rows: number;
}

export interface Frame {
  /** As many as there are rows. */
  lines: Line[];
  cursor: { x: number; y: number } | undefined;
}

const messageRows = 2;
// Title and a line at the top; a line, the message and help at the bottom.
const topRows = 2;
const otherRows = topRows + 1 + messageRows + 1;
const spinner = ['|', '/', '-', '\\'];

/** The whole screen. `tick` moves what turns while something is waited for. */
export function draw(state: State, { columns, rows }: Size, tick: number): Frame {
  const bodyRows = Math.max(1, rows - otherRows);
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
    ...message(state, columns, tick),
    { spans: [raw(' '), raw(helpFor(state), 'dim')] },
  ];
  return { lines: lines.slice(0, rows).map((line) => fit(line, columns)), cursor: cursorOf(visible, columns) };
}

/** The first line of the body to be seen, so that what has the focus is in the middle where it can be. */
function firstVisible(focused: number, length: number, rows: number): number {
  return Math.max(0, Math.min(focused - Math.floor(rows / 2), length - rows));
}

function cursorOf(visible: readonly Line[], columns: number): Frame['cursor'] {
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

function message(state: State, columns: number, tick: number): Line[] {
  const { text, look } = messageOf(state, tick);
  const wrapped = wrap(text, columns - 2, messageRows);
  return Array.from({ length: messageRows }, (_, row) =>
    wrapped[row] ? { spans: [raw(' '), raw(wrapped[row], look)] } : emptyLine,
  );
}

function messageOf(state: State, tick: number): Span {
  const turning = spinner[tick % spinner.length];
  if (state.validation.phase === 'running')
    return span(`${turning} Checking the token with ${state.draft.runner.url} ...`);
  if (state.saving) return span(`${turning} Saving ...`);
  if (state.message === undefined) return githubMessage(state);
  const { kind, text } = state.message;
  return kind === 'error' ? span(`! ${text}`, 'bad') : span(text);
}

/** Beside the field there may be too little room for it. */
function githubMessage(state: State): Span {
  const part = connectionPart(state.focus);
  const check = part === undefined ? undefined : currentCheck(state, part.key);
  if (check === undefined || check.result === 'running') return raw('');
  const { ok, text } = check.result;
  return ok ? span(`Github Token: ${text}`) : span(`! Github Token: ${text}`, 'bad');
}

/** Whether something turns on the screen. */
export function isWaiting({ validation, saving }: State): boolean {
  return validation.phase === 'running' || saving;
}
