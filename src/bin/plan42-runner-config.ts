import { setTimeout } from 'node:timers/promises';
import { configScreenMain } from '../cli/config-screen-main.ts';
import { showSourcePositions } from '../lib/source-positions.ts';
import { describeVersion, version } from '../lib/version.ts';
import type { JobControl } from '../tui/job-control.ts';
import { nameProcess } from './name-process.ts';
import { exitAfterOutput, stderr, stdout } from './standard-streams.ts';

showSourcePositions();
// Not the name of the program, which is too long and would match `pgrep plan42-runner`.
nameProcess('plan42 config');
const interruption = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => interruption.abort());

const jobControl: JobControl = {
  stop: async () => {
    // The whole process group, as terminals do. The kernel ignores it for an orphaned group.
    process.kill(0, 'SIGTSTP');
    await setTimeout(50);
  },
  onContinued: (listener) => {
    process.on('SIGCONT', listener);
    return () => process.off('SIGCONT', listener);
  },
};

const { env, stdin } = process;
const exitCode = await configScreenMain({
  argv: process.argv.slice(2),
  env,
  stdin,
  stdout,
  stderr,
  signal: interruption.signal,
  version,
  versionText: describeVersion(),
  jobControl,
  onCrash: (listener) => process.setUncaughtExceptionCaptureCallback(listener),
});
exitAfterOutput(exitCode, interruption.signal);
