/** Tests the events of GitHub with a real control plane and a GitHub over HTTP. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type EventsSetting, startEventsSetting } from '../../test/support/events-setting.ts';
import {
  issueComment,
  type PayloadShape,
  pullRequestChange,
  push,
  review,
  reviewComment,
} from '../../test/support/github/events.ts';
import { answerWith } from '../../test/support/github/harness.ts';
import { sendJson } from '../../test/support/http-server.ts';

const firstPollMs = 5000;
const pollMs = 60_000;
const feedPath = '/api/v3/users/octo/events/orgs/acme';
const polls = ({ github }: EventsSetting) => github.requests.filter(({ url }) => url.startsWith(feedPath));

/** A setting whose feed has a checkpoint. */
async function startAtBaseline(): Promise<EventsSetting> {
  const setting = await startEventsSetting();
  setting.publish(issueComment({ id: '1' }));
  await setting.run.pass(firstPollMs);
  assert.equal(await setting.lastTurn(), 1);
  return setting;
}

const infoOf = async ({ plane, taskId }: EventsSetting) =>
  (await plane.call('GET', `tasks/${taskId}`)).body.RepoInfo['acme/app'];

describe('a feed', () => {
  test('starts at its newest event, which leads to nothing', async () => {
    await using setting = await startAtBaseline();
    const { last_event_id, handled, pending } = (await setting.checkpoint()) ?? {};
    assert.deepEqual([last_event_id, handled, pending], ['1', [], []]);
    assert.match(polls(setting)[0]?.url ?? '', /\?.*page=1/);
    assert.match(polls(setting)[0]?.url ?? '', /per_page=100/);
    assert.equal(polls(setting)[0]?.headers.authorization, `Bearer ${setting.github.state.token}`);
  });

  test('that was empty has everything since then', async () => {
    await using setting = await startEventsSetting();
    await setting.run.pass(firstPollMs);
    assert.equal((await setting.checkpoint())?.['last_event_id'], '');
    const soon = new Date(Date.now() + 60_000).toISOString();
    setting.publish(issueComment({ id: '2', at: soon }), issueComment({ id: '1', at: '2020-01-02T03:04:05Z' }));
    await setting.run.pass(pollMs);
    assert.equal(await setting.lastTurn(), 2);
    assert.deepEqual((await setting.checkpoint())?.['handled'], ['2']);
  });

  test('that has not changed costs nothing and keeps its checkpoint', async () => {
    await using setting = await startAtBaseline();
    const before = await setting.checkpoint();
    const { quota } = setting.github.state;
    await setting.run.pass(pollMs);
    assert.equal(polls(setting).length, 2);
    assert.equal(polls(setting)[1]?.headers['if-none-match'], before?.['etag']);
    assert.equal(setting.github.state.quota, quota);
    assert.deepEqual(await setting.checkpoint(), before);
  });

  test('is polled at the interval that GitHub asks for, also of a response without changes', async () => {
    await using setting = await startAtBaseline();
    setting.github.faults.push(answerWith(304, '', { 'x-poll-interval': '120' }));
    await setting.run.pass(pollMs);
    assert.equal((await setting.checkpoint())?.['poll_interval_seconds'], 120);
    await setting.run.pass(pollMs);
    assert.equal(polls(setting).length, 2);
    for (const interval of [undefined, 'soon', '0', '-5']) {
      setting.github.state.pollInterval = interval;
      setting.publish(push({ id: `${interval}` }));
      await setting.run.pass(120_000);
      assert.equal((await setting.checkpoint())?.['poll_interval_seconds'], 60);
    }
  });

  test('of more than 300 new events has the newest 300, the oldest first', async () => {
    await using setting = await startAtBaseline();
    const events = Array.from({ length: 320 }, (_, i) => push({ id: String(1000 - i) }));
    // The newest and the oldest that are read, and one too old.
    events[0] = pullRequestChange({ id: '1000' });
    events[299] = issueComment({ id: '701' });
    events[300] = issueComment({ id: '700' });
    setting.publish(...events);
    const before = polls(setting).length;
    await setting.run.pass(pollMs);
    assert.deepEqual(
      polls(setting)
        .slice(before)
        .map(({ url, headers }) => [new URL(url, 'http://x').searchParams.get('page'), 'if-none-match' in headers]),
      [
        ['1', true],
        ['2', false],
        ['3', false],
      ],
    );
    const { last_event_id, handled } = (await setting.checkpoint()) ?? {};
    assert.deepEqual([last_event_id, handled], ['1000', ['701', '1000']]);
    assert.equal(await setting.lastTurn(), 2);
  });

  test('of which a page fails is read again from its checkpoint', async () => {
    await using setting = await startAtBaseline();
    const before = await setting.checkpoint();
    setting.publish(...Array.from({ length: 150 }, (_, i) => push({ id: String(500 - i) })));
    setting.github.state.feeds.get('acme')?.splice(120, 0, issueComment({ id: '3' }));
    const refuse = answerWith(404, { message: 'Not Found' });
    const page = answerWith(200, setting.github.state.feeds.get('acme')?.slice(0, 100));
    setting.github.faults.push(page, refuse);
    await setting.run.pass(pollMs);
    assert.deepEqual(await setting.checkpoint(), before);
    assert.equal(await setting.lastTurn(), 1);
    assert.match(setting.run.log.join(''), /WARN {2}cannot read GitHub feed, retrying .*org=acme/);
    assert.equal(setting.run.events.status().feeds[0]?.error, 'Not Found');
    await setting.run.pass(pollMs);
    assert.equal(await setting.lastTurn(), 2);
    assert.equal(setting.run.events.status().feeds[0]?.error, undefined);
  });

  test('goes on after a pull request that is gone, without an error', async () => {
    await using setting = await startAtBaseline();
    setting.publish(issueComment({ id: '3' }), issueComment({ id: '2', number: 99 }));
    await setting.run.pass(pollMs);
    const log = setting.run.log.join('');
    assert.doesNotMatch(log, /ERROR/);
    assert.match(log, /WARN {2}GitHub event ignored .*pull_request=99 .*pull request is gone, or the token cannot/);
    assert.deepEqual((await setting.checkpoint())?.['handled'], ['2', '3']);
  });

  test('waits until the rate limit of GitHub ends', async () => {
    await using setting = await startAtBaseline();
    const reset = Math.floor(Date.now() / 1000) + 1800;
    // By the clock of the test, which began in 1970.
    const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(reset) };
    setting.github.faults.push(answerWith(403, { message: 'API rate limit exceeded' }, headers));
    await setting.run.pass(pollMs);
    const count = polls(setting).length;
    await setting.run.pass(10 * pollMs);
    assert.equal(polls(setting).length, count);
  });

  test('that is removed loses its checkpoint, and starts at its newest event if it is added again', async () => {
    await using setting = await startAtBaseline();
    const { plane, environmentId } = setting;
    const setRepos = async (Repos: string[]) => {
      const { body } = await plane.call('GET', `environments/${environmentId}`);
      await plane.call('PATCH', `environments/${environmentId}`, { ifMatch: body.Version, body: { Repos } });
      setting.run.events.refresh();
    };
    await setRepos(['other/app']);
    await setting.run.pass(0);
    assert.deepEqual(
      setting.run.events.status().feeds.map(({ org }) => org),
      ['other'],
    );
    assert.equal(await setting.checkpoint(), undefined);
    setting.publish(issueComment({ id: '2' }));
    await setRepos(['acme/app']);
    await setting.run.pass(0);
    await setting.run.pass(firstPollMs);
    assert.equal((await setting.checkpoint())?.['last_event_id'], '2');
    assert.equal(await setting.lastTurn(), 1);
  });

  test('of a connection whose token changes is started again and goes on', async () => {
    await using setting = await startAtBaseline();
    setting.github.state.token = 'anotherdoublesecret0123';
    await setting.run.pass(pollMs);
    assert.match(setting.run.events.status().feeds[0]?.error ?? '', /Bad credentials/);
    setting.publish(issueComment({ id: '2' }));
    setting.run.github.replace(setting.connection());
    setting.run.events.refresh();
    await setting.run.pass(0);
    await setting.run.pass(firstPollMs);
    assert.match(setting.run.log.join(''), /GitHub feed restarted/);
    assert.equal(await setting.lastTurn(), 2);
  });

  test('stays as it is while the server or GitHub cannot be asked', async () => {
    await using setting = await startAtBaseline();
    const before = await setting.checkpoint();
    const { plane } = setting;
    const url = plane.server.url;
    await plane.server[Symbol.asyncDispose]();
    for (let round = 0; round < 3; round += 1) await setting.run.pass(30_000);
    assert.equal(setting.run.events.status().feeds.length, 1);
    assert.deepEqual(await setting.checkpoint(), before);
    const reports = setting.run.log.filter((line) => /WARN {2}cannot find GitHub feeds, retrying/.test(line));
    assert.equal(reports.length, 1);
    assert.ok(url);
    await plane.restart();
  });

  test('is not read without a token, which is reported once', async () => {
    await using setting = await startEventsSetting({ begin: false });
    const other = { ...setting.connection()['ours'], connectionId: 'other' };
    const { start } = setting;
    await start();
    setting.run.github.replace({ ...setting.connection({ token: '' }), other } as never);
    setting.run.events.refresh();
    await setting.run.pass(0);
    for (let round = 0; round < 3; round += 1) await setting.run.pass(30_000);
    assert.deepEqual(setting.run.events.status().feeds, []);
    const reports = setting.run.log.filter((line) => /ERROR GitHub connection has no token/.test(line));
    assert.equal(reports.length, 1);
  });
});

