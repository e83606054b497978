import { runnerMain } from '../cli/runner-main.ts';
import { ExitCode } from '../lib/errors.ts';
import { describeVersion, version } from '../lib/version.ts';

const drain = new AbortController();
const hurry = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    if (hurry.signal.aborted) process.exit(ExitCode.interrupted);
    if (drain.signal.aborted) hurry.abort();
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
  signals: { drain: drain.signal, hurry: hurry.signal },
  onReloadRequest: (listener) => process.on('SIGHUP', listener),
});
