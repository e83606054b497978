import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { startFakeRunner } from '../../../test/support/fake-runner.ts';
import type { Json } from '../../../test/support/json.ts';

const plane = await startControlPlane();
const { call } = plane;
const runnerToken = await plane.newToken();
const runner = await startFakeRunner({ url: plane.server.url, token: runnerToken });
const environment = await plane.newEnvironment();
after(async () => {
  await runner[Symbol.asyncDispose]();
  await plane[Symbol.asyncDispose]();
});

async function read(path: string): Promise<Json> {
  const { status, body } = await call('GET', path);
  assert.equal(status, 200, `${path}: ${body.Message}`);
  return body;
}

/** Updates an object with its current version. */
async function patch(path: string, body: object): Promise<Json> {
  const { Version } = (await call('GET', `${path}?includeDeleted=true`)).body;
  const answer = await call('PATCH', path, { ifMatch: Version, body });
  assert.equal(answer.status, 200, `${path}: ${answer.body.Message}`);
  return answer.body;
}

async function newWorkstream(fields: object = {}): Promise<string> {
  const path = `workstreams/${randomUUID()}`;
  const { status, body } = await call('PUT', path, { body: { Name: 'w', Description: '', ...fields } });
  assert.equal(status, 201, body.Message);
  return path;
}

const forAi = { AssignedToAI: true, EnvironmentId: environment, Prompt: 'do it' };

async function newTask(workstream: string, fields: object = {}): Promise<string> {
  const path = `${workstream}/tasks/${randomUUID()}`;
  const body = { Title: 't', AssignedToAI: false, ...fields };
  const answer = await call('PUT', path, { body });
  assert.equal(answer.status, 201, answer.body.Message);
  return path;
}

const idOf = (path: string) => path.split('/').at(-1) ?? '';

async function order(workstream: string, query = ''): Promise<string[]> {
  const { Items } = await read(`${workstream}/tasks?maxResults=100${query}`);
  return Items.map(({ TaskId }: Json) => TaskId);
}

/** Ends the last turn of a task. */
async function complete(task: string): Promise<void> {
  const turn = `tasks/${idOf(task)}/turns/1`;
  await eventually(async () => (await call('GET', turn)).status === 200);
  for (;;) {
    const { Version } = await read(turn);
    const { status } = await call('PATCH', turn, { ifMatch: Version, body: { Status: 'Completed' } });
    if (status === 200) return;
    assert.equal(status, 409, 'the server may change the turn meanwhile');
  }
}

test('a workstream is created, changed, deleted and undeleted', async () => {
  const path = await newWorkstream({ Name: 'first', Newer: 1 });
  const first = await read(path);
  assert.deepEqual(
    [first.Name, first.Description, first.DefaultShortName, first.TaskCounter, first.Paused, first.Deleted],
    ['first', '', '', 0, true, false],
  );
  assert.deepEqual([first.Version, first.Newer], [1, 1]);
  const again = await call('PUT', path, { body: { Name: 'x' } });
  assert.deepEqual([again.status, again.body.CurrentType, again.body.Current.Name], [409, 'Workstream', 'first']);
  const stale = await call('PATCH', path, { ifMatch: 0, body: { Name: 'x' } });
  assert.deepEqual([stale.status, stale.body.CurrentType], [409, 'Workstream']);
  assert.equal((await call('PATCH', path, { body: {} })).status, 400);
  assert.equal((await patch(path, { Paused: false })).Paused, false);
  assert.equal((await call('DELETE', path, { ifMatch: 2 })).status, 204);
  assert.equal((await call('GET', path)).status, 404);
  assert.equal((await call('GET', `${path}?includeDeleted=true`)).body.Deleted, true);
  const listed = async (query: string) =>
    (await read(`workstreams?maxResults=500${query}`)).Items.some((one: Json) => path.endsWith(one.WorkstreamId));
  assert.deepEqual([await listed(''), await listed('&includeDeleted=true')], [false, true]);
  assert.equal((await patch(path, { Deleted: false })).Deleted, false);
  assert.equal((await call('PUT', 'workstreams/x', { body: {} })).status, 400);
});

