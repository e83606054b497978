/** The disk of the server fails: readers are served, writers get the reason, and it recovers without a restart. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { callServer } from './support/control-plane.ts';
import { run } from './support/engines/processes.ts';
import { eventually } from './support/eventually.ts';
import { ServerProcess } from './support/server-process.ts';
import { makeTempDir } from './support/temp-dir.ts';

const plan42 = join(import.meta.dirname, '../bin/plan42');

/** A small file system, and calls to a server with its data on it. */
async function setUp(t: TestContext, options: string) {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    t.skip('missing prerequisite: a small disk: only root can mount one');
    return undefined;
  }
  await using resources = new AsyncDisposableStack();
  const dir = resources.use(await makeTempDir());
  const disk = join(dir.path, 'disk');
  await mkdir(disk);
  await run('mount', ['-t', 'tmpfs', '-o', `mode=700,${options}`, 'none', disk]);
  resources.defer(async () => void (await run('umount', ['--lazy', disk])));
  const data = join(disk, 'data');
  const server = resources.use(await ServerProcess.start(data));
  const { tenantId, tenantToken: token } = JSON.parse(await readFile(join(data, 'admin.json'), 'utf8'));
  const tenant = `/v1/tenants/${tenantId}`;
  const call = (method: string, path: string, body?: object) =>
    callServer(server.url, method, tenant + path, { token, ...(body && { body }) });
  const owned = resources.move();
  return {
    disk,
    data,
    server,
    tenant,
    token: String(token),
    call,
    add: (size = 2000) => call('PUT', `/environments/${randomUUID()}`, { SetupScript: 'x'.repeat(size) }),
    health: () => callServer(server.url, 'GET', '/health', { token: null }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

test('a backup onto a full disk blames that disk, and leaves nothing', async (t) => {
  await using small = await setUp(t, 'size=8m');
  if (!small) return;
  const target = join(small.disk, 'tiny');
  await mkdir(target);
  await run('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'none', target]);
  try {
    const child = spawn(plan42, ['server', 'backup', join(target, 'b.db'), '--data', small.data], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const [stderr] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    assert.equal(child.exitCode, 1, stderr);
    assert.match(stderr, /cannot write \S+b\.db.*df -h \S*tiny$/m);
    assert.deepEqual(await readdir(target), []);
  } finally {
    await run('umount', ['--lazy', target]);
  }
});

/** Expects that `plan42 server start` refuses in one line, which is returned. */
async function startError(data: string): Promise<string> {
  const child = spawn(plan42, ['server', 'start', '--listen', '127.0.0.1:0', '--data', data], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [stderr] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  assert.equal(child.exitCode, 1, stderr);
  assert.equal(stderr.split('\n').length, 2, stderr);
  return stderr;
}

test('a full disk: 507 with the reason, readers are served, and it recovers', async (t) => {
  await using setting = await setUp(t, 'size=4m');
  if (setting === undefined) return;
  const { call, add, health, server, disk, data, token } = setting;
  assert.equal((await add()).status, 201);
  assert.deepEqual((await health()).body, { phase: 'ready', problems: [] });
  const filler = join(disk, 'filler');
  await fill(filler);
  // The write-ahead log may have room for a few more.
  await eventually(async () => (await add()).status === 507);
  const { body } = await add();
  assert.deepEqual(body, {
    ResponseCode: 507,
    Message: 'the disk of the server is full',
    ErrorType: 'InsufficientStorage',
  });
  for (let i = 0; i < 50; i += 1) await add();
  assert.equal((await call('GET', '/environments')).status, 200);
  const state = await health();
  assert.deepEqual([state.status, state.body], [503, { phase: 'degraded', problems: [body.Message] }]);
  assert.equal((await callServer(server.url, 'GET', '/page/overview', { token })).body.Problem, body.Message);
  const status = spawnSync(plan42, ['server', 'status', '--data', data], { encoding: 'utf8' });
  assert.equal(status.status, 1);
  assert.match(status.stdout, /^Server {3}Running, http:\S+: the disk of the server is full$/m);
  assert.match(status.stderr, /^ERROR: the server cannot save data: the disk of the server is full\. /);
  assert.match(
    await startError(join(disk, 'another')),
    /^ERROR: cannot use .*(no space|full).* Free disk space\. Run: df -h /,
  );

  await rm(filler);
  await eventually(async () => (await health()).status === 200);
  assert.equal((await add()).status, 201);
  await eventually(async () => server.log.includes('storage recovered'));
  assert.equal(server.log.split('storage failed').length, 2, server.log);
  assert.doesNotMatch(server.log, /stack|unexpected/);
  const backup = join(data, '../backup.db');
  await run(plan42, ['server', 'backup', backup, '--data', data]);
});

test('a read-only file system: the start is refused', async (t) => {
  await using setting = await setUp(t, 'size=8m');
  if (setting === undefined) return;
  const { server, disk, data } = setting;
  await server.stop();
  await run('mount', ['-o', 'remount,ro', disk]);
  const refusal = /^ERROR: cannot use .*(read-only|readonly).* Make its file system writable\. Run: findmnt /;
  assert.match(await startError(data), refusal);
});

test('a file system that becomes read-only: 503 with the reason, and readers and backups are served', async (t) => {
  await using dir = await makeTempDir();
  const [disk, image] = [join(dir.path, 'disk'), join(dir.path, 'image')];
  await mkdir(disk);
  await writeFile(image, Buffer.alloc(32 * 2 ** 20));
  try {
    await run('mkfs.ext4', ['-q', image]);
    await run('mount', ['-o', 'loop', image, disk]);
  } catch (error) {
    // Containers often have no loop devices. The other tests do not need them.
    t.diagnostic(`not tested: ${(error as Error).message}`);
    return;
  }
  await using mounted = new AsyncDisposableStack();
  mounted.defer(async () => void (await run('umount', ['--lazy', disk])));
  const data = join(disk, 'data');
  await using server = await ServerProcess.start(data);
  const create = () => run(plan42, ['server', 'token', 'create', '--data', data]);
  await create();
  await run('mount', ['-o', 'remount,abort', disk]);
  await assert.rejects(create(), /the server rejected the request: the file system of the server is read-only/);
  await run(plan42, ['server', 'token', 'list', '--data', data]);
  await run(plan42, ['server', 'backup', join(dir.path, 'backup.db'), '--data', data]);
  const { problems } = (await callServer(server.url, 'GET', '/health', { token: null })).body;
  assert.deepEqual(problems, ['the file system of the server is read-only']);
});

test('writes that fail for another reason: 503, readers are served, and it recovers', async (t) => {
  await using setting = await setUp(t, 'size=8m');
  if (setting === undefined) return;
  const { call, add, health, server } = setting;
  assert.equal((await add()).status, 201);
  const limit = (bytes: string) => run('prlimit', ['--pid', String(server.pid), `--fsize=${bytes}:unlimited`]);
  await limit('1000');
  const { status, body } = await add();
  assert.deepEqual([status, body.Message], [503, 'the disk of the server reports errors']);
  for (let i = 0; i < 20; i += 1) assert.equal((await add()).status, 503);
  assert.equal((await call('GET', '/environments')).body.Items.length, 1);
  assert.equal((await health()).status, 503);
  await limit('unlimited');
  await eventually(async () => (await health()).status === 200);
  assert.equal((await add()).status, 201);
  assert.equal(server.log.split('storage failed').length, 2, server.log);
});

test('no inodes: the reason and the remedy name them', async (t) => {
  await using setting = await setUp(t, 'size=8m,nr_inodes=40');
  if (setting === undefined) return;
  const { disk, server, data } = setting;
  await server.stop();
  for (let i = 0; i < 40; i += 1) await writeFile(join(disk, `file-${i}`), '').catch(() => {});
  assert.match(await startError(data), /no inodes left\. Run: df -i /);
});

test('a database that is damaged while the server runs takes no more writes', async (t) => {
  await using setting = await setUp(t, 'size=64m');
  if (setting === undefined) return;
  const { add, server, data, tenant, token } = setting;
  // More than SQLite's cache.
  for (let i = 0; i < 40; i += 1) assert.equal((await add(200_000)).status, 201);
  await server.stop();
  await using restarted = await ServerProcess.start(data);
  const call = (method: string, path: string, body?: object) =>
    callServer(restarted.url, method, path, { token, ...(body && { body }) });
  await damage(join(data, 'plan42.db'));
  const read = await call('GET', `${tenant}/environments?maxResults=500`);
  const message = 'the database of the server is damaged; its operator has to restore a backup';
  assert.deepEqual([read.status, read.body.Message], [503, message]);
  const written = await call('PUT', `${tenant}/environments/${randomUUID()}`, {});
  assert.deepEqual([written.status, written.body.Message], [503, message]);
  assert.equal((await call('GET', tenant)).status, 200, 'what is readable is served');
  assert.deepEqual((await call('GET', '/health')).body.problems, [message]);
  assert.equal(restarted.log.split('storage failed').length, 2, restarted.log);
  await restarted.stop();
  assert.match(await startError(data), /it is damaged.* plan42 server restore FILE /);
});

test('clients that never finish a request do not use up the descriptors', async () => {
  await using dir = await makeTempDir();
  const bin = join(dir.path, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'plan42'), `#!/bin/sh\nulimit -n 200\nexec "${plan42}" "$@"\n`, { mode: 0o755 });
  await using server = await ServerProcess.start(join(dir.path, 'data'), 0, [], bin);
  const { port, hostname } = new URL(server.url);
  const half: Socket[] = [];
  for (let i = 0; i < 300; i += 1) {
    const socket = connect(Number(port), hostname).on('error', () => {});
    half.push(socket);
    await once(socket, 'connect');
    socket.write(i % 2 === 0 ? 'GET /health HTTP/1.1\r\nHost: x\r\n' : '');
  }
  for (let i = 0; i < 10; i += 1) {
    const answer = await callServer(server.url, 'GET', '/health', { token: null, headers: { connection: 'close' } });
    assert.equal(answer.status, 200);
  }
  assert.match(server.log, /few open files allowed limit=200 /);
  assert.match(server.log, /too many connections, closing idle ones address=127\.0\.0\.1 /);
  await run(plan42, ['server', 'task', 'list', '--data', server.dataDir]);
  for (const socket of half) socket.destroy();
});

/** Overwrites everything but the first pages. */
async function damage(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  const { size } = await file.stat();
  await file.write(Buffer.alloc(size - 65_536, 0xa5), 0, size - 65_536, 65_536);
}

async function fill(path: string): Promise<void> {
  await using file = await open(path, 'w');
  await assert.rejects(
    async () => {
      for (;;) await file.appendFile(Buffer.alloc(4096));
    },
    { code: 'ENOSPC' },
  );
}
