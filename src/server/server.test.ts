import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { callServer, startControlPlane } from '../../test/support/control-plane.ts';
import { FakeRunner } from '../../test/support/fake-runner.ts';
import { UserError } from '../lib/errors.ts';
import { silentLogger } from '../lib/logger.ts';
import { callApi } from '../plan42/http.ts';
import { createTransport } from '../plan42/transport.ts';
import { startServer } from './server.ts';

// The server runs in this process.
const program = { version: 'dev', pid: process.pid };
const listen = { host: '127.0.0.1', port: 0 };

test('the first start creates private files, which later starts keep', async () => {
  await using plane = await startControlPlane();
  const mode = async (name: string) => ((await stat(join(plane.dataDir, name))).mode & 0o777).toString(8);
  assert.deepEqual([await mode('.'), await mode('plan42.db'), await mode('admin.json')], ['700', '600', '600']);
  const read = async () => JSON.parse(await readFile(join(plane.dataDir, 'admin.json'), 'utf8'));
  const { url, admin } = plane.server;
  assert.deepEqual(await read(), { url, localUrl: url, ...program, ...admin });
  const runner = (await plane.call('GET', plane.runner)).body;
  assert.deepEqual([runner.RunsTasks, runner.ProxiesGithub, runner.IsCloud], [true, true, false]);
  await plane.restart();
  assert.deepEqual(plane.server.admin, admin);
  assert.deepEqual(await read(), { url: plane.server.url, localUrl: plane.server.url, ...program, ...admin });
  assert.equal((await plane.call('GET', plane.tenant)).status, 200);
});

test('a second server on the same data is rejected', async () => {
  await using plane = await startControlPlane();
  const second = startServer({ dataDir: plane.dataDir, listen, logger: silentLogger });
  await assert.rejects(second, (error) => error instanceof UserError && /another server is using/.test(error.message));
  assert.equal((await plane.call('GET', plane.tenant)).status, 200);
});

test('unusable options are user errors with a remedy', async () => {
  await using plane = await startControlPlane();
  const port = Number(new URL(plane.server.url).port);
  const dataDir = await mkdtemp(join(tmpdir(), 'plan42-server-'));
  const refused = (options: object, message: RegExp) =>
    assert.rejects(
      startServer({ dataDir, listen, logger: silentLogger, ...options }),
      (error) => error instanceof UserError && message.test(error.message) && error.remedy !== undefined,
    );
  await refused({ listen: { host: '127.0.0.1', port } }, /in use/);
  await refused({ listen: { host: '192.0.2.1', port: 0 } }, /not an address/);
  await refused({ publicUrl: 'plane.test' }, /not the URL/);
  await refused({ tls: { cert: 'x', key: 'y' } }, /TLS/);
  const foreign = await mkdtemp(join(tmpdir(), 'plan42-foreign-'));
  await writeFile(join(foreign, 'letter.txt'), '');
  await refused({ dataDir: foreign }, /something else/);
  await refused({ dataDir: join(foreign, 'letter.txt') }, /cannot use the data directory/);
  await Promise.all([dataDir, foreign].map((path) => rm(path, { recursive: true })));
});

test('tokens and admin.json have the public URL', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'plan42-server-'));
  const options = { dataDir, listen, logger: silentLogger, publicUrl: 'https://plane.test/plan42/' };
  await using server = await startServer(options);
  assert.equal(server.url, 'https://plane.test/plan42');
  const claims = server.admin.tenantToken.split('.')[1] ?? '';
  assert.equal(JSON.parse(Buffer.from(claims, 'base64url').toString()).iss, server.url);
  await server[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true });
});

test('serves TLS with a certificate', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'plan42-server-'));
  const [certFile, keyFile] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await promisify(execFile)('openssl', [...request, ...subject, '-keyout', keyFile, '-out', certFile]);
  const tls = { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
  await using plane = await startControlPlane({ tls });
  assert.match(plane.server.url, /^https:/);
  const transport = createTransport({ caFile: certFile });
  const path = plane.tenant;
  const endpoint = {
    transport,
    baseUrl: new URL(plane.server.url),
    token: plane.server.admin.tenantToken,
    userAgent: 'test',
  };
  const tenant = await callApi(endpoint, { method: 'GET', path }, v.looseObject({ TenantId: v.string() }));
  assert.equal(tenant.TenantId, plane.server.admin.tenantId);
  await transport.close();
  await rm(dir, { recursive: true });
});

test('closing aborts waiting requests immediately', async () => {
  const plane = await startControlPlane();
  await using runner = new FakeRunner({ url: plane.server.url, token: await plane.newToken() });
  await runner.register();
  const task = await plane.newTask();
  const poll = plane.call('GET', `${runner.path}/messages?maxWaitSeconds=100`);
  const ping = plane.call('POST', `${runner.path}/ping`);
  const [first] = await Promise.all([poll, plane.call('GET', runner.path)]);
  assert.equal(first.status, 200);
  const again = plane.call('GET', `${runner.path}/messages?maxWaitSeconds=100`);
  const stream = await fetch(`${plane.server.url}${plane.tenant}/tasks/${task}/turns/1/logs`, {
    headers: { authorization: `APIToken ${plane.server.admin.tenantToken}` },
  });
  const startedAt = performance.now();
  await plane[Symbol.asyncDispose]();
  assert.ok(performance.now() - startedAt < 900, 'it did not wait for the grace period');
  assert.equal(await stream.text(), '');
  assert.ok([200, 503].includes((await again).status));
  assert.equal((await ping).status, 503);
});

test('no acknowledged change is lost when the server is killed', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'plan42-server-'));
  const script = `
    import { startServer } from '${import.meta.resolve('./server.ts')}';
    import { silentLogger as logger } from '${import.meta.resolve('../lib/logger.ts')}';
    const { url, admin } = await startServer({ dataDir: process.argv[1], listen: { host: '127.0.0.1', port: 0 }, logger });
    console.log(JSON.stringify({ url, ...admin }));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface(child.stdout), 'line');
  const { url, tenantId, runnerId, tenantToken: token } = JSON.parse(line);
  const call = (method: string, path: string, options = {}) => callServer(url, method, path, { token, ...options });
  const tenant = `/v1/tenants/${tenantId}`;
  const environment = `${tenant}/environments/${crypto.randomUUID()}`;
  const { body } = await call('PUT', environment, { body: { Name: 'kept' } });
  const tasks = Array.from({ length: 20 }, () => `${tenant}/tasks/${crypto.randomUUID()}`);
  const made = await Promise.all(
    tasks.map((path) => call('PUT', path, { body: { Title: 't', Prompt: 'p', EnvironmentId: body.EnvironmentId } })),
  );
  assert.ok(made.every(({ status }) => status === 201));
  const tokenPath = `${tenant}/runners/${runnerId}/tokens/${crypto.randomUUID()}`;
  const { Token: runnerToken } = (await call('PUT', tokenPath)).body;
  child.kill('SIGKILL');
  await once(child, 'exit');

  await using server = await startServer({ dataDir, listen, logger: silentLogger });
  const after = (path: string, token = server.admin.tenantToken) => callServer(server.url, 'GET', path, { token });
  assert.equal(server.admin.tenantToken, token);
  assert.deepEqual((await after(environment)).body, body);
  for (const path of tasks) assert.equal((await after(`${path}/turns/1`)).status, 200);
  assert.equal((await after(tenant, runnerToken)).status, 200);
});
