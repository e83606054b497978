import type { ServerResponse } from 'node:http';
import { unauthorized } from './errors.ts';
import type { Principal } from './principal.ts';

// The longest that `setTimeout` can wait; a request that is still there then is ended and made again.
const maxTimerMs = 2 ** 31 - 1;

/** The calls that are waiting, so that they can be ended when they must not go on. */
export class LiveRequests {
  readonly #live = new Set<{ principal: Principal; controller: AbortController }>();
  readonly #closing: AbortSignal;

  constructor(closing: AbortSignal) {
    this.#closing = closing;
    closing.addEventListener('abort', () => this.#abortAll(() => true, closing.reason), { once: true });
  }

  /**
   * A signal for as long as the call is being answered. It aborts when the caller is gone, when its token
   * expires or is revoked, and when the server closes; the reason is the error to answer with.
   */
  track(principal: Principal, response: ServerResponse, now: Date): { signal: AbortSignal } & Disposable {
    const controller = new AbortController();
    const entry = { principal, controller };
    const leave = () => controller.abort(new ClientGone());
    const expire = () => controller.abort(unauthorized('the token has expired'));
    const timer = setTimeout(expire, Math.min(maxTimerMs, principal.expiresAt.getTime() - now.getTime()));
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

  /** Ends the calls of those whose token is no longer valid. */
  revoke(isRevoked: (principal: Principal) => boolean): void {
    this.#abortAll(isRevoked, unauthorized('the token is no longer valid'));
  }

  #abortAll(which: (principal: Principal) => boolean, reason: unknown): void {
    for (const { principal, controller } of this.#live) {
      if (which(principal)) controller.abort(reason);
    }
  }
}

/** Nobody is left to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}