test('short names are unique, and move between workstreams', async () => {
  const [a, b] = [await newWorkstream({ DefaultShortName: 'alpha' }), await newWorkstream()];
  const version = async (path: string) => (await read(path)).Version as number;
  assert.equal((await call('PUT', `${a}/shortnames/a2%2Fx`, { ifMatch: await version(a) })).status, 204);
  assert.equal(await version(a), 2);
  const taken = await call('PUT', `${b}/shortnames/alpha`, { ifMatch: await version(b) });
  assert.deepEqual([taken.status, taken.body.CurrentType], [409, 'WorkstreamShortName']);
  assert.deepEqual(taken.body.Current, { Name: 'alpha', WorkstreamID: idOf(a), WorkstreamVersion: 2 });
  assert.equal((await call('PUT', `${b}/shortnames/beta`, { ifMatch: 0 })).body.CurrentType, 'Workstream');
  assert.equal((await call('PUT', `${b}/shortnames/beta`)).status, 400);
  const names = async (query: string) => (await read(`shortnames?${query}`)).Items.map(({ Name }: Json) => Name);
  assert.deepEqual(await names(`workstreamID=${idOf(a).toUpperCase()}`), ['a2/x', 'alpha']);
  assert.deepEqual((await read('workstreams?shortName=alpha')).Items[0].WorkstreamId, idOf(a));
  assert.deepEqual((await read('workstreams?shortName=none')).Items, []);

  const move = {
    SourceWorkstreamID: idOf(a),
    DestinationWorkstreamID: idOf(b),
    SourceWorkstreamVersion: 2,
    DestinationWorkstreamVersion: 1,
    SetDefaultOnDestination: true,
    ReplacementName: 'gamma',
  };
  const stale = await call('POST', 'shortnames/alpha/move', { body: { ...move, DestinationWorkstreamVersion: 9 } });
  assert.deepEqual([stale.status, stale.body.CurrentType], [409, 'Workstream']);
  const { status, body } = await call('POST', 'shortnames/alpha/move', { body: move });
  assert.equal(status, 200, body.Message);
  assert.deepEqual(
    [body.SourceWorkstream.DefaultShortName, body.SourceWorkstream.Version],
    ['gamma', 3],
    'the replacement is the new default',
  );
  assert.deepEqual([body.DestinationWorkstream.DefaultShortName, body.DestinationWorkstream.Version], ['alpha', 2]);
  assert.deepEqual(await names(`workstreamID=${idOf(b)}`), ['alpha']);
  assert.equal((await call('DELETE', `${b}/shortnames/alpha`, { ifMatch: 2 })).status, 204);
  assert.equal((await read(b)).DefaultShortName, '');
  assert.equal((await call('DELETE', `${a}/shortnames/beta`, { ifMatch: 3 })).status, 404);
  await call('DELETE', a, { ifMatch: 3 });
  assert.deepEqual(await names(`workstreamID=${idOf(a)}`), []);
  assert.deepEqual(await names(`workstreamID=${idOf(a)}&includeDeleted=true`), ['a2/x', 'gamma']);
});

test('a deleted workstream keeps its short names until another one needs them', async () => {
  const old = await newWorkstream({ Name: 'old', DefaultShortName: 'reused' });
  await call('PUT', `${old}/shortnames/kept`, { ifMatch: 1 });
  assert.equal((await call('DELETE', old, { ifMatch: 2 })).status, 204);
  const other = await newWorkstream({ DefaultShortName: 'reused' });
  assert.equal((await read('workstreams?shortName=reused')).Items[0].WorkstreamId, idOf(other));
  const undeleted = await patch(old, { Deleted: false });
  assert.deepEqual([undeleted.DefaultShortName, undeleted.Version], ['', 5]);
  assert.equal((await read('workstreams?shortName=kept')).Items[0].WorkstreamId, idOf(old));
  for (const refused of [
    await call('PUT', `${other}/shortnames/kept`, { ifMatch: 1 }),
    await call('PATCH', other, { ifMatch: 1, body: { DefaultShortName: 'kept' } }),
    await call('PUT', `workstreams/${randomUUID()}`, { body: { Name: 'x', DefaultShortName: 'kept' } }),
  ]) {
    assert.deepEqual([refused.status, refused.body.CurrentType], [409, 'WorkstreamShortName']);
    assert.equal(refused.body.Message, 'the workstream "old" has this short name');
  }
  assert.equal((await call('DELETE', old, { ifMatch: 5 })).status, 204);
  assert.equal((await call('PUT', `${other}/shortnames/kept`, { ifMatch: 1 })).status, 204);
  const again = await call('PUT', `${other}/shortnames/kept`, { ifMatch: 2 });
  assert.deepEqual([again.status, again.body.Current?.WorkstreamID], [409, idOf(other)]);
});

