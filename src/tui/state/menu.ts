/** The drop-down of runtimes. */
import { localRuntimeNames, runtimeNames } from '../../config/schema.ts';
import { firstReady, type RuntimeStatus } from '../../runtimes/status.ts';
import type { Key, State } from './state.ts';

export function openMenu(state: State): State {
  const { runtime } = state.draft.runner;
  const index = runtimeNames.indexOf(runtime ?? firstReady(state.runtimes) ?? 'docker');
  return { ...state, menu: index, message: undefined };
}

const distances: Readonly<Partial<Record<Key, number>>> = {
  up: -1,
  'back-tab': -1,
  down: 1,
  tab: 1,
  home: -Infinity,
  'page-up': -Infinity,
  end: Infinity,
  'page-down': Infinity,
};

/** Handles a key while the drop-down is open. */
export function inMenu(state: State, menu: number, key: Key): State {
  if (key === 'enter') return { ...withRuntime(state, runtimeNames[menu]), menu: undefined };
  if (key === 'escape') return { ...state, menu: undefined };
  const target = menu + (distances[key] ?? 0);
  return { ...state, menu: Math.min(Math.max(target, 0), runtimeNames.length - 1) };
}

/** In a new file, the first ready runtime is selected. */
export function onRuntime(state: State, status: RuntimeStatus): State {
  const runtimes = [...state.runtimes.filter(({ name }) => name !== status.name), status];
  const next = { ...state, runtimes };
  const isChosen = state.base.exists || state.draft.runner.runtime !== undefined;
  return isChosen || !areKnown(runtimes) ? next : withRuntime(next, firstReady(runtimes));
}

function withRuntime(state: State, runtime: State['draft']['runner']['runtime']): State {
  return { ...state, draft: { ...state.draft, runner: { ...state.draft.runner, runtime } } };
}

/** Whether all are known that can be used without being chosen. */
function areKnown(runtimes: State['runtimes']): boolean {
  return localRuntimeNames.every((local) => runtimes.some(({ name }) => name === local));
}
