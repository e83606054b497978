import { textOf } from '../state/fields.ts';
import type { FieldId, State } from '../state/state.ts';
import { type Line, pad, raw, type Span, span } from './line.ts';
import { masked, showText } from './text-field.ts';

const labelColumns = 20;
/** Where values begin: behind mark, label and a gap. */
export const valueColumn = 3 + labelColumns + 2;
const maxNoteColumns = 30;

// What a file may have in its texts and a terminal would obey. Each is one character, so that the cursor stays right.
const unsafe = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

export interface TextLineOptions {
  label: string;
  whenEmpty: string;
  columns: number;
  /** Beside the value. */
  note?: Span | undefined;
}

export function textLine(state: State, id: FieldId, { label, whenEmpty, columns, note }: TextLineOptions): Line {
  const room = Math.max(1, columns - valueColumn - 1);
  const width = note === undefined ? room : Math.max(1, room - maxNoteColumns, Math.floor(room * 0.4));
  const behind = note === undefined ? [] : [raw(' '), note];
  const labels = labelSpans(state, id, label);
  const value = textOf(state, id).replaceAll(unsafe, '?');
  const isSecret = id === 'token' || id.endsWith(':token');
  if (state.focus === id) {
    const plain = isSecret && !state.revealed ? '*'.repeat(value.length) : value;
    const { text, cursor } = showText(plain, state.cursor, width);
    return { spans: [...labels, raw(text), ...behind], fields: [id], cursorColumn: valueColumn + cursor };
  }
  const shown = isSecret ? masked(value, width) : value;
  const text = value === '' ? raw(pad(`(${whenEmpty})`, width), 'dim') : raw(pad(shown, width));
  return { spans: [...labels, text, ...behind], fields: [id] };
}

/** A value that can't be changed. */
export function fixedLine(label: string, value: string): Line {
  return { spans: [raw(`   ${pad(label, labelColumns)}  `), span(value, 'dim')] };
}

/** What has the focus is marked, and so is what is wrong; both can be seen without colours. */
export function labelSpans(state: State, id: FieldId, label: string): Span[] {
  const focused = state.focus === id;
  const wrong = state.validation.phase === 'refused' && state.validation.setting === id;
  const mark = focused ? '>' : wrong ? '!' : ' ';
  return [
    raw(` ${mark} `, wrong ? 'bad' : 'bold'),
    raw(pad(label, labelColumns), focused ? 'bold' : 'plain'),
    raw('  '),
  ];
}

export function buttonSpans(state: State, id: FieldId, label: string): Span[] {
  const focused = state.focus === id;
  return [raw(focused ? '>' : ' ', 'bold'), raw(`[ ${label} ]`, focused ? 'inverse' : 'plain')];
}
