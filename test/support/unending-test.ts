/** A test file that never ends, with processes that would outlive it. test/stopped-run.test.ts stops its run. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';

const file = process.env['PLAN42_STOPPED_RUN'] ?? '';
// As the shim of a job, which ignores SIGTERM and has lost its parent.
const script = "trap '' TERM INT; while :; do sleep 0.1; done";

test('never ends', async () => {
  const marked = spawn('sh', ['-c', 'sh -c "$0" "$1" &', script, file], { stdio: 'ignore' });
  const below = spawn('sh', ['-c', script, file], {
    stdio: 'ignore',
    env: { PATH: process.env['PATH'] },
    detached: true,
  });
  below.unref();
  marked.once('exit', () => writeFileSync(file, ''));
  await new Promise(() => setInterval(() => {}, 1000));
});
