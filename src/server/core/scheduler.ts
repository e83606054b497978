import { Backoff } from '../../lib/backoff.ts';
import { isAbort } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
import { InvokeAgentResponse } from '../../plan42/messages.ts';
import type { RunnerQueue, Turn } from '../../plan42/objects.ts';
import { isTerminalStatus } from '../../plan42/turn-status.ts';
import { StorageError } from '../store/storage-health.ts';
import type { Store } from '../store/store.ts';
import { type TurnKey, turnName, type WaitingTurn } from '../store/turns.ts';
import { RequestError } from './errors.ts';
import { assign, invokeAgentRequest, type Obstacle, type TurnAssignment } from './invocation.ts';
import { findPlace } from './placement.ts';
import type { Broker } from './queues/broker.ts';
import type { Machine, Machines } from './queues/machines.ts';
import type { RoundRobin } from './queues/round-robin.ts';
import type { Timing } from './timing.ts';
import type { Tokens } from './tokens.ts';
import { acceptTurn, changeTurn, failTurn, pendingStatus, placeTurn, type TurnDeps } from './turns.ts';
import { read } from './versioned.ts';

interface SchedulerDeps extends TurnDeps {
  store: Store;
  tokens: Tokens;
  broker: Broker;
  roundRobin: RoundRobin;
  machines: Machines;
  timing: Timing;
  logger: Logger;
  signal: AbortSignal;
}

/** The queue that a turn is sent to. */
interface SendTo {
  queue: RunnerQueue;
  machine?: Machine;
}

interface Start {
  turn: Turn;
  assignment: TurnAssignment;
  place: SendTo;
}

/** The results of one scan. All turns belong to one tenant. */
interface Scan {
  /** By environment. */
  assignments: Map<string | null, TurnAssignment | Obstacle>;
  /** By runner: the status of turns that find no place. */
  full: Map<string, string>;
  /** The turns to send after the scan. */
  starts: Start[];
}

// Each request holds a message of up to half a megabyte until its runner responds.
const maxInFlight = 256;

/**
 * Sends turns to runners. The database is the queue: a turn is sent if it is unfinished and no runner has accepted it, so
 * a restart loses nothing. A machine that reports its slots gets a turn only if one is free, the emptiest machine first.
 * A turn that is sent twice, because its acceptance was not recorded, goes to the same machine, which rejects it as an
 * existing job. That counts as accepted.
 *
 *     waiting ──(a slot, or a queue without reports)──▶ sent ──(no error, or "already")──▶ accepted
 *        ▲                                               │──(error message)──────────────▶ failed
 *        └──────(undelivered, or no response)────────────┘──(no response, too often)─────▶ failed
 */
