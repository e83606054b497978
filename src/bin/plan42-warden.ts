/** The warden of one job, which ends it at its limits. A shell starts it as `plan42-warden FOLDER`, and again if it dies. */
import { ExitCode, formatError } from '../lib/errors.ts';
import { runWarden } from '../limits/warden.ts';
import { nameProcess } from './name-process.ts';
import { stderr } from './standard-streams.ts';

nameProcess('plan42-warden');
const stopped = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stopped.abort());
try {
  const { signal } = stopped;
  const writeLine = (line: string) => stderr.write(`${line}\n`);
  await runWarden({ folder: process.argv.at(-1) ?? '', env: process.env, writeLine, signal });
  process.exit(ExitCode.done);
} catch (error) {
  if (!stopped.signal.aborted) stderr.write(`plan42: cannot hold the limits of the job: ${formatError(error)}\n`);
  process.exit(stopped.signal.aborted ? ExitCode.done : ExitCode.failed);
}
