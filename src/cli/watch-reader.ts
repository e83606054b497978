import type { Writable } from 'node:stream';
import { errorCode } from '../lib/errors.ts';

/** Notices that whoever read our output has had enough (`plan42 … | head -1`): the command ends, quietly. */
export function watchReader(stdout: Writable): { gone: AbortSignal } {
  const controller = new AbortController();
  stdout.on('error', (error: Error) => {
    if (errorCode(error) !== 'EPIPE') throw error;
    controller.abort();
  });
  return { gone: controller.signal };
}
