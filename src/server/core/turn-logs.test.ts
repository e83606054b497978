import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import { openStore } from '../store/store.ts';
import { createEvents } from './events.ts';
import { limits } from './limits.ts';
import { appendTurnLogs, isNextIndex } from './turn-logs.ts';
import { addTurn } from './turns.ts';
import { firstVersion } from './versioned.ts';

test('a log has a maximum number of entries, whatever index it begins with', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'plan42-logs-'));
  {
    using store = await openStore(folder, silentLogger);
    const deps = { store, clock: systemClock, events: createEvents() };
    const entry = { Timestamp: '2025-01-01T00:00:00Z', Message: '' };
    const { max } = limits.turnLogEntries;
    for (const first of [0, 1]) {
      const task = {
        TenantId: 't',
        TaskId: `k${first}`,
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
      const turn = addTurn(deps, task, { Prompt: 'prompt' });
      store.transaction(() =>
        appendTurnLogs(
          deps,
          turn,
          first,
          Array.from({ length: max - first }, () => entry),
        ),
      );
      assert.deepEqual(store.turnLogs.state(turn), { bytes: (max - first) * 120, end: undefined, runnerLogs: 0 });
      assert.deepEqual([isNextIndex(deps, turn, max), isNextIndex(deps, turn, max + 1)], [true, false]);
      appendTurnLogs(deps, turn, max, [entry, entry]);
      const last = store.turnLogs.last(turn);
      assert.equal(last?.Index, max);
      assert.match(last.Message, /^The log is cut here/);
      assert.deepEqual([isNextIndex(deps, turn, max), isNextIndex(deps, turn, max + 9)], [false, true]);
      appendTurnLogs(deps, turn, max + 9, [entry]);
      assert.equal(store.turnLogs.last(turn)?.Index, max);
    }
  }
  await rm(folder, { recursive: true });
});
