import { Backoff } from '../../lib/backoff.ts';
import { isAbort } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
import { InvokeAgentResponse } from '../../plan42/messages.ts';
import type { RunnerQueue, Turn } from '../../plan42/objects.ts';
import { isTerminalStatus } from '../../plan42/turn-status.ts';
import { StorageError } from '../store/storage-health.ts';
import type { Store } from '../store/store.ts';
import type { TurnKey } from '../store/turns.ts';
import { RequestError } from './errors.ts';
import { assign, invokeAgentRequest, type Obstacle, type TurnAssignment } from './invocation.ts';
import type { Broker } from './queues/broker.ts';
import type { RoundRobin } from './queues/round-robin.ts';
import type { Timing } from './timing.ts';
import type { Tokens } from './tokens.ts';
import { acceptTurn, changeTurn, failTurn, pendingStatus, type TurnDeps } from './turns.ts';

interface SchedulerDeps extends TurnDeps {
  store: Store;
  tokens: Tokens;
  broker: Broker;
  roundRobin: RoundRobin;
  timing: Timing;
  logger: Logger;
  signal: AbortSignal;
}

/** The results of one scan, by environment. All turns belong to one tenant. */
type KnownAssignments = Map<string | null, TurnAssignment | Obstacle>;

// Each request holds a message of up to half a megabyte until its runner responds.
const maxInFlight = 256;

/**
 * Sends turns to runners. The database is the queue: a turn is sent if it is unfinished and no runner has accepted it, so
 * a restart loses nothing. A turn that is sent twice, because its acceptance was not recorded, is rejected by the runner
 * as an existing job, which counts as accepted.
 *
 *     waiting ──(its runner has a healthy queue)──▶ sent ──(no error, or "already")──▶ accepted
 *        ▲                                           │──(error message)──────────────▶ failed
 *        └──────(undelivered, or no response)────────┘──(no response, too often)─────▶ failed
 */
