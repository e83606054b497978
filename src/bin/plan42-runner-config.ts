import { configScreenMain } from '../cli/config-screen-main.ts';
import { describeVersion, version } from '../lib/version.ts';

const interruption = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => interruption.abort());

const { env, stdin, stdout, stderr } = process;
process.exitCode = await configScreenMain({
  argv: process.argv.slice(2),
  env,
  stdin,
  stdout,
  stderr,
  signal: interruption.signal,
  version,
  versionText: describeVersion(),
  onCrash: (listener) => process.setUncaughtExceptionCaptureCallback(listener),
});
