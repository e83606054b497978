import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { startFakeRunner } from '../../../test/support/fake-runner.ts';
import { parseRequest } from '../../agent/turn/request.ts';

const plane = await startControlPlane();
const runner = await startFakeRunner({ url: plane.server.url, token: await plane.newToken() });
after(async () => {
  await runner[Symbol.asyncDispose]();
  await plane[Symbol.asyncDispose]();
});
const { call } = plane;

const newer = { Newer: { nested: [1, 'é', null] }, AutoPause: true };

test('fields of newer clients are kept and returned unchanged, also after a restart', async () => {
  await using plane = await startControlPlane();
  const { call, tenant } = plane;
  const environment = await plane.newEnvironment(newer);
  const task = await plane.newTask(newer);
  const [runnerId, connection, workstream, file] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  await call('PUT', `runners/${runnerId}`, { body: { Name: 'n', ...newer } });
  await call('PUT', `github-connections/${connection}`, { body: { Private: false, ...newer } });
  await call('PUT', `workstreams/${workstream}`, { body: { Name: 'n', ...newer } });
  await call('PUT', `files/${file}`, { body: { Name: 'n', Size: 1, ...newer } });
  const { Version } = (await call('GET', tenant)).body;
  await call('PATCH', tenant, { ifMatch: Version, body: newer });
  const turn = `tasks/${task}/turns/1`;
  const read = (await call('GET', turn)).body;
  await call('PATCH', turn, { ifMatch: read.Version, body: { Status: 'Completed', ...newer } });
  const second = await call('PUT', `tasks/${task}/turns/2`, { body: { Prompt: 'again', ...newer } });
  assert.equal(second.status, 201, second.body.Message);
  await plane.restart();
  const paths = [tenant, `environments/${environment}`, `tasks/${task}`, `runners/${runnerId}`];
  paths.push(`workstreams/${workstream}`, `files/${file}`);
  for (const path of [...paths, `github-connections/${connection}`, turn, `tasks/${task}/turns/2`]) {
    const { Newer, AutoPause } = (await call('GET', path)).body;
    assert.deepEqual({ Newer, AutoPause }, newer, path);
  }
});

test('an update replaces fields of newer clients that it names, and keeps the others', async () => {
  const path = `environments/${await plane.newEnvironment({ A: 1, B: 'b' })}`;
  const patched = await call('PATCH', path, { ifMatch: 1, body: { A: [2], B: null, C: false } });
  assert.deepEqual([patched.body.A, patched.body.B, patched.body.C], [[2], 'b', false]);
});

test('fields of newer clients in nested objects are kept, also after a restart', async () => {
  await using plane = await startControlPlane();
  const { call } = plane;
  const variables = (Value: string) => [
    { Name: 'A', Value, IsSecret: false, Absent: null, ...newer },
    { Name: 'KEY', Value, IsSecret: true, ...newer },
  ];
  const environment = `environments/${await plane.newEnvironment({ EnvVars: variables('1') })}`;
  const RepoInfo = { 'acme/shop': { FeatureBranch: 'f', TargetBranch: 't', ...newer } };
  const task = `tasks/${await plane.newTask({ RepoInfo })}`;
  const [workstream, other] = [randomUUID(), randomUUID()];
  const inWorkstream = `workstreams/${workstream}/tasks/${other}`;
  await call('PUT', `workstreams/${workstream}`, { body: { Name: 'n' } });
  const added = await call('PUT', inWorkstream, { body: { Title: 't', AssignedToAI: true, RepoInfo } });
  assert.equal(added.status, 201, added.body.Message);
  const commits = { BaselineCommitHash: null, LastCommitHash: 'c' };
  const CommitInfo = { 'acme/shop': { LastCommitHash: 'c', ...newer } };
  const change = async (path: string, body: object) => {
    const { status } = await call('PATCH', path, { ifMatch: (await call('GET', path)).body.Version, body });
    assert.equal(status, 200, path);
  };
  const requireKept = async (value: string) => {
    const { EnvVars } = (await call('GET', environment)).body;
    assert.deepEqual(EnvVars, [
      { Name: 'A', Value: value, IsSecret: false, ...newer },
      { Name: 'KEY', Value: '', IsSecret: true, ...newer },
    ]);
    for (const path of [task, inWorkstream]) assert.deepEqual((await call('GET', path)).body.RepoInfo, RepoInfo, path);
  };
  await requireKept('1');
  await change(environment, { EnvVars: variables('2') });
  await change(`${task}/turns/1`, { CommitInfo });
  await change(task, { RepoInfo });
  await change(inWorkstream, { RepoInfo });
  await plane.restart();
  await requireKept('2');
  assert.deepEqual((await call('GET', `${task}/turns/1`)).body.CommitInfo, { 'acme/shop': { ...commits, ...newer } });
});

test('a field of newer clients in other capitals replaces the earlier one', async () => {
  const connection = `github-connections/${randomUUID()}`;
  await call('PUT', connection, { body: { Private: false, Newer: 1 } });
  const task = `tasks/${await plane.newTask({ Newer: 1, Twice: 1, TWICE: 2 })}`;
  const turn = `${task}/turns/1`;
  await call('PATCH', turn, { ifMatch: 1, body: { Newer: 1 } });
  for (const path of [connection, task, turn]) {
    const change = async (body: object) =>
      call('PATCH', path, { ifMatch: (await call('GET', path)).body.Version, body });
    const { body } = await change({ newer: 2, NEWER: null });
    assert.deepEqual([body.Newer, body.newer, body.NEWER], [undefined, 2, undefined], path);
    await change({ NeweR: 3, more: 4 });
    const names = Object.keys((await call('GET', path)).body).filter((name) => /^newer$/i.test(name));
    assert.deepEqual(names, ['NeweR'], path);
  }
  const { TWICE, Twice } = (await call('GET', task)).body;
  assert.deepEqual([TWICE, Twice], [2, undefined]);
});

