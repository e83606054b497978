import type { Effect, State, Step } from './state.ts';

export function step(state: State, ...effects: Effect[]): Step {
  return { state, effects };
}

/** Applies `next` to the state of `first`, and concatenates their effects. */
export function andThen(first: Step, next: (state: State) => Step): Step {
  const second = next(first.state);
  return { state: second.state, effects: [...first.effects, ...second.effects] };
}
