/** State transitions of the screen: pure, so that they can be tested without a terminal. */
import { connectionKey } from '../form.ts';
import type { TenantConnection } from '../form-edits.ts';
import { connectionPart, connectionsOf, focusedField, textOf, withText } from './fields.ts';
import { focusOn, nextField, nextSection } from './focus.ts';
import { checkGithub, onGithubChecked } from './github.ts';
import { inMenu, onRuntime, openMenu } from './menu.ts';
import { onNotSaved, onReloaded, onSaved, requestSave } from './saving.ts';
import { andThen, type Event, type FieldId, type Key, type State, type Step, step } from './state.ts';
import { edit, insert, isTextKey, type TextInput, type TextKey } from './text-input.ts';
import { dropValidation, startValidation } from './validation.ts';

export function update(state: State, event: Event): Step {
  switch (event.type) {
    case 'key':
      return onKey(state, event.key);
    case 'text':
      return onText(state, event.text);
    case 'runtime':
      return step(onRuntime(state, event.status));
    case 'accepted':
      return onAccepted(state, event.attempt, event.connections);
    case 'refused':
      return onRefused(state, event.attempt, event.setting, event.message);
    case 'github-checked':
      return step(onGithubChecked(state, event));
    case 'saved':
      return onSaved(state, event.base, event.message, event.goal);
    case 'not-saved':
      return step(onNotSaved(state, event.message, event.conflict));
    case 'reloaded':
      return step(onReloaded(state, event.base));
  }
}

function onAccepted(state: State, attempt: number, connections: readonly TenantConnection[]): Step {
  const { validation } = state;
  if (validation.phase !== 'running' || validation.attempt !== attempt) return step(state);
  const tenant = connections.filter(
    ({ id }, index) => connections.findIndex((other) => connectionKey(other.id) === connectionKey(id)) === index,
  );
  const accepted: State = { ...state, tenant, validation: { phase: 'valid' } };
  const checked = connectionsOf(accepted).reduce<Step>(
    (sofar, { key }) => andThen(sofar, (next) => checkGithub(next, key)),
    step(accepted),
  );
  return andThen(checked, (next) =>
    validation.goal === 'move-on' ? step(focusOn(next, nextSection(next, 1))) : requestSave(next, validation.goal),
  );
}

function onRefused(state: State, attempt: number, setting: FieldId, message: string): Step {
  const { validation } = state;
  if (validation.phase !== 'running' || validation.attempt !== attempt) return step(state);
  const refused: State = {
    ...state,
    validation: { phase: 'refused', setting },
    message: { kind: 'error', text: message },
  };
  return step(focusOn(refused, setting));
}

function onKey(state: State, key: Key): Step {
  if (key === 'interrupt') return step(state, { type: 'leave', how: 'interrupted' });
  if (state.saving) return step(state);
  if (state.menu !== undefined) return step(inMenu(state, state.menu, key));
  if (isTextKey(key)) return onEditKey(state, key);
  switch (key) {
    case 'escape':
      return step(state, { type: 'leave', how: 'cancelled' });
    case 'save':
      return requestSave(state, 'stay');
    case 'reload':
      return state.conflict ? step(state, { type: 'reload' }) : step(state);
    case 'reveal':
      return step(focusedField(state).kind === 'secret' ? { ...state, revealed: !state.revealed } : state);
    case 'tab':
    case 'down':
    case 'page-down':
      return goDown(state, key);
    case 'enter':
      return press(state);
    case 'up':
      return goTo(state, nextField(state, -1));
    case 'back-tab':
      return goTo(state, nextField(state, -1, { wrap: true }));
    case 'page-up':
      return goTo(state, nextSection(state, -1));
  }
}

function goDown(state: State, key: 'tab' | 'down' | 'page-down'): Step {
  const target = key === 'page-down' ? nextSection(state, 1) : nextField(state, 1, { wrap: key === 'tab' });
  const leavesRunner = isRunnerField(state.focus) && !isRunnerField(target);
  if (!leavesRunner || state.validation.phase === 'valid') return goTo(state, target);
  return state.validation.phase === 'running' ? step(state) : startValidation(state, 'move-on');
}

/** Cancels a running validation when the focus moves back. */
function goTo(state: State, target: FieldId): Step {
  if (target === state.focus) return step(state);
  const left = connectionPart(state.focus);
  const settled = cancelValidation(state);
  const checked = left === undefined ? settled : andThen(settled, (next) => checkGithub(next, left.key));
  return andThen(checked, (next) => step(focusOn(next, target)));
}

function cancelValidation(state: State): Step {
  return state.validation.phase === 'running' ? dropValidation(state) : step(state);
}

function press(state: State): Step {
  const { id, kind, section } = focusedField(state);
  if (kind === 'choice') return andThen(cancelValidation(state), (next) => step(openMenu(next)));
  if (id === 'ok') return requestSave(state, 'leave');
  if (id === 'cancel') return step(state, { type: 'leave', how: 'cancelled' });
  if (kind === 'button') return remove(state, section);
  return goDown(state, 'down');
}

function remove(state: State, key: string): Step {
  const after = nextField(state, 1);
  const { draft } = state;
  return step(focusOn({ ...state, draft: { ...draft, removed: [...draft.removed, key] } }, after));
}

function onText(state: State, text: string): Step {
  if (state.saving || state.menu !== undefined) return step(state);
  const { kind } = focusedField(state);
  if (text === ' ' && (kind === 'choice' || kind === 'button')) return press(state);
  return change(state, (input) => insert(input, text));
}

function onEditKey(state: State, key: TextKey): Step {
  const { id, kind } = focusedField(state);
  if (kind === 'button' && key === 'left' && id === 'cancel') return goTo(state, 'ok');
  if (kind === 'button' && key === 'right' && id === 'ok') return goTo(state, 'cancel');
  return change(state, (input) => edit(input, key));
}

/** Changes the focused text. A change of token or URL invalidates the server's response. */
function change(state: State, by: (input: TextInput) => TextInput): Step {
  const { id, kind } = focusedField(state);
  if (kind !== 'text' && kind !== 'secret') return step(state);
  const before = textOf(state, id);
  const { value, cursor } = by({ value: before, cursor: state.cursor });
  if (value === before) return step({ ...state, cursor });
  const changed: State = { ...withText(state, id, value), cursor, message: state.conflict ? state.message : undefined };
  return isRunnerField(id) ? dropValidation(changed) : step(changed);
}

function isRunnerField(id: FieldId): boolean {
  return id === 'token' || id === 'url' || id === 'runtime';
}
