import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';

const plane = await startControlPlane();
after(() => plane[Symbol.asyncDispose]());
const { call } = plane;

test('an environment is created with its defaults; null lists are empty', async () => {
  const id = randomUUID();
  const body = {
    Name: 'n',
    Description: '',
    Context: '',
    Repos: null,
    SetupScript: '',
    DockerImage: '',
    EnvVars: null,
  };
  const made = await call('PUT', `environments/${id.toUpperCase()}`, { body });
  assert.equal(made.status, 201);
  const { CreatedAt, UpdatedAt, ...rest } = made.body;
  assert.deepEqual(rest, {
    ...body,
    TenantId: plane.server.admin.tenantId,
    EnvironmentId: id,
    Repos: [],
    AllowedHosts: [],
    EnvVars: [],
    RunnerId: 'default',
    GithubConnectionId: 'default',
    Deleted: false,
    Version: 1,
  });
  assert.equal(CreatedAt, UpdatedAt);
  assert.deepEqual((await call('GET', `environments/${id}`)).body, made.body);
  const again = await call('PUT', `environments/${id}`, { body });
  assert.deepEqual([again.status, again.body.CurrentType, again.body.Current], [409, 'Environment', made.body]);
});

test('invalid environments are rejected', async () => {
  const create = async (body: object, id: string = randomUUID()) =>
    (await call('PUT', `environments/${id}`, { body })).status;
  assert.equal(await create({ Repos: Array(50).fill('o/r') }), 201);
  assert.equal(await create({ Repos: Array(51).fill('o/r') }), 400);
  assert.equal(await create({ SetupScript: 'é'.repeat(256 * 1024) }), 201);
  assert.equal(await create({ SetupScript: 'é'.repeat(256 * 1024 + 1) }), 400);
  assert.equal(await create({ EnvVars: [{ Name: 'A' }] }), 400);
  assert.equal(await create({ RunnerId: randomUUID() }), 400);
  assert.equal(await create({ GithubConnectionId: randomUUID() }), 400);
  assert.equal(await create({}, 'ae3bd6b4-6b0b-11f0-8de9-0242ac120002'), 400);
});

test('an image and variables that no agent can get are rejected, but stay if they are stored', async () => {
  const reasons = [
    [{ DockerImage: 'BAD IMAGE' }, /^DockerImage: "BAD IMAGE" is not the name of an image: its repository is invalid$/],
    [{ EnvVars: [{ Name: 'A B', Value: '' }] }, /^EnvVars: "A B" is not the name of a variable: it must consist of /],
    [{ EnvVars: [{ Name: 'A=B', Value: '' }] }, /^EnvVars: "A=B" is not/],
    [{ EnvVars: [{ Name: '', IsSecret: true }] }, /^EnvVars: "" is not/],
  ] as const;
  const path = `environments/${await plane.newEnvironment()}`;
  for (const [body, reason] of reasons) {
    for (const answer of [
      await call('PUT', `environments/${randomUUID()}`, { body }),
      await call('PATCH', path, { ifMatch: 1, body }),
    ]) {
      assert.equal(answer.status, 400);
      assert.match(answer.body.Message, reason);
    }
  }
  const fields = { DockerImage: 'BAD IMAGE', EnvVars: [{ Name: 'A B', Value: '1', IsSecret: false }] };
  using database = new DatabaseSync(join(plane.dataDir, 'plan42.db'));
  database
    .prepare('UPDATE environments SET DockerImage = ?, EnvVars = ? WHERE EnvironmentId = ?')
    .run(fields.DockerImage, JSON.stringify(fields.EnvVars), path.split('/')[1] ?? '');
  const changed = await call('PATCH', path, { ifMatch: 1, body: { ...fields, Name: 'new' } });
  assert.deepEqual([changed.status, changed.body.Name], [200, 'new'], changed.body.Message);
  const other = await call('PATCH', path, { ifMatch: 2, body: { DockerImage: 'OTHER' } });
  assert.equal(other.status, 400);
});