for (const shape of ['cut', 'whole'] satisfies PayloadShape[]) {
  describe(`with payloads that are ${shape}`, () => {
    for (const make of [issueComment, reviewComment, review]) {
      test(`a comment with the trigger creates a turn: ${make({ id: '' }).type}`, async () => {
        await using setting = await startAtBaseline();
        setting.publish(make({ id: '2', author: 'Octo', shape }));
        await setting.run.pass(pollMs);
        const { body } = await setting.plane.call('GET', `tasks/${setting.taskId}/turns/last`);
        const expected = [2, 'User requested changes via Github comments.'];
        assert.deepEqual([body.TurnIndex, body.Prompt], expected);
        const line = setting.run.log.find((text) => text.includes('turn created for GitHub comment'));
        assert.match(line ?? '', /repo=acme\/app pull_request=5 .*turn_index=2/);
      });
    }

    test('a change of the pull request updates the task, with the state of the pull request itself', async () => {
      await using setting = await startAtBaseline();
      Object.assign(setting.pullRequest, { state: 'closed', merged: true, updatedAt: '2026-02-03T04:05:06Z' });
      setting.publish(pullRequestChange({ id: '2', shape }));
      await setting.run.pass(pollMs);
      const { PRStatus, PRStatusUpdatedAt, PRLink, PRNumber, FeatureBranch } = await infoOf(setting);
      assert.deepEqual(
        [PRStatus, PRStatusUpdatedAt, PRLink, PRNumber, FeatureBranch],
        ['merged', '2026-02-03T04:05:06Z', 'https://github.example.com/acme/app/pull/5', 5, 'f'],
      );
    });
  });
}

