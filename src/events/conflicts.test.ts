/** Tests what happens to events if the server responds with conflicts, refuses calls or is down, and at a shutdown. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { request } from 'undici';
import { type EventsSetting, startEventsSetting } from '../../test/support/events-setting.ts';
import { eventually } from '../../test/support/eventually.ts';
import { issueComment, pullRequestChange, push } from '../../test/support/github/events.ts';
import {
  type Answerer,
  type SeenRequest,
  sendJson,
  startTestServer,
  type TestServer,
} from '../../test/support/http-server.ts';

const firstPollMs = 5000;
const pollMs = 60_000;

interface Proxied extends AsyncDisposable {
  setting: EventsSetting;
  /** Responds to calls instead of the server; undefined for those that it passes on. */
  intercept: (seen: SeenRequest) => Promise<Answerer | undefined> | Answerer | undefined;
  calls: SeenRequest[];
}

/** A setting whose feed has a checkpoint, with a proxy before the server. */
async function startProxied(): Promise<Proxied> {
  const setting = await startEventsSetting({ begin: false });
  const proxy: TestServer = await startTestServer(async (response, seen) => {
    const own = await proxied.intercept(seen);
    if (own !== undefined) return own(response, seen);
    const { method, url, body } = seen;
    const { authorization = '', 'if-match': ifMatch } = seen.headers;
    const answer = await request(setting.plane.server.url + url, {
      method,
      headers: { authorization, ...(ifMatch && { 'if-match': ifMatch }), 'content-type': 'application/json' },
      body: body === '' ? null : body,
    });
    sendJson(response, answer.statusCode, await answer.body.json());
  });
  const proxied: Proxied = {
    ...{ setting, intercept: () => undefined, calls: proxy.requests },
    [Symbol.asyncDispose]: async () => {
      await setting[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
  setting.publish(push({ id: '1' }));
  await setting.start({ url: proxy.url });
  await setting.run.pass(firstPollMs);
  return proxied;
}

const is = ({ method, url }: SeenRequest, wanted: string, part: string) => method === wanted && url.includes(part);
const taskOf = async ({ plane, taskId }: EventsSetting) => (await plane.call('GET', `tasks/${taskId}`)).body;

describe('an update of a task', () => {
  test('is merged into what another client has changed meanwhile', async () => {
    await using proxied = await startProxied();
    const { setting } = proxied;
    const { plane, taskId } = setting;
    let changes = 0;
    proxied.intercept = async (seen) => {
      if (!is(seen, 'PATCH', `/tasks/${taskId}`) || changes >= 2) return;
      changes += 1;
      const { Version, RepoInfo } = await taskOf(setting);
      const web = { FeatureBranch: `web-${changes}`, TargetBranch: 'main' };
      const body = { RepoInfo: { ...RepoInfo, 'acme/web': web } };
      await plane.call('PATCH', `tasks/${taskId}`, { ifMatch: Version, body });
    };
    setting.pullRequest.state = 'closed';
    setting.publish(pullRequestChange({ id: '2' }));
    await setting.run.pass(pollMs);
    const { RepoInfo } = await taskOf(setting);
    assert.equal(RepoInfo['acme/app'].PRStatus, 'closed');
    assert.equal(RepoInfo['acme/web'].FeatureBranch, 'web-2');
  });

  test('gives way to a newer state and to another pull request', async () => {
    for (const change of [{ PRStatus: 'merged', PRStatusUpdatedAt: '2027-01-01T00:00:00Z' }, { PRID: '99' }]) {
      await using proxied = await startProxied();
      const { setting } = proxied;
      const { plane, taskId } = setting;
      let isChanged = false;
      proxied.intercept = async (seen) => {
        if (!is(seen, 'PATCH', `/tasks/${taskId}`) || isChanged) return;
        isChanged = true;
        const { Version, RepoInfo } = await taskOf(setting);
        const body = { RepoInfo: { 'acme/app': { ...RepoInfo['acme/app'], ...change } } };
        await plane.call('PATCH', `tasks/${taskId}`, { ifMatch: Version, body });
      };
      setting.pullRequest.state = 'closed';
      setting.publish(pullRequestChange({ id: '2' }));
      await setting.run.pass(pollMs);
      const { PRStatus, PRID } = (await taskOf(setting)).RepoInfo['acme/app'];
      assert.deepEqual([PRStatus, PRID], [change.PRStatus ?? 'open', change.PRID ?? '1005']);
      assert.match(setting.run.log.join(''), /reason="task has (a newer state|another pull request)"/);
    }
  });

  test('is given up after five conflicts', async () => {
    await using proxied = await startProxied();
    const { setting, calls } = proxied;
    const current = await taskOf(setting);
    const conflict = { ResponseCode: 409, Message: 'changed', ErrorType: 'Conflict', CurrentType: 'Task' };
    proxied.intercept = (seen) =>
      is(seen, 'PATCH', '/tasks/')
        ? (response) => sendJson(response, 409, { ...conflict, Current: current })
        : undefined;
    setting.pullRequest.state = 'closed';
    setting.publish(pullRequestChange({ id: '2' }));
    await setting.run.pass(pollMs);
    assert.equal(calls.filter((seen) => is(seen, 'PATCH', '/tasks/')).length, 5);
    assert.match(setting.run.log.join(''), /ERROR cannot handle GitHub event .*event_id=2/);
  });

  test('of a workstream has its state, and merges the conflict of a workstream', async () => {
    await using proxied = await startProxied();
    const { setting, calls } = proxied;
    const workstream = randomUUID();
    const task = { ...(await taskOf(setting)), WorkstreamId: workstream, State: 'Awaiting Code Review' };
    const newer = { ...task, Version: task.Version + 7 };
    const conflict = { ResponseCode: 409, Message: 'changed', ErrorType: 'Conflict' };
    const ofWorkstream = { CurrentType: 'WorkstreamTaskConflict', Current: { Task: newer, Workstream: {} } };
    const path = `/workstreams/${workstream}/tasks/`;
    proxied.intercept = (seen) => {
      if (is(seen, 'POST', '/tasks/search')) return (response) => sendJson(response, 200, { Items: [task] });
      if (!is(seen, 'PATCH', path)) return undefined;
      const isFirst = seen.headers['if-match'] === String(task.Version);
      return (response) => sendJson(response, isFirst ? 409 : 200, isFirst ? { ...conflict, ...ofWorkstream } : newer);
    };
    Object.assign(setting.pullRequest, { state: 'closed', merged: true });
    setting.publish(pullRequestChange({ id: '2' }));
    await setting.run.pass(pollMs);
    const [, second] = calls.filter((seen) => is(seen, 'PATCH', path));
    assert.equal(second?.headers['if-match'], String(newer.Version));
    const { State, RepoInfo } = JSON.parse(second?.body ?? '{}');
    assert.deepEqual([State, RepoInfo['acme/app'].PRStatus], ['Completed', 'merged']);
  });
});

describe('a turn for a comment', () => {
  test('is created although the task changes at the same time', async () => {
    await using proxied = await startProxied();
    const { setting, calls } = proxied;
    const { plane, taskId } = setting;
    let isChanged = false;
    proxied.intercept = async (seen) => {
      if (!is(seen, 'PUT', '/turns/2') || isChanged) return;
      isChanged = true;
      const { Version } = await taskOf(setting);
      await plane.call('PATCH', `tasks/${taskId}`, { ifMatch: Version, body: { Title: 'other' } });
    };
    setting.publish(issueComment({ id: '2' }));
    await setting.run.pass(pollMs);
    assert.equal(await setting.lastTurn(), 2);
    assert.equal(calls.filter((seen) => is(seen, 'PUT', '/turns/2')).length, 2);
  });

  test('names the workstream of its task', async () => {
    await using proxied = await startProxied();
    const { setting, calls } = proxied;
    const task = { ...(await taskOf(setting)), WorkstreamId: 'w 1' };
    proxied.intercept = (seen) =>
      is(seen, 'POST', '/tasks/search') ? (response) => sendJson(response, 200, { Tasks: [task] }) : undefined;
    setting.publish(issueComment({ id: '2' }));
    await setting.run.pass(pollMs);
    const last = calls.find(({ url }) => url.includes('/turns/last'));
    assert.match(last?.url ?? '', /\?workstreamID=w\+1$/);
    const created = calls.find((seen) => is(seen, 'PUT', '/turns/2'));
    assert.equal(JSON.parse(created?.body ?? '{}').WorkstreamID, 'w 1');
    const search = new URL(calls.find(({ url }) => url.includes('/tasks/search'))?.url ?? '', 'http://x');
    assert.equal(search.searchParams.get('pullRequestId'), '1005');
    assert.equal(search.searchParams.get('tenantID'), setting.plane.server.admin.tenantId);
  });
});

test('a server that does not let runners search is reported once, and the feed goes on', async () => {
  for (const status of [401, 403]) {
    await using proxied = await startProxied();
    const { setting } = proxied;
    const refusal = { ResponseCode: status, Message: 'not for runners', ErrorType: 'Forbidden' };
    proxied.intercept = (seen) =>
      is(seen, 'POST', '/tasks/search') ? (response) => sendJson(response, status, refusal) : undefined;
    for (const id of ['2', '3', '4']) {
      setting.publish(issueComment({ id }));
      await setting.run.pass(pollMs);
    }
    const reports = setting.run.log.filter((line) => line.includes('server does not let runners handle GitHub events'));
    assert.equal(reports.length, 1);
    const { last_event_id, pending } = (await setting.checkpoint()) ?? {};
    assert.deepEqual([last_event_id, pending], ['4', []]);
    assert.equal(setting.run.events.status().feeds[0]?.error, undefined);
  }
});

/** Makes the server fail, and publishes an event that waits for it. */
async function startWaiting(): Promise<Proxied> {
  const proxied = await startProxied();
  const { setting } = proxied;
  const failure = { ResponseCode: 503, Message: 'down', ErrorType: 'ServiceUnavailable' };
  proxied.intercept = (seen) =>
    is(seen, 'POST', '/tasks/search') ? (response) => sendJson(response, 503, failure) : undefined;
  setting.publish(issueComment({ id: '2' }));
  await setting.run.clock.advance(pollMs);
  // The discovery, the summaries, the feed and the event.
  await eventually(async () => setting.run.clock.sleeping === 4);
  return proxied;
}

describe('an event that waits for a server that is down', () => {
  test('is handled as soon as it is back', async () => {
    await using proxied = await startWaiting();
    const { setting } = proxied;
    assert.equal(setting.run.events.status().pending, 1);
    proxied.intercept = () => undefined;
    await setting.run.pass(60_000);
    assert.equal(await setting.lastTurn(), 2);
  });

  test('is left to the next run by a shutdown, which does not wait for it', async () => {
    await using proxied = await startWaiting();
    const { setting } = proxied;
    await setting.stop();
    const pending = (await setting.checkpoint())?.['pending'] as { id: string }[];
    assert.deepEqual(
      pending.map(({ id }) => id),
      ['2'],
    );
    assert.equal(await setting.lastTurn(), 1);
    await setting.start();
    assert.equal(await setting.lastTurn(), 2);
    assert.deepEqual((await setting.checkpoint())?.['pending'], []);
  });

  test('does not let the feed read more than it can keep, and what was not kept comes again', async () => {
    await using proxied = await startWaiting();
    const { setting } = proxied;
    const before = await setting.checkpoint();
    setting.publish(...Array.from({ length: 200 }, (_, i) => pullRequestChange({ id: String(500 - i) })));
    await setting.run.clock.advance(pollMs);
    await eventually(async () => setting.github.requests.some(({ url }) => /page=3/.test(url)));
    await setting.stop();
    const after = await setting.checkpoint();
    assert.deepEqual(after?.['last_event_id'], before?.['last_event_id']);
    proxied.intercept = () => undefined;
    await setting.start();
    await setting.run.pass(firstPollMs);
    assert.equal((await setting.checkpoint())?.['last_event_id'], '500');
  });
});

test('an event that two connections see creates one turn', async () => {
  await using setting = await startEventsSetting({ begin: false });
  const { plane } = setting;
  const second = randomUUID();
  await plane.call('PUT', `github-connections/${second}`, {
    body: { Private: true, RunnerID: plane.server.admin.runnerId },
  });
  await plane.newEnvironment({ GithubConnectionId: second, Repos: ['acme/other'] });
  setting.publish(push({ id: '1' }));
  await setting.start();
  const { ours } = setting.connection();
  assert.ok(ours);
  setting.run.github.replace({ ours, second: { ...ours, connectionId: second } });
  setting.run.events.refresh();
  await setting.run.pass(0);
  await setting.run.pass(firstPollMs);
  assert.equal(setting.run.events.status().feeds.length, 2);
  setting.publish(issueComment({ id: '2' }));
  await setting.run.pass(pollMs);
  // So the second would find a task that is not busy.
  await setting.finishTurn();
  await setting.run.pass(pollMs);
  assert.equal(await setting.lastTurn(), 2);
});
