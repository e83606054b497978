import type { ServerResponse } from 'node:http';
import { unauthorized } from './errors.ts';
import type { Principal } from './route.ts';

// The limit of `setTimeout`. A request that lasts this long is ended, and its client repeats it.
const maxTimerMs = 2 ** 31 - 1;

/** The requests that wait, so that they can be aborted. */
export class LiveRequests {
  readonly #live = new Set<{ principal: Principal; controller: AbortController }>();
  readonly #closing: AbortSignal;

  constructor(closing: AbortSignal) {
    this.#closing = closing;
    closing.addEventListener('abort', () => this.#abortAll(() => true, closing.reason), { once: true });
  }

  /**
   * Returns a signal for the duration of the request. It aborts when the client disconnects, when its token expires or is
   * revoked, and when the server closes. The reason is the error for the client.
   */
  track(principal: Principal, response: ServerResponse, now: Date): { signal: AbortSignal } & Disposable {
    const controller = new AbortController();
    const entry = { principal, controller };
    const leave = () => controller.abort(new ClientGone());
    const expire = () => controller.abort(unauthorized('the token has expired'));
    const remainingMs = principal.expiresAt === undefined ? maxTimerMs : principal.expiresAt.getTime() - now.getTime();
    const timer = setTimeout(expire, Math.min(maxTimerMs, remainingMs));
    this.#live.add(entry);
    response.once('close', leave);
    if (response.destroyed) leave();
    if (this.#closing.aborted) controller.abort(this.#closing.reason);
    return {
      signal: controller.signal,
      [Symbol.dispose]: () => {
        clearTimeout(timer);
        this.#live.delete(entry);
        response.off('close', leave);
      },
    };
  }

  /** Aborts the requests of revoked principals. */
  revoke(isRevoked: (principal: Principal) => boolean): void {
    this.#abortAll(isRevoked, unauthorized('the token is no longer valid'));
  }

  #abortAll(which: (principal: Principal) => boolean, reason: unknown): void {
    for (const { principal, controller } of this.#live) {
      if (which(principal)) controller.abort(reason);
    }
  }
}

/** The client disconnected, so there is nothing to send. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}
