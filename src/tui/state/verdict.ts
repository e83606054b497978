/** Handles the server's response to the `[runner]` section. */
import { connectionKey } from '../form.ts';
import type { TenantConnection } from '../form-edits.ts';
import { connectionsOf } from './fields.ts';
import { focusOn, nextSection } from './focus.ts';
import { checkGithub } from './github.ts';
import { requestSave } from './saving.ts';
import type { FieldId, State, Step } from './state.ts';
import { andThen, step } from './step.ts';

export function onAccepted(state: State, attempt: number, connections: readonly TenantConnection[]): Step {
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

export function onRefused(state: State, attempt: number, setting: FieldId, message: string): Step {
  const { validation } = state;
  if (validation.phase !== 'running' || validation.attempt !== attempt) return step(state);
  const refused: State = {
    ...state,
    validation: { phase: 'refused', setting },
    message: { kind: 'error', text: message },
  };
  return step(focusOn(refused, setting));
}