test('tasks of a workstream have numbers and an order', async () => {
  const workstream = await newWorkstream();
  const [a, b, c] = [await newTask(workstream), await newTask(workstream), await newTask(workstream)];
  const [first, third] = [await read(a), await read(c)];
  assert.deepEqual([first.TaskNumber, third.TaskNumber, first.Version, first.State], [1, 3, 1, 'Pending']);
  assert.equal(first.WorkstreamId, idOf(workstream));
  assert.ok(!('Rank' in first));
  assert.equal((await read(workstream)).TaskCounter, 3);
  await patch(c, { BeforeTaskId: idOf(a) });
  assert.deepEqual(await order(workstream), [idOf(c), idOf(a), idOf(b)]);
  await patch(c, { AfterTaskId: idOf(a) });
  assert.deepEqual(await order(workstream), [idOf(a), idOf(c), idOf(b)]);
  assert.deepEqual(await order(workstream, `&afterTaskId=${idOf(a)}`), [idOf(c), idOf(b)]);
  assert.deepEqual(await order(workstream, `&beforeTaskId=${idOf(b)}`), [idOf(a), idOf(c)]);
  assert.deepEqual(await order(workstream, '&taskNumber=2'), [idOf(b)]);
  for (const field of ['afterTaskId', 'beforeTaskId']) {
    const { status, body } = await call('GET', `${workstream}/tasks?${field}=${idOf(a)}x`);
    assert.deepEqual([status, body.Message], [400, `${field}: no such task in the workstream: ${idOf(a)}x`]);
  }
  const page = await read(`${workstream}/tasks?maxResults=2`);
  const rest = await read(`${workstream}/tasks?maxResults=2&token=${page.NextToken}`);
  assert.deepEqual(
    [...page.Items, ...rest.Items].map(({ TaskId }: Json) => TaskId),
    [idOf(a), idOf(c), idOf(b)],
  );
  assert.ok(!('Rank' in page.Items[0]) && rest.NextToken === undefined);
  const status = async (body: object) => (await call('PATCH', a, { ifMatch: (await read(a)).Version, body })).status;
  assert.equal(await status({ BeforeTaskId: idOf(b), AfterTaskId: idOf(c) }), 400);
  assert.equal(await status({ BeforeTaskId: randomUUID() }), 400);
  assert.equal(await status({ State: 'Whatever' }), 400);
  assert.equal(await status({ AssignedToTenantId: randomUUID() }), 400);
  assert.equal((await call('PATCH', a, { ifMatch: 7, body: {} })).body.CurrentType, 'WorkstreamTaskConflict');
  const tasks = (await read(`tasks?maxResults=500&workstreamID=${idOf(workstream)}`)).Tasks;
  assert.equal(tasks.length, 3);
  const { Version } = await read(b);
  assert.equal((await call('DELETE', b, { ifMatch: Version })).status, 204);
  assert.deepEqual(await order(workstream), [idOf(a), idOf(c)]);
  assert.equal((await patch(b, { Deleted: false })).Deleted, false);
  const other = await newWorkstream();
  assert.equal((await call('GET', `${other}/tasks/${idOf(a)}`)).status, 404);
});

test('a conflict has the task and the workstream', async () => {
  const workstream = await newWorkstream();
  const task = await newTask(workstream);
  for (const answer of [
    await call('PATCH', task, { ifMatch: 0, body: {} }),
    await call('DELETE', task, { ifMatch: 9 }),
    await call('PUT', task, { body: { Title: 'again' } }),
  ]) {
    assert.deepEqual([answer.status, answer.body.CurrentType], [409, 'WorkstreamTaskConflict']);
    const { Task, Workstream } = answer.body.Current;
    assert.deepEqual([Task.TaskId, Workstream.WorkstreamId], [idOf(task), idOf(workstream)]);
  }
});

