import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import {
  type CallOptions,
  callServer,
  startControlPlane,
  type TestControlPlane,
} from '../../../test/support/control-plane.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { FakeRunner, startFakeRunner } from '../../../test/support/fake-runner.ts';
import { systemClock } from '../../lib/clock.ts';

const codeOf = (link: string) => new URL(link).hash.replace('#sign-in=', '');

/** A call with no token but what `options` has. */
function callAs(plane: TestControlPlane, method: string, path: string, options: CallOptions = {}) {
  return callServer(plane.server.url, method, path, options);
}

function signIn(plane: TestControlPlane, code: string) {
  return callAs(plane, 'POST', '/page/session', { headers: { authorization: `SignInCode ${code}` } });
}

test('a sign-in link works once, and only to start a session', async () => {
  await using plane = await startControlPlane();
  const link = plane.server.newSignInUrl();
  assert.match(link, new RegExp(`^${plane.server.url}/#sign-in=[\\w-]{32}$`));
  const { status, body } = await signIn(plane, codeOf(link));
  assert.deepEqual([status, body.TenantId], [201, plane.server.admin.tenantId]);
  assert.match(body.Token, /^p42w_[\w-]{43}$/);
  assert.equal((await signIn(plane, codeOf(link))).status, 401);
  assert.equal((await signIn(plane, 'nonsense')).status, 401);

  const other = codeOf(plane.server.newSignInUrl());
  const headers = { authorization: `SignInCode ${other}` };
  assert.equal((await callAs(plane, 'GET', `${plane.tenant}/tasks`, { headers })).status, 403);
  assert.equal((await signIn(plane, other)).status, 401, 'a call that fails uses it up, too');
});

test('sign-in links and sessions expire', async () => {
  let now = Date.now();
  await using plane = await startControlPlane({
    clock: { ...systemClock, now: () => now, date: () => new Date(now) },
  });
  const [late, early] = [plane.server.newSignInUrl(), plane.server.newSignInUrl()].map(codeOf) as [string, string];
  now += 59 * 60_000;
  const { body } = await signIn(plane, early);
  now += 60_000;
  assert.equal((await signIn(plane, late)).status, 401);
  const status = async () => (await callAs(plane, 'GET', plane.tenant, { token: body.Token })).status;
  assert.equal(await status(), 200);
  now = Date.parse(body.ExpiresAt) - 1;
  assert.equal(await status(), 200);
  now += 1;
  assert.equal(await status(), 401);
});

test('a session has a tenant’s rights, survives a restart, and ends at sign-out', async () => {
  await using plane = await startControlPlane();
  const made = await plane.call('POST', '/page/sign-in-links');
  assert.equal(made.status, 201);
  const [first, second] = [
    await signIn(plane, codeOf(made.body.Url)),
    await signIn(plane, codeOf(plane.server.newSignInUrl())),
  ];
  await plane.restart();
  const token = first.body.Token;
  const taskId = await plane.newTask();
  const logs = callAs(plane, 'GET', `${plane.tenant}/tasks/${taskId}/turns/1/logs`, { token });
  const waiting = eventually(async () =>
    (await callAs(plane, 'GET', plane.tenant, { token })).status === 401 ? true : undefined,
  );
  assert.equal((await callAs(plane, 'DELETE', '/page/session', { token })).status, 204);
  await waiting;
  assert.equal((await logs).status < 500, true, 'a stream that was open ends with the session');
  assert.equal((await callAs(plane, 'GET', plane.tenant, { token: second.body.Token })).status, 200);
});

test('runners and agents may not use the page', async () => {
  await using plane = await startControlPlane();
  const token = await plane.newToken();
  for (const [method, path] of [
    ['GET', '/page/overview'],
    ['GET', '/page/tasks'],
    ['GET', '/page/tasks/x'],
    ['POST', '/page/session'],
    ['POST', '/page/sign-in-links'],
  ] as const) {
    assert.equal((await callAs(plane, method, path, { token })).status, 403, path);
    assert.equal((await callAs(plane, method, path)).status, 401, path);
  }
});

