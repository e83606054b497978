import { maskHidden } from '../../lib/printable.ts';
import { textOf } from '../state/fields.ts';
import type { FieldId, State } from '../state/state.ts';
import { type Line, pad, raw, type Span, span } from './line.ts';
import { masked, showText } from './text-field.ts';

const labelColumns = 20;
/** Column of values, after mark, label and gap. */
export const valueColumn = 3 + labelColumns + 2;
const maxNoteColumns = 30;

export interface TextLineOptions {
  label: string;
  whenEmpty: string;
  columns: number;
  /** To the right of the value. */
  note?: Span | undefined;
}

export function textLine(state: State, id: FieldId, { label, whenEmpty, columns, note }: TextLineOptions): Line {
  const room = Math.max(1, columns - valueColumn - 1);
  const width = note === undefined ? room : Math.max(1, room - maxNoteColumns, Math.floor(room * 0.4));
  const behind = note === undefined ? [] : [raw(' '), note];
  const labels = labelSpans(state, id, label);
  const value = maskHidden(textOf(state, id));
  const isSecret = /(?:^|[:_])token$/.test(id);
  if (state.focus === id) {
    const plain = isSecret && !state.revealed ? '*'.repeat(value.length) : value;
    const { text, cursor } = showText(plain, state.cursor, width);
    return { spans: [...labels, raw(text), ...behind], fields: [id], cursorColumn: valueColumn + cursor };
  }
  const shown = isSecret ? masked(value, width) : value;
  const text = value === '' ? raw(pad(`(${whenEmpty})`, width), 'dim') : raw(pad(shown, width));
  return { spans: [...labels, text, ...behind], fields: [id] };
}

/** A read-only value. */
export function fixedLine(label: string, value: string): Line {
  return { spans: [raw(`   ${pad(label, labelColumns)}  `), span(value, 'dim')] };
}

/** Marks the focused field and the invalid field, so that both are visible without colors. */
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
