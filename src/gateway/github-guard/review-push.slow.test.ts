/** git itself, through the guard, against git's own server. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { type GitServer, startGitServer } from '../../../test/support/git-server.ts';
import { type GuardedServer, sendRaw, startGuardedServer } from '../../../test/support/guarded-server.ts';
import { seededRandom } from '../../../test/support/random.ts';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { createGithubGuard } from './guard.ts';
import { packet } from './pkt-line.ts';
import type { GithubRules } from './rules.ts';

const execute = promisify(execFile);
const branch = 'plan42/fix-1234abcd';
const rules: GithubRules = {
  host: 'github.com',
  port: 443,
  setting: '[github.acme]',
  push: 'task-branch',
  api: 'task',
  repositories: [{ name: 'acme/app', branches: [branch, `${branch}-turn-2`] }],
  alsoRead: ['acme/lib'],
};

interface Setting {
  server: GitServer;
  guarded: GuardedServer;
  /** A clone of acme/app with a commit on the task's branch. */
  clone: string;
  /** Runs git in the clone. */
  git: (...args: string[]) => Promise<{ code: number; output: string }>;
  /** All refs on the server. */
  refs: () => Promise<string>;
}

async function setUp(t: TestContext, options: Partial<GithubRules> = {}, config: string[] = []): Promise<Setting> {
  const folder = await makeTempDir();
  const server = await startGitServer(join(folder.path, 'served'));
  for (const name of ['acme/app', 'acme/lib', 'acme/secret']) {
    await server.create(name);
    await server.git(name, 'config', 'receive.advertisePushOptions', 'true');
    await server.git(name, 'config', 'receive.certNonceSeed', 'seed');
    await server.commit(name, { 'a.txt': name });
  }
  await server.git('acme/app', 'tag', 'v1', 'main');
  await server.git('acme/app', 'branch', 'other', 'main');
  const guard = createGithubGuard({ ...rules, ...options });
  const guarded = await startGuardedServer(server.url, guard, 'github.com');
  t.after(async () => {
    await guarded[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });
  const clone = join(folder.path, 'clone');
  const settings = ['user.name=Ann', 'user.email=ann@example.com', ...config].flatMap((setting) => ['-c', setting]);
  const run = async (cwd: string, args: string[]) => {
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: folder.path,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_TERMINAL_PROMPT: '0',
    };
    try {
      const { stdout, stderr } = await execute('git', [...settings, ...args], { cwd, env, maxBuffer: 64 << 20 });
      return { code: 0, output: stdout + stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, output: stdout + stderr };
    }
  };
  const cloned = await run(folder.path, ['clone', '--quiet', `${guarded.url}/acme/app.git`, clone]);
  assert.deepEqual(cloned, { code: 0, output: '' });
  const git = (...args: string[]) => run(clone, args);
  await git('checkout', '--quiet', '-b', branch);
  await git('commit', '--quiet', '--allow-empty', '-m', 'Work');
  return { server, guarded, clone, git, refs: () => server.git('acme/app', 'show-ref') };
}

/** The refs that git shows as rejected, each with the reason. */
const rejected = (output: string) =>
  [...output.matchAll(/^ ! \[remote rejected\] (.*?) \((.*)\)$/gm)].map(([, ref = '', why = '']) => [
    ref.replace(/.* -> /, '').trim(),
    why,
  ]);

