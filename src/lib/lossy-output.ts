import type { Logger } from './logger.ts';
import { mayUnblock, type StandardStream, unblock } from './unblock.ts';

export interface LossListener {
  /** The first line that could not be written. */
  onLoss: (error: Error) => void;
  /** Lines are written again, after `lostLines` were not. */
  onRecovery: (lostLines: number) => void;
}

// Enough for a burst of lines. A pipe that is not read holds as much itself.
const maxBufferedBytes = 256 * 1024;

/**
 * The output of a service, which must run on without it: the terminal may be closed, the disk full, the pipe not read. A line
 * that cannot be written is dropped and counted. `write` never throws, never blocks and holds a bounded number of bytes.
 */
export class LossyOutput {
  readonly #stream: StandardStream;
  readonly #mayUnblock: boolean;
  #listener: LossListener | undefined;
  #lostLines = 0;

  constructor(stream: StandardStream) {
    this.#stream = stream;
    stream.on('error', () => {});
    this.#mayUnblock = mayUnblock(stream);
  }

  readonly write = (line: string): void => {
    if (this.#stream.writableLength > maxBufferedBytes) {
      this.#lose(new Error('its reader does not read'));
      return;
    }
    // Each time, because a process that shares a pipe can make it blocking, as Node.js does when it spawns one.
    if (this.#mayUnblock) unblock(this.#stream);
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
