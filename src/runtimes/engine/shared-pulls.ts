/** Pulls of images, never two of one image at once. */
import type { CommandResult } from '../../lib/run-command.ts';

interface SharedPull {
  hasBegun: boolean;
  waiters: number;
  /** Aborted when nothing waits for it any more. */
  abort: AbortController;
  result: Promise<CommandResult>;
}

export interface PullRequest {
  signal?: AbortSignal | undefined;
  /** Whether a pull that has begun will do. Otherwise it may miss what was pushed since. */
  acceptsBegun: boolean;
  pull: (signal: AbortSignal) => Promise<CommandResult>;
}

/**
 * Runs one pull of an image at a time. Callers that arrive meanwhile share the next one, which begins after the request of each
 * of them.
 */
export class SharedPulls {
  /** The last pull of each image: running, or waiting for the one before. */
  readonly #last = new Map<string, SharedPull>();

  /** Rejects with the reason of the signal as soon as it is aborted. The pull ends once no caller waits for it. */
  async pull(image: string, { signal, acceptsBegun, pull }: PullRequest): Promise<CommandResult> {
    signal?.throwIfAborted();
    const last = this.#last.get(image);
    const isShareable = last !== undefined && !last.abort.signal.aborted && (acceptsBegun || !last.hasBegun);
    const shared = isShareable ? last : this.#add(image, last, pull);
    shared.waiters += 1;
    const aborted = Promise.withResolvers<never>();
    const abort = () => aborted.reject(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return await Promise.race([shared.result, aborted.promise]);
    } finally {
      signal?.removeEventListener('abort', abort);
      shared.waiters -= 1;
      if (shared.waiters === 0) shared.abort.abort(new Error('nothing waits for the image'));
    }
  }

  #add(image: string, before: SharedPull | undefined, pull: PullRequest['pull']): SharedPull {
    const abort = new AbortController();
    const run = async () => {
      await before?.result.catch(() => {});
      abort.signal.throwIfAborted();
      added.hasBegun = true;
      return pull(abort.signal);
    };
    const added: SharedPull = { hasBegun: false, waiters: 0, abort, result: Promise.resolve(undefined as never) };
    this.#last.set(image, added);
    added.result = run().finally(() => {
      if (this.#last.get(image) === added) this.#last.delete(image);
    });
    // The callers may all have left.
    added.result.catch(() => {});
    return added;
  }
}
