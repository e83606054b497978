import { runnerMain } from '../cli/runner-main.ts';
import { ExitCode } from '../lib/errors.ts';
import { describeVersion, version } from '../lib/version.ts';

const drain = new AbortController();
const force = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    if (force.signal.aborted) process.exit(ExitCode.interrupted);
    if (drain.signal.aborted) force.abort();
    drain.abort();
  });
}

const { env, stdout, stderr } = process;
process.exitCode = await runnerMain({
  argv: process.argv.slice(2),
  env,
  stdout,
  stderr,
  version,
  versionText: describeVersion(),
  signals: { drain: drain.signal, force: force.signal },
  onReloadRequest: (listener) => process.on('SIGHUP', listener),
});