export class Scheduler {
  readonly #deps: SchedulerDeps;
  /** By turn; aborted when the machine is known to have lost the request. */
  readonly #inFlight = new Map<string, AbortController>();
  /** The failed attempts of turns that were delivered without a response. */
  readonly #attempts = new Map<string, Backoff>();
  #isScanDue = false;
  #wasLimited = false;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
  }

  /** Sends a turn if possible, after the caller's own work. Older turns go first. */
  send(key: TurnKey): void {
    const { store } = this.#deps;
    this.#defer(() => {
      this.#fill();
      const turn = store.turnAcceptance.findWaiting(key);
      if (turn) this.#commit((scan) => this.#consider(turn, scan));
    });
  }

  /** Sends all turns that can be sent, after the caller's own work. */
  sendAll(): void {
    if (this.#isScanDue) return;
    this.#isScanDue = true;
    this.#defer(() => {
      this.#isScanDue = false;
      this.#wasLimited = false;
      this.#scan(() => true);
    });
  }

  /** Called when a queue is polled, before the poll takes its messages: gives the free slots to the oldest turns. */
  onPoll(isFirst: boolean): void {
    this.#contain(() => (isFirst ? this.#scan(() => true) : this.#fill()));
  }

  /** Repeats the requests that a restarted machine lost. */
  onLost(turns: readonly string[]): void {
    for (const name of turns) this.#inFlight.get(name)?.abort(new RequestError('unanswered'));
  }

  /** Scans regularly until the signal aborts, because a machine that is gone causes no event. Never rejects. */
  async keepScanning(): Promise<void> {
    const { timing, signal } = this.#deps;
    while (!signal.aborted) {
      this.sendAll();
      await sleep(timing.turnScanMs, signal).catch(() => {});
    }
  }

  #fill(): void {
    const { machines } = this.#deps;
    if (machines.hasFreeSlots) this.#scan(() => machines.hasFreeSlots);
  }

  #scan(mayContinue: () => boolean): void {
    const { store } = this.#deps;
    this.#commit((scan) => {
      for (const turn of store.turnAcceptance.waiting()) {
        if (!mayContinue()) return;
        this.#consider(turn, scan);
      }
    });
  }

  /** One transaction, so that all changes cost one write to the disk. Turns are sent after it, with their machine on disk. */
  #commit(work: (scan: Scan) => void): void {
    const scan: Scan = { assignments: new Map(), full: new Map(), starts: [] };
    try {
      this.#deps.store.transaction(() => work(scan));
    } catch (error) {
      for (const { turn, assignment, place } of scan.starts) this.#release(turn, assignment, place.machine, false);
      throw error;
    }
    for (const start of scan.starts) this.#start(start);
  }

  #defer(work: () => void): void {
    setImmediate(() => this.#contain(work));
  }

  #contain(work: () => void): void {
    const { signal, logger } = this.#deps;
    if (signal.aborted) return;
    try {
      work();
    } catch (error) {
      // All turns are sent when the storage works again.
      if (!(error instanceof StorageError)) logger.error('cannot send turns', { error });
    }
  }

  #consider(key: WaitingTurn, scan: Scan): void {
    const { store, machines } = this.#deps;
    if (this.#inFlight.has(turnName(key))) return;
    this.#wasLimited ||= this.#inFlight.size + scan.starts.length >= maxInFlight;
    if (this.#wasLimited) return;
    const assignment = scan.assignments.get(key.EnvironmentId) ?? assign(store, key);
    scan.assignments.set(key.EnvironmentId, assignment);
    if ('obstacle' in assignment) {
      if (assignment.isFinal) failTurn(this.#deps, read(store.turns, key), assignment.obstacle);
      else if (key.Status !== assignment.obstacle) this.#setStatus(key, assignment.obstacle);
      return;
    }
    const { runner } = assignment;
    const known = key.InstanceId === undefined ? scan.full.get(runner.RunnerID) : undefined;
    const place = known === undefined ? findPlace(this.#deps, runner, key.InstanceId) : { waiting: known };
    if ('queue' in place) {
      const { DockerImage: image } = assignment.environment;
      const turn = placeTurn(this.#deps, this.#setStatus(key, pendingStatus), { image, machine: place.machine });
      store.turnNetworks.assign(turn, runner.RunnerID);
      if (place.machine) machines.give(runner, place.machine.id, turnName(turn));
      scan.starts.push({ turn, assignment, place });
    } else {
      if (key.InstanceId === undefined) scan.full.set(runner.RunnerID, place.waiting);
      if (key.Status !== place.waiting) this.#setStatus(key, place.waiting);
    }
  }

  #start({ turn, assignment, place }: Start): void {
    const { logger, timing, signal } = this.#deps;
    const name = turnName(turn);
    const lost = new AbortController();
    this.#inFlight.set(name, lost);
    void this.#send(turn, assignment, place, lost.signal)
      .catch(async (error: unknown) => {
        if (!(error instanceof StorageError)) logger.error('cannot send turn', { ...logFields(turn), error });
        else await sleep(timing.storageRetryMs, signal).catch(() => {});
      })
      .finally(() => {
        this.#inFlight.delete(name);
        this.#deps.machines.release(assignment.runner, name);
        // The turn may need another attempt, and there is room for a turn that the limit left out.
        this.send(turn);
        if (this.#wasLimited) this.sendAll();
      });
  }

  /** Sets the status, which shows why the turn has not started. */
  #setStatus(key: TurnKey, status: string): Turn {
    const turn = read(this.#deps.store.turns, key);
    return turn.Status === status ? turn : changeTurn(this.#deps, turn, { Status: status });
  }

  async #send(turn: Turn, assignment: TurnAssignment, { queue, machine }: SendTo, lost: AbortSignal): Promise<void> {
    const { broker, timing, signal, logger } = this.#deps;
    const options = {
      timeoutMs: timing.runnerResponseTimeoutMs,
      signal: AbortSignal.any([signal, lost]),
      // Another machine may have no slot.
      anyQueue: machine === undefined,
    };
    const fields = { ...logFields(turn), queue_id: queue.QueueID, machine: machine?.name };
    logger.info('sending turn', fields);
    try {
      const request = invokeAgentRequest(this.#deps, assignment, turn);
      const { ErrorMessage } = await broker.request(queue, request, InvokeAgentResponse, options);
      this.#release(turn, assignment, machine, !ErrorMessage);
      this.#settle(turn, ErrorMessage ?? '');
    } catch (error) {
      this.#release(turn, assignment, machine, false);
      if (isAbort(error, signal)) return;
      if (!(error instanceof RequestError)) throw error;
      logger.warn('turn not accepted', { ...fields, error });
      if (error.reason === 'undelivered') this.#unplace(turn);
      await this.#waitOrGiveUp(turn, error);
    }
  }

  #release(turn: TurnKey, { runner }: TurnAssignment, machine: Machine | undefined, isTaken: boolean): void {
    if (machine) this.#deps.machines.settle(runner, machine.id, turnName(turn), isTaken);
  }

  /** The machine certainly did not get the turn, so any machine may. */
  #unplace(key: TurnKey): void {
    const { store } = this.#deps;
    const turn = store.turns.find(key);
    if (turn && !isTerminalStatus(turn.Status) && !store.turnAcceptance.isAccepted(turn)) placeTurn(this.#deps, turn);
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

function logFields({ TaskId, TurnIndex }: TurnKey) {
  return { task_id: TaskId, turn_index: TurnIndex };
}
