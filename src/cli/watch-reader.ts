import type { Writable } from 'node:stream';
import { errorCode, UserError } from '../lib/errors.ts';
import { hangup } from './context.ts';

export interface Reader {
  /** Aborted with {@link hangup} when standard output is closed (`plan42 … | head -1`, a closed terminal) or cannot be written. */
  gone: AbortSignal;
  /**
   * Resolves when all output has been written, or its reader is gone. Rejects if `signal` is aborted before, unless it is
   * aborted already.
   * @throws UserError if it cannot be written for another reason, such as a full disk
   */
  hasAll: (signal?: AbortSignal) => Promise<void>;
}

/** Detects that standard output cannot be written any more. A closed pipe stops the command without an error. */
export function watchReader(stdout: Writable & { isTTY?: boolean }): Reader {
  const controller = new AbortController();
  let problem: UserError | undefined;
  const note = (error: Error) => {
    if (controller.signal.aborted) return;
    const closed = stdout.isTTY === true ? 'EIO' : 'EPIPE';
    if (errorCode(error) !== closed) problem = new UserError('cannot write the output', { cause: error });
    controller.abort(hangup);
  };
  stdout.on('error', note);
  return {
    gone: controller.signal,
    hasAll: async (signal) => {
      if (!controller.signal.aborted && !signal?.aborted) {
        const { promise, resolve, reject } = Promise.withResolvers<Error | null | undefined>();
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
        stdout.write('', resolve);
        const error = await promise;
        if (error) note(error);
      }
      if (problem !== undefined) throw problem;
    },
  };
}
