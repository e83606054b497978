import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { asOrdinaryUser } from '../../../test/support/ordinary-user.ts';
import { makeRunnerHome, type RunnerHome } from '../../../test/support/runner-home.ts';

let home: RunnerHome;
beforeEach(async () => {
  home = await makeRunnerHome();
});
afterEach(() => home[Symbol.asyncDispose]());

test('plan42 runner logs shows the old parts too', async () => {
  await writeFile(join(home.path, 'logs/runner.log.1'), 'older\n');
  await writeFile(join(home.path, 'logs/runner.log'), 'newer\nnewest\n');
  assert.equal((await home.runner(['logs'])).stdout, 'older\nnewer\nnewest\n');
  assert.equal((await home.runner(['logs', '-n', '2'])).stdout, 'newer\nnewest\n');
});

test('plan42 runner logs -f waits for a missing log', async () => {
  const controller = new AbortController();
  const file = join(home.path, 'logs/runner.log');
  const { exitCode, stdout, stderr } = await home.runner(['logs', '-f'], {
    signal: controller.signal,
    onOutput: (soFar) => {
      if (soFar.stdout !== '') controller.abort();
      else writeFileSync(file, 'a line\n');
    },
  });
  assert.deepEqual([exitCode, stdout], [130, 'a line\n']);
  assert.match(stderr, /^No log at .*runner\.log yet\. Start the runner: .*\n$/);
});

test('a log that may not be read is one line, and not one that is missing', async () => {
  const { jobId } = await home.addFinished();
  const files = [home.store.paths(jobId).logFile, join(home.path, 'logs/runner.log')];
  for (const file of files) await writeFile(file, 'a line\n');
  const commands = [
    ['logs', '-n', '1'],
    ['job', 'logs', jobId],
    ['job', 'logs', '-f', jobId],
  ];
  for (const argv of commands) assert.equal((await home.runner(argv)).stdout, 'a line\n');
  const isRefused = async (argv: readonly string[]) => {
    const { exitCode, stdout, stderr } = await home.runner(argv);
    assert.deepEqual([exitCode, stdout], [1, '']);
    assert.match(stderr, /^ERROR: cannot read the state folder .*EACCES.*\. Check its permissions.*\n$/);
  };
  const refused = [...commands, ['logs', '-f']];
  for (const [path, mode] of [
    ...files.map((file) => [file, 0o000] as const),
    [join(home.path, 'logs'), 0o600] as const,
  ])
    await chmod(path, mode);
  await chmod(home.path, 0o755);
  for (const folder of ['jobs', 'jobs/active', 'jobs/finished']) await chmod(join(home.path, folder), 0o755);
  await chmod(join(home.path, 'jobs/finished', `${jobId}.json`), 0o644);
  await asOrdinaryUser(async () => {
    for (const argv of refused) await isRefused(argv);
  });
  await chmod(join(home.path, 'logs'), 0o755);
  await asOrdinaryUser(async () => {
    for (const argv of refused) await isRefused(argv);
  });
});
