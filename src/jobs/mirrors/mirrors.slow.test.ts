import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { run } from '../../../test/support/engines/processes.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { type GitServer, startGitServer } from '../../../test/support/git-server.ts';
import { makeRecord } from '../../../test/support/job-record.ts';
import { makeTempDir, type TempDir } from '../../../test/support/temp-dir.ts';
import type { Connection } from '../../config/schema.ts';
import { createLogger } from '../../lib/logger.ts';
import { collectGarbage } from '../garbage/collect.ts';
import { JobStore } from '../store.ts';
import { Mirrors } from './mirrors.ts';

const env = { PATH: process.env['PATH'], HOME: '/nonexistent' };
const repo = 'org/repo';
const { signal } = new AbortController();

let dir: TempDir;
let server: GitServer;
let store: JobStore;
let logged: string;

// As in a service.
process.umask(0o077);

beforeEach(async () => {
  dir = await makeTempDir();
  server = await startGitServer(join(dir.path, 'server'), { password: 'very-secret-token' });
  store = await JobStore.open(join(dir.path, 'state'), join(dir.path, 'logs'));
  logged = '';
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await dir[Symbol.asyncDispose]();
});

const connection = (token = 'very-secret-token'): Connection => ({
  name: undefined,
  url: new URL(server.url),
  connectionId: '3e3819c6-aeeb-493c-9a9d-13f87c3ba9b9',
  token,
});

const write = (line: string) => {
  logged += line;
};

const open = (maxBytes = 2 ** 30, minFreeBytes = 0) => {
  const logger = createLogger({ level: 'debug', format: 'text', write });
  const { mirrors: folder } = store.folders;
  return new Mirrors({ folder, maxBytes, minFreeBytes, env, caFile: undefined, logger });
};

/** Clones as an agent does, and returns the bytes that the server sent. */
async function clone(name: string, mirror?: string): Promise<number> {
  const before = server.sentBytes;
  const url = `${server.url.replace('://', '://u:very-secret-token@')}/${repo}.git`;
  const reference = mirror === undefined ? [] : ['--reference-if-able', mirror];
  await run('git', ['clone', '--quiet', ...reference, url, join(dir.path, name)], {
    env: { ...env, PATH: env.PATH ?? '' },
  });
  return server.sentBytes - before;
}

async function pushLargeRepo(): Promise<void> {
  await server.create(repo);
  await server.commit(repo, { 'large.txt': randomBytes(2 ** 20).toString('base64'), 'small.txt': '1' });
}

async function mirrorOf(mirrors: Mirrors, repos = [repo], token?: string) {
  const job = await mirrors.begin(repos, connection(token));
  assert.ok(job);
  return { ...job, path: join(job.mount.source, new URL(server.url).host, `${repo}.git`) };
}

const updated = (path: string) =>
  eventually(async () => {
    const names = await readdir(join(path, '..')).catch((): string[] => []);
    return names.includes('repo.git') && !names.some((name) => name.includes('.new-'));
  });