test('an empty text clears, and files are removed', async () => {
  const workstream = await newWorkstream();
  const files = [randomUUID(), randomUUID()];
  const refused = await call('PUT', `${workstream}/tasks/${randomUUID()}`, { body: { Title: 't', FileIDs: files } });
  assert.deepEqual([refused.status, refused.body.Message], [400, `FileIDs: no such file: ${files[0]}`]);
  for (const file of files) {
    const { UploadURL } = (await call('PUT', `files/${file}`, { body: { Name: 'n', Size: 1 } })).body;
    const early = { body: { Title: 't', FileIDs: [file] } };
    const { status, body } = await call('PUT', `${workstream}/tasks/${randomUUID()}`, early);
    assert.deepEqual([status, /^FileIDs: the content of the file .* upload it first$/.test(body.Message)], [400, true]);
    await fetch(UploadURL, { method: 'PUT', body: 'x' });
  }
  const task = await newTask(workstream, { ...forAi, Model: 'GPT-5', FileIDs: files, ReasoningLevel: 'Low' });
  const cleared = await patch(task, { EnvironmentId: '', Model: '', RemoveFileIDs: [files[0]], AutoPause: true });
  assert.deepEqual([cleared.EnvironmentId, cleared.Model, cleared.FileIDs], [null, null, [files[1]]]);
  assert.ok(!('AutoPause' in cleared) && !('RemoveFileIDs' in cleared));
  const own = { AssignedToAI: false, AssignedToTenantId: plane.server.admin.tenantId };
  assert.equal((await patch(task, own)).AssignedToTenantId, plane.server.admin.tenantId);
  assert.equal((await patch(task, { AssignedToAI: true })).AssignedToTenantId, undefined);
});

test('what a person changes about the work of agents pauses the workstream', async () => {
  const workstream = await newWorkstream();
  const paused = async () => (await read(workstream)).Paused as boolean;
  const resume = async () => assert.equal((await patch(workstream, { Paused: false })).Paused, false);
  // It waits for this one.
  const first = await newTask(workstream);
  await resume();
  const task = await newTask(workstream, forAi);
  assert.equal(await paused(), true, 'an agent’s task is added');
  await resume();
  await newTask(workstream);
  assert.equal(await paused(), false, 'a person’s task is added');
  const changes: [body: object, pauses: boolean][] = [
    [{ Title: 'other' }, true],
    [{ Title: 'other' }, false],
    [{ Newer: 1 }, false],
    [{ AssignedToAI: false }, true],
    [{ Title: 'a person’s' }, false],
    [{ AssignedToAI: true, AutoPause: false }, false],
    [{ BeforeTaskId: idOf(first) }, true],
    [{ AfterTaskId: idOf(first) }, true],
  ];
  for (const [body, pauses] of changes) {
    await patch(task, body);
    assert.equal(await paused(), pauses, JSON.stringify(body));
    // Paused first, so that the agent does not start in between.
    if (pauses && (await order(workstream))[0] === idOf(first)) await resume();
  }
});

test('agents start in order, parallel neighbours together, and a person’s task is waited for', async () => {
  const workstream = await newWorkstream();
  const a = await newTask(workstream, { ...forAi, Parallel: true });
  const b = await newTask(workstream, { ...forAi, Parallel: true });
  const person = await newTask(workstream);
  const c = await newTask(workstream, { ...forAi, ReasoningLevel: 'High' });
  const isStarted = async (task: string) => (await read(task)).LastTurnIndex === 1;
  await patch(workstream, { Paused: false });
  await eventually(async () => (await isStarted(a)) && (await isStarted(b)));
  assert.equal((await read(`tasks/${idOf(a)}/turns/1`)).WorkstreamId, idOf(workstream));
  await complete(a);
  await complete(b);
  assert.equal((await read(a)).State, 'Completed');
  assert.equal(await isStarted(c), false);
  await patch(person, { State: 'Completed' });
  await eventually(() => isStarted(c));
  const request = () => runner.requests.find(({ Task }) => Task?.TaskId === idOf(c));
  await eventually(async () => request() !== undefined);
  assert.equal(request().Task.ReasoningLevel, 'High');
  await complete(c);
  const { Version } = await read(c);
  await patch(workstream, { Paused: true });
  const second = await call('PUT', `tasks/${idOf(c)}/turns/2`, { ifMatch: Version, body: { Prompt: 'more' } });
  assert.deepEqual([second.status, second.body.Message], [409, 'the workstream is paused']);
});