test('a pull request that GitHub no longer shows is read from the event of an older server', async () => {
  await using setting = await startAtBaseline();
  const closed = { ...setting.pullRequest, state: 'closed' };
  setting.github.state.repos.get('acme/app')?.pullRequests.clear();
  setting.publish(
    pullRequestChange({ id: '3', shape: 'whole', pullRequest: closed }),
    pullRequestChange({ id: '2', shape: 'cut' }),
  );
  await setting.run.pass(pollMs);
  assert.equal((await infoOf(setting)).PRStatus, 'closed');
  assert.match(setting.run.log.join(''), /WARN {2}GitHub event ignored .*event_id=2 .*pull request is gone/);
});

describe('no turn is created', () => {
  const cases: [string, (setting: EventsSetting) => Promise<void> | void, RegExp][] = [
    [
      'for a comment of another author',
      ({ publish }) => publish(issueComment({ id: '2', author: 'ann' })),
      /INFO {2}GitHub event ignored .*reason="not the author of the pull request"/,
    ],
    [
      'on a closed pull request',
      ({ publish, pullRequest }) => {
        pullRequest.state = 'closed';
        publish(reviewComment({ id: '2' }));
      },
      /INFO {2}GitHub event ignored .*reason="pull request is closed"/,
    ],
    [
      'for a pull request without a task',
      ({ publish, pullRequest }) => {
        pullRequest.restId = 77;
        publish(review({ id: '2' }));
      },
      /INFO {2}GitHub event ignored .*reason="no task of the pull request"/,
    ],
    [
      'for a task whose link is to another GitHub',
      async ({ publish, plane, taskId }) => {
        const { body } = await plane.call('GET', `tasks/${taskId}`);
        const app = { ...body.RepoInfo['acme/app'], PRLink: 'https://github.example/acme/app/pull/5' };
        const headers = { 'if-match': `${body.Version}` };
        const changed = await plane.call('PATCH', `tasks/${taskId}`, {
          headers,
          body: { RepoInfo: { 'acme/app': app } },
        });
        assert.equal(changed.status, 200);
        publish(review({ id: '2' }));
      },
      /INFO {2}GitHub event ignored .*reason="the task with this pull request ID has a PRLink on another host"/,
    ],
    [
      'for a pull request of two tasks',
      async ({ publish, newTask }) => {
        await newTask();
        publish(issueComment({ id: '2' }));
      },
      /ERROR GitHub event ignored .*reason="several tasks of the pull request"/,
    ],
    [
      'while a turn is running',
      async ({ publish, plane, taskId }) => {
        await plane.call('PUT', `tasks/${taskId}/turns/2`, { body: { Prompt: 'go on' } });
        publish(issueComment({ id: '2' }));
      },
      /INFO {2}GitHub event ignored .*reason="task is busy"/,
    ],
  ];
  for (const [name, prepare, line] of cases) {
    test(name, async () => {
      await using setting = await startAtBaseline();
      await prepare(setting);
      const before = await setting.lastTurn();
      await setting.run.pass(pollMs);
      assert.equal(await setting.lastTurn(), before);
      assert.match(setting.run.log.join(''), line);
      assert.deepEqual((await setting.checkpoint())?.['handled'], ['2']);
    });
  }

  test('for a comment of Plan42 itself, without asking GitHub', async () => {
    await using setting = await startAtBaseline();
    setting.publish(issueComment({ id: '2', body: '<!-- event-horizon x --> /Plan42' }));
    const before = setting.github.requests.length;
    await setting.run.pass(pollMs);
    assert.equal(await setting.lastTurn(), 1);
    assert.equal(setting.github.requests.length, before + 1);
  });
});

