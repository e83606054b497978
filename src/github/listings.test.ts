import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { connect, type TestClient } from '../../test/support/github/client.ts';
import { type GithubDouble, startGithub } from '../../test/support/github/double.ts';
import { answerWith } from '../../test/support/github/harness.ts';
import { makeRepo, makeState } from '../../test/support/github/state.ts';
import type { ListOrgsForGithubConnectionRequest } from '../plan42/messages.ts';
import { GithubError, loggable } from './errors.ts';
import { getDefaultBranches, listBranches, listOrgs, searchRepos } from './listings.ts';
import type { NamePage } from './page.ts';

let github: GithubDouble;
let test1: TestClient;

before(async () => {
  github = await startGithub();
  test1 = connect(github);
});
beforeEach(() => {
  Object.assign(github.state, makeState());
  github.requests.length = 0;
});
after(async () => {
  await test1[Symbol.asyncDispose]();
  await github[Symbol.asyncDispose]();
});

type ListRequest = Pick<ListOrgsForGithubConnectionRequest, 'MaxResults' | 'Token' | 'Search'>;

const orgs = (request: ListRequest) => test1.ask((caller) => listOrgs(test1.client, request, caller));
const branches = (request: ListRequest) =>
  test1.ask((caller) => listBranches(test1.client, { OrgName: 'acme', RepoName: 'app', ...request }, caller));
const repos = (request: Parameters<typeof searchRepos>[1]) =>
  test1.ask((caller) => searchRepos(test1.client, { OrgName: 'acme', Search: 'r', ...request }, caller));
const json = (Token: string | null) => JSON.parse(Buffer.from(Token ?? '', 'base64url').toString()) as unknown;

const fails = (call: Promise<unknown>, message: string) =>
  assert.rejects(call, (error) => {
    assert.ok(error instanceof GithubError);
    assert.equal(error.message, message);
    return true;
  });

/** Follows the tokens to the end. */
async function allPages(list: (request: ListRequest) => Promise<NamePage>, request: ListRequest): Promise<NamePage[]> {
  const pages: NamePage[] = [];
  for (let Token: string | null | undefined; Token !== null; Token = pages.at(-1)?.nextToken) {
    pages.push(await list({ ...request, Token }));
    assert.ok(pages.length < 500, 'the tokens go in a circle');
  }
  return pages;
}

const login = fc.stringMatching(/^[abAB-]{1,4}$/);

