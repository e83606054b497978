/**
 * The standard streams of every program. Importing this file, which must come before anything is written, makes sure that
 * output that cannot be written never ends a program: an `error` event without a listener would. Who needs the output looks
 * for errors too (`watchReader`).
 */
const { stdout, stderr } = process;
for (const stream of [stdout, stderr]) stream.on('error', () => {});

export { stderr, stdout };

const flushMs = 1000;

/** Sets the exit code. Output that its reader does not accept delays the exit by at most a second. */
export function exitSoon(exitCode: number): void {
  process.exitCode = exitCode;
  // Runs only if something else, such as pending output, keeps the process alive.
  setTimeout(() => process.exit(), flushMs).unref();
}
