import type { Effect, State, Step } from './state.ts';

export function step(state: State, ...effects: Effect[]): Step {
  return { state, effects };
}

/** Goes on from where `first` leads to. */
export function andThen(first: Step, next: (state: State) => Step): Step {
  const second = next(first.state);
  return { state: second.state, effects: [...first.effects, ...second.effects] };
}
