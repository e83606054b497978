/** The message at the bottom of the screen: progress, a result, or details of the focused field. */
import { runtimeNames } from '../../config/schema.ts';
import { readinessNote } from '../readiness-note.ts';
import { connectionPart } from '../state/fields.ts';
import { currentCheck } from '../state/github.ts';
import type { State } from '../state/state.ts';
import { emptyLine, type Line, raw, type Span, span, wrap } from './line.ts';

const minRows = 2;
const maxRows = 4;
const spinner = ['|', '/', '-', '\\'];

/** At least two rows, so that the form rarely moves. */
export function drawMessage(state: State, { columns, rows }: { columns: number; rows: number }, tick: number): Line[] {
  const { text, look } = messageOf(state, tick);
  const room = Math.min(maxRows, Math.max(minRows, Math.floor(rows / 6)));
  const wrapped = wrap(text, columns - 2, room);
  return Array.from({ length: Math.max(minRows, wrapped.length) }, (_, row) =>
    wrapped[row] ? { spans: [raw(' '), raw(wrapped[row], look)] } : emptyLine,
  );
}

function messageOf(state: State, tick: number): Span {
  const frame = spinner[tick % spinner.length];
  if (state.validation.phase === 'running')
    return span(`${frame} Checking the token with ${state.draft.runner.url} ...`);
  if (state.saving) return span(`${frame} Saving ...`);
  if (state.message === undefined) return focusMessage(state);
  const { kind, text } = state.message;
  return kind === 'error' ? span(`! ${text}`, 'bad') : span(text);
}

/** Details that may not fit next to the field. */
function focusMessage(state: State): Span {
  if (state.focus === 'runtime') return runtimeMessage(state);
  const part = connectionPart(state.focus);
  const check = part === undefined ? undefined : currentCheck(state, part.key);
  if (check === undefined || check.result === 'running') return raw('');
  const { ok, text } = check.result;
  return ok ? span(`Github Token: ${text}`) : span(`! Github Token: ${text}`, 'bad');
}

function runtimeMessage({ menu, draft, runtimes }: State): Span {
  const name = menu === undefined ? draft.runner.runtime : runtimeNames[menu];
  return span(readinessNote(name, runtimes) ?? '');
}

/** Whether a spinner is visible. */
export function isWaiting({ validation, saving }: State): boolean {
  return validation.phase === 'running' || saving;
}