describe('if the clocks of GitHub and the server differ', () => {
  const tenMinutes = 600_000;
  const minute = 60_000;

  /** Moves the clock of GitHub, and returns its time. */
  function moveGithubClock({ github: { server } }: EventsSetting, aheadMs: number): (afterMs: number) => string {
    const { answer } = server;
    server.answer = (response, request) => {
      response.setHeader('date', new Date(Date.now() + aheadMs).toUTCString());
      return answer(response, request);
    };
    return (afterMs) => new Date(Date.now() + aheadMs + afterMs).toISOString();
  }

  for (const aheadMs of [-tenMinutes, tenMinutes]) {
    test(`a comment after a turn creates the next one: GitHub is ahead by ${aheadMs / minute} min`, async () => {
      await using setting = await startAtBaseline();
      const githubTime = moveGithubClock(setting, aheadMs);
      setting.publish(issueComment({ id: '2', at: githubTime(-minute) }));
      await setting.run.pass(pollMs);
      assert.equal(await setting.lastTurn(), 2);
      await setting.finishTurn();
      setting.publish(issueComment({ id: '3', at: githubTime(minute) }));
      await setting.run.pass(pollMs);
      assert.equal(await setting.lastTurn(), 3);
    });

    test(`a second machine creates no second turn: GitHub is ahead by ${aheadMs / minute} min`, async () => {
      await using setting = await startAtBaseline();
      const githubTime = moveGithubClock(setting, aheadMs);
      const path = join(setting.stateDir, 'github-events.json');
      const before = await readFile(path, 'utf8');
      setting.publish(issueComment({ id: '2', at: githubTime(-minute) }));
      await setting.run.pass(pollMs);
      await setting.finishTurn();
      await setting.stop();
      // The second machine has read the feed up to the same event as the first one had.
      await writeFile(path, before);
      await setting.start();
      await setting.run.pass(firstPollMs);
      assert.equal(await setting.lastTurn(), 2);
      assert.match(setting.run.log.join(''), /event_id=2 .*reason="the last turn was created after the comment"/);
    });
  }
});

