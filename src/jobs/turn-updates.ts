/** All updates of a job's turn. */
import * as v from 'valibot';
import { Backoff } from '../lib/backoff.ts';
import type { Logger } from '../lib/logger.ts';
import { type Sleep, sleep } from '../lib/sleep.ts';
import type { Plan42Client, TurnPatch, TurnPath } from '../plan42/client.ts';
import { ApiError, isTransient } from '../plan42/errors.ts';
import { PartialTurn } from '../plan42/runner-objects.ts';
import { isTerminalStatus } from '../plan42/turn-status.ts';
import { finishedEnd, type TurnEnd, TurnEnded } from './turn-end.ts';

export interface TurnUpdatesOptions {
  /** With the job's agent token. */
  client: Plan42Client;
  path: TurnPath;
  /** From the request. */
  turn: unknown;
  logger: Logger;
  /** The instance ID of the runner. A turn with another one was given to another machine. */
  instanceId?: string;
  /**
   * Called before each request, which is sent only once it resolves, and aborted when the result is. Default: at once, and
   * never. Rejects if nothing may be sent any more.
   */
  prove?: (signal: AbortSignal) => Promise<AbortSignal>;
  /** Set if there is no token, so that nothing can be sent. */
  isMute?: boolean;
  sleep?: Sleep;
}

/** It became uncertain during a request whether this runner may send it. */
class Unproven extends Error {
  override readonly name = 'Unproven';
}

const never = new AbortController().signal;
const backoffLimits = { minMs: 200, maxMs: 30_000 };
// A proxy can reject a call or two that the server would have accepted, and a server whose keys are unavailable rejects all of
// them. Nothing waits for a final status, so there is time.
const reportedRejections = 5;
const maxRejectedMs = 60 * 60_000;
// Conflicts are retried at once, because they contain the current version, but only a few times.
const maxQuickConflicts = 3;

/**
 * Sends one update at a time, in the order of the calls, each with the newest version. On a conflict, takes the version from
 * the response and retries. Sends nothing once the turn is finished or the agent token is rejected for good.
 */
