/** The four messages that ask GitHub: every field of the answers, and the errors' texts. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { type GithubDouble, startGithub } from '../../../test/support/github/double.ts';
import { answerWith } from '../../../test/support/github/harness.ts';
import { makeRepo, makeState } from '../../../test/support/github/state.ts';
import { parseConfig } from '../../config/parse.ts';
import { GithubConnections } from '../../github/connections.ts';
import { systemClock } from '../../lib/clock.ts';
import { createLogger } from '../../lib/logger.ts';
import { createTransport } from '../../plan42/transport.ts';
import {
  createGetDefaultBranchesHandler,
  createListOrgsHandler,
  createListRepoBranchesHandler,
  createSearchRepoHandler,
  type GithubHandlerOptions,
} from './github.ts';
import type { Handler } from './handler.ts';
import { IncompleteLists } from './incomplete-lists.ts';

const handlers: Record<string, (options: GithubHandlerOptions) => Handler> = {
  ListOrgsForGithubConnection: createListOrgsHandler,
  SearchRepo: createSearchRepoHandler,
  ListRepoBranches: createListRepoBranchesHandler,
  GetDefaultBranches: createGetDefaultBranchesHandler,
};

let github: GithubDouble;
let transport: Dispatcher;
let connections: GithubConnections;
let incompleteLists: IncompleteLists;
let log: string;

before(async () => {
  github = await startGithub();
  transport = createTransport({});
});
beforeEach(() => {
  Object.assign(github.state, makeState());
  github.requests.length = 0;
  log = '';
  incompleteLists = new IncompleteLists(systemClock);
  const file = `
[github.one]
connection_id = "ABC-1"
url = "${github.url}"
token = "${github.state.token}"
[github.tokenless]
connection_id = "abc-2"
url = "${github.url}"
`;
  const { config } = parseConfig({ file, env: {}, flags: new Map() });
  const logger = createLogger({ level: 'debug', format: 'text', write: (line) => (log += line) });
  connections = new GithubConnections({ connections: config.github, transport, logger, userAgent: 'test' });
});
after(async () => {
  await transport.destroy();
  await github[Symbol.asyncDispose]();
});

interface AskOptions {
  signal?: AbortSignal;
  timeoutMs?: number;
}

async function ask(name: string, body: object, { signal, timeoutMs = 20_000 }: AskOptions = {}): Promise<object> {
  const logger = createLogger({ level: 'debug', format: 'text', write: (line) => (log += line) });
  const handler = handlers[name]?.({ github: connections, incompleteLists, logger, timeoutMs });
  assert.ok(handler);
  const type = `${name}Request`;
  const whole = { Type: type, TenantID: 't', ConnectionID: 'abc-1', ...body };
  return handler({ type, text: JSON.stringify(whole), body: whole }, signal ?? new AbortController().signal);
}

const none = { Items: null, NextToken: null };

describe('answers', () => {
  test('have every field, in the protocol’s spelling', async () => {
    github.state.repos.set('acme/app', makeRepo({ branches: ['main', 'next'], defaultBranch: 'next' }));
    const type = (name: string) => ({ Type: `${name}Response` });
    assert.deepEqual(await ask('ListOrgsForGithubConnection', { MaxResults: 1 }), {
      ...type('ListOrgsForGithubConnection'),
      Items: ['acme'],
      NextToken: 'e30',
      ErrorMessage: null,
    });
    assert.deepEqual(await ask('SearchRepo', { OrgName: 'acme', Search: 'ap' }), {
      ...type('SearchRepo'),
      Items: ['acme/app'],
      NextToken: null,
      ErrorMessage: null,
    });
    assert.deepEqual(await ask('ListRepoBranches', { OrgName: 'acme', RepoName: 'app', Search: 'n', MaxResults: 1 }), {
      ...type('ListRepoBranches'),
      Items: ['main'],
      NextToken: Buffer.from('{"Page":2}').toString('base64url'),
      ErrorMessage: null,
    });
    assert.deepEqual(await ask('GetDefaultBranches', { Repos: ['acme/app'] }), {
      ...type('GetDefaultBranches'),
      Items: [{ Repo: 'acme/app', DefaultBranch: 'next' }],
      ErrorMessage: null,
    });
  });

  test('say that GitHub left out results', async () => {
    github.state.sso = 'partial-results; organizations=12,34';
    const orgs = await ask('ListOrgsForGithubConnection', {});
    assert.deepEqual('Items' in orgs && orgs.Items, ['acme', 'octo']);
    assert.match(
      'Incomplete' in orgs ? String(orgs.Incomplete) : '',
      /^GitHub left out 2 organisations \(IDs 12, 34\)/,
    );
    assert.match(
      log,
      /GitHub list is incomplete message_type=ListOrgsForGithubConnectionRequest reason="GitHub left out/,
    );
    github.state.isSearchIncomplete = true;
    const repos = await ask('SearchRepo', { OrgName: 'acme', Search: 'a' });
    assert.match('Incomplete' in repos ? String(repos.Incomplete) : '', /^GitHub stopped the search/);

    // The status shows the latest one, until the list is complete.
    const shown = () => incompleteLists.latest?.reason ?? '';
    assert.match(shown(), /^GitHub stopped the search/);
    github.state.isSearchIncomplete = false;
    github.state.sso = undefined;
    await ask('SearchRepo', { OrgName: 'acme', Search: 'a' });
    assert.match(shown(), /^GitHub left out 2 organisations/);
    await ask('ListOrgsForGithubConnection', {});
    assert.equal(shown(), '');
  });

  test('may be asked for with other capitals, and nulls', async () => {
    const body = { connectionId: 'ABC-1', ConnectionID: undefined, maxresults: null, Token: null, search: null };
    const answer = await ask('ListOrgsForGithubConnection', JSON.parse(JSON.stringify(body)) as object);
    assert.deepEqual('Items' in answer && answer.Items, ['acme', 'octo']);
    assert.deepEqual(await ask('GetDefaultBranches', { Repos: null }), {
      Type: 'GetDefaultBranchesResponse',
      Items: null,
      ErrorMessage: 'repos is required',
      ErrorStatus: 400,
    });
    assert.deepEqual(await ask('GetDefaultBranches', { Repos: ['x'] }), {
      Type: 'GetDefaultBranchesResponse',
      Items: null,
      ErrorMessage: 'invalid repo format "x": expected owner/repo',
      ErrorStatus: 400,
    });
  });
});

describe('errors reach the caller', () => {
  const valid = { OrgName: 'acme', RepoName: 'app', Search: 'a', Repos: ['acme/app'] };
  for (const name of Object.keys(handlers)) {
    const empty = name === 'GetDefaultBranches' ? { Items: null } : none;
    const fails = async (body: object, ErrorMessage: string, status?: number, options?: AskOptions) =>
      assert.deepEqual(await ask(name, { ...valid, ...body }, options), {
        Type: `${name}Response`,
        ...empty,
        ErrorMessage,
        ...(status !== undefined && { ErrorStatus: status }),
      });

    test(`${name}: of the connection`, async () => {
      await fails({ ConnectionID: 'nope' }, 'github connection nope not found', 404);
      await fails({ ConnectionID: null }, 'no github connection is named (ConnectionID)', 400);
      await fails({ ConnectionID: 'abc-2' }, 'missing github token for connection abc-2', 400);
      assert.equal(github.requests.length, 0);
    });

    test(`${name}: GitHub’s own`, async () => {
      github.state.token = 'another';
      await fails({}, name === 'GetDefaultBranches' ? 'acme/app: Bad credentials' : 'Bad credentials', 401);
      assert.match(
        log,
        /WARN {2}GitHub request failed message_type=\w+ connection_id=abc-1 error="(acme.app: )?Bad credentials"/,
      );
    });

    test(`${name}: GitHub’s refusals are the caller’s mistakes`, async () => {
      const subject = name === 'GetDefaultBranches' ? 'acme/app: ' : '';
      github.faults.push(answerWith(404, { message: 'Not Found' }), answerWith(422, { message: 'Validation Failed' }));
      await fails({}, `${subject}Not Found`, 404);
      await fails({}, `${subject}Validation Failed`, 422);
      assert.equal(github.requests.length, 2, 'no retries');
    });

    test(`${name}: of the message`, async () => {
      await fails({ ConnectionID: 5 }, 'invalid request: ConnectionID must be a string', 400);
    });

    test(`${name}: of time`, async () => {
      github.faults.push(() => {});
      await fails({}, 'GitHub did not respond within 0.3 s', undefined, { timeoutMs: 300 });
    });

    test(`${name}: none when the runner stops`, async () => {
      const reason = new Error('stop');
      await assert.rejects(ask(name, valid, { signal: AbortSignal.abort(reason) }), (error) => error === reason);
    });
  }

  test('what the caller has to change', async () => {
    const status = async (name: string, body: object) => {
      const answer = await ask(name, { ...valid, ...body });
      return 'ErrorStatus' in answer && answer.ErrorStatus;
    };
    for (const name of ['ListOrgsForGithubConnection', 'SearchRepo', 'ListRepoBranches']) {
      assert.equal(await status(name, { Token: 'x' }), 400);
      assert.equal(await status(name, { MaxResults: 101 }), 400);
    }
    assert.equal(await status('SearchRepo', { Search: '' }), 400);
    assert.equal(await status('SearchRepo', { OrgName: 'a b' }), 400);
    assert.equal(await status('ListRepoBranches', { RepoName: '..' }), 400);
    assert.equal(await status('GetDefaultBranches', { Repos: ['a'] }), 400);
    assert.equal(github.requests.length, 0);
  });

  test('a page size of the wrong type, and one of the wrong size', async () => {
    const answer = await ask('SearchRepo', { ...valid, MaxResults: '5' });
    assert.ok('ErrorMessage' in answer && answer.ErrorMessage === 'invalid request: MaxResults must be a number');
    const tooMany = await ask('SearchRepo', { ...valid, MaxResults: 101 });
    assert.ok('ErrorMessage' in tooMany && tooMany.ErrorMessage === 'maxResults must be between 1 and 100');
  });

  test('an unexpected error', async () => {
    const withClient = () => Promise.reject(new TypeError('a bug'));
    Object.assign(connections, { withClient });
    const answer = await ask('SearchRepo', valid);
    assert.ok('ErrorMessage' in answer);
    assert.equal(answer.ErrorMessage, 'GitHub request failed, see the log of the runner');
    assert.match(log, /ERROR GitHub request failed .*a bug/);
  });

  test('and nothing secret is logged', async () => {
    const { token } = github.state;
    for (const name of Object.keys(handlers)) {
      github.state.token = token;
      await ask(name, valid);
      github.state.token = 'another';
      await ask(name, valid);
    }
    for (const line of ['GitHub responded', 'GitHub attempt failed', 'GitHub request failed']) {
      assert.ok(log.split(line).length > Object.keys(handlers).length, line);
    }
    assert.ok(!log.includes(token), log);
  });
});

describe('what a request says is not in the log', () => {
  test('whatever is wrong with it', async () => {
    for (const Repos of [['codename/app/x'], ['codename/none'], ['codename/a\ud800']]) {
      const answer = await ask('GetDefaultBranches', { Repos });
      assert.ok('ErrorMessage' in answer && answer.ErrorMessage, JSON.stringify(answer));
    }
    await ask('SearchRepo', { OrgName: 'codename is:private', Search: 'codename' });
    await ask('ListRepoBranches', { OrgName: '..', RepoName: 'codename' });
    assert.equal(log.split('GitHub request failed').length, 6);
    assert.match(log, /error="invalid repo name"/);
    assert.ok(!log.includes('codename'), log);
  });
});

describe('connections', () => {
  test('keep their client, and so what they know', async () => {
    const quota = github.state.quota;
    for (let i = 0; i < 5; i += 1) await ask('ListRepoBranches', { OrgName: 'acme', RepoName: 'app' });
    assert.equal(quota - github.state.quota, 1);
    assert.equal(connections.client('abc-1'), connections.client('ABC-1'));
  });

  test('keep it when others change, or their own name', async () => {
    const connection = connections.find('abc-1');
    assert.ok(connection);
    const before = connections.client('abc-1');
    const other = { ...connection, connectionId: 'abc-3', token: 'ghp_other' };
    connections.replace({ renamed: { ...connection, url: new URL(connection.url), name: 'x' }, other });
    assert.equal(connections.client('abc-1'), before);
    assert.notEqual(connections.client('abc-3'), before);
  });

  test('that get another token while a call waits make it with that', async () => {
    const connection = connections.find('abc-1');
    assert.ok(connection);
    github.faults.push(answerWith(429, { message: 'Enough' }, { 'retry-after': '15' }));
    const answer = ask('GetDefaultBranches', { Repos: ['acme/app'] });
    while (!log.includes('GitHub rate limit reached')) await delay(5);
    github.state.token = 'ghp_new';
    connections.replace({ one: { ...connection, token: 'ghp_new' } });
    const startedAt = performance.now();
    assert.equal(((await answer) as { ErrorMessage: unknown }).ErrorMessage, null);
    assert.ok(performance.now() - startedAt < 10_000);
    assert.deepEqual(
      github.requests.map(({ headers }) => headers.authorization),
      [`Bearer ${connection.token}`, 'Bearer ghp_new'],
    );
  });

  test('can be replaced', async () => {
    const connection = connections.find('abc-1');
    assert.ok(connection);
    github.state.token = 'ghp_new';
    connections.replace({ one: { ...connection, token: 'ghp_new' } });
    const answer = await ask('ListOrgsForGithubConnection', {});
    assert.ok('ErrorMessage' in answer && answer.ErrorMessage === null);
    assert.equal(connections.find('abc-2'), undefined);
  });

  test('are none without an ID, even if one has none', () => {
    const nameless = { url: new URL(github.url), name: undefined, connectionId: undefined, token: 't' };
    connections.replace({ nameless });
    for (const id of [undefined, null, '', 'undefined']) assert.equal(connections.find(id), undefined);
  });
});
