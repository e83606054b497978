import { accessSync, constants } from 'node:fs';
import type { Writable } from 'node:stream';
import { errorCode } from './errors.ts';
import type { Logger } from './logger.ts';

export interface LossListener {
  /** The first line that could not be written. */
  onLoss: (error: Error) => void;
  /** Lines are written again, after `lostLines` were not. */
  onRecovery: (lostLines: number) => void;
}

interface TerminalStream extends Writable {
  isTTY?: boolean;
  fd?: number;
  _handle?: { setBlocking?: (enable: boolean) => number };
}

// Enough for a burst of lines. A pipe that is not read holds as much itself.
const maxBufferedBytes = 256 * 1024;

/**
 * The output of a service, which must run on without it: the terminal may be closed, the disk full, the pipe not read. A line
 * that cannot be written is dropped and counted. `write` never throws, never blocks and holds a bounded number of bytes.
 */
export class LossyOutput {
  readonly #stream: Writable;
  #listener: LossListener | undefined;
  #lostLines = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on('error', () => {});
    unblockTerminal(stream);
  }

  readonly write = (line: string): void => {
    if (this.#stream.writableLength > maxBufferedBytes) {
      this.#lose(new Error('its reader does not read'));
      return;
    }
    this.#stream.write(line, (error) => (error ? this.#lose(error) : this.#recover()));
  };

  /** The listener may write to this output. */
  watch(listener: LossListener): void {
    this.#listener = listener;
  }

  #lose(error: Error): void {
    this.#lostLines += 1;
    if (this.#lostLines === 1) this.#listener?.onLoss(error);
  }

  #recover(): void {
    if (this.#lostLines === 0 || this.#stream.writableLength > maxBufferedBytes / 2) return;
    const lost = this.#lostLines;
    this.#lostLines = 0;
    this.#listener?.onRecovery(lost);
  }
}

/** Logs the losses, for those who read the log in another place. */
export function logLosses(logger: Logger): LossListener {
  return {
    onLoss: (error) => logger.warn('cannot write to standard error, dropping log lines', { error }),
    onRecovery: (count) => logger.warn('log lines missing on standard error', { count }),
  };
}

/**
 * Node.js blocks the whole process while a terminal accepts no output, as after Ctrl-S. Node.js has opened the terminal again, so
 * this does not affect the shell; it could not if the terminal belongs to another user, and then writes must stay blocking.
 */
function unblockTerminal(stream: TerminalStream): void {
  if (stream.isTTY !== true || stream.fd === undefined) return;
  try {
    accessSync(`/dev/fd/${stream.fd}`, constants.W_OK);
    stream._handle?.setBlocking?.(false);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  }
}