export class TurnUpdates {
  readonly #client: Plan42Client;
  readonly #path: TurnPath;
  readonly #instanceId: string | undefined;
  readonly #logger: Logger;
  readonly #sleep: Sleep;
  readonly #prove: (signal: AbortSignal) => Promise<AbortSignal>;
  readonly #ended = new AbortController();
  #end: TurnEnd | undefined;
  #rejected = false;
  /** In a row, over all updates. */
  #rejections = 0;
  #newest: PartialTurn | undefined;
  #version = 0; // Matches no version: without a turn, the first update learns the right one from its conflict.
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: TurnUpdatesOptions) {
    const { client, path, turn, logger, instanceId, isMute = false, sleep: wait = sleep } = options;
    this.#prove = options.prove ?? (async () => never);
    this.#client = client;
    this.#path = path;
    this.#logger = logger;
    this.#instanceId = instanceId;
    this.#sleep = wait;
    this.#rejected = isMute;
    const parsed = v.safeParse(PartialTurn, turn);
    if (!parsed.success) return;
    this.#version = parsed.output.Version;
    if (isTerminalStatus(parsed.output.Status)) this.noteEnd(finishedEnd(parsed.output));
  }

  /** The newest turn that the server returned, if it has returned one. */
  get newest(): PartialTurn | undefined {
    return this.#newest;
  }

  /** Aborted with a {@link TurnEnded} when the server is known to need the job no longer. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** How the turn ended, if it is known to have. */
  get end(): TurnEnd | undefined {
    return this.#end;
  }

  /** Takes over what another call returned about the turn. */
  observe(turn: PartialTurn): void {
    if (turn.Version >= this.#version) this.#adopt(turn);
  }

  /** Records how the turn ended. The first end counts. */
  noteEnd(end: TurnEnd): void {
    this.#end ??= end;
    this.#ended.abort(new TurnEnded(this.#end));
  }

  /** Sets the status that users see. Retries until `signal` is aborted, then rejects with its reason. */
  setStatus(status: string, signal: AbortSignal): Promise<void> {
    return this.#inOrder(() => this.#deliver({ Status: status }, signal));
  }

  /** Sends a heartbeat. A failed one is not retried, because the next one follows. */
  heartbeat(signal: AbortSignal): Promise<void> {
    return this.#inOrder(async () => {
      if (!this.#isClosed()) await this.#send({}, signal);
    });
  }

  /** Sets the turn to failed unless the agent finished it. Retries until the server accepts that or `signal` is aborted. */
  fail(message: string, completedAt: Date, signal: AbortSignal): Promise<void> {
    const patch = { Status: 'Failed', ErrorMessage: message, CompletedAt: completedAt.toISOString() };
    return this.#inOrder(() => this.#deliver(patch, signal));
  }

  #inOrder(work: () => Promise<void>): Promise<void> {
    const next = this.#last.then(work);
    this.#last = next.catch(() => {});
    return next;
  }

  #isClosed(): boolean {
    // The turn of a deleted task can still be failed, so that it is not left unfinished if the task is restored.
    return this.#rejected || (this.#end !== undefined && this.#end.reason !== 'deleted');
  }

  async #deliver(patch: TurnPatch, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(backoffLimits);
    let rejectedMs = 0;
    for (let conflicts = 0; !this.#isClosed(); ) {
      const error = await this.#send(patch, signal);
      if (error === undefined) return;
      if (error instanceof Unproven) continue;
      if (isConflict(error) && ++conflicts <= maxQuickConflicts) continue;
      if (!isConflict(error) && !isRejection(error) && !isTransient(error)) {
        if (error instanceof ApiError) this.#logger.warn('server rejected turn update', { error });
        else this.#logger.error('cannot send turn update, giving up', { error });
        return;
      }
      const pauseMs = backoff.next(error instanceof ApiError ? error.retryAfterMs : undefined);
      if (isRejection(error)) {
        this.#noteRejection(error, rejectedMs);
        rejectedMs += pauseMs;
      }
      if (!this.#isClosed()) await this.#sleep(pauseMs, signal);
    }
  }

  /** Returns the failure rather than throwing it; throws when `signal` is aborted, or nothing may be sent any more. */
  async #send(patch: TurnPatch, signal: AbortSignal): Promise<unknown> {
    const proven = await this.#prove(signal);
    try {
      const either = proven === never ? signal : AbortSignal.any([signal, proven]);
      this.#adopt(await this.#client.updateTurn(this.#path, this.#version, patch, { signal: either }));
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (proven.aborted) return new Unproven('the job may be another replica’s', { cause: error });
      this.#logger.debug('cannot update turn', { error });
      if (isConflict(error)) await this.#adoptConflict(error, signal);
      return error;
    }
  }

  async #adoptConflict(error: ApiError, signal: AbortSignal): Promise<void> {
    const current = v.safeParse(PartialTurn, error.current);
    if (current.success) this.#adopt(current.output);
    if (error.errorType === 'UpdateCompletedTurn') {
      this.noteEnd(finishedEnd(current.success ? current.output : undefined));
    } else if (!current.success) {
      // Without the turn's version, the conflict would repeat.
      const turn = await this.#client.getTurn(this.#path, { signal }).catch(() => undefined);
      if (turn) this.#adopt(turn);
    }
  }

  #adopt(turn: PartialTurn): void {
    this.#newest = turn;
    this.#rejections = 0;
    this.#version = turn.Version;
    if (isTerminalStatus(turn.Status)) this.noteEnd(finishedEnd(turn));
    const isMoved = this.#instanceId !== undefined && turn.InstanceId && turn.InstanceId !== this.#instanceId;
    if (isMoved) this.noteEnd({ reason: 'moved', machine: turn.Machine ?? undefined });
  }

  #noteRejection(error: unknown, rejectedMs: number): void {
    this.#rejections += 1;
    // The API's 404 is about the turn, not about the token.
    const isGone = error instanceof ApiError && error.status === 404 && error.isFromApi;
    if (rejectedMs >= maxRejectedMs || (isGone && this.#rejections >= reportedRejections)) {
      this.#rejected = true;
      this.#logger.warn('agent token rejected, giving up on turn updates', { error });
    } else if (this.#rejections === reportedRejections) {
      this.#logger.warn('agent token rejected, retrying for an hour', { error });
    }
  }
}

function isConflict(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 409;
}

/** Whether the token or the turn was rejected, or a proxy or portal responded in place of the server. */
function isRejection(error: unknown): boolean {
  if (!(error instanceof ApiError) || error.status === 409 || isTransient(error)) return false;
  return [401, 403, 404].includes(error.status) || !error.isFromApi;
}