test('a patch changes the given fields and replaces lists as a whole', async () => {
  const vars = [{ Name: 'A', Value: '1', IsSecret: false }];
  const id = await plane.newEnvironment({ Repos: ['a/b'], EnvVars: vars, Name: 'old' });
  const path = `environments/${id}`;
  const patched = await call('PATCH', path, {
    ifMatch: 1,
    body: { Name: 'new', Repos: [], EnvVars: null, RunnerID: '' },
  });
  assert.equal(patched.status, 200);
  assert.deepEqual([patched.body.Name, patched.body.Repos, patched.body.EnvVars], ['new', [], vars]);
  assert.deepEqual([patched.body.RunnerId, patched.body.Version], ['default', 2]);
  const empty = await call('PATCH', path, { ifMatch: 2, body: {} });
  assert.equal(empty.body.Version, 3);
  for (const ifMatch of [0, 1, 2]) assert.equal((await call('PATCH', path, { ifMatch, body: {} })).status, 409);
  assert.equal((await call('PATCH', path, { body: {} })).status, 400);
  assert.equal((await call('PATCH', path, { body: {}, headers: { 'if-match': '"3"' } })).status, 400);
});

test('hosts that no runner understands are rejected, and those that are stored stay', async () => {
  const path = `environments/${await plane.newEnvironment({ AllowedHosts: ['npm', '*.Example.com', 'bücher.example:8443'] })}`;
  const patch = (ifMatch: number, AllowedHosts: string[]) => call('PATCH', path, { ifMatch, body: { AllowedHosts } });
  for (const [host, why] of [
    ['https://a.example/x', 'is a URL; write "a.example"'],
    ['10.0.0.0/8', 'is an address, which only egress.always of the runner may name'],
    ['a.*.example', 'has a * that is not "*." at its start'],
    ['a.example:0', 'has an invalid port'],
    [' ', 'is empty; remove it'],
  ] as const) {
    const { status, body } = await patch(1, [host]);
    assert.deepEqual([status, body.Message], [400, `AllowedHosts: "${host}" ${why}`]);
    const created = await call('PUT', `environments/${randomUUID()}`, { body: { Name: 'x', AllowedHosts: [host] } });
    assert.equal(created.status, 400);
  }
  {
    // An older version stored it.
    using database = new DatabaseSync(join(plane.dataDir, 'plan42.db'));
    database
      .prepare('UPDATE environments SET AllowedHosts = \'["https://old"]\' WHERE EnvironmentId = ?')
      .run(path.slice(13));
  }
  assert.equal((await patch(1, ['https://old', 'new.example'])).status, 200);
  assert.equal((await patch(2, ['https://old', 'https://new'])).status, 400);
});

test('a deleted environment is hidden until it is undeleted', async () => {
  const path = `environments/${await plane.newEnvironment()}`;
  assert.equal((await call('DELETE', path, { ifMatch: 7 })).status, 409);
  const deleted = await call('DELETE', path, { ifMatch: 1 });
  assert.deepEqual([deleted.status, deleted.body], [204, '']);
  assert.equal((await call('GET', path)).status, 404);
  assert.equal((await call('GET', `${path}?includeDeleted=false`)).status, 404);
  assert.equal((await call('DELETE', path, { ifMatch: 2 })).status, 404);
  assert.equal((await call('PATCH', path, { ifMatch: 2, body: { Name: 'x' } })).status, 404);
  const hidden = await call('GET', `${path}?includeDeleted=true`);
  assert.deepEqual([hidden.status, hidden.body.Deleted, hidden.body.Version], [200, true, 2]);
  assert.equal((await call('PATCH', path, { ifMatch: 2, body: { Deleted: true } })).status, 400);
  assert.equal((await call('PATCH', path, { ifMatch: 2, body: { Deleted: false } })).status, 200);
  assert.equal((await call('GET', path)).status, 200);
});

test('lists come in pages, oldest first, without a token on the last', async () => {
  await using own = await startControlPlane();
  const ids: string[] = [];
  for (let i = 0; i < 5; i += 1) ids.push(await own.newEnvironment());
  await own.call('DELETE', `environments/${ids[1]}`, { ifMatch: 1 });
  const seen: string[] = [];
  let token: string | undefined = '';
  while (token !== undefined) {
    const page = await own.call('GET', `environments?maxResults=2&token=${token}`);
    seen.push(...page.body.Items.map((item: { EnvironmentId: string }) => item.EnvironmentId));
    token = page.body.NextToken;
    assert.notEqual(token, '');
  }
  assert.deepEqual(new Set(seen), new Set(ids.toSpliced(1, 1)));
  assert.equal(seen.length, 4);
  assert.equal((await own.call('GET', 'environments?includeDeleted=true')).body.Items.length, 5);
  for (const query of ['maxResults=0', 'maxResults=501', 'maxResults=x', 'token=junk', 'includeDeleted=1']) {
    assert.equal((await own.call('GET', `environments?${query}`)).status, 400, query);
  }
});