test('fields of the server cannot be set, in any capitals, and OAuth tokens are not kept', async () => {
  const forged = { VERSION: 7, lastTurnStatus: 'x', TASKID: 'x', tenantid: 'x', Deleted: true, __proto__: { a: 1 } };
  const task = `tasks/${await plane.newTask(forged)}`;
  const { body } = await call('GET', task);
  assert.equal(body.Version, 1);
  assert.notEqual(body.LastTurnStatus, 'x');
  assert.equal(body.Deleted, false);
  for (const name of ['VERSION', 'lastTurnStatus', 'TASKID', 'tenantid']) assert.ok(!(name in body), name);
  const connection = `github-connections/${randomUUID()}`;
  const oauth = { OAuthToken: 'secret', refreshToken: 'secret', State: 's' };
  await call('PUT', connection, { body: { Private: false, ...oauth } });
  const patched = await call('PATCH', connection, { ifMatch: 1, body: oauth });
  assert.equal(patched.status, 200);
  assert.doesNotMatch(JSON.stringify((await call('GET', connection)).body), /secret|"State"/);
});

test('fields of newer clients count for the size of an object', async () => {
  const { status, body } = await call('PUT', `runners/${randomUUID()}`, {
    body: { Name: 'n', Newer: 'x'.repeat(70_000) },
  });
  assert.deepEqual([status, body.ErrorType], [413, 'ContentTooLarge']);
});

test('each list has Items, beside the name that older clients read', async () => {
  const id = await plane.newTask({ RepoInfo: { 'o/r': { FeatureBranch: 'f', TargetBranch: 't', PRID: '77' } } });
  const lists: [path: string, name: string][] = [
    ['GET tasks?maxResults=2', 'Tasks'],
    [`GET tasks/${id}/turns`, 'Turns'],
    ['POST /v1/tasks/search?pullRequestId=77', 'Tasks'],
    ['GET environments', 'Items'],
    ['GET runners', 'Items'],
    ['GET github-connections', 'Items'],
    ['GET /v1/tenants', 'Items'],
  ];
  for (const [request, name] of lists) {
    const [method = '', path = ''] = request.split(' ');
    const { status, body } = await call(method, path);
    assert.equal(status, 200, request);
    assert.ok(body.Items.length > 0, request);
    assert.deepEqual(body[name], body.Items, request);
    assert.notEqual(body.NextToken, '');
  }
});

test('the reasoning level and the files of a task reach the agent', async () => {
  const files = [randomUUID(), randomUUID(), randomUUID()];
  for (const file of files) {
    const { UploadURL } = (await call('PUT', `files/${file}`, { body: { Name: 'n', Size: 1 } })).body;
    await fetch(UploadURL, { method: 'PUT', body: 'x' });
  }
  const id = await plane.newTask({ ReasoningLevel: 'High', FileIDs: [files[0]] });
  const sent = async (turnIndex: number) => {
    const find = () => runner.requests.find(({ Turn }) => Turn?.TaskId === id && Turn.TurnIndex === turnIndex);
    await eventually(async () => find() !== undefined);
    return find();
  };
  const first = await sent(1);
  assert.deepEqual([first.Task.ReasoningLevel, first.Task.FileIDs], ['High', [files[0]]]);
  assert.equal(first.Turn.ReasoningLevel, 'High');
  assert.equal(parseRequest(JSON.stringify(first)).reasoningLevel, 'High');
  const turn = `tasks/${id}/turns/1`;
  const { Version } = (await call('GET', turn)).body;
  await call('PATCH', turn, { ifMatch: Version, body: { Status: 'Completed', TaskNewFileIDs: [files[1]] } });
  await call('PUT', `tasks/${id}/turns/2`, {
    body: { Prompt: 'more', ReasoningLevel: 'Low', AdditionalFileIDs: [files[1], files[2]], WorkstreamID: '' },
  });
  const missing = { body: { Prompt: 'more', AdditionalFileIDs: [files[1], 'zz'] } };
  const refused = await call('PUT', `tasks/${id}/turns/3`, missing);
  assert.deepEqual([refused.status, refused.body.Message], [400, 'AdditionalFileIDs: no such file: zz']);
  const second = await sent(2);
  assert.deepEqual(second.Task.NewFileIDs, [files[1], files[2]]);
  assert.equal(parseRequest(JSON.stringify(second)).reasoningLevel, 'Low', 'that of the turn goes first');
  const { Version: version } = (await call('GET', `tasks/${id}`)).body;
  const patched = await call('PATCH', `tasks/${id}`, {
    ifMatch: version,
    body: { ReasoningLevel: 'Medium', NewFileIDs: [] },
  });
  assert.deepEqual([patched.body.ReasoningLevel, patched.body.NewFileIDs], ['Medium', []]);
  const unknown = { ifMatch: version + 1, body: { NewFileIDs: [files[2], 'zz'] } };
  const kept = await call('PATCH', `tasks/${id}`, unknown);
  assert.deepEqual([kept.status, kept.body.Message], [400, 'NewFileIDs: no such file: zz']);
  const cleared = await call('PATCH', `tasks/${id}`, { ifMatch: version + 1, body: { ReasoningLevel: '' } });
  assert.deepEqual([cleared.status, 'ReasoningLevel' in cleared.body], [200, false]);
  const without = await call('GET', `tasks/${await plane.newTask({ ReasoningLevel: '' })}`);
  assert.ok(!('ReasoningLevel' in without.body));
});
