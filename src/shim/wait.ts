import { systemClock } from '../lib/clock.ts';
import { watchUntil } from '../lib/watch-folder.ts';
import { isShim } from './processes.ts';
import { readState, removeAbandonedState, type ShimState, wasMachineRestarted } from './state.ts';

export interface ShimExit {
  /** Undefined if the shim itself was killed, or the machine restarted. */
  exitCode: number | undefined;
  endedAt: Date;
  /** Whether the machine was restarted since the start; undefined if that is not known. */
  machineRestarted: boolean | undefined;
}

// A shim renames its state file within moments.
const maxLaunchMs = 60_000;

/** Resolves when the command has exited and its log is complete, or when the shim is gone. */
export async function waitForExit(folder: string, signal?: AbortSignal, now = systemClock.now): Promise<ShimExit> {
  const exit = await watchUntil(folder, createExitFinder(folder, now), signal);
  return { exitCode: exit.exitCode, endedAt: exit.endedAt, machineRestarted: await wasMachineRestarted(folder) };
}

/** Resolves when `isStarted` resolves with true, or when the command has exited. */
export async function waitForStart(
  folder: string,
  isStarted: () => Promise<boolean>,
  signal?: AbortSignal,
): Promise<void> {
  const findExit = createExitFinder(folder, systemClock.now);
  await watchUntil(folder, async () => ((await isStarted()) || (await findExit()) ? true : undefined), signal);
}

type Exit = Omit<ShimExit, 'machineRestarted'>;

/**
 * A launch counts as abandoned a minute after it was first seen here, not after its file was written: the date may have
 * jumped since, and a launch whose state is removed cannot succeed.
 */
function createExitFinder(folder: string, now: () => number): () => Promise<Exit | undefined> {
  let newSince: number | undefined;
  return async () => {
    const state = await readState(folder);
    if (state.phase !== 'new') return findExit(folder, state);
    newSince ??= now();
    if (now() - newSince < maxLaunchMs) return undefined;
    return (await removeAbandonedState(folder)) ? exitNow(undefined) : undefined;
  };
}

async function findExit(folder: string, state: ShimState): Promise<Exit | undefined> {
  if (state.phase === 'exited') return state;
  if (state.phase === 'running' && (await isShim(state.pid, folder))) return undefined;
  // It may have started or exited in between.
  const again = await readState(folder);
  if (again.phase === 'exited') return again;
  if (again.phase !== state.phase) return undefined;
  return exitNow(again.phase === 'running' ? again.exitCode : undefined);
}

function exitNow(exitCode: number | undefined): Exit {
  return { exitCode, endedAt: systemClock.date() };
}