test('a task moves to another workstream, with its turns', async () => {
  const [from, to] = [await newWorkstream(), await newWorkstream()];
  const task = await newTask(from, forAi);
  await patch(from, { Paused: false });
  await complete(task);
  await newTask(to);
  const [t, f, d] = [await read(task), await read(from), await read(to)];
  const body = {
    DestinationWorkstreamID: idOf(to),
    TaskVersion: t.Version,
    SourceWorkstreamVersion: f.Version,
    DestinationWorkstreamVersion: d.Version,
  };
  const move = `tasks/${idOf(task)}/move`;
  for (const name of ['TaskVersion', 'SourceWorkstreamVersion', 'DestinationWorkstreamVersion']) {
    const stale = await call('POST', move, { body: { ...body, [name]: 0 } });
    assert.deepEqual([stale.status, stale.body.CurrentType], [409, 'WorkstreamTaskConflict'], name);
  }
  const moved = await call('POST', move, { body });
  assert.equal(moved.status, 200, moved.body.Message);
  const { Task, SourceWorkstream, DestinationWorkstream } = moved.body;
  assert.deepEqual([Task.WorkstreamId, Task.TaskNumber, Task.Version], [idOf(to), 2, t.Version + 1]);
  assert.deepEqual([SourceWorkstream.Version, DestinationWorkstream.Version], [f.Version + 1, d.Version + 1]);
  assert.deepEqual([DestinationWorkstream.TaskCounter, DestinationWorkstream.Paused], [2, true]);
  assert.equal((await order(to)).at(-1), idOf(task));
  assert.deepEqual(await order(from), []);
  assert.equal((await read(`tasks/${idOf(task)}/turns/1`)).WorkstreamId, idOf(to));
  const single = await plane.newTask();
  assert.equal((await call('POST', `tasks/${single}/move`, { body })).status, 400);
});

test('runners and agents change only what is theirs', async () => {
  const workstream = await newWorkstream();
  const task = await newTask(workstream, { ...forAi, RepoInfo: { 'o/r': { FeatureBranch: 'f', TargetBranch: 'm' } } });
  await patch(workstream, { Paused: false });
  await eventually(async () => runner.requests.some(({ Task }) => Task?.TaskId === idOf(task)));
  const token: string = runner.requests.find(({ Task }) => Task?.TaskId === idOf(task)).AgentToken;
  const as = async (credential: string, method: string, path: string, body?: object) => {
    const ifMatch = (await read(task)).Version;
    return (await call(method, path, { token: credential, ifMatch, ...(body && { body }) })).status;
  };
  const info = (PRStatus: string, FeatureBranch = 'f') => ({
    RepoInfo: { 'o/r': { FeatureBranch, TargetBranch: 'm', PRStatus } },
  });
  assert.equal(await as(token, 'GET', task), 200);
  assert.equal(await as(token, 'PATCH', task, info('open')), 200);
  assert.equal((await read(workstream)).Paused, false);
  for (const body of [{ State: 'Completed' }, { AssignedToAI: false }, { AutoPause: false }, { BeforeTaskId: 'x' }])
    assert.equal(await as(token, 'PATCH', task, body), 403, JSON.stringify(body));
  assert.equal(await as(token, 'GET', await newTask(workstream)), 403, 'another task');
  assert.equal(await as(token, 'GET', workstream), 403);
  assert.equal(await as(token, 'POST', `tasks/${idOf(task)}/move`, {}), 403);
  assert.equal(await as(runnerToken, 'PATCH', task, info('closed')), 403, 'no connection of this runner');
  const connection = randomUUID();
  await call('PUT', `github-connections/${connection}`, {
    body: { Private: true, RunnerID: plane.server.admin.runnerId },
  });
  await patch(`environments/${environment}`, { GithubConnectionId: connection });
  assert.equal(await as(runnerToken, 'PATCH', task, { ...info('closed'), State: 'Completed' }), 200);
  assert.equal(await as(runnerToken, 'PATCH', task, info('closed', 'other')), 403);
  assert.equal(await as(runnerToken, 'PATCH', task, { Title: 'x' }), 403);
  assert.equal(await as(runnerToken, 'PATCH', task, { Newer: 'x' }), 403);
  for (const [method, path] of [
    ['PUT', `${workstream}/tasks/${randomUUID()}`],
    ['DELETE', task],
    ['PATCH', workstream],
    ['PUT', `${workstream}/shortnames/n`],
  ] as const)
    for (const credential of [token, runnerToken]) assert.equal(await as(credential, method, path, {}), 403);
});
