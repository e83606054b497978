/** Backups of a server that is being written to, and programs that are killed while they make or restore one. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { callServer } from './support/control-plane.ts';
import { run } from './support/engines/processes.ts';
import { ServerProcess } from './support/server-process.ts';
import { makeTempDir } from './support/temp-dir.ts';

const plan42 = join(import.meta.dirname, '../bin/plan42');

interface Admin {
  tenantId: string;
  runnerId: string;
  tenantToken: string;
}

async function readAdmin(dataDir: string): Promise<Admin> {
  return JSON.parse(await readFile(join(dataDir, 'admin.json'), 'utf8'));
}

test('backups under write load contain every acknowledged task, and restore the whole server', async () => {
  await using dir = await makeTempDir();
  const data = join(dir.path, 'data');
  let server = await ServerProcess.start(data);
  const admin = await readAdmin(data);
  const tenant = `/v1/tenants/${admin.tenantId}`;
  const call = (method: string, path: string, body?: object, token = admin.tenantToken) =>
    callServer(server.url, method, `${tenant}${path}`, { token, ...(body && { body }) });
  const environment = randomUUID();
  await call('PUT', `/environments/${environment}`, { Name: 'e', DockerImage: 'i' });
  const { Token: runnerToken } = (await call('PUT', `/runners/${admin.runnerId}/tokens/${randomUUID()}`, {})).body;

  const acknowledged = new Set<string>();
  const stop = new AbortController();
  const write = async () => {
    while (!stop.signal.aborted) {
      const id = randomUUID();
      const made = await call('PUT', `/tasks/${id}`, {
        Title: 't',
        Prompt: 'p'.repeat(2000),
        EnvironmentId: environment,
      });
      assert.equal(made.status, 201);
      acknowledged.add(id);
    }
  };
  const writers = Promise.all([write(), write(), write()]);
  const last = join(dir.path, 'backup-4.db');
  for (let i = 0; i < 5; i += 1) {
    const before = [...acknowledged];
    const file = join(dir.path, `backup-${i}.db`);
    await run(plan42, ['server', 'backup', file, '--data', data]);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    using copy = new DatabaseSync(file, { readOnly: true });
    assert.equal(copy.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok');
    const inBackup = new Set(
      copy
        .prepare('SELECT TaskId FROM tasks')
        .all()
        .map(({ TaskId }) => TaskId),
    );
    assert.deepEqual(
      before.filter((id) => !inBackup.has(id)),
      [],
    );
  }
  stop.abort();
  await writers;
  await server.stop();

  const wanted = tasksIn(last);
  await run(plan42, ['server', 'restore', last, '--data', data]);
  server = await ServerProcess.start(data);
  await using _ = server;
  assert.equal((await readAdmin(data)).tenantToken, admin.tenantToken);
  assert.equal((await call('GET', '', undefined, runnerToken)).status, 200);
  for (const id of wanted.slice(0, 20)) assert.equal((await call('GET', `/tasks/${id}/turns/1`)).status, 200);
  await server.stop();
  assert.deepEqual(tasksIn(join(data, 'plan42.db')), wanted);
});

function tasksIn(path: string): string[] {
  using database = new DatabaseSync(path);
  return database
    .prepare('SELECT TaskId FROM tasks ORDER BY TaskId')
    .all()
    .map(({ TaskId }) => String(TaskId));
}

test('a killed backup leaves no file, and a killed restore leaves the old data, the new data, or a refusal', async () => {
  await using dir = await makeTempDir();
  const [data, backup] = [join(dir.path, 'data'), join(dir.path, 'backup.db')];
  await (await ServerProcess.start(data)).stop();
  await fill(join(data, 'plan42.db'), 4000);
  await run(plan42, ['server', 'backup', backup, '--data', data]);
  const full = tasksIn(backup);

  const wholeMs = await timed(() => run(plan42, ['server', 'backup', join(dir.path, 'whole.db'), '--data', data]));
  let kills = 0;
  for (let i = 0; i < 6; i += 1) {
    const file = join(dir.path, `killed-${i}.db`);
    kills += Number(await killed(['server', 'backup', file, '--data', data], wholeMs * (0.5 + i * 0.1)));
    const names = await readdir(dir.path);
    if (names.includes(`killed-${i}.db`)) assert.deepEqual(tasksIn(file), full);
  }

  for (let i = 0; i < 6; i += 1) {
    kills += Number(await killed(['server', 'restore', backup, '--data', data], wholeMs * (0.5 + i * 0.1)));
    const names = await readdir(data);
    if (names.includes('restoring')) {
      await assert.rejects(ServerProcess.start(data), /the server ended/);
      await run(plan42, ['server', 'restore', backup, '--data', data]);
    }
    await (await ServerProcess.start(data)).stop();
    assert.deepEqual(tasksIn(join(data, 'plan42.db')), full);
    for (const name of names) {
      if (name.startsWith('replaced-')) await rm(join(data, name), { recursive: true });
    }
  }
  assert.ok(kills >= 4, `only ${kills} were killed while they ran`);
});

/** Adds tasks. */
async function fill(path: string, count: number): Promise<void> {
  using database = new DatabaseSync(path);
  const columns =
    'TenantId, TaskId, Title, Prompt, Parallel, AssignedToAI, RepoInfo, State, Deleted, CreatedAt, UpdatedAt, Version';
  const insert = database.prepare(
    `INSERT INTO tasks (${columns}) VALUES ('t', ?, 't', ?, 0, 0, '{}', 'Completed', 0, '', '', 1)`,
  );
  database.exec('BEGIN');
  for (let i = 0; i < count; i += 1) insert.run(randomUUID(), 'x'.repeat(4000));
  database.exec('COMMIT');
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** Runs a command and kills it after a while. Returns whether it was still running. */
async function killed(args: readonly string[], afterMs: number): Promise<boolean> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../dist/js/plan42.mjs'), ...args], {
    stdio: 'ignore',
  });
  const exited = once(child, 'exit');
  await Promise.race([exited, delay(afterMs)]);
  child.kill('SIGKILL');
  await exited;
  return child.signalCode === 'SIGKILL';
}