test('the files of the page are public, cacheable, and have a strict security policy', async () => {
  await using plane = await startControlPlane();
  const get = (path: string, headers = {}) => fetch(plane.server.url + path, { headers });
  const page = await get('/');
  const markup = await page.text();
  assert.match(page.headers.get('content-type') ?? '', /^text\/html/);
  assert.match(page.headers.get('content-security-policy') ?? '', /^default-src 'none'; script-src 'self';/);
  assert.equal(page.headers.get('cache-control'), 'no-cache');
  assert.equal(page.headers.get('x-frame-options'), 'DENY');
  const etag = page.headers.get('etag') ?? '';
  assert.equal((await get('/', { 'if-none-match': etag })).status, 304);
  const files = [...markup.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path);
  assert.equal(files.length, 3);
  for (const path of files) {
    assert.match(path ?? '', /^[\w.]+\?[\w-]+$/, 'relative, so that the server can be below a prefix');
    const file = await get(`/${path}`);
    assert.equal(file.status, 200);
    assert.match(file.headers.get('cache-control') ?? '', /immutable/);
    assert.equal((await get(`/${path}x`)).headers.get('cache-control'), 'no-cache', 'of another version');
  }
  const head = await fetch(plane.server.url, { method: 'HEAD' });
  assert.deepEqual([head.status, await head.text()], [200, '']);
  const posted = await fetch(plane.server.url, { method: 'POST' });
  assert.deepEqual([posted.status, posted.headers.get('allow')], [405, 'GET, HEAD']);
});

