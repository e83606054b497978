import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import { createEvents } from '../core/events.ts';
import { addTurn } from '../core/turns.ts';
import { firstVersion } from '../core/versioned.ts';
import { openStore } from './store.ts';

test('a read of a log is limited by its size, but has one entry at least', async () => {
  await using dir = await makeTempDir();
  using store = await openStore(dir.path, silentLogger);
  const task = {
    TenantId: 't',
    TaskId: 'k',
    Title: '',
    Prompt: '',
    EnvironmentId: null,
    Model: null,
    Parallel: false,
    AssignedToAI: true,
    RepoInfo: {},
    State: 'Pending',
    Deleted: false,
    ...firstVersion(systemClock),
  };
  store.tasks.insert(task);
  const turn = addTurn({ store, clock: systemClock, events: createEvents() }, task, { Prompt: 'prompt' });
  const Timestamp = '2025-01-01T00:00:00Z';
  store.turnLogs.append(
    turn,
    0,
    [5000, 10, 10, 5000, 10].map((length) => ({ Timestamp, Message: 'x'.repeat(length) })),
  );
  const read = (after: number, limit = 500) => store.turnLogs.after(turn, after, limit, 1000).map(({ Index }) => Index);
  assert.deepEqual([read(-1), read(0), read(0, 1), read(2), read(3), read(4)], [[0], [1, 2], [1], [3], [4], []]);
});
