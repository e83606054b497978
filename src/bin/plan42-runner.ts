import { runnerMain } from '../cli/runner-main.ts';
import { ExitCode } from '../lib/errors.ts';
import { showSourcePositions } from '../lib/source-positions.ts';
import { describeVersion, version } from '../lib/version.ts';
import { onHangup } from './hangup.ts';
import { nameProcess } from './name-process.ts';
import { exitSoon, stderr, stdout } from './standard-streams.ts';

showSourcePositions();
nameProcess('plan42-runner');
const drain = new AbortController();
const force = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    if (force.signal.aborted) process.exit(ExitCode.interrupted);
    if (drain.signal.aborted) force.abort();
    drain.abort(new Error(name));
  });
}
let reload: (() => void) | undefined;
onHangup({
  // The kernel and the shell may both send it, so the second one does not force.
  onClosed: () => drain.abort(new Error('terminal closed')),
  onRequest: () => reload?.(),
});

exitSoon(
  await runnerMain({
    argv: process.argv.slice(2),
    env: process.env,
    stdout,
    stderr,
    version,
    versionText: describeVersion(),
    signals: { drain: drain.signal, force: force.signal },
    onReloadRequest: (listener) => {
      reload = listener;
    },
  }),
);
