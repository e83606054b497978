import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as v from 'valibot';
import { InvokeAgentRequest } from '../../plan42/messages.ts';
import { githubGuard } from './github-guard.ts';

const TaskId = '1234abcd-1111-4111-8111-111111111111';

function guardOf(fields: object, { url = 'https://github.com', table }: { url?: string; table?: object } = {}) {
  const invocation = v.parse(InvokeAgentRequest, { Type: 'InvokeAgentRequest', ...fields });
  const named = table && { name: 'acme', connection: table };
  return githubGuard({ url: new URL(url), table: named, invocation }) ?? assert.fail('no guard');
}

describe('repositories', () => {
  const repositories = (fields: object) => guardOf(fields).rules.repositories;

  test('of the environment, with the branch of the task and that of a conflict', () => {
    assert.deepEqual(
      repositories({
        Environment: { Repos: ['Acme/App', 'acme/lib', 'local/x'] },
        RepoURLs: { 'local/x': '/v1/x' },
        Task: {
          TaskId,
          RepoInfo: {
            'Acme/App': { FeatureBranch: 'fix', TargetBranch: 'main' },
            'acme/old': {},
            'ACME/app': { FeatureBranch: 'other' },
          },
        },
        Turn: { TaskId, TurnIndex: 2 },
      }),
      [
        { name: 'acme/app', branches: ['fix', 'fix-turn-2', 'other', 'other-turn-2'] },
        { name: 'acme/lib', branches: ['plan42/*1234abcd', 'plan42/*1234abcd-turn-2'] },
      ],
    );
  });

  test('of the task only if the environment names none', () => {
    const names = (Environment?: object, others: object = {}) =>
      repositories({ ...others, Environment, Task: { TaskId, RepoInfo: { 'acme/added': {} } } }).map(
        ({ name }) => name,
      );
    assert.deepEqual(names({ Repos: ['acme/app'] }), ['acme/app']);
    assert.deepEqual(names({ Repos: ['local/x'] }, { RepoURLs: { 'local/x': '/v1/x' } }), []);
    for (const none of [undefined, {}, { Repos: null }, { Repos: [] }]) assert.deepEqual(names(none), ['acme/added']);
  });

  test('without a branch if it is that which the work goes into, or not the name of one', () => {
    const Environment = { Repos: ['a/b'] };
    const branches = (RepoInfo: object, id: unknown = TaskId) =>
      repositories({ Environment, Task: { RepoInfo: { 'a/b': RepoInfo } }, Turn: { TaskId: id, TurnIndex: 1 } })[0]
        ?.branches;
    assert.deepEqual(branches({ FeatureBranch: 'main', TargetBranch: 'main' }), []);
    assert.deepEqual(branches({ FeatureBranch: '*' }), []);
    assert.deepEqual(branches({ FeatureBranch: 'x' }), ['x', 'x-turn-1']);
    assert.deepEqual(branches({}, '*'), []);
    assert.deepEqual(branches({}, null), []);
  });

  test('none of a request that names none, or has no valid name', () => {
    assert.deepEqual(repositories({}), []);
    assert.deepEqual(repositories({ Environment: { Repos: ['x', '../y', 7, 'a/b/c'] } }), []);
  });
});

test('settings come from the table of the connection, and are strict without one', () => {
  const { rules } = guardOf({}, { table: { push: 'any', api: 'any', alsoRead: ['Acme/Lib', 'tools/*'] } });
  assert.deepEqual(
    [rules.push, rules.api, rules.alsoRead, rules.setting],
    ['any', 'any', ['acme/lib', 'tools/*'], '[github.acme]'],
  );
  const { rules: others } = guardOf({});
  assert.deepEqual([others.push, others.api, others.alsoRead], ['task-branch', 'task', []]);
});

test('all hosts of a GitHub are intercepted', () => {
  const hosts = (url: string) => guardOf({}, { url }).hosts.map(({ host, port }) => `${host}:${port}`);
  assert.ok(hosts('https://github.com').includes('codeload.github.com:443'));
  assert.deepEqual(hosts('https://api.github.com'), hosts('https://github.com'));
  assert.ok(hosts('https://Git.Corp.example:8443').includes('git.corp.example:8443'));
});
