import { Backoff } from '../../lib/backoff.ts';
import { isAbort } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
import { isTerminalStatus } from '../../plan42/objects/turn-status.ts';
import type { RunnerQueue } from '../store/runner-queues.ts';
import type { Store } from '../store/store.ts';
import type { Turn, TurnKey } from '../store/turns.ts';
import { type Assignment, assign, invokeAgentRequest, type Obstacle } from './invocation.ts';
import type { Exchange } from './queues/broker.ts';
import type { RoundRobin } from './queues/round-robin.ts';
import { AskError, InvokeAgentResponse } from './queues/runner-responses.ts';
import type { Timing } from './timing.ts';
import type { Tokens } from './tokens.ts';
import { acceptTurn, changeTurn, failTurn, pendingStatus, type TurnParts } from './turns.ts';

interface SchedulerParts extends TurnParts {
  store: Store;
  tokens: Tokens;
  exchange: Exchange;
  roundRobin: RoundRobin;
  timing: Timing;
  logger: Logger;
  /** Ends everything. */
  signal: AbortSignal;
}

/** What a scan has found out, by environment. All turns are of one tenant. */
type KnownAssignments = Map<string | null, Assignment | Obstacle>;

// Each holds a message of up to half a megabyte for as long as its runner takes to answer.
const maxInFlight = 256;

/**
 * Brings turns to runners. What is to be sent is in the database: turns that are not over and that no runner has
 * accepted. So nothing is forgotten over a restart; and a turn that is sent again, because its acceptance was not
 * recorded, is refused by the runner as a job that it already has, which counts as accepted.
 *
 *     waiting ──(its runner has a healthy queue)──▶ sent ──(no error, or "already")──▶ accepted
 *        ▲                                           │──(error message)──────────────▶ failed
 *        └──────(not delivered; or no answer)────────┘──(no answer, too often)───────▶ failed
 */
export class Scheduler {
  readonly #parts: SchedulerParts;
  readonly #inFlight = new Set<string>();
  /** Of the turns that were handed out without an answer: how often, and when to try again. */
  readonly #attempts = new Map<string, Backoff>();
  #isScanDue = false;
  #hasLeftOut = false;

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
  }

  /** Sends one turn, if that can be. Soon: the caller's own work comes first. */
  send(key: TurnKey): void {
    const { store } = this.#parts;
    this.#soon(() => {
      const turn = store.turns.find(key);
      if (turn && !isTerminalStatus(turn.Status) && !store.turnAcceptance.isAccepted(turn))
        this.#consider(turn, new Map());
    });
  }

  /** Sends all turns that can be sent, soon. */
  sendAll(): void {
    if (this.#isScanDue) return;
    this.#isScanDue = true;
    this.#soon(() => {
      this.#isScanDue = false;
      this.#hasLeftOut = false;
      const known: KnownAssignments = new Map();
      const { store } = this.#parts;
      // Together, so that what all of them say of themselves is written to the disk once.
      store.transaction(() => {
        for (const turn of store.turnAcceptance.waiting()) this.#consider(turn, known);
      });
    });
  }

  #soon(work: () => void): void {
    const { signal, logger } = this.#parts;
    setImmediate(() => {
      if (signal.aborted) return;
      try {
        work();
      } catch (error) {
        logger.error('turns could not be sent', { error });
      }
    });
  }

  #consider(turn: Turn, known: KnownAssignments): void {
    const { store, roundRobin } = this.#parts;
    const task = store.tasks.find(turn);
    if (!task || task.Deleted || this.#inFlight.has(nameOf(turn))) return;
    this.#hasLeftOut ||= this.#inFlight.size >= maxInFlight;
    if (this.#hasLeftOut) return;
    const assignment = known.get(task.EnvironmentId) ?? assign(store, task);
    known.set(task.EnvironmentId, assignment);
    if ('obstacle' in assignment) {
      if (assignment.isFinal) failTurn(this.#parts, turn, assignment.obstacle);
      else this.#say(turn, assignment.obstacle);
      return;
    }
    const queue = roundRobin.next(assignment.runner);
    if (queue) {
      this.#start(this.#say(turn, pendingStatus), assignment, queue);
      return;
    }
    known.set(task.EnvironmentId, { obstacle: 'Waiting for a runner', isFinal: false });
    this.#say(turn, 'Waiting for a runner');
  }

  #start(turn: Turn, assignment: Assignment, queue: RunnerQueue): void {
    const { logger } = this.#parts;
    const name = nameOf(turn);
    this.#inFlight.add(name);
    void this.#send(turn, assignment, queue)
      .catch((error: unknown) => logger.error('a turn could not be sent', { ...logFields(turn), error }))
      .finally(() => {
        this.#inFlight.delete(name);
        // It may have to be sent again; and there is room for one that was left out.
        this.send(turn);
        if (this.#hasLeftOut) this.sendAll();
      });
  }

  /** Tells people why the turn has not started. */
  #say(turn: Turn, status: string): Turn {
    return turn.Status === status ? turn : changeTurn(this.#parts, turn, { Status: status });
  }

  async #send(turn: Turn, assignment: Assignment, queue: RunnerQueue): Promise<void> {
    const { exchange, timing, signal, logger } = this.#parts;
    const request = invokeAgentRequest(this.#parts, assignment, turn);
    const options = { timeoutMs: timing.runnerAnswerTimeoutMs, signal, anyQueue: true };
    logger.info('sending a turn to a runner', { ...logFields(turn), queueID: queue.QueueID });
    try {
      const { ErrorMessage } = await exchange.ask(queue, request, InvokeAgentResponse, options);
      this.#settle(turn, ErrorMessage ?? '');
    } catch (error) {
      if (isAbort(error, signal)) return;
      if (!(error instanceof AskError)) throw error;
      logger.warn('a turn was not taken on', { ...logFields(turn), queueID: queue.QueueID, error });
      await this.#waitOrGiveUp(turn, error);
    }
  }

  #settle(turn: Turn, errorMessage: string): void {
    this.#attempts.delete(nameOf(turn));
    if (errorMessage === '' || /\balready\b/i.test(errorMessage)) acceptTurn(this.#parts, turn);
    else this.#fail(turn, errorMessage);
  }

  async #waitOrGiveUp(turn: Turn, { reason, message }: AskError): Promise<void> {
    const { timing, signal } = this.#parts;
    const name = nameOf(turn);
    const backoff = this.#attempts.get(name) ?? new Backoff(timing.invocationRetry);
    // What was not handed out is no attempt: health checks end the waiting for a queue that nobody polls.
    if (reason !== 'undelivered') this.#attempts.set(name, backoff);
    const delayMs = backoff.next();
    if (reason !== 'undelivered' && backoff.attempts >= timing.maxInvocationAttempts) {
      this.#attempts.delete(name);
      this.#fail(turn, `the task could not be started: ${message} (${backoff.attempts} attempts)`);
      return;
    }
    await sleep(delayMs, signal).catch(() => {});
  }

  /** Fails the turn unless it has ended or started meanwhile. */
  #fail(turn: TurnKey, message: string): void {
    const { store } = this.#parts;
    const current = store.turns.find(turn);
    if (!current || isTerminalStatus(current.Status) || store.turnAcceptance.isAccepted(turn)) return;
    failTurn(this.#parts, current, message);
  }
}

function nameOf({ TenantId, TaskId, TurnIndex }: TurnKey): string {
  return `${TenantId}/${TaskId}/${TurnIndex}`;
}

function logFields({ TaskId, TurnIndex }: TurnKey) {
  return { task_id: TaskId, turn_index: TurnIndex };
}
