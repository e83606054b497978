/** Tests what comments and states of pull requests lead to. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EventTask } from '../../plan42/event-calls.ts';
import { findRepo, onSameGithub } from './choose-task.ts';
import { nextTurn, taskToContinue, turnPrompt, whyNotOnPullRequest } from './comment.ts';
import type { WantedEvent } from './feed-event.ts';
import { mergeState } from './merge-state.ts';
import { type PullRequest, statusOf } from './pull-request.ts';

const event: WantedEvent = {
  ...{ id: '1', kind: 'comment', repo: 'acme/app', number: 5, author: 'Ann', at: '2026-01-02T00:00:00Z' },
};
const pullRequest: PullRequest = {
  ...{ id: 1005, number: 5, state: 'open', merged: false, draft: false, user: { login: 'ann' } },
  ...{ html_url: 'https://github.com/acme/app/pull/5', updated_at: '2026-01-02T00:00:00Z' },
};
const info = { FeatureBranch: 'f', TargetBranch: 'main', PRID: '1005', PRStatus: 'open', Other: 1 };
const task = (fields: object = {}): EventTask => ({
  TaskId: 't',
  Version: 3,
  RepoInfo: { 'acme/app': info },
  ...fields,
});

describe('a comment', () => {
  test('of the author of an open pull request counts, in any capitals', () => {
    assert.equal(whyNotOnPullRequest(event, pullRequest), undefined);
    assert.equal(whyNotOnPullRequest(event, { ...pullRequest, state: undefined }), undefined);
    assert.equal(whyNotOnPullRequest(event, { ...pullRequest, draft: true }), undefined);
  });

  test('of another author, or on a closed pull request, does not', () => {
    assert.match(whyNotOnPullRequest({ ...event, author: 'ben' }, pullRequest)?.reason ?? '', /not the author/);
    assert.match(whyNotOnPullRequest({ ...event, author: '' }, { ...pullRequest, user: null })?.reason ?? '', /author/);
    assert.match(whyNotOnPullRequest(event, { ...pullRequest, state: 'closed' })?.reason ?? '', /closed/);
  });

  test('needs exactly one task that is not deleted', () => {
    assert.deepEqual(taskToContinue([task(), task({ Deleted: true })], []), { task: task() });
    const stop = (tasks: EventTask[], found = tasks) => {
      const chosen = taskToContinue(tasks, found);
      return 'stop' in chosen ? chosen : undefined;
    };
    const elsewhere = 'the task with this pull request ID has a PRLink on another host';
    assert.deepEqual(stop([], [task()]), { stop: { reason: elsewhere, level: 'info' } });
    assert.deepEqual(stop([]), { stop: { reason: 'no task of the pull request', level: 'info' } });
    assert.deepEqual(stop([task({ Deleted: true })]), { stop: { reason: 'task is deleted', level: 'info' } });
    assert.deepEqual(stop([task(), task()]), { stop: { reason: 'several tasks of the pull request', level: 'error' } });
  });

  test('leads to the turn after the last one', () => {
    assert.deepEqual(nextTurn(event, { Version: 1, TurnIndex: 3 }, 0), { turnIndex: 4 });
    assert.deepEqual(nextTurn(event, undefined, 0), { stop: { reason: 'task has no turn yet', level: 'warn' } });
  });

  test('leads to one turn, also if the runner was killed at any point', () => {
    const begun = { ...event, turn: { taskId: 't', turnIndex: 4 } };
    assert.deepEqual(nextTurn(begun, { Version: 1, TurnIndex: 3 }, 0), { turnIndex: 4 });
    for (const TurnIndex of [4, 5]) assert.ok('stop' in nextTurn(begun, { Version: 1, TurnIndex }, 0));
  });

  test('leads to one turn if two machines read it', () => {
    const ofOther = { Version: 1, TurnIndex: 4, Prompt: turnPrompt, CreatedAt: '2026-01-02T00:00:01Z' };
    assert.ok('stop' in nextTurn(event, ofOther, 0));
    assert.deepEqual(nextTurn(event, { ...ofOther, CreatedAt: '2026-01-01T00:00:00Z' }, 0), { turnIndex: 5 });
    assert.deepEqual(nextTurn(event, { ...ofOther, Prompt: 'go on' }, 0), { turnIndex: 5 });
  });

  test('is compared with a turn on one clock', () => {
    const last = { Version: 1, TurnIndex: 4, Prompt: turnPrompt };
    const [before, after] = ['2026-01-01T23:55:00Z', '2026-01-02T00:05:00Z'];
    const minute = 60_000;
    assert.deepEqual(nextTurn(event, { ...last, CreatedAt: after }, 10 * minute), { turnIndex: 5 });
    assert.ok('stop' in nextTurn(event, { ...last, CreatedAt: after }, 4 * minute));
    assert.ok('stop' in nextTurn(event, { ...last, CreatedAt: before }, -10 * minute));
    assert.deepEqual(nextTurn(event, { ...last, CreatedAt: before }, -4 * minute), { turnIndex: 5 });
  });
});

test('a task with this ID of another GitHub does not count', () => {
  const elsewhere = task({ RepoInfo: { 'acme/app': { ...info, PRLink: 'https://ghes.example.com/acme/app/pull/9' } } });
  const here = task({ RepoInfo: { 'acme/app': { ...info, PRLink: 'https://github.com/acme/old/pull/9' } } });
  const tasks = [elsewhere, here, task()];
  assert.deepEqual(onSameGithub(tasks, 1005, pullRequest.html_url), [here, task()]);
  assert.deepEqual(onSameGithub(tasks, 1005, null), tasks);
});

test('repositories are found in any capitals, exact ones first', () => {
  assert.equal(findRepo(task(), 'Acme/App')?.[0], 'acme/app');
  assert.equal(findRepo(task({ RepoInfo: { 'Acme/app': info, 'acme/app': info } }), 'acme/app')?.[0], 'acme/app');
  assert.equal(findRepo(task({ RepoInfo: null }), 'acme/app'), undefined);
});

test('the status is merged, closed, draft, open or unknown, in this order', () => {
  const status = (fields: object) => statusOf({ ...pullRequest, ...fields });
  assert.equal(status({ merged: true, state: 'closed' }), 'merged');
  assert.equal(status({ merged: undefined, merged_at: '2026-01-02T00:00:00Z', state: 'closed' }), 'merged');
  assert.equal(status({ state: 'closed', draft: true }), 'closed');
  assert.equal(status({ draft: true }), 'draft');
  assert.equal(status({}), 'open');
  assert.equal(status({ state: undefined }), 'unknown');
});

describe('the state of a pull request', () => {
  const later = { ...pullRequest, state: 'closed', updated_at: '2026-01-03T00:00:00Z' };
  const merge = (of: EventTask, change: PullRequest = later) =>
    mergeState(of, 'acme/app', change, '2026-01-04T00:00:00Z');
  const reason = (...args: Parameters<typeof merge>) => {
    const merged = merge(...args);
    return 'stop' in merged ? merged.stop.reason : undefined;
  };
  const closed = {
    ...{ ...info, PRStatus: 'closed', PRStatusUpdatedAt: '2026-01-03T00:00:00Z', PRNumber: 5 },
    PRLink: 'https://github.com/acme/app/pull/5',
  };

  test('is merged into all repositories of the task, with unknown fields', () => {
    const others = { 'acme/web': { FeatureBranch: 'w' } };
    const of = task({ RepoInfo: { 'acme/app': info, ...others } });
    assert.deepEqual(merge(of), { changes: { RepoInfo: { 'acme/app': closed, ...others } } });
  });

  test('is not written twice, nor over a newer one, another pull request or no repository', () => {
    assert.equal(reason(task({ RepoInfo: { 'acme/app': closed } })), 'task has this state');
    const sameInstant = { ...closed, PRStatusUpdatedAt: '2026-01-03T01:00:00.000+01:00' };
    assert.equal(reason(task({ RepoInfo: { 'acme/app': sameInstant } })), 'task has this state');
    const newer = { ...closed, PRStatus: 'open', PRStatusUpdatedAt: '2026-01-03T00:00:01Z' };
    assert.equal(reason(task({ RepoInfo: { 'acme/app': newer } })), 'task has a newer state');
    assert.equal(reason(task({ RepoInfo: { 'acme/app': { ...info, PRID: '9' } } })), 'task has another pull request');
    assert.equal(reason(task({ RepoInfo: { 'acme/web': info } })), 'task has no such repository');
    assert.equal(reason(task({ RepoInfo: null })), 'task has no such repository');
  });

  test('without a time has that of the event, and an unknown one does not replace a known one', () => {
    const unknown = { id: 1005, number: 5 };
    const merged = merge(task(), unknown);
    assert.ok('changes' in merged);
    const { PRStatus, PRStatusUpdatedAt, PRLink } = merged.changes.RepoInfo?.['acme/app'] ?? {};
    assert.deepEqual([PRStatus, PRStatusUpdatedAt, PRLink], ['open', '2026-01-04T00:00:00Z', undefined]);
  });

  test('completes a task of a workstream, and opens it again', () => {
    const of = (State: string, web: object = {}) =>
      task({ WorkstreamId: 'w', State, RepoInfo: { 'acme/app': info, 'acme/web': { PRID: '7', ...web } } });
    const stateOf = (...args: Parameters<typeof merge>) => {
      const merged = merge(...args);
      return 'changes' in merged ? merged.changes.State : 'none';
    };
    assert.equal(stateOf(of('Awaiting Code Review', { PRStatus: 'merged' })), 'Completed');
    assert.equal(stateOf(of('Awaiting Code Review', { PRStatus: 'open' })), undefined);
    assert.equal(stateOf(of('Awaiting Code Review', {})), undefined);
    assert.equal(stateOf(of('Executing', { PRStatus: 'merged' })), undefined);
    assert.equal(stateOf(of('Completed', { PRStatus: 'merged' })), undefined);
    const reopened = { ...later, state: 'open' };
    assert.equal(stateOf(of('Completed', { PRStatus: 'merged' }), reopened), 'Awaiting Code Review');
    assert.equal(
      stateOf(of('Completed', { PRStatus: 'merged' }), { ...reopened, draft: true }),
      'Awaiting Code Review',
    );
    assert.equal(stateOf(task({ State: 'Awaiting Code Review' })), undefined);
  });
});
