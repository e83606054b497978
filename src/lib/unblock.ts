import { accessSync, constants } from 'node:fs';
import type { Writable } from 'node:stream';

/** Standard output or standard error. */
export interface StandardStream extends Writable {
  isTTY?: boolean;
  fd?: number;
  _handle?: { setBlocking?: (enable: boolean) => number };
}

/** Makes writes of a pipe or a terminal return at once. A child that inherits the stream makes it blocking again. */
export function unblock(stream: StandardStream): void {
  stream._handle?.setBlocking?.(false);
}

/**
 * Node.js blocks the whole process while a terminal accepts no output, as after Ctrl-S. It has opened the terminal again, so that
 * changing this does not affect the shell, but could not if the terminal belongs to another user.
 */
export function mayUnblock(stream: StandardStream): boolean {
  if (stream.isTTY !== true) return true;
  try {
    accessSync(`/dev/fd/${stream.fd}`, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
