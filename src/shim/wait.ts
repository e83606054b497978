import { systemClock } from '../lib/clock.ts';
import { watchUntil } from '../lib/watch-folder.ts';
import { isShim } from './processes.ts';
import { readState, removeAbandonedState, wasMachineRestarted } from './state.ts';

export interface ShimExit {
  /** Undefined if the shim itself was killed, or the machine restarted. */
  exitCode: number | undefined;
  endedAt: Date;
  /** Whether the machine was restarted since the start; undefined if that is not known. */
  machineRestarted: boolean | undefined;
}

/** Resolves when the command has exited and its log is complete, or when the shim is gone. */
export async function waitForExit(folder: string, signal?: AbortSignal): Promise<ShimExit> {
  const exit = await watchUntil(folder, () => findExit(folder), signal);
  return { exitCode: exit.exitCode, endedAt: exit.endedAt, machineRestarted: await wasMachineRestarted(folder) };
}

/** Resolves when `isStarted` resolves with true, or when the command has exited. */
export async function waitForStart(
  folder: string,
  isStarted: () => Promise<boolean>,
  signal?: AbortSignal,
): Promise<void> {
  await watchUntil(folder, async () => ((await isStarted()) || (await findExit(folder)) ? true : undefined), signal);
}

type Exit = Omit<ShimExit, 'machineRestarted'>;

async function findExit(folder: string): Promise<Exit | undefined> {
  const state = await readState(folder);
  if (state.phase === 'exited') return state;
  if (state.phase === 'new') return (await removeAbandonedState(folder)) ? exitNow(undefined) : undefined;
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
