import { ApiError, ConnectionError } from '../../plan42/errors.ts';

// A poll that fails sooner is a failure. A proxy allows requests to take longer than this.
const minCutMs = 5000;
// A proxy's timeout can be the same as the wait.
const toleranceMs = 1000;
const shorter = 0.8;
const longer = 1.02;
const maxCutsInRow = 2;
const proxyStatuses = new Set([408, 502, 504, 524]);

/**
 * How long polls wait for messages. A proxy in front of the server may end a poll that waits for longer than the proxy's
 * timeout. Such a poll is as good as an empty one, and the next ones wait less.
 */
export class PollWait {
  #limitMs = Number.POSITIVE_INFINITY;
  #cutsInRow = 0;

  /** @param maxMs the longest wait that is wanted */
  ms(maxMs: number): number {
    return Math.min(maxMs, this.#limitMs);
  }

  /** Notes a successful poll. The wait grows slowly, because the connection may have been cut for another reason. */
  succeeded(elapsedMs: number): void {
    this.#cutsInRow = 0;
    if (elapsedMs >= this.#limitMs) this.#limitMs *= longer;
  }

  /** Notes a failed poll, and returns whether a proxy seems to have ended it. */
  wasCut(error: unknown, { elapsedMs, waitMs }: { elapsedMs: number; waitMs: number }): boolean {
    const mayBeProxy = error instanceof ApiError ? isFromProxy(error) : error instanceof ConnectionError;
    if (!mayBeProxy || elapsedMs < minCutMs || elapsedMs > waitMs + toleranceMs) return false;
    this.#cutsInRow += 1;
    if (this.#cutsInRow > maxCutsInRow) return false;
    this.#limitMs = elapsedMs * shorter;
    return true;
  }
}

const isFromProxy = ({ status, isFromApi }: ApiError) => !isFromApi && proxyStatuses.has(status);
