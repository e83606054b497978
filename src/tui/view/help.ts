import { focusedField } from '../state/fields.ts';
import type { State } from '../state/state.ts';

/** The keys of the current context, the most useful ones first. */
export function helpFor(state: State): string {
  return keysFor(state)
    .map(([key, what]) => `${key} ${what}`)
    .join('  ');
}

type KeyHelp = [key: string, what: string];

// At most 79 columns, to fit into a terminal of 80.
function keysFor(state: State): KeyHelp[] {
  if (state.saving) return [['Ctrl-C', 'exit']];
  if (state.menu !== undefined) {
    return [
      ['Up/Down', 'choose'],
      ['Enter', 'select'],
      ['Esc', 'close'],
    ];
  }
  if (state.validation.phase === 'running') {
    return [
      ['Shift-Tab', 'back and cancel'],
      ['Esc', 'exit without saving'],
    ];
  }
  const { id, kind } = focusedField(state);
  const leave: KeyHelp = ['Esc', 'exit without saving'];
  const move: KeyHelp[] = [
    ['Tab', 'next'],
    ['Shift-Tab', 'back'],
  ];
  // Saving requires reading the file again.
  if (state.conflict) return [['Ctrl-L', 'read again'], ...move, leave];
  const save: KeyHelp = ['Ctrl-S', 'save'];
  if (id === 'ok') return [['Enter', 'save and exit'], ...move, leave];
  if (id === 'cancel') return [['Enter', leave[1]], ...move, save];
  if (kind === 'button') return [['Enter', 'remove'], ...move, save, leave];
  if (kind === 'choice') return [['Enter', 'open'], ...move, save, leave];
  if (kind === 'secret') return [...move, ['Ctrl-R', state.revealed ? 'hide' : 'show'], save, leave];
  return [...move, save, leave];
}
