import type { Effect, Event, State } from './state/state.ts';
import { update } from './state/update.ts';

/** Holds the state and notifies subscribers of every change. */
export interface ScreenStore {
  state: () => State;
  dispatch: (event: Event) => void;
  /** Returns a function that unsubscribes. */
  subscribe: (listener: () => void) => () => void;
}

export function createStore(initial: State, run: (effect: Effect) => void): ScreenStore {
  let state = initial;
  const listeners = new Set<() => void>();
  return {
    state: () => state,
    dispatch: (event) => {
      const step = update(state, event);
      state = step.state;
      for (const listener of listeners) listener();
      for (const effect of step.effects) run(effect);
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
