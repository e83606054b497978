/** Starting and canceling the validation of the `[runner]` section by the server. */
import { type AfterValidation, type State, type Step, step } from './state.ts';

export function startValidation(state: State, goal: AfterValidation): Step {
  const attempt = state.attempts + 1;
  const { token, url } = state.draft.runner;
  return step(
    { ...state, attempts: attempt, validation: { phase: 'running', attempt, goal }, message: undefined },
    { type: 'validate', attempt, token, url },
  );
}

/** Cancels a running validation, because its result would be about old values. */
export function dropValidation(state: State): Step {
  const { phase } = state.validation;
  const next: State = { ...state, validation: { phase: 'none' } };
  return phase === 'running' ? step(next, { type: 'cancel-validation' }) : step(next);
}
