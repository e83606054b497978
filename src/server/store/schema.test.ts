import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { silentLogger } from '../../lib/logger.ts';
import { migrations } from './schema.ts';
import { openStore } from './store.ts';

const environment = (id: string, description: string) =>
  `('t', '${id}', '', '${description}', '', '', '', '[]', '[]', '[]', '', '', 0, '', '', 1)`;

test('a database of an older version is upgraded, with its data', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'plan42-schema-'));
  const path = join(folder, 'plan42.db');
  {
    using old = new DatabaseSync(path);
    old.exec(`${migrations.slice(0, 2).join(';')}; PRAGMA user_version = 2`);
    old.exec(`INSERT INTO tasks (TenantId, TaskId, Title, Prompt, Parallel, AssignedToAI, RepoInfo, State, Deleted, CreatedAt,
      UpdatedAt, Version) VALUES ('t', 'k', '', '', 0, 0, '{}', '', 0, '', '', 1)`);
    old.exec(`INSERT INTO turns (TenantId, TaskId, TurnIndex, Prompt, Status, CreatedAt, UpdatedAt, Version)
      VALUES ('t', 'k', 1, '', 'Completed', '', '', 1), ('t', 'k', 2, '', '', '', '', 1)`);
    old.exec(`INSERT INTO turn_logs VALUES ('t', 'k', 1, 0, '', 'é'), ('t', 'k', 1, 1, '', 'abc')`);
    old.exec(`INSERT INTO environments (TenantId, EnvironmentId, Name, Description, Context, SetupScript, DockerImage, Repos,
      AllowedHosts, EnvVars, RunnerId, GithubConnectionId, Deleted, CreatedAt, UpdatedAt, Version) VALUES
      ${environment('a', 'Created by "plan42 server task create".')}, ${environment('b', 'mine')}`);
    old.exec(`INSERT INTO used_public_keys VALUES ('x.y'), ('x.z')`);
  }
  {
    using store = await openStore(folder, silentLogger);
    const turn = (TurnIndex: number) => ({ TenantId: 't', TaskId: 'k', TurnIndex });
    assert.deepEqual(store.turnLogs.state(turn(1)), { bytes: 2 + 3 + 2 * 120, end: undefined, runnerLogs: 0 });
    assert.deepEqual(store.turnLogs.state(turn(2)), { bytes: 0, end: undefined, runnerLogs: 0 });
    const isEphemeral = (EnvironmentId: string) => store.environments.find({ TenantId: 't', EnvironmentId })?.Ephemeral;
    assert.deepEqual([isEphemeral('a'), isEphemeral('b')], [true, undefined]);
    const queue = { TenantID: 't', RunnerID: 'r', QueueID: 'q' };
    assert.deepEqual(
      ['x.y', 'x.z', 'x.new', 'x.new'].map((point) => store.usedPublicKeys.add(point, queue)),
      [false, false, true, false],
    );
  }
  using upgraded = new DatabaseSync(path);
  assert.deepEqual({ ...upgraded.prepare('PRAGMA auto_vacuum').get() }, { auto_vacuum: 2 });
  assert.deepEqual({ ...upgraded.prepare('PRAGMA journal_mode').get() }, { journal_mode: 'wal' });
  assert.equal(upgraded.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok');
  await rm(folder, { recursive: true });
});