suite('git through the guard', { timeout: 300_000, concurrency: 2 }, () => {
  for (const protocol of ['0', '1', '2']) {
    test(`protocol ${protocol}: clone, fetch, shallow clone, push`, async (t) => {
      const { server, git, guarded, clone } = await setUp(t, {}, [`protocol.version=${protocol}`]);
      await server.commit('acme/app', { 'b.txt': 'more' }, { message: 'Later' });
      assert.equal((await git('fetch', '--quiet', 'origin')).code, 0);
      assert.match((await git('log', '-1', '--format=%s', 'origin/main')).output, /Later/);
      const shallow = await git(
        'clone',
        '--quiet',
        '--depth',
        '1',
        `${guarded.url}/acme/app.git`,
        join(clone, '../shallow'),
      );
      assert.deepEqual(shallow, { code: 0, output: '' });
      assert.equal((await git('-C', '../shallow', 'rev-list', '--count', 'HEAD')).output.trim(), '1');
      await git('-C', '../shallow', 'commit', '--quiet', '--allow-empty', '-m', 'From shallow');
      const pushed = await git('-C', '../shallow', 'push', 'origin', `HEAD:refs/heads/${branch}-turn-2`);
      assert.equal(pushed.code, 0, pushed.output);
      assert.equal((await git('push', '--quiet', 'origin', branch)).code, 0);
      const { output: head } = await git('rev-parse', 'HEAD');
      assert.equal(await server.git('acme/app', 'rev-parse', branch), head.trim());
      assert.deepEqual(guarded.refusals, []);
    });
  }

  test('the branch of the task: rewritten by force and with a lease, not deleted', async (t) => {
    const { server, git, refs } = await setUp(t);
    assert.equal((await git('push', 'origin', branch)).code, 0);
    await git('commit', '--quiet', '--amend', '--allow-empty', '-m', 'Rewritten');
    const plain = await git('push', 'origin', branch);
    assert.match(plain.output, /non-fast-forward/);
    assert.equal((await git('push', '--force', 'origin', branch)).code, 0);
    await git('commit', '--quiet', '--amend', '--allow-empty', '-m', 'Again');
    const leased = await git('push', '--force-with-lease', 'origin', branch);
    assert.equal(leased.code, 0, leased.output);
    assert.equal(await server.git('acme/app', 'log', '-1', '--format=%s', branch), 'Again');
    const before = await refs();
    const deleted = await git('push', 'origin', `:${branch}`);
    assert.deepEqual(rejected(deleted.output), [[branch, 'the branch of the task must not be deleted']]);
    assert.notEqual(deleted.code, 0);
    assert.equal(await refs(), before);
  });

  test('every other ref, new, changed or deleted', async (t) => {
    const { git, refs, guarded } = await setUp(t);
    const before = await refs();
    const pushes: [args: string[], ...bad: string[]][] = [
      [['HEAD:main'], 'main'],
      [['+HEAD~0:main'], 'main'],
      [[`HEAD:refs/heads/${branch.toUpperCase()}`], branch.toUpperCase()],
      [[`HEAD:refs/heads/${branch}-turn-2/x`], `${branch}-turn-2/x`],
      [['HEAD:refs/tags/v2'], 'v2'],
      [['+HEAD:refs/tags/v1'], 'v1'],
      [[`HEAD:refs/tags/${branch}`], branch],
      [['HEAD:refs/pull/1/head'], 'refs/pull/1/head'],
      [[':other'], 'other'],
      [[':refs/tags/v1'], 'v1'],
      [['--mirror'], 'other', 'origin/main', branch],
      [['--tags', branch], 'v2', branch],
    ];
    await git('tag', 'v2');
    for (const [args, ...bad] of pushes) {
      const pushed = await git('push', 'origin', ...args);
      assert.notEqual(pushed.code, 0);
      const names = new Set(rejected(pushed.output).map(([ref]) => ref));
      for (const ref of bad) assert.ok(names.has(ref), `${ref} in ${pushed.output}`);
      const line = /remote: plan42: .*Push to "plan42\/fix-1234abcd"\..* set push = "any" in \[github\.acme\]/;
      assert.match(pushed.output, line);
      assert.equal(await refs(), before);
    }
    assert.equal(guarded.refusals.length, pushes.length);
  });

  test('rejects five other refs together with the allowed one, also atomically', async (t) => {
    const { git, refs } = await setUp(t);
    const others = ['main', 'x1', 'x2', 'x3', 'x4'].map((name) => `HEAD:refs/heads/${name}`);
    const before = await refs();
    for (const atomic of [[], ['--atomic']]) {
      const pushed = await git('push', ...atomic, 'origin', `HEAD:${branch}`, ...others);
      const found = new Map(rejected(pushed.output).map(([ref = '', why]) => [ref, why]));
      assert.equal(found.size, 6, pushed.output);
      assert.equal(found.get(branch), 'rejected with the other refs of this push');
      assert.equal(found.get('x3'), 'not the branch of the task');
      assert.equal(await refs(), before);
    }
    const alone = await git('push', '--atomic', 'origin', `HEAD:${branch}`);
    assert.equal(alone.code, 0, alone.output);
  });

  test('rejects push options and signed pushes', async (t) => {
    const { git, refs, clone } = await setUp(t);
    const before = await refs();
    const options = await git('push', '-o', 'ci.skip', 'origin', branch);
    assert.deepEqual(rejected(options.output), [[branch, 'push options are not allowed']]);
    const signer = join(clone, '../signer');
    // As gpg: a signature on standard output, and its status.
    await writeFile(
      signer,
      '#!/bin/sh\ncat >/dev/null\necho "[GNUPG:] SIG_CREATED " >&2\necho "-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----"\n',
      { mode: 0o755 },
    );
    const signed = await git('-c', `gpg.program=${signer}`, 'push', '--signed', 'origin', branch);
    assert.deepEqual(rejected(signed.output), [[branch, 'signed pushes are not allowed']], signed.output);
    assert.equal(await refs(), before);
  });

  test('with push = "any": every ref of the repositories of the task, and no other repository', async (t) => {
    const { git, guarded, server } = await setUp(t, { push: 'any' });
    const pushed = await git('push', '-o', 'ci.skip', 'origin', 'HEAD:main', 'HEAD:refs/tags/v9', ':other');
    assert.equal(pushed.code, 0, pushed.output);
    const before = await server.git('acme/lib', 'show-ref');
    const other = await git('push', `${guarded.url}/acme/lib.git`, '+HEAD:refs/heads/main');
    assert.deepEqual(rejected(other.output), [['main', 'not a repository of the task']]);
    assert.match(other.output, /remote: plan42: acme\/lib is no repository of the environment or the task/);
    assert.equal(await server.git('acme/lib', 'show-ref'), before);
  });

  test('other repositories: also_read is read, the rest is not', async (t) => {
    const { git, guarded } = await setUp(t);
    assert.equal((await git('ls-remote', `${guarded.url}/acme/lib.git`)).code, 0);
    for (const command of ['ls-remote', 'fetch', 'push']) {
      const refused = await git(
        command,
        `${guarded.url}/acme/secret.git`,
        ...(command === 'push' ? ['HEAD:main'] : []),
      );
      assert.notEqual(refused.code, 0);
      assert.match(refused.output, /remote: plan42: acme\/secret is no repository .* also_read of \[github\.acme\]/);
      assert.match(refused.output, /error: 403/);
    }
    const dumb = await sendRaw(guarded.url, { path: '/acme/app.git/info/refs' });
    assert.equal(dumb.status, 403);
    const file = await sendRaw(guarded.url, { path: '/acme/app.git/HEAD' });
    assert.equal(file.status, 403);
  });

  test('packs of 100 MB, chunked, pass without being stored', async (t) => {
    const { git, clone, server, refs } = await setUp(t, {}, ['http.postBuffer=65536', 'core.compression=0']);
    await writeFile(join(clone, 'large.bin'), randomBytes(100 << 20));
    await git('add', 'large.bin');
    await git('commit', '--quiet', '-m', 'Large');
    const before = await refs();
    const peak = peakMemory();
    const refused = await git('push', 'origin', 'HEAD:main');
    assert.deepEqual(rejected(refused.output), [['main', 'not the branch of the task']]);
    assert.equal(await refs(), before);
    const pushed = await git('push', 'origin', branch);
    assert.equal(pushed.code, 0, pushed.output);
    assert.ok(peak() < 60 << 20, `the pack was kept in memory: ${peak()} bytes`);
    const size = await server.git('acme/app', 'cat-file', '-s', `${branch}:large.bin`);
    assert.equal(Number(size), 100 << 20);
  });

  test('a compressed push is read, and passes as it came', async (t) => {
    const { git, guarded, refs } = await setUp(t);
    const { output: commit } = await git('rev-parse', 'HEAD~1');
    const zero = '0'.repeat(40);
    const pushOf = (ref: string) =>
      Buffer.concat([packet(`${zero} ${commit.trim()} ${ref}\0report-status\n`), Buffer.from('0000'), emptyPack]);
    const send = (ref: string, encoding: string) =>
      sendRaw(guarded.url, {
        method: 'POST',
        path: '/acme/app.git/git-receive-pack',
        headers: { 'content-type': 'application/x-git-receive-pack-request', 'content-encoding': encoding },
        body: gzipSync(pushOf(ref)),
      });
    const good = await send(`refs/heads/${branch}`, 'gzip');
    assert.match(good.body.toString(), /unpack ok\n.*ok refs\/heads\/plan42/s);
    assert.ok((await refs()).includes(branch));
    const before = await refs();
    const bad = await send('refs/heads/evil', 'gzip');
    assert.match(bad.body.toString(), /ng refs\/heads\/evil not the branch of the task\n/);
    for (const encoding of ['deflate', 'GZIP', 'x-gzip', 'gzip, gzip', 'identity'])
      assert.ok((await send('refs/heads/evil', encoding)).status >= 400);
    assert.equal(await refs(), before);
  });

  test('of 400 random pushes, none changes another ref', async (t) => {
    const { git, guarded, server } = await setUp(t);
    const seed = Date.now();
    t.diagnostic(`seed ${seed}`);
    const random = seededRandom(seed);
    const pick = <T>(values: readonly T[]) => values[Math.floor(random() * values.length)] as T;
    const commits = [(await git('rev-parse', 'origin/main')).output.trim(), '0'.repeat(40), '1'.repeat(40)];
    const own = `refs/heads/${branch}`;
    const names = [
      own,
      own,
      own,
      `${own}-turn-2`,
      'refs/heads/main',
      'refs/heads/other',
      'refs/tags/v1',
      'HEAD',
      `${own} `,
      `${own}/x`,
    ];
    const capabilities = [
      '',
      '\0',
      '\0report-status',
      '\0 report-status side-band-64k',
      `\0report-status ${own}`,
      '\0push-options',
    ];
    const line = () => {
      const text = `${pick(commits)} ${pick(commits)} ${pick(names)}${pick(capabilities)}${pick(['', '\n', '\n\n', '\0'])}`;
      return random() < 0.1 ? packet(`shallow ${pick(commits)}`) : packet(text);
    };
    const pushOf = () => {
      const bytes = Buffer.concat([
        ...Array.from({ length: 1 + Math.floor(random() * 3) }, line),
        Buffer.from(pick(['0000', '0000', '0000', '0001', ''])),
        emptyPack,
      ]);
      for (let n = pick([0, 0, 0, 1, 2]); n > 0; n -= 1) bytes[Math.floor(random() * 160)] = Math.floor(random() * 256);
      return bytes;
    };
    const others = async () =>
      (await server.git('acme/app', 'for-each-ref')).split('\n').filter((each) => !each.includes(`\t${own}`));
    const before = await others();
    let passed = 0;
    for (let n = 0; n < 400; n += 1) {
      const refusals = guarded.refusals.length;
      await sendRaw(guarded.url, {
        method: 'POST',
        path: '/acme/app.git/git-receive-pack',
        headers: { 'content-type': 'application/x-git-receive-pack-request' },
        body: pushOf(),
      });
      if (guarded.refusals.length > refusals) continue;
      passed += 1;
      assert.deepEqual(await others(), before);
    }
    assert.deepEqual(await others(), before);
    t.diagnostic(`${passed} reached the server`);
    assert.ok(passed > 0);
  });
});

/** The most bytes of memory used since the call, above what was used then. */
function peakMemory(): () => number {
  const start = process.memoryUsage().arrayBuffers;
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers - start);
  }, 5);
  timer.unref();
  return () => most;
}

const emptyPack = Buffer.from('5041434b0000000200000000029d08823bd8a8eab510ad6ac75c823cfd3ed31e', 'hex');
