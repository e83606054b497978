import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { callServer, startControlPlane, type TestControlPlane } from '../../test/support/control-plane.ts';
import { eventually } from '../../test/support/eventually.ts';
import { startFakeRunner } from '../../test/support/fake-runner.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { UserError } from '../lib/errors.ts';
import { silentLogger } from '../lib/logger.ts';
import { backUp } from './backup.ts';
import { startServer } from './server.ts';
import { newKey, readKey, SecretError } from './store/secret-key.ts';

// The queue of a fake runner that is gone stays for a while.
const timing = { runnerResponseTimeoutMs: 500, invocationRetry: { minMs: 1, maxMs: 10 }, maxInvocationAttempts: 100 };
const value = 'correct-horse-battery-staple';
const secret = { Name: 'API_KEY', Value: value, IsSecret: true };
const masked = { ...secret, Value: '' };
const plain = { Name: 'STAGE', Value: 'test', IsSecret: false };

/** The names of the files that contain any of the texts. Another process reads them, because SQLite's locks end with a read in this one. */
async function filesWith(folder: string, ...texts: string[]): Promise<string> {
  const patterns = texts.flatMap((text) => ['-e', text]);
  const options = ['-rlaF', '--exclude=admin.json', ...patterns, folder];
  return promisify(execFile)('grep', options).then(
    ({ stdout }) => stdout,
    () => '',
  );
}

/** The variables that a runner gets with a task. */
async function deliveredTo(plane: TestControlPlane, EnvironmentId: string): Promise<object[]> {
  await using runner = await startFakeRunner({ url: plane.server.url, token: await plane.newToken() });
  const id = await plane.newTask({ EnvironmentId });
  const request = await eventually(async () => runner.requests.find(({ Task }) => Task?.TaskId === id));
  return request.Environment.EnvVars;
}

test('a secret reaches the runner, but no response and no file', async () => {
  await using dir = await makeTempDir();
  await using plane = await startControlPlane({ timing });
  const id = randomUUID();
  const path = `environments/${id}`;
  const made = await plane.call('PUT', path, { body: { DockerImage: 'agent', EnvVars: [secret, plain] } });
  assert.deepEqual([made.status, made.body.EnvVars], [201, [masked, plain]]);
  assert.deepEqual((await plane.call('GET', path)).body.EnvVars, [masked, plain]);
  assert.deepEqual((await plane.call('GET', 'environments')).body.Items[0].EnvVars, [masked, plain]);
  const conflict = await plane.call('PUT', path, { body: {} });
  assert.deepEqual([conflict.status, conflict.body.Current.EnvVars], [409, [masked, plain]]);
  const stale = await plane.call('PATCH', path, { ifMatch: 7, body: {} });
  assert.deepEqual([stale.status, stale.body.Current.EnvVars], [409, [masked, plain]]);
  assert.deepEqual(await deliveredTo(plane, id), [secret, plain]);

  const backup = join(dir.path, 'backup.db');
  await backUp(plane.dataDir, backup, { force: false, env: process.env });
  const token = plane.server.admin.tenantToken;
  for (const folder of [plane.dataDir, dir.path])
    assert.equal(await filesWith(folder, value, token, 'PRIVATE KEY'), '');
  assert.equal((await stat(join(plane.dataDir, 'secrets.key'))).mode & 0o777, 0o600);
  await plane.restart();
  assert.deepEqual(await deliveredTo(plane, id), [secret, plain]);
});

test('an update keeps the secrets that it does not give, and replaces or removes others', async () => {
  await using plane = await startControlPlane({ timing });
  const other = { Name: 'OTHER', Value: 'tiger', IsSecret: true };
  const id = await plane.newEnvironment({ EnvVars: [secret, other] });
  const path = `environments/${id}`;
  const patch = async (EnvVars: unknown) =>
    plane.call('PATCH', path, { ifMatch: (await plane.call('GET', path)).body.Version, body: { EnvVars } });
  const { Name, IsSecret } = secret;
  assert.equal((await patch([masked, { Name: 'OTHER', Value: 'lion', IsSecret: true }])).status, 200);
  assert.deepEqual(await deliveredTo(plane, id), [secret, { ...other, Value: 'lion' }]);
  assert.equal((await patch([{ Name, IsSecret }, plain])).status, 200);
  assert.deepEqual(await deliveredTo(plane, id), [secret, plain]);
  // The removed one is gone.
  const lost = await patch([masked, { ...other, Value: '' }]);
  assert.deepEqual(
    [lost.status, lost.body.Message],
    [400, 'EnvVars: the secret "OTHER" needs a Value, because none is stored'],
  );
  assert.equal((await patch([{ Name: 'STAGE' }])).status, 400);
  assert.equal((await patch([{ Name, Value: '', IsSecret: false }])).status, 200);
  assert.deepEqual(await deliveredTo(plane, id), [{ Name, Value: '', IsSecret: false }], 'it is not revealed');
});

