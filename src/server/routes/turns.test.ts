import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';

const plane = await startControlPlane();
after(() => plane[Symbol.asyncDispose]());
const { call } = plane;

/** Returns a task whose first turn waits for a runner, so that the scheduler no longer changes its version. */
async function settledTask(): Promise<{ task: string; turn: string; version: number }> {
  // A tenant with no runner connected: the scheduler writes the status once.
  const task = `tasks/${await plane.newTask()}`;
  for (;;) {
    const { body } = await call('GET', `${task}/turns/1`);
    if (body.Status.startsWith('Waiting')) return { task, turn: `${task}/turns/1`, version: body.Version };
  }
}

test('an update changes the given fields, and the task follows', async () => {
  const { task, turn, version } = await settledTask();
  const commits = { 'o/r': { BaselineCommitHash: 'a' } };
  const body = { Status: 'Working', CommitInfo: commits, PreviousResponseID: 'r', Future: 1 };
  const updated = await call('PATCH', turn, { ifMatch: version, body });
  assert.equal(updated.status, 200);
  assert.equal(updated.body.Version, version + 1);
  assert.deepEqual(updated.body.CommitInfo, { 'o/r': { BaselineCommitHash: 'a', LastCommitHash: null } });
  assert.equal('CompletedAt' in updated.body, false);
  const { body: followed } = await call('GET', task);
  assert.deepEqual([followed.LastTurnStatus, followed.Version], ['Working', 1]);
});

test('an empty update is a heartbeat', async () => {
  const { turn, version } = await settledTask();
  const { body: before } = await call('GET', turn);
  const beat = await call('PATCH', turn, { ifMatch: version, body: {} });
  assert.deepEqual({ ...beat.body, UpdatedAt: 0, Version: 0 }, { ...before, UpdatedAt: 0, Version: 0 });
  assert.ok(beat.body.UpdatedAt >= before.UpdatedAt);
});

test('a conflict carries the current turn', async () => {
  const { turn, version } = await settledTask();
  const stale = await call('PATCH', turn, { ifMatch: version - 1, body: { Status: 'x' } });
  assert.equal(stale.status, 409);
  assert.deepEqual([stale.body.ResponseCode, stale.body.ErrorType, stale.body.CurrentType], [409, 'Conflict', 'Turn']);
  assert.deepEqual(stale.body.Current, (await call('GET', turn)).body);
});

test('a turn with a terminal status cannot change', async () => {
  const { task, turn, version } = await settledTask();
  const ended = await call('PATCH', turn, { ifMatch: version, body: { Status: 'Completed', OutputMessage: 'done' } });
  assert.match(ended.body.CompletedAt, /^\d{4}-.*Z$/);
  assert.equal((await call('GET', task)).body.State, 'Completed');
  for (const ifMatch of [version, version + 1]) {
    const late = await call('PATCH', turn, { ifMatch, body: {} });
    assert.deepEqual([late.status, late.body.ErrorType, late.body.CurrentType], [409, 'UpdateCompletedTurn', 'Turn']);
    assert.equal(late.body.Current.Status, 'Completed');
  }
});

test('the state of the task follows from the final status of the turn', async () => {
  const end = async (status: string, RepoInfo?: object) => {
    const { task, turn, version } = await settledTask();
    if (RepoInfo) await call('PATCH', task, { ifMatch: 1, body: { RepoInfo } });
    const body = { Status: status, CompletedAt: '2025-01-02T03:04:05.6+01:00' };
    const ended = await call('PATCH', turn, { ifMatch: version, body });
    assert.equal(ended.body.CompletedAt, '2025-01-02T02:04:05.6Z');
    return (await call('GET', task)).body.State;
  };
  assert.equal(await end('Failed'), 'Failed');
  assert.equal(await end('Succeeded'), 'Completed');
  assert.equal(
    await end('Completed', { 'o/r': { FeatureBranch: 'f', TargetBranch: 't', PRNumber: 3 } }),
    'Awaiting Code Review',
  );
});

test('a new turn needs a finished previous turn', async () => {
  const { task, turn, version } = await settledTask();
  const next = (index: number, options = {}) =>
    call('PUT', `${task}/turns/${index}`, { body: { Prompt: 'more' }, ...options });
  const early = await next(2);
  assert.deepEqual([early.status, early.body.CurrentType, early.body.Current.TurnIndex], [409, 'Turn', 1]);
  await call('PATCH', turn, { ifMatch: version, body: { Status: 'Failed' } });
  assert.equal((await next(1)).status, 409);
  assert.equal((await next(3)).status, 409);
  assert.equal((await next(0)).status, 400);
  const stale = await next(2, { ifMatch: 0 });
  assert.deepEqual([stale.status, stale.body.CurrentType], [409, 'Task']);
  assert.equal((await call('PUT', `${task}/turns/2`, { body: {} })).status, 400);
  const made = await next(2, { ifMatch: 1 });
  assert.deepEqual([made.status, made.body.TurnIndex, made.body.Prompt, made.body.Version], [201, 2, 'more', 1]);
  const { body: followed } = await call('GET', task);
  assert.deepEqual([followed.Version, followed.LastTurnIndex, followed.State], [2, 2, 'Pending']);
  assert.equal((await call('GET', `${task}/turns/last`)).body.TurnIndex, 2);
  assert.equal((await call('GET', `${task}/turns/3`)).status, 404);
  const firstPage = (await call('GET', `${task}/turns?maxResults=1`)).body;
  assert.equal(firstPage.Turns[0].TurnIndex, 1);
  const secondPage = (await call('GET', `${task}/turns?maxResults=1&token=${firstPage.NextToken}`)).body;
  assert.deepEqual([secondPage.Turns[0].TurnIndex, secondPage.NextToken], [2, undefined]);
});
