import { focusedField } from '../state/fields.ts';
import type { State } from '../state/state.ts';

/** The keys that do something now, the most useful ones first. */
export function helpFor(state: State): string {
  return keysFor(state)
    .map(([key, what]) => `${key} ${what}`)
    .join('  ');
}

function keysFor(state: State): [key: string, what: string][] {
  if (state.saving) return [['Ctrl-C', 'leave']];
  if (state.menu !== undefined) {
    return [
      ['Up/Down', 'choose'],
      ['Enter', 'take it'],
      ['Esc', 'close'],
    ];
  }
  if (state.validation.phase === 'running') {
    return [
      ['Shift-Tab', 'back, to change something'],
      ['Esc', 'leave without saving'],
    ];
  }
  const { id, kind } = focusedField(state);
  const press = id === 'ok' ? 'save and leave' : id === 'cancel' ? 'leave without saving' : 'remove';
  return [
    ...(state.conflict ? ([['Ctrl-L', 'read again']] as [string, string][]) : []),
    ...(kind === 'choice' ? ([['Enter', 'open']] as [string, string][]) : []),
    ...(kind === 'button' ? ([['Enter', press]] as [string, string][]) : []),
    ['Tab', 'next'],
    ['Shift-Tab', 'back'],
    ...(kind === 'secret' ? ([['Ctrl-R', state.revealed ? 'hide' : 'show']] as [string, string][]) : []),
    ['Ctrl-S', 'save'],
    ['Esc', 'leave without saving'],
  ];
}