describe('organisations', () => {
  test('each match comes once, in GitHub’s order, and the user’s own login last', async () => {
    const anything = fc.record({
      names: fc.uniqueArray(login, { maxLength: 35 }),
      own: login.map((name) => `${name}!`),
      Search: fc.option(fc.stringMatching(/^[abAB!]{0,2}$/)),
      MaxResults: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 100 })),
    });
    await fc.assert(
      fc.asyncProperty(anything, async ({ names, own, Search, MaxResults }) => {
        Object.assign(github.state, { orgs: names, login: own });
        const pages = await allPages((page) => orgs({ ...page, Search }), { MaxResults });
        const expected = [...names, own].filter((name) => name.includes(Search ?? ''));
        assert.deepEqual(
          pages.flatMap(({ items }) => items),
          expected,
        );
        for (const { items } of pages) assert.ok(items.length <= MaxResults);
      }),
      { numRuns: 120 },
    );
  });

  test('the user’s login is on the last page if it has room, else on one more, whose token is {}', async () => {
    Object.assign(github.state, { orgs: ['a', 'b', 'c'], login: 'me' });
    assert.deepEqual(await orgs({ MaxResults: 4 }), { items: ['a', 'b', 'c', 'me'], nextToken: null });
    const first = await orgs({ MaxResults: 3 });
    assert.deepEqual([first.items, json(first.nextToken)], [['a', 'b', 'c'], {}]);
    assert.equal(first.nextToken, 'e30');
    assert.deepEqual(await orgs({ MaxResults: 3, Token: 'e30' }), { items: ['me'], nextToken: null });
    const second = await orgs({ MaxResults: 2 });
    assert.deepEqual([second.items, json(second.nextToken)], [['a', 'b'], { Page: 2 }]);
    assert.deepEqual(await orgs({ MaxResults: 2, Token: second.nextToken }), { items: ['c', 'me'], nextToken: null });
  });

  test('a last page without room is answered without a request for the login', async () => {
    Object.assign(github.state, { orgs: ['a1', 'a2'], login: 'me' });
    const paths = () => github.requests.splice(0).map(({ url }) => url.replace(/^\/api\/v3|\?.*/g, ''));
    assert.deepEqual(await orgs({ MaxResults: 2 }), { items: ['a1', 'a2'], nextToken: 'e30' });
    assert.deepEqual(paths(), ['/user/orgs']);
    assert.deepEqual(await orgs({ MaxResults: 2, Token: 'e30' }), { items: ['me'], nextToken: null });
    assert.deepEqual(paths(), ['/user']);
    await orgs({ MaxResults: 3 });
    assert.deepEqual(paths(), ['/user/orgs', '/user']);
  });

  test('there is no page for a login that does not match', async () => {
    Object.assign(github.state, { orgs: ['a1', 'b2'], login: 'me' });
    assert.deepEqual(await orgs({ MaxResults: 2, Search: 'a' }), { items: ['a1'], nextToken: null });
    assert.deepEqual(await orgs({ Token: 'e30', Search: 'a' }), { items: [], nextToken: null });
  });

  test('a page without a match may have a next one', async () => {
    Object.assign(github.state, { orgs: ['x', 'x2', 'Yes'], login: 'me' });
    const first = await orgs({ MaxResults: 2, Search: 'Y' });
    assert.deepEqual([first.items, json(first.nextToken)], [[], { Page: 2 }]);
    assert.deepEqual(await orgs({ MaxResults: 2, Search: 'Y', Token: first.nextToken }), {
      items: ['Yes'],
      nextToken: null,
    });
    assert.deepEqual((await orgs({ Search: 'y' })).items, [], 'capitals count');
  });

  test('that are new after a full page are found, though that page has not changed', async () => {
    Object.assign(github.state, { orgs: ['a', 'b'], login: 'me' });
    assert.deepEqual(await orgs({ MaxResults: 2 }), { items: ['a', 'b'], nextToken: 'e30' });
    github.state.orgs = ['a', 'b', 'c'];
    assert.deepEqual(json((await orgs({ MaxResults: 2 })).nextToken), { Page: 2 });
  });

  test('ten per page by default', async () => {
    github.state.orgs = Array.from({ length: 25 }, (_, i) => `org${i}`);
    assert.equal((await orgs({})).items.length, 10);
    assert.equal((await orgs({ MaxResults: null, Token: null, Search: null })).items.length, 10);
    assert.match(github.requests[0]?.url ?? '', /^\/api\/v3\/user\/orgs\?page=1&per_page=10$/);
  });
});

describe('branches', () => {
  test('each match comes once and in order, however many there are', async () => {
    const anything = fc.record({
      names: fc.uniqueArray(fc.stringMatching(/^[ab/]{1,4}$/), { maxLength: 60 }),
      Search: fc.constantFrom('', 'a', '/', 'ab', 'z', '.*'),
      MaxResults: fc.integer({ min: 1, max: 30 }),
    });
    await fc.assert(
      fc.asyncProperty(anything, async ({ names, Search, MaxResults }) => {
        github.state.repos.set('acme/app', makeRepo({ branches: names }));
        const pages = await allPages((page) => branches({ ...page, Search }), { MaxResults });
        assert.deepEqual(
          pages.flatMap(({ items }) => items),
          names.filter((name) => name.includes(Search)),
        );
        assert.equal(pages.length, Math.max(1, Math.ceil(names.length / MaxResults)));
      }),
      { numRuns: 60 },
    );
  });

  test('of odd names are asked for in one piece, and of no other path', async () => {
    const list = (OrgName: string, RepoName: string) =>
      test1.ask((caller) => listBranches(test1.client, { OrgName, RepoName }, caller));
    await fails(list('a b', 'c/d?e#f%2F'), 'Not Found');
    assert.equal(github.requests[0]?.url.split('?')[0], '/api/v3/repos/a%20b/c%2Fd%3Fe%23f%252F/branches');
    for (const name of ['.', '..']) {
      await fails(list('acme', name), `invalid repo name: acme/${name}`);
      await fails(list(name, 'app'), `invalid repo name: ${name}/app`);
    }
    assert.equal(github.requests.length, 1);
  });

  test('of a renamed repository are found', async () => {
    github.state.renamed.set('acme/old', 'acme/app');
    const { items } = await test1.ask((caller) =>
      listBranches(test1.client, { OrgName: 'acme', RepoName: 'old' }, caller),
    );
    assert.deepEqual(items, ['main']);
    assert.equal(github.requests.length, 2);
  });
});