export class Scheduler {
  readonly #deps: SchedulerDeps;
  readonly #inFlight = new Set<string>();
  /** The failed attempts of turns that were delivered without a response. */
  readonly #attempts = new Map<string, Backoff>();
  #isScanDue = false;
  #wasLimited = false;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
  }

  /** Sends one turn if possible, after the caller's own work. */
  send(key: TurnKey): void {
    const { store } = this.#deps;
    this.#defer(() => {
      const turn = store.turns.find(key);
      if (turn && !isTerminalStatus(turn.Status) && !store.turnAcceptance.isAccepted(turn))
        this.#consider(turn, new Map());
    });
  }

  /** Sends all turns that can be sent, after the caller's own work. */
  sendAll(): void {
    if (this.#isScanDue) return;
    this.#isScanDue = true;
    this.#defer(() => {
      this.#isScanDue = false;
      this.#wasLimited = false;
      const known: KnownAssignments = new Map();
      const { store } = this.#deps;
      // One transaction, so that all changed statuses cost one write to the disk.
      store.transaction(() => {
        for (const turn of store.turnAcceptance.waiting()) this.#consider(turn, known);
      });
    });
  }

  #defer(work: () => void): void {
    const { signal, logger } = this.#deps;
    setImmediate(() => {
      if (signal.aborted) return;
      try {
        work();
      } catch (error) {
        // All turns are sent when the storage works again.
        if (!(error instanceof StorageError)) logger.error('cannot send turns', { error });
      }
    });
  }

  #consider(turn: Turn, known: KnownAssignments): void {
    const { store, roundRobin } = this.#deps;
    const task = store.tasks.find(turn);
    if (!task || task.Deleted || this.#inFlight.has(turnName(turn))) return;
    this.#wasLimited ||= this.#inFlight.size >= maxInFlight;
    if (this.#wasLimited) return;
    const assignment = known.get(task.EnvironmentId) ?? assign(store, task);
    known.set(task.EnvironmentId, assignment);
    if ('obstacle' in assignment) {
      if (assignment.isFinal) failTurn(this.#deps, turn, assignment.obstacle);
      else this.#setStatus(turn, assignment.obstacle);
      return;
    }
    const queue = roundRobin.next(assignment.runner);
    if (queue) {
      this.#start(this.#setStatus(turn, pendingStatus), assignment, queue);
      return;
    }
    known.set(task.EnvironmentId, { obstacle: 'Waiting for a runner', isFinal: false });
    this.#setStatus(turn, 'Waiting for a runner');
  }

  #start(turn: Turn, assignment: TurnAssignment, queue: RunnerQueue): void {
    const { logger, timing, signal } = this.#deps;
    const name = turnName(turn);
    this.#inFlight.add(name);
    void this.#send(turn, assignment, queue)
      .catch(async (error: unknown) => {
        if (!(error instanceof StorageError)) logger.error('cannot send turn', { ...logFields(turn), error });
        else await sleep(timing.storageRetryMs, signal).catch(() => {});
      })
      .finally(() => {
        this.#inFlight.delete(name);
        // The turn may need another attempt, and there is room for a turn that the limit left out.
        this.send(turn);
        if (this.#wasLimited) this.sendAll();
      });
  }

  /** Sets the status, which shows why the turn has not started. */
  #setStatus(turn: Turn, status: string): Turn {
    return turn.Status === status ? turn : changeTurn(this.#deps, turn, { Status: status });
  }

  async #send(turn: Turn, assignment: TurnAssignment, queue: RunnerQueue): Promise<void> {
    const { broker, timing, signal, logger } = this.#deps;
    const request = invokeAgentRequest(this.#deps, assignment, turn);
    const options = { timeoutMs: timing.runnerResponseTimeoutMs, signal, anyQueue: true };
    logger.info('sending turn', { ...logFields(turn), queue_id: queue.QueueID });
    try {
      const { ErrorMessage } = await broker.request(queue, request, InvokeAgentResponse, options);
      this.#settle(turn, ErrorMessage ?? '');
    } catch (error) {
      if (isAbort(error, signal)) return;
      if (!(error instanceof RequestError)) throw error;
      logger.warn('turn not accepted', { ...logFields(turn), queue_id: queue.QueueID, error });
      await this.#waitOrGiveUp(turn, error);
    }
  }

  #settle(turn: Turn, errorMessage: string): void {
    this.#attempts.delete(turnName(turn));
    if (errorMessage === '' || /\balready\b/i.test(errorMessage)) acceptTurn(this.#deps, turn);
    else this.#fail(turn, errorMessage);
  }

  async #waitOrGiveUp(turn: Turn, { reason, message }: RequestError): Promise<void> {
    const { timing, signal } = this.#deps;
    const name = turnName(turn);
    if (reason === 'tooLarge') {
      this.#fail(turn, `cannot start the task: ${message}`);
      return;
    }
    const backoff = this.#attempts.get(name) ?? new Backoff(timing.invocationRetry);
    // An undelivered message is no attempt: health checks end the wait for a queue that is not polled.
    if (reason !== 'undelivered') this.#attempts.set(name, backoff);
    const delayMs = backoff.next();
    if (reason !== 'undelivered' && backoff.attempts >= timing.maxInvocationAttempts) {
      this.#attempts.delete(name);
      this.#fail(turn, `cannot start the task: ${message} (${backoff.attempts} attempts)`);
      return;
    }
    await sleep(delayMs, signal).catch(() => {});
  }

  /** Fails the turn unless it finished or started in the meantime. */
  #fail(turn: TurnKey, message: string): void {
    const { store } = this.#deps;
    const current = store.turns.find(turn);
    if (!current || isTerminalStatus(current.Status) || store.turnAcceptance.isAccepted(turn)) return;
    failTurn(this.#deps, current, message);
  }
}

function turnName({ TenantId, TaskId, TurnIndex }: TurnKey): string {
  return `${TenantId}/${TaskId}/${TurnIndex}`;
}

function logFields({ TaskId, TurnIndex }: TurnKey) {
  return { task_id: TaskId, turn_index: TurnIndex };
}
