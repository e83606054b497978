/** Starts the tasks of workstreams, in their order. */
import type { Logger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
import type { Task } from '../../plan42/objects.ts';
import { StorageError } from '../store/storage-health.ts';
import type { Store } from '../store/store.ts';
import type { Timing } from './timing.ts';
import { addTurn, type TurnDeps } from './turns.ts';

interface WorkstreamStarterDeps extends TurnDeps {
  store: TurnDeps['store'] & Pick<Store, 'workstreamTasks'>;
  timing: Timing;
  logger: Logger;
  signal: AbortSignal;
}

/** Starts tasks when their turn comes. All that it knows is in the database, so a restart forgets nothing. */
export class WorkstreamStarter {
  readonly #deps: WorkstreamStarterDeps;
  #isDue = false;

  constructor(deps: WorkstreamStarterDeps) {
    this.#deps = deps;
  }

  /** Starts the tasks that can start, after the caller's own work. */
  startSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.#start();
    });
  }

  /** Looks regularly until the signal aborts, also at once. Never rejects. */
  async keepStarting(): Promise<void> {
    const { timing, signal } = this.#deps;
    while (!signal.aborted) {
      this.startSoon();
      await sleep(timing.turnScanMs, signal).catch(() => {});
    }
  }

  #start(): void {
    const { store, signal, logger } = this.#deps;
    if (signal.aborted) return;
    try {
      for (const workstream of store.workstreamTasks.running()) {
        const ready = readyTasks(store.workstreamTasks.open(workstream));
        for (const task of ready) addTurn(this.#deps, task, { Prompt: task.Prompt });
      }
    } catch (error) {
      // They start when the storage works again.
      if (!(error instanceof StorageError)) logger.error('cannot start tasks of workstreams', { error });
    }
  }
}

/**
 * Returns the tasks to start. Every task waits until all above it are completed; neighbours that are parallel start together.
 * @param open the tasks that are not completed, in their order
 */
export function readyTasks(open: readonly Task[]): Task[] {
  const firstSerial = open.findIndex(({ Parallel }) => !Parallel);
  const group = open[0]?.Parallel ? open.slice(0, firstSerial === -1 ? open.length : firstSerial) : open.slice(0, 1);
  return group.filter(
    ({ AssignedToAI, State, LastTurnIndex, EnvironmentId, Prompt }) =>
      AssignedToAI && State === 'Pending' && LastTurnIndex === undefined && EnvironmentId !== null && Prompt !== '',
  );
}