test('secrets of an older version are encrypted, and their plain text is removed', async () => {
  await using plane = await startControlPlane({ timing });
  const id = await plane.newEnvironment({ EnvVars: [secret, plain] });
  const { admin } = plane.server;
  await plane.server[Symbol.asyncDispose]();
  await makeOld(plane.dataDir, admin.tenantToken, JSON.stringify([secret, plain]));
  assert.match(await filesWith(plane.dataDir, value), /plan42\.db/);
  await plane.restart();
  assert.deepEqual(plane.server.admin, admin);
  assert.deepEqual((await plane.call('GET', `environments/${id}`)).body.EnvVars, [masked, plain]);
  assert.equal(await filesWith(plane.dataDir, value, admin.tenantToken), '');
  assert.deepEqual(await deliveredTo(plane, id), [secret, plain]);
});

/** Makes the database one with plain text, also in a free page. */
async function makeOld(dataDir: string, token: string, variables: string): Promise<void> {
  using database = new DatabaseSync(join(dataDir, 'plan42.db'));
  const row = database.prepare("SELECT Value FROM settings WHERE Name = 'signingKey'").get();
  const signingKey = (await readKey(dataDir))?.decrypt(['setting', 'signingKey'], String(row?.['Value'])) ?? '';
  await rm(join(dataDir, 'secrets.key'));
  database.exec(`
    DELETE FROM environment_secrets;
    DELETE FROM settings WHERE Name IN ('secretKeyId', 'plainTextRemoved');
    CREATE TABLE old (x);
    INSERT INTO old SELECT '${value}' || value FROM json_each('[${Array(1000).fill(1).join(',')}]');
    DROP TABLE old`);
  database.prepare('UPDATE environments SET EnvVars = ?').run(variables);
  const set = database.prepare('UPDATE settings SET Value = ? WHERE Name = ?');
  set.run(token, 'tenantToken');
  set.run(signingKey, 'signingKey');
}

test('a lost key is refused; its file or a decision of the operator is the way out', async () => {
  await using plane = await startControlPlane({ timing });
  const id = await plane.newEnvironment({ EnvVars: [secret] });
  const runnerToken = await plane.newToken();
  await plane.call('POST', 'access-keys', { body: { Name: 'lost' } });
  const { admin } = plane.server;
  await plane.server[Symbol.asyncDispose]();
  const [key, aside] = [join(plane.dataDir, 'secrets.key'), join(plane.dataDir, 'aside.key')];
  await rename(key, aside);
  const start = (discardSecrets = false) =>
    startServer({
      dataDir: plane.dataDir,
      listen: { host: '127.0.0.1', port: 0 },
      logger: silentLogger,
      discardSecrets,
    });
  const isRefused = (error: unknown) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /secrets\.key is missing or of another database/);
    assert.match(error.remedy ?? '', /^Put the file back: .* plan42 server restore .*--discard-secrets/);
    return true;
  };
  await assert.rejects(start(), isRefused);
  await writeFile(key, 'damaged');
  await assert.rejects(start(), isRefused);
  await newKey().save(plane.dataDir);
  await assert.rejects(start(), isRefused);
  await rename(aside, key);
  await chmod(key, 0o644);
  await (await start(true))[Symbol.asyncDispose]();
  await using again = await start();
  assert.deepEqual(again.admin, admin, 'with the key, nothing is discarded');
  assert.equal((await stat(key)).mode & 0o777, 0o600);
  await again[Symbol.asyncDispose]();

  await rm(key);
  await using server = await start(true);
  assert.equal(server.admin.tenantId, admin.tenantId);
  assert.notEqual(server.admin.tenantToken, admin.tenantToken);
  assert.equal(
    JSON.parse(await readFile(join(plane.dataDir, 'admin.json'), 'utf8')).tenantToken,
    server.admin.tenantToken,
  );
  const call = (method: string, path: string, body?: object, token = server.admin.tenantToken) =>
    callServer(server.url, method, `${plane.tenant}/${path}`, { token, ...(body && { body }) });
  assert.equal((await call('GET', `environments/${id}`, undefined, runnerToken)).status, 401);
  assert.deepEqual((await call('GET', 'access-keys?includeRevoked=true')).body.Items, []);
  const task = randomUUID();
  await call('PUT', `tasks/${task}`, { Title: 't', Prompt: 'p', EnvironmentId: id });
  const turn = await eventually(async () => {
    const { body } = await call('GET', `tasks/${task}/turns/1`);
    return body.Status === 'Failed' ? body : undefined;
  });
  assert.equal(turn.ErrorMessage, 'the secret "API_KEY" of the environment has no value; set it again');
});

test('an encrypted value is of use only with its key and name', () => {
  const [key, name] = [newKey(), ['environment', 'tenant', 'id', 'NAME'] as const];
  const sealed = key.encrypt(name, value);
  assert.equal(key.decrypt(name, sealed), value);
  assert.notEqual(key.encrypt(name, value), sealed);
  const changed = `${sealed.slice(0, -3)}${sealed.endsWith('AAA') ? 'BBB' : 'AAA'}`;
  for (const [by, of, text] of [
    [newKey(), name, sealed],
    [key, ['environment', 'tenant', 'id', 'OTHER'], sealed],
    [key, ['environment', 'tenant2', 'id', 'NAME'], sealed],
    [key, name, changed],
    [key, name, sealed.slice(0, 30)],
    [key, name, value],
    [key, name, ''],
  ] as const)
    assert.throws(() => by.decrypt(of, text), SecretError);
});
