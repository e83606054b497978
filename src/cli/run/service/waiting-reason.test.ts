import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunnerStatus } from '../../../control/messages.ts';
import { describeWait } from './waiting-reason.ts';

const jobs: RunnerStatus['jobs'] = { running: 1, starting: 0, waiting: 0, ending: 0, max: 2 };
const trouble = (kind: 'disk' | 'refused', message: string) => ({ kind, message, since: new Date(0).toISOString() });
const describe = (status: Partial<RunnerStatus>) =>
  describeWait({ phase: 'ready', troubles: [], jobs, ...status }, '/x/runner.toml');

test('a runner that accepts jobs has no reason to let them wait', () => {
  assert.equal(describe({}), undefined);
});

test('each reason has a remedy', () => {
  const low =
    'not enough disk space on m: 1 MiB free for jobs in /x, 1 GiB are needed to take a job (jobs.min_free_gib)';
  assert.equal(
    describe({ phase: 'degraded', troubles: [trouble('disk', low)] }),
    `The runner accepts no jobs: ${low}. Free disk space, or set jobs.min_free_gib in /x/runner.toml.`,
  );
  const inodes = describe({ phase: 'degraded', troubles: [trouble('disk', 'not enough inodes on m')] });
  assert.equal(inodes, 'The runner accepts no jobs: not enough inodes on m. Free disk space.');
  const refused = describe({ phase: 'degraded', troubles: [trouble('refused', 'token rejected')] });
  assert.equal(refused, 'The runner accepts no jobs: token rejected.');
  assert.equal(
    describe({ jobs: { ...jobs, starting: 1 } }),
    'The runner has no free slot: it runs 2 jobs of at most 2. Wait, or set jobs.max_jobs in /x/runner.toml.',
  );
  assert.equal(describe({ phase: 'draining' }), 'The runner is draining.');
});
