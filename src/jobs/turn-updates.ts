/** The one place through which a job updates its turn. */
import * as v from 'valibot';
import { Backoff } from '../lib/backoff.ts';
import type { Logger } from '../lib/logger.ts';
import { type Sleep, sleep } from '../lib/sleep.ts';
import type { Plan42Client, TurnPatch, TurnPath } from '../plan42/client.ts';
import { ApiError, isTransient } from '../plan42/errors.ts';
import { isTerminalStatus } from '../plan42/objects/turn-status.ts';
import { PartialTurn } from '../plan42/runner-objects.ts';

export interface TurnUpdatesOptions {
  /** With the job's agent token. */
  client: Plan42Client;
  path: TurnPath;
  /** As it came with the request. */
  turn: unknown;
  logger: Logger;
  /** There is no token to tell anything with. */
  isMute?: boolean;
  sleep?: Sleep;
}

const backoffLimits = { minMs: 200, maxMs: 30_000 };
// A proxy on the way can refuse a call or two that the server would have taken, and a server whose keys are away refuses
// all of them. Nothing waits for a job that is only to be reported, so that there is time.
const toldRefusals = 5;
const maxRefusedMs = 60 * 60_000;
// Conflicts are tried again at once, as they bring the right version; but not for ever.
const maxQuickConflicts = 3;

/**
 * Sends one update at a time, in the order of the calls, each with the newest version: what a conflict returns is
 * adopted and the update tried again. Once the turn is finished, or the agent token is refused for good, nothing more
 * is sent.
 */
export class TurnUpdates {
  readonly #client: Plan42Client;
  readonly #path: TurnPath;
  readonly #logger: Logger;
  readonly #sleep: Sleep;
  readonly #finished = new AbortController();
  #refused = false;
  /** In a row, over all updates. */
  #refusals = 0;
  #newest: PartialTurn | undefined;
  #version = 0; // Matches no version: without a turn, the first update learns the right one from its conflict.
  #last: Promise<unknown> = Promise.resolve();

  constructor({ client, path, turn, logger, isMute = false, sleep: wait = sleep }: TurnUpdatesOptions) {
    this.#client = client;
    this.#path = path;
    this.#logger = logger;
    this.#sleep = wait;
    this.#refused = isMute;
    const parsed = v.safeParse(PartialTurn, turn);
    if (!parsed.success) return;
    this.#version = parsed.output.Version;
    if (isTerminalStatus(parsed.output.Status)) this.#finished.abort();
  }

  /** The newest turn that the server returned, if it has returned one. */
  get newest(): PartialTurn | undefined {
    return this.#newest;
  }

  /** Aborted when the turn is known to be finished, by whomever. */
  get finished(): AbortSignal {
    return this.#finished.signal;
  }

  /** Tells people what is going on. Tries again until `signal` ends it; rejects with its reason. */
  setStatus(status: string, signal: AbortSignal): Promise<void> {
    return this.#inOrder(() => this.#deliver({ Status: status }, signal));
  }

  /** A sign of life. One that fails is not repeated: the next one will do. */
  heartbeat(signal: AbortSignal): Promise<void> {
    return this.#inOrder(async () => {
      if (!this.#isOver()) await this.#send({}, signal);
    });
  }

  /** Ends the turn as failed, unless it is finished by itself. Tries until the server has taken it or `signal` ends it. */
  fail(message: string, completedAt: Date, signal: AbortSignal): Promise<void> {
    const patch = { Status: 'Failed', ErrorMessage: message, CompletedAt: completedAt.toISOString() };
    return this.#inOrder(() => this.#deliver(patch, signal));
  }

  #inOrder(work: () => Promise<void>): Promise<void> {
    const next = this.#last.then(work);
    this.#last = next.catch(() => {});
    return next;
  }

  #isOver(): boolean {
    return this.#refused || this.#finished.signal.aborted;
  }

  async #deliver(patch: TurnPatch, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(backoffLimits);
    let refusedMs = 0;
    for (let conflicts = 0; !this.#isOver(); ) {
      const error = await this.#send(patch, signal);
      if (error === undefined) return;
      if (isConflict(error) && ++conflicts <= maxQuickConflicts) continue;
      if (!isConflict(error) && !isRefusal(error) && !isTransient(error)) {
        this.#logger.warn('the server does not take the turn update', { error });
        return;
      }
      const pauseMs = backoff.next(error instanceof ApiError ? error.retryAfterMs : undefined);
      if (isRefusal(error)) {
        this.#noteRefusal(error, refusedMs);
        refusedMs += pauseMs;
      }
      if (!this.#isOver()) await this.#sleep(pauseMs, signal);
    }
  }

  /** Returns the failure rather than throwing it; throws when `signal` is aborted. */
  async #send(patch: TurnPatch, signal: AbortSignal): Promise<unknown> {
    try {
      this.#adopt(await this.#client.updateTurn(this.#path, this.#version, patch, { signal }));
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      this.#logger.debug('a turn update failed', { error });
      if (isConflict(error)) await this.#adoptConflict(error, signal);
      return error;
    }
  }

  async #adoptConflict(error: ApiError, signal: AbortSignal): Promise<void> {
    if (error.errorType === 'UpdateCompletedTurn') this.#finished.abort();
    const current = v.safeParse(PartialTurn, error.current);
    if (current.success) {
      this.#adopt(current.output);
    } else if (!this.#finished.signal.aborted) {
      // Without the turn, the conflict would come again and again.
      const turn = await this.#client.getTurn(this.#path, { signal }).catch(() => undefined);
      if (turn) this.#adopt(turn);
    }
  }

  #adopt(turn: PartialTurn): void {
    this.#newest = turn;
    this.#refusals = 0;
    this.#version = turn.Version;
    if (isTerminalStatus(turn.Status)) this.#finished.abort();
  }

  #noteRefusal(error: unknown, refusedMs: number): void {
    this.#refusals += 1;
    // That there is no such turn is the server's word on the turn, and not on who asks.
    const isGone = error instanceof ApiError && error.status === 404 && error.isFromApi;
    if (refusedMs >= maxRefusedMs || (isGone && this.#refusals >= toldRefusals)) {
      this.#refused = true;
      this.#logger.warn('the agent token is refused; the turn is not updated any more', { error });
    } else if (this.#refusals === toldRefusals) {
      this.#logger.warn('the agent token is refused; the turn’s update is tried again for an hour', { error });
    }
  }
}

function isConflict(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 409;
}

/** Of the token or the turn, or not the server's word at all: a page of a proxy or portal on the way. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof ApiError) || error.status === 409 || isTransient(error)) return false;
  return [401, 403, 404].includes(error.status) || !error.isFromApi;
}
