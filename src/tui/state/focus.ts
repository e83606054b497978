import { type FormField, fieldsOf, textOf } from './fields.ts';
import type { FieldId, State } from './state.ts';

/** Puts the cursor at the end of the text, and hides secrets. */
export function focusOn(state: State, id: FieldId): State {
  return { ...state, focus: id, cursor: textOf(state, id).length, revealed: false, menu: undefined };
}

/** The field `distance` further down, or the last one. */
export function nextField(state: State, distance: number, options: { wrap?: boolean } = {}): FieldId {
  const fields = fieldsOf(state);
  const target = indexOfFocus(fields, state) + distance;
  const index = options.wrap ? (target + fields.length) % fields.length : clamp(target, fields.length);
  return fields[index]?.id ?? state.focus;
}

/** The first field of the next or the previous section. */
export function nextSection(state: State, direction: 1 | -1): FieldId {
  const fields = fieldsOf(state);
  const sections = [...new Set(fields.map(({ section }) => section))];
  const current = sections.indexOf(fields[indexOfFocus(fields, state)]?.section ?? '');
  const section = sections[clamp(current + direction, sections.length)];
  return fields.find((field) => field.section === section)?.id ?? state.focus;
}

function indexOfFocus(fields: readonly FormField[], { focus }: State): number {
  return Math.max(
    0,
    fields.findIndex(({ id }) => id === focus),
  );
}

function clamp(index: number, length: number): number {
  return Math.min(Math.max(index, 0), length - 1);
}
