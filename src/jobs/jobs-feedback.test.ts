import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { afterEach, before, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { type GithubDouble, startGithub } from '../../test/support/github/double.ts';
import { githubSchema } from '../../test/support/github/graphql.ts';
import { answerWith } from '../../test/support/github/harness.ts';
import { makePullRequest, makeRepo, noDiscussion } from '../../test/support/github/state.ts';
import { makeRecord } from '../../test/support/job-record.ts';
import { JobsSetting, pulling } from '../../test/support/jobs-setting.ts';
import type { FeedBack } from '../plan42/messages.ts';

const checking = 'Checking for PR Feedback';

let github: GithubDouble;
let setting: JobsSetting;

// Takes a moment on a busy machine, which no test should have to wait for.
before(() => githubSchema());
beforeEach(async () => {
  github = await startGithub();
  setting = await JobsSetting.start(undefined, { url: github.url, token: github.state.token });
});
afterEach(async () => {
  await setting[Symbol.asyncDispose]();
  await github[Symbol.asyncDispose]();
});

describe('feedback on pull requests', () => {
  const RepoInfo = { 'acme/app': { PRNumber: 5 }, 'acme/lib': { PRNumber: 6 }, 'acme/new': { PRNumber: null } };
  const Task = { RepoInfo };
  const request = { PrivateGithubConnectionID: 'C', Task };
  let input: Record<string, unknown>;

  beforeEach(() => {
    const withComments = (number: number, comments: number) =>
      makeRepo({ pullRequests: new Map([[number, makePullRequest({ ...noDiscussion, comments })]]) });
    github.state.repos = new Map([
      ['acme/app', withComments(5, 2)],
      ['acme/lib', withComments(6, 0)],
    ]);
    input = {};
    setting.runtime.onStart = async ({ requestFile }) => {
      input = JSON.parse(await readFile(requestFile, 'utf8')) as Record<string, unknown>;
    };
  });

  const second = () => makeRecord({ turnIndex: 2 });
  const bodies = () =>
    Object.entries((input['FeedBack'] ?? {}) as FeedBack).map(([repo, items]) => [
      repo,
      items.map((item) => item.Comments[0]?.Body),
    ]);
  const expected = [
    ['acme/app', ['c0', 'c1']],
    ['acme/lib', []],
  ];
  /** A GitHub that never answers; resolves when it is asked. */
  const hang = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    github.everyAnswer = () => resolve();
    return promise;
  };

  test('is fetched before the image is pulled, logged, and passed to the agent', async () => {
    const record = await setting.accept(second(), request);
    await setting.running(record);
    assert.deepEqual(bodies(), expected);
    assert.deepEqual(setting.statusesOf(record), [checking, pulling]);
    assert.equal(github.requests.length, 2);
  });

  test('is not fetched without a connection, on the first turn, when the server sent it, or without a pull request', async () => {
    await setting.restart('jobs.max_jobs = 9');
    for (const [record, fields] of [
      [second(), { Task }],
      [makeRecord(), request],
      [second(), { ...request, FeedBack: { 'acme/app': [] } }],
      [second(), { ...request, Task: { RepoInfo: { 'acme/new': {} } } }],
      [second(), { ...request, Task: null }],
    ] as const) {
      await setting.accept(record, fields);
      await setting.running(record);
      assert.deepEqual(setting.statusesOf(record), [pulling]);
    }
    assert.equal(github.requests.length, 0);
  });

  test('is fetched before the job takes a slot', async () => {
    const asked = hang();
    const record = await setting.accept(second(), request);
    await asked;
    assert.deepEqual(setting.jobs.counts, { running: 0, starting: 0, waiting: 1, ending: 0 });
    const other = await setting.accept();
    await setting.running(other);
    assert.deepEqual(setting.jobs.counts, { running: 1, starting: 0, waiting: 1, ending: 0 });
    await setting.jobs.kill(record.jobId);
  });

  test('that cannot be fetched fails the turn with the repository and the reason', async () => {
    const fails = async (fields: object, reason: RegExp) => {
      const record = second();
      await setting.accept(record, { ...request, ...fields });
      await setting.finished();
      assert.match(setting.failureOf(record), reason);
      assert.equal(setting.isStarted(record), false);
    };
    await fails(
      { Task: { RepoInfo: { 'acme/app': { PRNumber: 7 } } } },
      /^cannot get the feedback on acme\/app#7: Could not resolve to a PullRequest with the number of 7\.$/,
    );
    await fails(
      { PrivateGithubConnectionID: 'none' },
      /^cannot get the feedback on acme\/(app#5|lib#6): github connection none not found\.$/,
    );
    const connection = setting.connections.find('c');
    assert.ok(connection);
    setting.connections.replace({ g: { ...connection, token: undefined } });
    await fails({}, /^cannot get the feedback on acme\/(app#5|lib#6): missing github token for connection C\.$/);
    setting.connections.replace({ g: connection });
    github.state.token = 'another';
    await fails({}, /^cannot get the feedback on acme\/(app#5|lib#6): Bad credentials\.$/);
    const log = setting.logged.join('');
    assert.match(log, /job failed .*error="Bad credentials"/);
    assert.ok(!log.includes('acme/'), log);
  });

  test('is cancelled when the job is killed or the turn is finished', async () => {
    let asked = hang();
    const killed = await setting.accept(second(), request);
    await asked;
    await setting.jobs.kill(killed.jobId);
    await setting.finished();
    assert.match(setting.failureOf(killed), /killed by user/);

    asked = hang();
    const over = second();
    // The first update finds that it is.
    Object.assign(setting.turnOf(over), { Status: 'Failed', ErrorMessage: 'cancelled by user', Version: 8 });
    await setting.accept(over, {
      ...request,
      Turn: { TaskId: over.taskId, TurnIndex: 2, Status: 'Pending', Version: 1 },
    });
    await setting.finished();
    assert.equal(setting.failureOf(over), 'cancelled by user');
    assert.deepEqual(setting.runtime.started, []);
  });

  test('is fetched with the connection’s current token', async () => {
    const connection = setting.connections.find('c');
    assert.ok(connection);
    const limit = answerWith(429, { message: 'Enough' }, { 'retry-after': '300' });
    github.faults.push(limit, limit);
    const record = await setting.accept(second(), request);
    await eventually(async () => setting.logged.join('').includes('GitHub rate limit reached'));
    github.state.token = 'ghp_new';
    setting.connections.replace({ g: { ...connection, token: 'ghp_new' } });
    await setting.running(record);
    assert.deepEqual(bodies(), expected);
    assert.equal(input['GithubToken'], 'ghp_new');
  });

  test('is fetched again by the next run of the runner', async () => {
    const asked = hang();
    const record = await setting.accept(second(), request);
    await asked;
    github.everyAnswer = undefined;
    await setting.restart();
    await setting.running(record);
    assert.deepEqual(bodies(), expected);
  });
});

describe('an agent without access to GitHub', () => {
  const warning = (id: string, what: string) =>
    new RegExp(`WARN .*no access to GitHub .*connection_id=${id} .*${what}`);

  test('starts, and the log names the setting', async () => {
    const connection = setting.connections.find('c');
    assert.ok(connection);
    await setting.restart('jobs.max_jobs = 9');
    await setting.running(await setting.accept(makeRecord(), { PrivateGithubConnectionID: 'none' }));
    assert.match(setting.logged.join(''), warning('none', 'add a \\[github'));
    setting.connections.replace({ g: { ...connection, token: '' } });
    await setting.running(await setting.accept(makeRecord(), { PrivateGithubConnectionID: 'C' }));
    assert.match(setting.logged.join(''), warning('C', 'set the token'));
  });

  test('is not logged if the task has no connection, or one with a token', async () => {
    await setting.restart('jobs.max_jobs = 9');
    await setting.running(await setting.accept());
    await setting.running(await setting.accept(makeRecord(), { PrivateGithubConnectionID: 'C' }));
    assert.doesNotMatch(setting.logged.join(''), /no access/);
  });
});
