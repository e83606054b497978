import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Overview, QueueOverview } from '../plan42/page-objects.ts';
import { mergeOverview, summarise } from './series.ts';

const queue = (QueueID: string, Utilisation: (number | null)[], States: string): QueueOverview => ({
  QueueID,
  State: 'Healthy',
  CreatedAt: '2026-01-01T00:00:00Z',
  FailedHealthChecks: 0,
  Waiting: 0,
  Unanswered: 0,
  Utilisation,
  States,
});

const overview = (Epoch: string, Queues: QueueOverview[], Utilisation: (number | null)[]): Overview => ({
  Now: '',
  Url: '',
  Epoch,
  Step: 0,
  StepSeconds: 10,
  MaxSteps: 3,
  Activity: { Running: [], Waiting: [], Failed: [], Counts: { Running: 0, Waiting: 0, Failed: 0 } },
  Runners: [{ RunnerId: 'r', Name: 'r', RunsTasks: true, ProxiesGithub: true, Machines: [], Queues, Utilisation }],
});

test('appends new samples and drops the oldest', () => {
  const known = overview('e', [queue('a', [1, 2], 'HH'), queue('gone', [1], 'H')], [1, 2, 3]);
  const response = overview('e', [queue('a', [null, 4], 'UH'), queue('new', [5], 'H')], [4]);
  const [runner] = mergeOverview(known, response).Runners;
  assert.deepEqual(runner?.Utilisation, [2, 3, 4]);
  assert.deepEqual(
    runner?.Queues.map(({ QueueID, Utilisation, States }) => [QueueID, Utilisation, States]),
    [
      ['a', [2, null, 4], 'HUH'],
      ['new', [5], 'H'],
    ],
  );
});

test('starts over after a restart of the server', () => {
  const response = overview('f', [queue('a', [4], 'H')], [4]);
  assert.deepEqual(mergeOverview(overview('e', [queue('a', [1, 2], 'HH')], [1]), response), response);
});

test('a summary ignores missing samples', () => {
  assert.equal(summarise([null, null]), undefined);
  assert.deepEqual(summarise([10, null, 31]), { now: 31, mean: 21, highest: 31 });
  assert.deepEqual(summarise([10, null]), { now: undefined, mean: 10, highest: 10 });
});
