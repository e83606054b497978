import type { Writable } from 'node:stream';
import { errorCode, UserError } from '../lib/errors.ts';

export interface Reader {
  /** Aborted when standard output is closed (`plan42 … | head -1`, a closed terminal) or cannot be written. */
  gone: AbortSignal;
  /**
   * Resolves when all output has been written, or its reader is gone.
   * @throws UserError if it cannot be written for another reason, such as a full disk
   */
  hasAll: () => Promise<void>;
}

/** Detects that standard output cannot be written any more. A closed pipe stops the command without an error. */
export function watchReader(stdout: Writable & { isTTY?: boolean }): Reader {
  const controller = new AbortController();
  let problem: UserError | undefined;
  const note = (error: Error) => {
    if (controller.signal.aborted) return;
    const closed = stdout.isTTY === true ? 'EIO' : 'EPIPE';
    if (errorCode(error) !== closed) problem = new UserError('cannot write the output', { cause: error });
    controller.abort();
  };
  stdout.on('error', note);
  return {
    gone: controller.signal,
    hasAll: async () => {
      if (!controller.signal.aborted) {
        const { promise, resolve } = Promise.withResolvers<Error | null | undefined>();
        stdout.write('', resolve);
        const error = await promise;
        if (error) note(error);
      }
      if (problem !== undefined) throw problem;
    },
  };
}