describe('repositories', () => {
  test('are searched by GitHub, in one organisation, with forks', async () => {
    for (const name of ['acme/r1', 'acme/r2', 'acme/r3', 'other/r4']) github.state.repos.set(name, makeRepo());
    const first = await repos({ MaxResults: 2 });
    assert.deepEqual(first.items, ['acme/r1', 'acme/r2']);
    assert.deepEqual(json(first.nextToken), { Page: 2 });
    assert.deepEqual(await repos({ MaxResults: 2, Token: first.nextToken }), { items: ['acme/r3'], nextToken: null });
    const query = new URL(github.requests[0]?.url ?? '', github.url).searchParams;
    assert.equal(query.get('q'), 'r org:acme fork:true');
  });

  test('GitHub’s own message is the error', async () => {
    github.faults.push(answerWith(422, { message: 'Validation Failed', errors: [{ message: 'The query is odd' }] }));
    await fails(repos({}), 'Validation Failed: The query is odd');
  });

  test('of what is not the name of an organisation are not searched', async () => {
    for (const OrgName of ['acme user:torvalds', '..', 'a/b', 'a\nb', 'acme ']) {
      await fails(repos({ OrgName }), `invalid org name: ${OrgName}`);
    }
    assert.equal(github.requests.length, 0);
  });
});

describe('default branches', () => {
  const ask = (names: string[]) => test1.ask((caller) => getDefaultBranches(test1.client, names, caller));

  test('come in the order asked, twice where asked twice', async () => {
    const names = Array.from({ length: 30 }, (_, i) => `acme/r${i}`);
    for (const [i, name] of names.entries()) github.state.repos.set(name, makeRepo({ defaultBranch: `b${i}` }));
    names.push('acme/r3');
    const expected = names.map((Repo) => ({ Repo, DefaultBranch: Repo.replace('acme/r', 'b') }));
    assert.deepEqual(await ask(names), expected);
    await fails(ask([]), 'repos is required');
  });

  test('of a repository that there is not are an error that names it', async () => {
    await fails(ask(['acme/app', 'acme/none']), 'acme/none: Not Found');
    for (const name of ['acme', '', '/', 'a/b/c', 'acme/..', '../x']) {
      await assert.rejects(ask([name]), /^GithubError: invalid repo (name: |format ")/);
      await assert.rejects(ask([name]), (error) => /^invalid repo (name|format)$/.test(String(loggable(error))));
    }
  });
});

describe('what is asked for wrongly', () => {
  for (const MaxResults of [0, -1, 101, 1.5, Number.NaN]) {
    test(`maxResults ${MaxResults}`, async () => {
      for (const list of [orgs, branches, repos]) {
        await fails(list({ MaxResults }), 'maxResults must be between 1 and 100');
      }
    });
  }

  const encode = (text: string) => Buffer.from(text).toString('base64url');
  for (const [name, Token] of [
    ['an empty one', ''],
    ['not base64url', 'e3+/'],
    ['padded', 'e30='],
    ['not JSON', encode('hello')],
    ['no object', encode('[1]')],
    ['null', encode('null')],
    ['another object', encode('{"a":1}')],
    ['another object with a page', encode('{"Page":2,"a":1}')],
    ['page 0', encode('{"Page":0}')],
    ['page 1.5', encode('{"Page":1.5}')],
    ['a page in words', encode('{"Page":"2"}')],
  ] as const) {
    test(`a token that is ${name}`, async () => {
      for (const list of [orgs, branches, repos]) await fails(list({ Token }), 'invalid pagination token');
    });
  }

  test('the token for the user’s own login elsewhere', async () => {
    for (const list of [branches, repos]) await fails(list({ Token: 'e30' }), 'invalid pagination token');
  });

  test('names that are missing', async () => {
    for (const missing of ['', null, undefined]) {
      const list = (request: object) =>
        test1.ask((caller) => listBranches(test1.client, { OrgName: 'acme', RepoName: 'app', ...request }, caller));
      await fails(list({ OrgName: missing }), 'org name is required');
      await fails(list({ RepoName: missing }), 'repo name is required');
      await fails(repos({ OrgName: missing }), 'org name is required');
      await fails(repos({ Search: missing }), 'search query is required');
    }
  });
});