test('a foreign host name gets no page, but the API', async () => {
  await using plane = await startControlPlane();
  const authorization = `APIToken ${plane.server.admin.tenantToken}`;
  const status = async (path: string, host: string) => {
    const sent = request(plane.server.url + path, { headers: { host, authorization } }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    await text(response);
    return response.statusCode;
  };
  for (const path of ['/', '/page.js', '/page/overview']) {
    assert.equal(await status(path, 'localhost:7042'), 200, path);
    assert.equal(await status(path, 'evil.test:7042'), 421, path);
  }
  assert.equal(await status('/v1/tenants', 'host.containers.internal:7042'), 200);
});

test('the overview has queues with messages and samples, on request only new samples', async () => {
  await using plane = await startControlPlane({ timing: { historyStepMs: 10 } });
  const token = await plane.newToken();
  await using busy = new FakeRunner({ url: plane.server.url, token, answer: () => undefined });
  await busy.register();
  const connection = `github-connections/${randomUUID()}`;
  await plane.call('PUT', connection, { body: { Private: true, RunnerID: plane.server.admin.runnerId } });
  const requests = [1, 2].map(() => plane.call('GET', `${connection}/orgs`));
  // It does not count as load.
  const ping = plane.call('POST', `${busy.path}/ping`);
  const overview = async (query = '') => (await plane.call('GET', `/page/overview${query}`)).body;
  const queueOf = async () => (await overview()).Runners[0].Queues[0];
  await eventually(async () => (await queueOf()).Waiting === 3);
  assert.equal((await busy.receive(0)).length, 3);
  const queue = await queueOf();
  assert.deepEqual([queue.State, queue.Waiting, queue.Unanswered, queue.FailedHealthChecks], ['Healthy', 0, 3, 0]);
  assert.equal('LastHealthCheckAt' in queue, false);
  assert.equal('PublicKey' in queue, false);
  await eventually(async () => (await queueOf()).Utilisation.includes(20));

  const known = await overview();
  const next = await eventually(async () => {
    const answer = await overview(`?epoch=${known.Epoch}&since=${known.Step}`);
    return answer.Step > known.Step && answer;
  });
  assert.equal(next.Runners[0].Utilisation.length, next.Step - known.Step);
  assert.equal(next.Runners[0].Queues[0].States.length, next.Step - known.Step);
  const other = await overview(`?epoch=other&since=${known.Step}`);
  assert.ok(other.Runners[0].Utilisation.length >= known.Runners[0].Utilisation.length);
  assert.equal((await plane.call('GET', '/page/overview?since=x')).status, 400);
  await plane.server[Symbol.asyncDispose]();
  await Promise.allSettled([...requests, ping]);
});

test('tasks are listed newest first, in pages, optionally by state', async () => {
  let now = Date.parse('2026-01-01T00:00:00Z');
  await using plane = await startControlPlane({
    clock: {
      ...systemClock,
      date: () => {
        now += 1000;
        return new Date(now);
      },
    },
  });
  const ids: string[] = [];
  for (let i = 0; i < 5; i += 1) ids.unshift(await plane.newTask({ Title: `task ${i}` }));
  const get = async (query: string) => (await plane.call('GET', `/page/tasks?${query}`)).body;
  const first = await get('maxResults=2');
  const second = await get(`maxResults=2&token=${first.NextToken}`);
  const third = await get(`maxResults=2&token=${second.NextToken}`);
  const seen = [first, second, third].flatMap((page) => page.Tasks.map((task: { TaskId: string }) => task.TaskId));
  assert.deepEqual(seen, ids);
  assert.equal('NextToken' in third, false);
  assert.equal('Prompt' in first.Tasks[0], false);
  const turn = (await plane.call('GET', `tasks/${ids[1]}/turns/1`)).body;
  const failure = { ifMatch: turn.Version, body: { Status: 'Failed' } };
  assert.equal((await plane.call('PATCH', `tasks/${ids[1]}/turns/1`, failure)).status, 200);
  await plane.call('DELETE', `tasks/${ids[0]}`, { ifMatch: 1 });
  const failed = await get('state=Failed');
  assert.deepEqual([failed.Tasks.length, failed.Tasks[0].TaskId], [1, ids[1]]);
  assert.deepEqual(failed.Counts, { Failed: 1, Pending: 3 });
  assert.equal((await get('state=Nonsense')).Tasks.length, 0);
});

test('tasks are found by title, prompt, repository and ID', async () => {
  await using plane = await startControlPlane();
  const RepoInfo = { 'me/web': { FeatureBranch: 'plan42/x', TargetBranch: 'main' } };
  const one = await plane.newTask({ Title: 'Fix 100% of it', Prompt: 'and the Footer', RepoInfo });
  const two = await plane.newTask({ Title: 'Other', Prompt: 'p' });
  const find = async (text: string, more = '') => {
    const { body } = await plane.call('GET', `/page/tasks?search=${encodeURIComponent(text)}${more}`);
    assert.equal('Counts' in body, false);
    return body.Tasks.map((task: { TaskId: string }) => task.TaskId);
  };
  for (const text of ['fix', '100%', 'footer', 'ME/WEB', one.slice(0, 8)])
    assert.deepEqual(await find(text), [one], text);
  for (const text of ['100_', '%%', 'nothing']) assert.deepEqual(await find(text), [], text);
  assert.deepEqual(await find('o', '&state=Pending'), [two, one]);
  assert.deepEqual(await find('o', '&state=Failed'), []);
  assert.equal((await plane.call('GET', `/page/tasks?search=${'x'.repeat(201)}`)).status, 400);
});

test('a log is searched to its start', async () => {
  await using plane = await startControlPlane();
  const turn = `tasks/${await plane.newTask()}/turns/1`;
  const Logs = Array.from({ length: 500 }, (_, n) => ({ Timestamp: '2026-01-01T00:00:00Z', Message: `Line ${n}.` }));
  const long = { Timestamp: '2026-01-01T00:00:00Z', Message: `${'x'.repeat(5000)}needle${'y'.repeat(5000)}` };
  const upload = async (Index: number, entries: object[]) => {
    const ifMatch = (await plane.call('GET', turn)).body.Version;
    const { status } = await plane.call('POST', `${turn}/logs`, { body: { Index, Logs: entries }, ifMatch });
    return status === 200 || undefined;
  };
  // The scheduler may change the turn in between.
  await eventually(() => upload(0, Logs));
  await eventually(() => upload(500, [long]));
  const find = async (text: string) => (await plane.call('GET', `/page/${turn}/log?search=${text}`)).body;
  const lines = await find('line%201');
  assert.deepEqual([lines.Count, lines.Entries.length, lines.Entries[0].Message], [111, 111, 'Line 1.']);
  const { Count, Entries } = await find('NEEDLE');
  assert.deepEqual([Count, Entries.length, Entries[0].Index, Entries[0].Message.length], [1, 1, 500, 2000]);
  assert.match(Entries[0].Message, /^x{500}needle/);
  assert.equal((await plane.call('GET', `/page/${turn}/log`)).status, 400);
});

test('the overview has the turns that run, wait and have failed', async () => {
  await using plane = await startControlPlane();
  const { runnerId } = plane.server.admin;
  const activity = async (query = '') => (await plane.call('GET', `/page/overview${query}`)).body.Activity;
  const waiting = await plane.newTask({ Title: 'waits' });
  const cancelled = await plane.newTask({ Title: 'cancelled' });
  const body = { Status: 'Failed', ErrorMessage: 'cancelled by user' };
  const turn = (await plane.call('GET', `tasks/${cancelled}/turns/1`)).body;
  assert.equal((await plane.call('PATCH', `tasks/${cancelled}/turns/1`, { body, ifMatch: turn.Version })).status, 200);
  assert.deepEqual((await activity()).Counts, { Running: 0, Waiting: 1, Failed: 0 });

  const connection = randomUUID();
  const path = `github-connections/${connection}`;
  await plane.call('PUT', path, { body: { Private: true, RunnerID: runnerId } });
  const EnvironmentId = await plane.newEnvironment({ GithubConnectionId: connection });
  const environment = `environments/${EnvironmentId}`;
  await plane.call('DELETE', environment, { ifMatch: 1 });
  await plane.call('DELETE', path, { ifMatch: 1 });
  await plane.call('PATCH', environment, { ifMatch: 2, body: { Deleted: false } });
  await plane.newTask({ Title: 'fails', EnvironmentId });
  const { Failed, Counts } = await eventually(async () => {
    const found = await activity();
    return found.Counts.Failed === 1 && found;
  });
  assert.deepEqual([Failed[0].Title, Counts], ['fails', { Running: 0, Waiting: 1, Failed: 1 }]);
  assert.match(Failed[0].ErrorMessage, /^the GitHub connection of the environment was deleted/);
  assert.equal((await activity('?today=2100-01-01T00:00:00Z')).Counts.Failed, 0);
  assert.equal((await plane.call('GET', '/page/overview?today=x')).status, 400);

  await using _ = await startFakeRunner({ url: plane.server.url, token: await plane.newToken() });
  const { Running } = await eventually(async () => {
    const found = await activity();
    return found.Counts.Running === 1 && found;
  });
  assert.deepEqual([Running[0].TaskId, typeof Running[0].AcceptedAt], [waiting, 'string']);
});

test('a task comes with its turns, the times at which runners accepted them, and its environment', async () => {
  await using plane = await startControlPlane();
  const taskId = await plane.newTask({ Title: 'one' });
  const get = async () => (await plane.call('GET', `/page/tasks/${taskId}`)).body;
  const waiting = await get();
  assert.deepEqual([waiting.Task.Title, waiting.Turns.length, waiting.Turns[0].AcceptedAt], ['one', 1, undefined]);
  assert.equal(waiting.Environment.EnvironmentId, waiting.Task.EnvironmentId);
  await using _ = await startFakeRunner({ url: plane.server.url, token: await plane.newToken() });
  const accepted = await eventually(async () => {
    const document = await get();
    return document.Turns[0].AcceptedAt && document;
  });
  assert.ok(Date.parse(accepted.Turns[0].AcceptedAt) >= Date.parse(accepted.Turns[0].CreatedAt));
  assert.equal((await plane.call('GET', '/page/tasks/nonsense')).status, 404);
});

test('polling a hundred queues and a thousand tasks is cheap', async () => {
  await using plane = await startControlPlane({ timing: { historyStepMs: 5 } });
  const token = await plane.newToken();
  await using runners = new AsyncDisposableStack();
  for (let i = 0; i < 100; i += 1) runners.use(await startFakeRunner({ url: plane.server.url, token }));
  const known = (await plane.call('GET', '/page/overview')).body;
  const query = `?epoch=${known.Epoch}&since=${known.Step}`;
  const answer = await plane.call('GET', `/page/overview${query}`);
  assert.equal(answer.body.Runners[0].Queues.length, 100);
  assert.ok(JSON.stringify(answer.body).length < 40_000, 'a poll is small');
});
