import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { guardRules, type SentRequest, startGuard, taskBranch } from '../../../test/support/github/guarded.ts';

const { review, questions } = startGuard();

async function passes(request: SentRequest): Promise<string | undefined> {
  const { message, sent } = await review(request);
  assert.equal(message, undefined, `${request.method ?? ''} ${request.path}`);
  return sent;
}

async function refuses(request: SentRequest, why: RegExp = /plan42: /): Promise<void> {
  const { verdict, message } = await review(request);
  assert.match(message ?? 'passed', why, `${request.method ?? ''} ${request.path} ${JSON.stringify(request.body)}`);
  assert.ok(verdict.kind === 'respond' && verdict.status >= 400);
  const { message: text } = JSON.parse(message ?? '') as { message: string };
  assert.equal(text, `plan42: ${verdict.refused?.what}. ${verdict.refused?.remedy}`);
}

const app = '/repos/Acme/app';

describe('reads', () => {
  for (const path of [
    ...['/', '/user', '/rate_limit', '/meta', '/users/ann', '/licenses/mit'],
    ...[app, `${app}/`, `${app}/pulls`, `${app}/pulls/1/files?per_page=100`, `${app}/branches/feature%2Fx`],
    ...[
      `${app}/contents/a%20b/c.txt?ref=main`,
      `${app}/compare/main...${taskBranch}`,
      `${app}/commits/main/check-runs`,
    ],
    ...[`${app}/actions/runs/1/jobs`, `${app}/actions/jobs/2/logs`, `${app}/tarball/main`, `${app}/statuses/abc`],
    ...['/repos/acme/lib/readme', '/repos/tools/any/contents/x', '/repositories/1/issues?page=2'],
    ...['/search/issues?q=repo:acme/app+is:pr+author:@me', '/search/code?q=needle+repo%3Aacme%2Flib&per_page=5'],
  ])
    test(`passes GET ${path}`, async () => {
      assert.equal(await passes({ path }), undefined);
      await passes({ path, method: 'HEAD' });
    });

  for (const path of [
    ...[
      '/repos/acme/secret',
      '/repos/acme/secret/contents/x',
      '/repos/acme/app2',
      '/repos/toolsx/any',
      '/repositories/2',
    ],
    ...['/user/repos', '/user/keys', '/orgs/acme', '/orgs/acme/repos', '/gists', '/notifications', '/users/ann/repos'],
    ...[`${app}/hooks`, `${app}/keys`, `${app}/actions/secrets`, `${app}/actions/variables`, `${app}/actions/runners`],
    ...[`${app}/secret-scanning/alerts`, `${app}/invitations`, `${app}/compare/main...mallory:main`, `${app}/forks`],
    ...['/search/issues?q=is:pr', '/search/issues?q=repo:acme/secret', '/search/repositories?q=repo:acme/app'],
    ...[
      '/search/issues?q=repo:acme/app+org:acme',
      '/search/issues?q=repo:acme/app&q=repo:acme/secret',
      '/repositories/3',
    ],
    ...['/search/issues?q[]=repo:acme/app', '/search/issues?q=repo:acme/app+OR+x', '/repos/acme', '/repos', '/unknown'],
    ...['/repos/ac%6De/app', '/repos/acme/app%2Fx', '/user?_method=DELETE'],
  ])
    test(`refuses GET ${path}`, () => refuses({ path }));

  for (const path of [
    ...[
      '/repos/acme/app/../secret',
      '/repos/acme/app/%2e%2e/secret',
      '/repos/acme//app',
      '//repos/acme/app',
      '/repos/./acme/app',
    ],
    ...[
      '/repos/acme/app/..%2fsecret',
      '/repos/acme/app%00',
      '/repos\\acme/app',
      '/repos/acme/app/contents/%252e%252e',
      '/a;b',
    ],
    ...['/repos/acme/app/%zz', '/repos/acme/app/%c0%ae', `/${'a'.repeat(20_000)}`, 'http://api.github.com/user', '/é'],
  ])
    test(`refuses the unclear path ${path.slice(0, 60)}`, async () => {
      const { verdict, message } = await review({ path });
      assert.ok(verdict.kind === 'respond' && verdict.status === 400);
      assert.match(message ?? '', /the path can be read in more than one way/);
    });

  test('asks GitHub once for a number', () => {
    assert.equal(questions.filter((question) => question === 'GET /repositories/1').length, 1);
  });
});

