import { ExitCode } from '../lib/errors.ts';
import { mayUnblock, unblock } from '../lib/unblock.ts';

/**
 * The standard streams of every program. Importing this file, which must come before anything is written, makes sure that
 * output that cannot be written never ends a program: an `error` event without a listener would. Who needs the output looks
 * for errors too (`watchReader`). Nor does a terminal that accepts no output keep a program from handling signals.
 */
const { stdout, stderr } = process;
for (const stream of [stdout, stderr]) {
  stream.on('error', () => {});
  if (stream.isTTY && mayUnblock(stream)) unblock(stream);
}

export { stderr, stdout };

const flushMs = 1000;

/** Sets the exit code. Output that its reader does not accept delays the exit by at most a second. */
export function exitSoon(exitCode: number): void {
  process.exitCode = exitCode;
  // Runs only if something else, such as pending output, keeps the process alive.
  setTimeout(() => process.exit(), flushMs).unref();
}

/** Sets the exit code of a command. Output that its reader does not accept delays the exit until `signal` is aborted. */
export function exitAfterOutput(exitCode: number, signal: AbortSignal): void {
  if (signal.aborted) {
    exitSoon(exitCode);
    return;
  }
  process.exitCode = exitCode;
  signal.addEventListener('abort', () => exitSoon(ExitCode.interrupted));
}
