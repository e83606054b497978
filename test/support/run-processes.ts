/** Ends the processes that test files have started, when their run is stopped before they could do it. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  commandLine,
  listProcesses,
  listWithVariable,
  type ProcessEntry,
  signalAll,
  treeOfGroup,
} from '../../src/lib/processes.ts';

/** In the environment of test files and of what they start: the ID of their run. */
export const runVariable = 'PLAN42_TEST_RUN';

// A cluster takes itself down in a few seconds, once the test file that started it is gone.
const clusterHolder = / \S+cluster\.sh hold /;
const lookEveryMs = 100;

/** All processes of a run, also those with an environment of their own, whose parents are still there. */
export async function listRunProcesses(run: string): Promise<number[]> {
  const [marked, all] = await Promise.all([listWithVariable(runVariable, run), listProcesses()]);
  return withDescendants(marked, all);
}

/**
 * Kills `found` and the other processes of a run until there are none. Clusters end by themselves, unless they take too long.
 * @returns the command lines of those that are still there after the time
 */
export async function endRunProcesses(
  run: string,
  found: readonly number[],
  { timeoutMs = 60_000 }: { timeoutMs?: number } = {},
): Promise<string[]> {
  const deadline = performance.now() + timeoutMs;
  for (let rest = found; ; ) {
    const alive = await whichLive([...new Set([...rest, ...(await listRunProcesses(run))])]);
    if (alive.size === 0) return [];
    if (performance.now() > deadline) {
      signalAll(entries([...alive.keys()]), 'SIGKILL');
      return [...alive.values()];
    }
    const holders = [...alive].filter(([, line]) => clusterHolder.test(line)).map(([pid]) => pid);
    const all = await listProcesses();
    const spared = new Set(holders.flatMap((holder) => treeOfGroup(holder, all)));
    signalAll(entries([...alive.keys()].filter((pid) => !spared.has(pid))), 'SIGKILL');
    rest = [...alive.keys()];
    await delay(lookEveryMs);
  }
}

/** Kills the processes below this one. */
export async function endOwnChildren(): Promise<void> {
  const below = withDescendants([process.pid], await listProcesses()).filter((pid) => pid !== process.pid);
  signalAll(entries(below), 'SIGKILL');
}

const entries = (pids: readonly number[]) => pids.map((pid) => ({ pid }));

/** The command lines of those that have not exited. */
async function whichLive(pids: readonly number[]): Promise<Map<number, string>> {
  const lines = await Promise.all(pids.map(async (pid) => [pid, await commandLine(pid).catch(() => '')] as const));
  return new Map(lines.filter(([pid, line]) => line !== '' && pid !== process.pid));
}

function withDescendants(pids: readonly number[], all: readonly ProcessEntry[]): number[] {
  const found = new Set(pids);
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}