describe('a mirror', () => {
  test('saves nearly all bytes of the next clone, and other users can read it', async () => {
    await pushLargeRepo();
    const full = await clone('first');
    await using mirrors = open();
    const { path, wait, mount } = await mirrorOf(mirrors);
    await wait(signal);
    await updated(path);
    assert.deepEqual([mount.target, mount.isReadOnly], ['/var/cache/plan42/git', true]);
    assert.match(logged, /INFO {2}git mirror created repo=org\/repo bytes=\d+/);
    await server.commit(repo, { 'small.txt': '2' });
    const rest = await clone('second', path);
    assert.ok(full > 2 ** 20 && rest < full / 20, `${rest} of ${full} bytes`);
    assert.equal(await run('cat', [join(dir.path, 'second/small.txt')]), '2');
    const modes = await Promise.all(
      [mount.source, path, join(path, 'objects'), join(path, 'HEAD')].map(
        async (each) => (await stat(each)).mode & 0o005,
      ),
    );
    assert.deepEqual(modes, [5, 5, 5, 4]);
    assert.equal((await stat(store.folders.mirrors)).mode & 0o077, 0, 'but not other users of the machine');
  });

  test('is brought up to date for the next job, once at a time, and keeps its objects', async () => {
    await pushLargeRepo();
    await using mirrors = open();
    const { path } = await mirrorOf(mirrors);
    await updated(path);
    const commit = await server.commit(repo, { 'small.txt': '2' });
    await eventually(async () => {
      await Promise.all([1, 2, 3].map(() => mirrorOf(mirrors)));
      return (await run('git', ['-C', path, 'rev-parse', 'main'])).trim() === commit;
    });
    assert.ok(!logged.includes('cannot'), logged);
  });

  test('never contains or logs the token, and another token has other mirrors', async () => {
    await pushLargeRepo();
    await using mirrors = open();
    const { path, name } = await mirrorOf(mirrors);
    await updated(path);
    assert.ok(server.passwords.has('very-secret-token'));
    const files = await run('grep', ['-r', '-l', 'very-secret', store.folders.mirrors]).catch(() => 'none');
    assert.equal(files, 'none');
    const other = await mirrorOf(mirrors, [repo], 'wrong-token');
    assert.notEqual(other.name, name);
    await eventually(async () => /WARN {2}cannot update git mirror repo=org\/repo/.test(logged));
    assert.ok(!/very-secret|wrong-token/.test(logged));
  });

  test('does not delay or fail a job: not if the server is silent, nor if git is missing', async () => {
    await server.create(repo);
    server.intercept = () => true;
    const mirrors = open();
    const { wait } = await mirrorOf(mirrors);
    await wait(signal);
    const stopped = new AbortController();
    stopped.abort(new Error('killed'));
    await assert.rejects(wait(stopped.signal), /killed/);
    await mirrors[Symbol.asyncDispose]();
    assert.ok(!logged.includes('cannot'), 'a stop of the runner is no failure');
    const { mirrors: folder } = store.folders;
    const logger = createLogger({ level: 'info', format: 'text', write });
    const limits = { maxBytes: 1, minFreeBytes: 0, caFile: undefined };
    await using without = new Mirrors({ folder, ...limits, env: { PATH: '/nowhere' }, logger });
    assert.equal(await without.begin([repo], connection()), undefined);
    assert.match(logged, /no git mirrors, git is not installed/);
  });

  test('larger than the limit is not kept, and not tried again', async () => {
    await pushLargeRepo();
    await using mirrors = open(2 ** 20);
    const { path } = await mirrorOf(mirrors);
    await eventually(async () => /git mirror not kept/.test(logged));
    await eventually(async () => (await readdir(join(path, '..'))).join() === 'repo.git.too-large');
    const { sentBytes } = server;
    await (await mirrorOf(mirrors)).wait(signal);
    assert.equal(server.sentBytes, sentBytes);
  });

  test('is not begun if the disk is nearly full', async () => {
    await server.create(repo);
    await using mirrors = open(2 ** 30, 2 ** 60);
    const { path, wait } = await mirrorOf(mirrors);
    await wait(signal);
    await assert.rejects(stat(path));
  });
});

describe('garbage', () => {
  const day = 86_400_000;
  const rules = { keepFinishedMs: day, keepImages: 0, keepImageBytes: 0, wantedImages: [], graceMs: 300_000 };

  /** Makes a file in place of a mirror, used some days ago. */
  async function place(connectionName: string, name: string, days: number): Promise<void> {
    const path = join(store.folders.mirrors, connectionName, 'host', 'org', name);
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'pack'), Buffer.alloc(1000));
    const used = new Date(Date.now() - days * day);
    await utimes(path, used, used);
  }

  const collect = async (keepMirrorBytes: number) => {
    const context = { store, runtime: undefined, instanceId: 'x', now: () => Date.now(), signal };
    const { removed, failures } = await collectGarbage({ ...context, rules: { ...rules, keepMirrorBytes } });
    assert.deepEqual(failures, []);
    return removed.map(({ name, bytes }) => `${name} ${bytes}`).toSorted();
  };

  test('are mirrors that are old, beyond the limit, or unfinished, but none that a job uses', async () => {
    for (const [connectionName, name, days] of [
      ['a', 'new.git', 1],
      ['a', 'older.git', 2],
      ['a', 'old.git', 31],
      ['a', 'left.git.new-1', 1],
      ['a', 'fresh.git.new-1', 0],
      ['busy', 'old.git', 40],
    ] as const)
      await place(connectionName, name, days);
    await store.create(makeRecord({ mirrors: 'busy' }), { request: '', agentToken: '' });
    assert.deepEqual(await collect(10_000), ['host/org/left.git.new-1 1000', 'host/org/old.git 1000']);
    assert.deepEqual(await collect(1000), ['host/org/older.git 1000']);
    assert.deepEqual((await readdir(join(store.folders.mirrors, 'a/host/org'))).toSorted(), [
      'fresh.git.new-1',
      'new.git',
    ]);
    assert.deepEqual(await readdir(join(store.folders.mirrors, 'busy/host/org')), ['old.git']);
  });
});
