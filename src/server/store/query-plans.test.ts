/** No list reads all rows of a tenant to find some, or to sort them. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { startControlPlane, type TestControlPlane } from '../../../test/support/control-plane.ts';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { silentLogger } from '../../lib/logger.ts';
import { openStore } from './store.ts';

const prepared = new Set<string>();
const { prepare } = DatabaseSync.prototype;
let plane: TestControlPlane;
let taskId: string;

before(async () => {
  DatabaseSync.prototype.prepare = function record(sql, options) {
    prepared.add(sql);
    return prepare.call(this, sql, options);
  };
  plane = await startControlPlane();
  taskId = await plane.newTask();
});

after(async () => {
  DatabaseSync.prototype.prepare = prepare;
  await plane[Symbol.asyncDispose]();
});

// Rows of JSON, or of a subquery that has found its own.
const mayScan = /^SCAN (json_each|repo|\(subquery)/;
const isWholeTenant = /USING (PRIMARY KEY|INDEX sqlite_autoindex_\w+) \(Tenant(Id|ID)=\?\)$/;
const isSorted = 'USE TEMP B-TREE FOR ORDER BY';

/** Returns the recorded statements on objects of a tenant, which the work in the background does not use. */
const ofTenant = () =>
  [...prepared].filter((sql) => /TenantI[dD]\b/.test(sql) && !/WHERE IsOver = 0 AND AcceptedAt/.test(sql));

/** Expects that the statement reads an index in its order, from the first row that it returns. */
function requireIndexed(sql: string): void {
  using database = new DatabaseSync(join(plane.dataDir, 'plan42.db'), { readOnly: true });
  const plan = prepare.call(database, `EXPLAIN QUERY PLAN ${sql}`).all();
  for (const { detail } of plan) {
    const step = String(detail);
    const isBad = (step.startsWith('SCAN') && !mayScan.test(step)) || isWholeTenant.test(step) || step === isSorted;
    assert.ok(!isBad, `${step}\n${sql}`);
  }
}

const lists: Record<string, () => string[]> = {
  'the overview': () => ['/page/overview'],
  'the tasks of the page': () => ['/page/tasks', '/page/tasks?state=Failed'],
  'the next page of tasks': () => ['/page/tasks?token=WyJhIiwiYiJd', '/page/tasks?state=Failed&token=WyJhIiwiYiJd'],
  'a task': () => [`/page/tasks/${taskId}`],
  'a search in a log': () => [`/page/tasks/${taskId}/turns/1/log?search=text`],
  tasks: () => ['tasks', 'tasks?token=WyJhIiwiYiJd', `tasks/${taskId}/turns`],
  'active turns': () => ['/v1/turns?partition=0&maxUpdatedAt=2030-01-01T00:00:00Z'],
  environments: () => ['environments'],
  connections: () => ['github-connections'],
  runners: () => ['runners', `${plane.runner}/tokens`],
  queues: () => ['/v1/runner-queues'],
  'access keys': () => ['access-keys'],
  workstreams: () => ['workstreams'],
  files: () => ['files'],
};

for (const [name, paths] of Object.entries(lists)) {
  test(`an index has the rows of ${name}`, async () => {
    prepared.clear();
    for (const path of paths()) {
      const { status, body } = await plane.call('GET', path);
      assert.equal(status, 200, `${path}: ${body.Message}`);
    }
    for (const sql of ofTenant()) requireIndexed(sql);
  });
}

test('a statement is prepared once', async () => {
  for (let i = 0; i < 2; i += 1) {
    prepared.clear();
    for (const path of Object.values(lists).flatMap((paths) => paths()))
      assert.equal((await plane.call('GET', path)).status, 200);
    const { Version } = (await plane.call('GET', `tasks/${taskId}/turns/1`)).body;
    const upload = { ifMatch: Version, body: { Index: i, Logs: [{ Timestamp: '2025-01-01T00:00:00Z', Message: '' }] } };
    assert.equal((await plane.call('POST', `tasks/${taskId}/turns/1/logs`, upload)).status, 200);
  }
  // The work in the background may prepare its own at any time.
  assert.deepEqual(ofTenant(), []);
});

test('an index has the turns that the server looks for again and again', async () => {
  await using dir = await makeTempDir();
  using store = await openStore(dir.path, silentLogger);
  prepared.clear();
  store.turnAcceptance.waiting();
  store.hasUnfinishedTurns();
  assert.equal(prepared.size, 2);
  using database = new DatabaseSync(join(plane.dataDir, 'plan42.db'), { readOnly: true });
  for (const sql of prepared) {
    const plan = prepare.call(database, `EXPLAIN QUERY PLAN ${sql}`).all();
    assert.match(String(plan[0]?.['detail']), /^SCAN turns USING INDEX (waiting|active)_turns$/, sql);
    assert.doesNotMatch(JSON.stringify(plan), /ORDER BY/, sql);
  }
});