describe('writes', () => {
  const pull = { title: 'Fix', head: taskBranch, base: 'main', body: 'x', draft: true };
  const written: [string, unknown][] = [
    [`POST ${app}/pulls`, pull],
    [`POST ${app}/pulls`, { ...pull, head: `acme:${taskBranch}` }],
    [`POST ${app}/pulls`, { ...pull, head: `${taskBranch}-turn-2` }],
    [`PATCH ${app}/pulls/1`, { body: 'new', state: 'closed' }],
    [`PATCH ${app}/issues/1`, { labels: ['bug'] }],
    [`POST ${app}/pulls/1/requested_reviewers`, { reviewers: ['bob'] }],
    [`POST ${app}/issues/1/labels`, ['bug']],
    [`POST ${app}/issues/2/comments`, { body: 'Done.' }],
    [`POST ${app}/pulls/2/comments/7/replies`, { body: 'Done.' }],
    [`POST ${app}/pulls/2/reviews`, { event: 'REQUEST_CHANGES', body: 'No.' }],
    [`POST ${app}/pulls/2/reviews/5/events`, { event: 'COMMENT', body: 'Well.' }],
    [`POST ${app}/issues/comments/2/reactions`, { content: '+1' }],
    [`PATCH ${app}/issues/comments/1`, { body: 'Better.' }],
  ];
  for (const [call, body] of written)
    test(`passes ${call} ${JSON.stringify(body)}`, async () => {
      const [method = '', path = ''] = call.split(' ');
      assert.equal(await passes({ method, path, body }), JSON.stringify(body));
    });

  const refused: [string, unknown, RegExp?][] = [
    [`POST ${app}/pulls`, { ...pull, head: 'main' }, /a pull request of \\"main\\", not the task's branch/],
    [`POST ${app}/pulls`, { ...pull, head: `mallory:${taskBranch}` }],
    [`POST ${app}/pulls`, { ...pull, head: [taskBranch] }],
    [`POST ${app}/pulls`, { ...pull, head_repo: 'secret' }, /the field \\"head_repo\\"/],
    [`POST ${app}/pulls`, undefined],
    [`POST ${app}/pulls`, 'not json', /not JSON/],
    [`POST ${app}/pulls`, [pull]],
    ['POST /repos/acme/lib/pulls', pull, /acme\/lib is no repository of the environment or the task, so/],
    ['POST /repos/acme/secret/issues/1/comments', { body: 'x' }, /also_read/],
    [`PATCH ${app}/pulls/2`, { state: 'closed' }, /whose branch is not that of the task/],
    [`PATCH ${app}/pulls/3`, { state: 'closed' }, /whose branch is not that of the task/],
    [`PATCH ${app}/pulls/9`, { state: 'closed' }, /GitHub does not know/],
    [`PATCH ${app}/issues/2`, { state: 'closed' }],
    [`POST ${app}/pulls/1`, { state: 'closed' }],
    [`PUT ${app}/pulls/1/merge`, {}, /no call of the API that agents may make.*api = /],
    [`POST ${app}/merges`, { base: 'main', head: taskBranch }],
    [`POST ${app}/pulls/1/reviews`, { event: 'APPROVE' }, /a review with \\"APPROVE\\"/],
    [`POST ${app}/pulls/1/reviews`, { event: 'approve' }],
    [`POST ${app}/pulls/1/reviews/2/events`, { event: 'APPROVE' }],
    [`PUT ${app}/pulls/1/reviews/2/dismissals`, { message: 'x' }],
    [`PATCH ${app}/issues/comments/2`, { body: 'x' }, /the comment of another user/],
    [`DELETE ${app}/issues/comments/1`, undefined],
    [`PUT ${app}/contents/x`, { content: '' }],
    [`POST ${app}/git/refs`, { ref: 'refs/heads/x' }],
    [`PATCH ${app}/git/refs/heads/main`, { sha: 'x' }],
    [`DELETE ${app}/git/refs/heads/other`, undefined],
    [`POST ${app}/statuses/abc`, { state: 'success' }],
    [`POST ${app}/check-runs`, { name: 'x' }],
    [`POST ${app}/keys`, { key: 'ssh-rsa' }],
    [`POST ${app}/hooks`, { config: {} }],
    [`PUT ${app}/actions/secrets/X`, {}],
    [`POST ${app}/actions/workflows/ci.yml/dispatches`, { ref: 'main' }],
    [`POST ${app}/actions/runs/1/approve`, undefined],
    [`POST ${app}/dispatches`, {}],
    [`POST ${app}/releases`, {}],
    [`POST ${app}/issues`, { title: 'x' }],
    [`POST ${app}/forks`, {}],
    [`PATCH ${app}`, { private: false }],
    [`DELETE ${app}`, undefined],
    [`POST ${app}/transfer`, { new_owner: 'mallory' }],
    ['POST /user/repos', { name: 'x' }],
    ['POST /user/keys', { key: 'x' }],
    ['POST /gists', { files: {} }],
    ['PATCH /user', { bio: 'x' }],
    ['OPTIONS /user', undefined],
  ];
  for (const [call, body, why] of refused)
    test(`refuses ${call} ${JSON.stringify(body) ?? ''}`, () => {
      const [method = '', path = ''] = call.split(' ');
      return refuses({ method, path, body }, why);
    });

  test('refuses a method in a header, and a compressed body', async () => {
    const comment = { method: 'POST', path: `${app}/issues/1/comments`, body: { body: 'x' } };
    await refuses({ ...comment, headers: ['X-HTTP-Method-Override', 'DELETE'] }, /in place of that of the request/);
    await refuses({ ...comment, headers: ['content-encoding', 'gzip'] }, /a compressed body/);
  });

  test('sends the last of two fields of one name, as it was checked', async () => {
    const body = `{"head":"main","base":"main","head":"${taskBranch}"}`;
    assert.equal(
      await passes({ path: `${app}/pulls`, method: 'POST', body }),
      `{"head":"${taskBranch}","base":"main"}`,
    );
  });
});

describe('hosts', () => {
  test('an Enterprise Server has everything on one host', async () => {
    const { review: reviewOwn, questions: asked } = startGuard({ host: 'git.corp.example' });
    const ask = async (method: string, path: string, body?: unknown) =>
      (await reviewOwn({ method, host: 'git.corp.example', path, body })).message;
    assert.equal(await ask('GET', '/api/v3/repos/acme/app/pulls'), undefined);
    assert.equal(await ask('PATCH', '/api/v3/repos/acme/app/pulls/1', { title: 'x' }), undefined);
    assert.deepEqual(asked, ['GET /api/v3/repos/acme/app/pulls/1']);
    assert.match((await ask('GET', '/api/v3/repos/acme/secret')) ?? '', /plan42/);
    assert.match((await ask('GET', '/api/v3repos/acme/app')) ?? '', /plan42/);
    assert.match((await ask('POST', '/api/uploads/repos/acme/app/releases/1/assets', {})) ?? '', /uploads/);
    assert.match((await ask('POST', '/api/v4/x', {})) ?? '', /plan42/);
    assert.equal(await ask('POST', '/api/graphql', { query: '{ viewer { login } }' }), undefined);
    assert.equal(await ask('GET', '/acme/app.git/info/refs?service=git-upload-pack'), undefined);
  });

  for (const [host, path, isAllowed] of [
    ['codeload.github.com', '/acme/app/tar.gz/refs/heads/main', true],
    ['codeload.github.com', '/acme/secret/zip/main', false],
    ['raw.githubusercontent.com', '/acme/lib/main/README.md', true],
    ['raw.githubusercontent.com', '/acme/secret/main/README.md', false],
    ['uploads.github.com', '/repos/acme/app/releases/1/assets', false],
    ['github.com', '/acme/app/archive/refs/heads/main.tar.gz', true],
    ['github.com', '/tools/x/releases/download/v1/x.tgz', true],
    ['github.com', '/mallory/x/releases/download/v1/x.tgz', false],
    ['github.com', '/acme/app.git/objects/info/packs', false],
    ['github.com', '/acme/app.git/info/refs?service=git-upload-pack&service=git-receive-pack', false],
    ['github.com', '/acme/app.git/info/refs?service=git-upload-archive', false],
    ['github.com', '/acme/app.git.git/info/refs?service=git-upload-pack', false],
    ['github.com', '/acme/app.wiki.git/info/refs?service=git-upload-pack', false],
    ['github.com', '/ACME/APP/info/refs?service=git-upload-pack', true],
    ['github.com', '/settings/keys', false],
    ['github.com', '/login/oauth/access_token', false],
    ['gist.github.com', '/ann/123', false],
  ] as const)
    test(`${isAllowed ? 'passes' : 'refuses'} https://${host}${path}`, async () => {
      assert.equal((await review({ host, path })).message === undefined, isAllowed);
    });

  test('Git LFS: downloads of what may be read, uploads of the task only', async () => {
    const batch = (name: string, operation: string) =>
      review({ host: 'github.com', path: `/${name}.git/info/lfs/objects/batch`, body: { operation, objects: [] } });
    assert.equal((await batch('acme/app', 'upload')).sent, '{"operation":"upload","objects":[]}');
    assert.equal((await batch('acme/lib', 'download')).message, undefined);
    assert.match((await batch('acme/lib', 'upload')).message ?? '', /cannot be changed/);
    assert.match((await batch('acme/secret', 'download')).message ?? '', /also_read/);
    assert.match((await batch('acme/app', 'delete')).message ?? '', /without an operation/);
    const lock = await review({ host: 'github.com', path: '/acme/app.git/info/lfs/locks', body: { path: 'x' } });
    assert.match(lock.message ?? '', /Only objects/);
  });

  test('api = "any" passes every call of the API, and limits git all the same', async () => {
    const open = startGuard({ api: 'any' });
    assert.equal(
      (await open.review({ method: 'PUT', path: '/repos/acme/secret/pulls/1/merge', body: {} })).message,
      undefined,
    );
    assert.match(
      (await open.review({ host: 'github.com', path: '/acme/secret.git/info/refs?service=git-upload-pack' })).message ??
        '',
      /plan42/,
    );
    assert.equal(guardRules.api, 'task');
  });
});