describe('a pull request', () => {
  test('has its events handled in order', async () => {
    await using setting = await startAtBaseline();
    const { github, pullRequest } = setting;
    const order: string[] = [];
    github.everyAnswer = async (response, { url }) => {
      if (url.startsWith(feedPath)) return sendJson(response, 200, github.state.feeds.get('acme'));
      order.push(pullRequest.updatedAt ?? '');
      const state = order.length === 3 ? 'closed' : 'open';
      const [id, updated_at] = [1005, `2026-02-03T04:05:0${order.length}Z`];
      sendJson(response, 200, { id, number: 5, state, updated_at, user: { login: 'octo' } });
    };
    setting.publish(...['4', '3', '2'].map((id) => pullRequestChange({ id })));
    await setting.run.pass(pollMs);
    const states = setting.run.log.filter((line) => line.includes('task updated from pull request'));
    assert.deepEqual(
      states.map((line) => /event_id=(\d) .*status=(\w+)/.exec(line)?.slice(1)),
      [
        ['2', 'open'],
        ['3', 'open'],
        ['4', 'closed'],
      ],
    );
    assert.equal((await infoOf(setting)).PRStatus, 'closed');
  });

  test('has its newer state kept', async () => {
    await using setting = await startAtBaseline();
    const { plane, taskId } = setting;
    const { body } = await plane.call('GET', `tasks/${taskId}`);
    const newer = { ...body.RepoInfo['acme/app'], PRStatus: 'merged', PRStatusUpdatedAt: '2027-01-01T00:00:00Z' };
    await plane.call('PATCH', `tasks/${taskId}`, { ifMatch: body.Version, body: { RepoInfo: { 'acme/app': newer } } });
    setting.publish(pullRequestChange({ id: '2' }));
    await setting.run.pass(pollMs);
    assert.deepEqual(await infoOf(setting), newer);
    assert.match(setting.run.log.join(''), /reason="task has a newer state"/);
  });
});

test('the checkpoints of the Go runner are imported once', async () => {
  await using setting = await startEventsSetting({ begin: false });
  const { home, connectionId } = setting;
  await mkdir(join(home, '.config'), { recursive: true });
  const path = join(home, '.config/plan42-runner.checkpoint.json');
  const entry = { last_event_id: '1', etag: 'W/"old"', poll_interval_seconds: 60 };
  await writeFile(path, JSON.stringify({ [`${connectionId.toUpperCase()}:Acme`]: entry }));
  setting.publish(issueComment({ id: '2' }), issueComment({ id: '1' }));
  await setting.start();
  assert.match(setting.run.log.join(''), /GitHub event checkpoints imported .*count=1/);
  await setting.run.pass(firstPollMs);
  assert.equal(polls(setting)[0]?.headers['if-none-match'], 'W/"old"');
  assert.equal(await setting.lastTurn(), 2);
  assert.deepEqual(JSON.parse(await readFile(path, 'utf8')), { [`${connectionId.toUpperCase()}:Acme`]: entry });
  await setting.stop();
  await setting.start();
  assert.doesNotMatch(setting.run.log.join(''), /imported/);
  assert.equal((await setting.checkpoint())?.['last_event_id'], '2');
});

test('a damaged checkpoint of the Go runner does not prevent the import of the others', async () => {
  await using setting = await startEventsSetting({ begin: false });
  const { home, connectionId } = setting;
  await mkdir(join(home, '.config'), { recursive: true });
  const entry = { last_event_id: '1', etag: 'W/"old"', poll_interval_seconds: 60 };
  await writeFile(
    join(home, '.config/plan42-runner.checkpoint.json'),
    JSON.stringify({ bad: 5, 'c:other': { last_event_id: 7 }, [`${connectionId}:acme`]: entry }),
  );
  setting.publish(issueComment({ id: '2' }), issueComment({ id: '1' }));
  await setting.start();
  const log = setting.run.log.join('');
  for (const feed of ['bad', 'c:other'])
    assert.match(log, new RegExp(`WARN {2}GitHub event checkpoint damaged, .* feed="?${feed}"?`));
  assert.match(log, /GitHub event checkpoints imported .*count=1/);
  await setting.run.pass(firstPollMs);
  assert.equal(await setting.lastTurn(), 2);
});

test('a damaged file of checkpoints counts as none', async () => {
  await using setting = await startEventsSetting({ begin: false });
  await writeFile(join(setting.stateDir, 'github-events.json'), '{"x": 1');
  setting.publish(issueComment({ id: '1' }));
  await setting.start();
  assert.match(setting.run.log.join(''), /WARN {2}GitHub event checkpoints damaged/);
  await setting.run.pass(firstPollMs);
  assert.equal((await setting.checkpoint())?.['last_event_id'], '1');
  assert.equal(await setting.lastTurn(), 1);
});
