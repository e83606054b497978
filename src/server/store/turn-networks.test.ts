import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import type { TurnNetwork } from '../../plan42/turn-network.ts';
import { createEvents } from '../core/events.ts';
import { addTurn } from '../core/turns.ts';
import { firstVersion } from '../core/versioned.ts';
import { openStore } from './store.ts';

const network: TurnNetwork = { Mode: 'None', Notes: [], Hosts: [], OtherAllowed: 0, OtherRefused: 0, IsFinal: true };

test('a removed task takes the reports on its turns along', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'plan42-networks-'));
  {
    using store = await openStore(folder, silentLogger);
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
    store.turnNetworks.save(turn, network);
    assert.equal(store.turnNetworks.find(turn), undefined);
    store.turnNetworks.assign(turn, 'r1');
    store.turnNetworks.save(turn, network);
    store.turnNetworks.assign(turn, 'r2');
    assert.deepEqual([store.turnNetworks.runnerOf(turn), store.turnNetworks.find(turn)], ['r2', network]);
    store.turns.update({ ...turn, Status: 'Completed' });
    assert.ok(store.expired.removeTask(task, { tasks: '9999', deleted: '' }));
    assert.equal(store.turnNetworks.runnerOf(turn), undefined);
  }
  await rm(folder, { recursive: true });
});
