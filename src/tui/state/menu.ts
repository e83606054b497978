/** The drop-down of runtimes. */
import { runtimeNames } from '../../config/schema.ts';
import { firstReady, type RuntimeStatus } from '../../runtimes/status.ts';
import type { Key, State } from './state.ts';

export function openMenu(state: State): State {
  const { runtime } = state.draft.runner;
  const index = runtimeNames.indexOf(runtime ?? firstReady(state.runtimes) ?? 'docker');
  return { ...state, menu: index, message: undefined };
}

/** Handles a key while the drop-down is open. */
export function inMenu(state: State, menu: number, key: Key): State {
  switch (key) {
    case 'up':
    case 'back-tab':
      return { ...state, menu: Math.max(0, menu - 1) };
    case 'down':
    case 'tab':
      return { ...state, menu: Math.min(runtimeNames.length - 1, menu + 1) };
    case 'home':
    case 'page-up':
      return { ...state, menu: 0 };
    case 'end':
    case 'page-down':
      return { ...state, menu: runtimeNames.length - 1 };
    case 'enter':
      return { ...withRuntime(state, runtimeNames[menu]), menu: undefined };
    case 'escape':
      return { ...state, menu: undefined };
    case 'left':
    case 'right':
    case 'word-left':
    case 'word-right':
    case 'backspace':
    case 'delete':
    case 'delete-word':
    case 'clear':
    case 'clear-after':
    case 'interrupt':
    case 'save':
    case 'reveal':
    case 'reload':
      return state;
  }
}

/** In a new file, the first ready runtime is selected. */
export function onRuntime(state: State, status: RuntimeStatus): State {
  const runtimes = [...state.runtimes.filter(({ name }) => name !== status.name), status];
  const next = { ...state, runtimes };
  const isChosen = state.base.exists || state.draft.runner.runtime !== undefined;
  return isChosen || runtimes.length < runtimeNames.length ? next : withRuntime(next, firstReady(runtimes));
}

function withRuntime(state: State, runtime: State['draft']['runner']['runtime']): State {
  return { ...state, draft: { ...state.draft, runner: { ...state.draft.runner, runtime } } };
}
