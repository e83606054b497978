import type { Writable } from 'node:stream';
import { errorCode, UserError } from '../lib/errors.ts';

export interface Reader {
  /** Whoever read our output has had enough (`plan42 … | head -1`), or what we write to is full. */
  gone: AbortSignal;
  /**
   * Resolves when all output so far has been taken, or can't be any more because nobody reads it.
   *
   * @throws {UserError} when it can't be written for another reason, such as a full disk
   */
  hasAll: () => Promise<void>;
}

/** Notices that our output can't be written any more: the command ends, and if only a reader went away, quietly. */
export function watchReader(stdout: Writable): Reader {
  const controller = new AbortController();
  let problem: UserError | undefined;
  const note = (error: Error) => {
    if (controller.signal.aborted) return;
    if (errorCode(error) !== 'EPIPE') problem = new UserError('the output cannot be written', { cause: error });
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
