/** Hosted repositories, with real clients of git. */
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { chmod, mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { startControlPlane, type TestControlPlane } from '../../../test/support/control-plane.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { startFakeRunner } from '../../../test/support/fake-runner.ts';
import { git } from '../../../test/support/git.ts';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { systemClock } from '../../lib/clock.ts';
import { baseBranchOf, repositoryPath } from '../../plan42/hosted-repositories.ts';

const resources = new AsyncDisposableStack();
after(() => resources.disposeAsync());
const plane = resources.use(await startControlPlane());
const runner = resources.use(await startFakeRunner({ url: plane.server.url, token: await plane.newToken() }));
const folder = resources.use(await makeTempDir()).path;
const { call } = plane;
const flush = '0000';
const zeros = '0'.repeat(40);

const urlOf = (name: string, { server }: TestControlPlane = plane) =>
  server.url + repositoryPath(server.admin.tenantId, name);

/** The environment of a client of git that has a token. */
function withToken(token: string): NodeJS.ProcessEnv {
  const value = `Authorization: Basic ${Buffer.from(`plan42:${token}`).toString('base64')}`;
  return { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'http.extraHeader', GIT_CONFIG_VALUE_0: value };
}
const asTenant = withToken(plane.server.admin.tenantToken);

async function newHosted(): Promise<string> {
  const name = `r-${randomUUID()}`;
  assert.equal((await call('PUT', `repos/${name}`)).status, 201);
  return name;
}

/** A repository with one commit. */
async function newClone(files: Record<string, string | Buffer> = { 'a.txt': 'one\n' }): Promise<string> {
  const path = join(folder, randomUUID());
  await git(folder, ['init', '--quiet', '--initial-branch=main', path]);
  await commit(path, files);
  return path;
}

async function commit(path: string, files: Record<string, string | Buffer>): Promise<string> {
  for (const [name, content] of Object.entries(files)) await writeFile(join(path, name), content);
  await git(path, ['add', '--all']);
  await git(path, ['commit', '--quiet', '--message', 'change']);
  return git(path, ['rev-parse', 'HEAD']);
}

/** A task whose turn a runner has accepted, with the message that its agent got. */
async function newAgent(repos: string[], RepoInfo: object = {}, environment: object = {}) {
  const EnvironmentId = await plane.newEnvironment({ Repos: repos, ...environment });
  const id: string = await plane.newTask({ EnvironmentId, RepoInfo });
  const request = await eventually(async () => runner.requests.find(({ Task }) => Task?.TaskId === id));
  return { id, request, token: request.AgentToken as string, env: withToken(request.AgentToken) };
}

const refused = (pattern: RegExp) => (error: Error) => pattern.test(error.message) || assert.fail(error.message);

describe('hosted repositories', () => {
  it('are created once, listed and deleted', async () => {
    const name = await newHosted();
    const path = repositoryPath(plane.server.admin.tenantId, name);
    assert.equal((await call('PUT', `repos/${name}`)).status, 200);
    assert.deepEqual(
      (await call('GET', 'repos')).body.Items.find(({ Name }: { Name: string }) => Name === name),
      { Name: name, Path: path },
    );
    assert.equal((await call('DELETE', `repos/${name}`)).status, 204);
    assert.equal((await call('DELETE', `repos/${name}`)).status, 404);
    await assert.rejects(git(folder, ['ls-remote', urlOf(name)], asTenant), refused(/there is no hosted repository/));
  });

  it('are created once by many at the same time', async () => {
    const name = `r-${randomUUID()}`;
    const all = await Promise.all(Array.from({ length: 5 }, () => call('PUT', `repos/${name}`)));
    assert.deepEqual(
      all.map(({ status }) => status).toSorted((a, b) => a - b),
      [200, 200, 200, 200, 201],
    );
    assert.deepEqual(
      (await readdir(join(plane.dataDir, 'repos'))).filter((file) => file.endsWith('.tmp')),
      [],
    );
  });

  it('reject names that could lead elsewhere', async () => {
    const names = [
      '..',
      '.git',
      '-x',
      'A',
      'a..b',
      'a.git',
      'a.lock',
      'a%2Fb',
      '..%2F..%2Fetc',
      'a%00b',
      '%2e%2e',
      'a'.repeat(101),
      'ü',
      'a b',
    ];
    for (const name of names) {
      const created = await call('PUT', `repos/${name.includes('%') ? name : encodeURIComponent(name)}`);
      assert.ok([400, 404].includes(created.status), `${name}: ${created.status}`);
      const path = `${plane.tenant}/repos/${name}.git/info/refs?service=git-upload-pack`;
      assert.ok([400, 404].includes((await call('GET', path)).status), name);
    }
  });

  it('serve the smart protocol only', async () => {
    const name = await newHosted();
    const at = (path: string) => call('GET', `repos/${name}.git/${path}`);
    assert.equal((await at('info/refs')).status, 403);
    assert.equal((await at('info/refs?service=git-upload-archive')).status, 403);
    for (const path of ['HEAD', 'config', 'objects/info/packs']) assert.equal((await at(path)).status, 404);
    // The path of a repository named `secrets.key`, which may only be created.
    assert.equal((await at('../secrets.key')).status, 405);
  });

  it('take a push and give a clone, also of a shallow and a partial one', async () => {
    const name = await newHosted();
    const source = await newClone();
    const first = await git(source, ['rev-parse', 'HEAD']);
    const second = await commit(source, { 'ü ö.txt': 'zwei\n' });
    await git(source, ['push', '--quiet', urlOf(name), 'main'], asTenant);
    for (const option of ['--no-tags', '--depth=1', '--filter=blob:none']) {
      const clone = join(folder, randomUUID());
      await git(folder, ['clone', '--quiet', option, urlOf(name), clone], asTenant);
      assert.equal(await git(clone, ['rev-parse', 'HEAD']), second);
    }
    const shallow = join(folder, randomUUID());
    await git(folder, ['clone', '--quiet', '--depth=1', `file://${source}`, shallow]);
    const other = await newHosted();
    await git(shallow, ['push', '--quiet', urlOf(other), 'HEAD:refs/heads/main'], asTenant);
    const clone = join(folder, randomUUID());
    await git(folder, ['clone', '--quiet', urlOf(other), clone], asTenant);
    assert.deepEqual(await git(clone, ['rev-list', 'HEAD']), second);
    assert.notEqual(first, second);
  });

  it('take a push of many megabytes, which is sent in chunks', async () => {
    const name = await newHosted();
    const source = await newClone({ large: randomBytes(8 * 1024 * 1024) });
    await git(source, ['push', '--quiet', urlOf(name), 'main'], asTenant);
    const listed = await git(folder, ['ls-remote', urlOf(name), 'main'], asTenant);
    assert.equal(listed.split('\t')[0], await git(source, ['rev-parse', 'HEAD']));
  });

  it('read compressed requests', async () => {
    const name = await newHosted();
    const source = await newClone();
    await git(source, ['push', '--quiet', urlOf(name), 'main'], asTenant);
    const head = await git(source, ['rev-parse', 'HEAD']);
    const want = `want ${head} ofs-delta\n`;
    const body = `${(want.length + 4).toString(16).padStart(4, '0')}${want}${flush}0009done\n`;
    const post = (content: Buffer | string, encoding: string) =>
      fetch(`${urlOf(name)}/git-upload-pack`, {
        method: 'POST',
        headers: {
          authorization: `APIToken ${plane.server.admin.tenantToken}`,
          'content-type': 'application/x-git-upload-pack-request',
          'content-encoding': encoding,
        },
        body: content,
      });
    const answer = await post(gzipSync(body), 'gzip');
    assert.match(await answer.text(), /PACK/);
    assert.equal((await post(body, 'br')).status, 400);
    assert.equal((await post('not gzip', 'gzip')).status, 400);
  });

  it('need a token, which git sends as a password', async () => {
    const name = await newHosted();
    const answer = await call('GET', `repos/${name}.git/info/refs?service=git-upload-pack`, { token: null });
    assert.deepEqual([answer.status, answer.headers.get('www-authenticate')], [401, 'Basic realm="Plan42"']);
    const basic = (token: string) => ({ authorization: `Basic ${Buffer.from(`x:${token}`).toString('base64')}` });
    const withBasic = (path: string, token: string) => call('GET', path, { token: null, headers: basic(token) });
    const { tenantToken } = plane.server.admin;
    assert.equal((await withBasic(`repos/${name}.git/info/refs?service=git-upload-pack`, tenantToken)).status, 200);
    assert.equal((await withBasic(`repos/${name}.git/info/refs?service=git-upload-pack`, 'wrong')).status, 401);
    // A browser would send it for another site.
    assert.equal((await withBasic('tasks', tenantToken)).status, 401);
    const runnerToken = await plane.newToken();
    assert.equal((await withBasic(`repos/${name}.git/info/refs?service=git-upload-pack`, runnerToken)).status, 403);
  });

  it('report that git is missing', async () => {
    await using other = await startControlPlane({ env: { PATH: '/nonexistent' } });
    const answer = await other.call('PUT', 'repos/a');
    assert.deepEqual(
      [answer.status, answer.body.Message],
      [501, 'git is not installed on the machine of the server; install it'],
    );
    await mkdir(join(other.dataDir, 'repos/b.git'), { recursive: true });
    const listed = await other.call('GET', 'repos/b.git/info/refs?service=git-upload-pack');
    assert.deepEqual(
      [listed.status, listed.body],
      [501, 'git is not installed on the machine of the server; install it\n'],
    );
  });

  it('ignore hooks and the configuration of the user', async () => {
    const name = await newHosted();
    const hooks = join(plane.dataDir, `repos/${name}.git/hooks`);
    await mkdir(hooks);
    await writeFile(join(hooks, 'pre-receive'), '#!/bin/sh\nexit 1\n');
    await chmod(join(hooks, 'pre-receive'), 0o755);
    await git(await newClone(), ['push', '--quiet', urlOf(name), 'main'], asTenant);
  });
});

describe('hosted repositories of an agent', () => {
  it('are in its request, with a path on the server', async () => {
    const name = await newHosted();
    const { request } = await newAgent([`local/${name}`, 'acme/site']);
    assert.deepEqual(request.RepoURLs, { [`local/${name}`]: repositoryPath(plane.server.admin.tenantId, name) });
    const other = await newAgent(['acme/site', 'local/..']);
    assert.equal('RepoURLs' in other.request, false);
  });

  it('can be read, and pushed to the feature branch of its task only', async () => {
    const name = await newHosted();
    const source = await newClone();
    await git(source, ['push', '--quiet', urlOf(name), 'main'], asTenant);
    const branches = { FeatureBranch: 'plan42/fix', TargetBranch: 'main' };
    const agent = await newAgent([`local/${name}`], { [`local/${name}`]: branches });
    const clone = join(folder, randomUUID());
    await git(folder, ['clone', '--quiet', urlOf(name), clone], agent.env);
    const head = await commit(clone, { 'b.txt': 'two\n' });
    const push = (...refs: string[]) => git(clone, ['push', '--quiet', urlOf(name), ...refs], agent.env);
    await push('HEAD:refs/heads/plan42/fix');
    // If another commit conflicts.
    await push('HEAD:refs/heads/plan42/fix-turn-1');
    const others = [
      'HEAD:refs/heads/plan42/fix-turn-2',
      'HEAD:refs/heads/plan42/fix-turn-1-turn-1',
      'main',
      'HEAD:refs/heads/plan42/fix2',
      'HEAD:refs/heads/plan42/fix/a',
      'HEAD:refs/tags/t',
      'HEAD:refs/heads/x',
    ];
    for (const other of others) await assert.rejects(push(other), refused(/403/), other);
    await assert.rejects(push('HEAD:refs/heads/plan42/fix', 'main'), refused(/403/));
    await assert.rejects(push(':refs/heads/plan42/fix'), refused(/403/));
    assert.equal(
      await git(folder, ['ls-remote', urlOf(name), 'refs/heads/plan42/*'], asTenant),
      `${head}\trefs/heads/plan42/fix\n${head}\trefs/heads/plan42/fix-turn-1`,
    );
    // As a large push, after a request that probes for authentication.
    await commit(clone, { large: randomBytes(3 * 1024 * 1024) });
    await push('HEAD:refs/heads/plan42/fix');

    const another = await newHosted();
    await assert.rejects(git(folder, ['ls-remote', urlOf(another)], agent.env), refused(/403/));
    const turn = `tasks/${agent.id}/turns/1`;
    await call('PATCH', turn, { ifMatch: (await call('GET', turn)).body.Version, body: { Status: 'Completed' } });
    await assert.rejects(
      git(folder, ['ls-remote', urlOf(name)], agent.env),
      refused(/Authentication failed|401|terminal prompts disabled/),
    );
  });

  it('take a push of an agent whose turn was just cancelled, until the next turn', async () => {
    const name = await newHosted();
    const source = await newClone();
    await git(source, ['push', '--quiet', urlOf(name), 'main'], asTenant);
    const agent = await newAgent([`local/${name}`]);
    const clone = join(folder, randomUUID());
    await git(folder, ['clone', '--quiet', urlOf(name), clone], agent.env);
    await commit(clone, { 'b.txt': 'two\n' });
    const path = `tasks/${agent.id}`;
    const turn = `${path}/turns/1`;
    const body = { Status: 'Failed', ErrorMessage: 'cancelled by user' };
    await call('PATCH', turn, { ifMatch: (await call('GET', turn)).body.Version, body });
    const own = `HEAD:refs/heads/plan42/fix-${agent.id.slice(0, 8)}`;
    const push = (ref: string) => git(clone, ['push', '--quiet', urlOf(name), ref], agent.env);
    await push(own);
    await assert.rejects(push('HEAD:refs/heads/main'), refused(/403/));
    const options = { token: agent.token, ifMatch: 1, body: { RepoInfo: {} } };
    assert.equal((await call('PATCH', path, options)).status, 401);

    const next = await call('PUT', `${path}/turns/2`, { body: { Prompt: 'Go on' } });
    assert.ok(next.status < 300, JSON.stringify(next));
    await commit(clone, { 'c.txt': 'three\n' });
    await assert.rejects(push(own), refused(/403|the task has a later turn/));
  });

  it('cannot be opened by a change of the task', async () => {
    const name = await newHosted();
    const repo = `local/${name}`;
    const patchAs = async ({ id, token }: { id: string; token: string }, RepoInfo: object) => {
      const path = `tasks/${id}`;
      const ifMatch = (await call('GET', path)).body.Version;
      return (await call('PATCH', path, { token, ifMatch, body: { RepoInfo } })).status;
    };
    const set = await newAgent([repo], { [repo]: { FeatureBranch: 'plan42/fix', TargetBranch: 'main' } });
    assert.equal(await patchAs(set, { [repo]: { FeatureBranch: 'main', TargetBranch: 'x' } }), 403);
    assert.equal(await patchAs(set, { [repo]: { FeatureBranch: 'plan42/fix', TargetBranch: 'other' } }), 403);
    assert.equal(await patchAs(set, {}), 403);
    assert.equal(
      await patchAs(set, { [repo]: { FeatureBranch: 'plan42/fix', TargetBranch: 'main', PRLink: 'x' } }),
      200,
    );
    const open = await newAgent([repo]);
    assert.equal(await patchAs(open, { [repo]: { FeatureBranch: 'main' } }), 403);
    const own = `plan42/say-hello-${open.id.slice(0, 8)}`;
    assert.equal(await patchAs(open, { [repo]: { FeatureBranch: own, TargetBranch: 'main' } }), 200);
    const clone = await newClone();
    await git(clone, ['push', '--quiet', urlOf(name), `HEAD:refs/heads/${own}`], open.env);
    await assert.rejects(git(clone, ['push', '--quiet', urlOf(name), 'main'], open.env), refused(/403/));
  });

  it('and others keep their branches if the network of the agent is limited', async () => {
    const patchAs = async ({ id, token }: { id: string; token: string }, RepoInfo: object) => {
      const path = `tasks/${id}`;
      const ifMatch = (await call('GET', path)).body.Version;
      return (await call('PATCH', path, { token, ifMatch, body: { RepoInfo } })).status;
    };
    const limited = await newAgent(['o/r'], {}, { AllowedHosts: ['example.com'] });
    assert.equal(await patchAs(limited, { 'o/r': { FeatureBranch: 'release', TargetBranch: 'main' } }), 403);
    const own = { FeatureBranch: `plan42/say-hello-${limited.id.slice(0, 8)}`, TargetBranch: 'main' };
    assert.equal(await patchAs(limited, { 'o/r': { ...own, PRNumber: 1 } }), 200);
    assert.equal(await patchAs(limited, { 'o/r': { ...own, FeatureBranch: 'release' } }), 403);
    // Its token pushes anywhere, and another agent may have other names.
    const open = await newAgent(['o/r']);
    assert.equal(await patchAs(open, { 'o/r': { FeatureBranch: 'release', TargetBranch: 'main' } }), 200);
  });

  it('and others are not added by an agent to its task', async () => {
    const added = { FeatureBranch: '', TargetBranch: '' };
    for (const environment of [{ AllowedHosts: ['example.com'] }, {}]) {
      const agent = await newAgent(['o/r'], { 'o/of-task': added }, environment);
      assert.deepEqual(agent.request.Environment.Repos, ['o/r', 'o/of-task']);
      const patch = async (RepoInfo: object) => {
        const path = `tasks/${agent.id}`;
        const ifMatch = (await call('GET', path)).body.Version;
        return call('PATCH', path, { token: agent.token, ifMatch, body: { RepoInfo } });
      };
      for (const other of ['o/secret', 'O/R', 'local/secret']) {
        const refusal = await patch({ [other]: added });
        assert.deepEqual([refusal.status, /may not add/.test(refusal.body.Message)], [403, true], other);
      }
      const own = { FeatureBranch: `plan42/x-${agent.id.slice(0, 8)}`, TargetBranch: 'main' };
      assert.equal((await patch({ 'o/r': own, 'o/of-task': { ...own, PRNumber: 1 } })).status, 200);
    }
  });

  it('reject what is not a push of git', async () => {
    const name = await newHosted();
    const agent = await newAgent([`local/${name}`]);
    const post = async (body: string) => {
      const headers = {
        authorization: `APIToken ${agent.token}`,
        'content-type': 'application/x-git-receive-pack-request',
      };
      return (await fetch(`${urlOf(name)}/git-receive-pack`, { method: 'POST', headers, body })).status;
    };
    const line = (text: string) => (text.length + 4).toString(16).padStart(4, '0') + text;
    for (const body of [
      '',
      'xxxx',
      '0001',
      line('push-cert\0'),
      line(`${zeros} ${zeros} `),
      line('x'),
      `${line('x')}${flush}`,
      'fff',
    ]) {
      assert.equal(await post(body), 400, body);
    }
    assert.equal(await post(`${line(`${zeros} ${'1'.repeat(40)} refs/heads/main\0 report-status`)}${flush}`), 403);
  });
});

describe('branches of removed tasks', () => {
  it('are removed with them, and an empty repository after an hour', async () => {
    let passedMs = 0;
    const clock = {
      ...systemClock,
      date: () => new Date(systemClock.date().getTime() + passedMs),
      now: () => systemClock.now() + passedMs,
    };
    await using other = await startControlPlane({
      clock,
      timing: { retentionIntervalMs: 20 },
      retention: { deletedMs: 1 },
    });
    const env = withToken(other.server.admin.tenantToken);
    await other.call('PUT', 'repos/a');
    const id = randomUUID();
    const branches = { FeatureBranch: `plan42/x-${id.slice(0, 8)}`, TargetBranch: baseBranchOf(id) };
    const EnvironmentId = await other.newEnvironment({ Repos: ['local/a'] });
    const body = { Title: 't', Prompt: 'p', EnvironmentId, RepoInfo: { 'local/a': branches } };
    assert.equal((await other.call('PUT', `tasks/${id}`, { body })).status, 201);
    const clone = await newClone();
    const refs = [
      'main:refs/heads/other',
      `main:${branches.FeatureBranch}`,
      `main:refs/heads/${branches.FeatureBranch}-turn-3`,
      `main:refs/heads/${branches.TargetBranch}`,
    ];
    await git(
      clone,
      [
        'push',
        '--quiet',
        urlOf('a', other),
        ...refs.map((ref) => (ref.includes(':refs') ? ref : ref.replace(':', ':refs/heads/'))),
      ],
      env,
    );
    const branchesNow = () => git(folder, ['ls-remote', '--heads', urlOf('a', other)], env);
    assert.equal((await branchesNow()).split('\n').length, 4);
    await other.call('DELETE', `tasks/${id}`, { ifMatch: (await other.call('GET', `tasks/${id}`)).body.Version });
    await eventually(async () => /^\S+\trefs\/heads\/other$/.test(await branchesNow()));
    await git(clone, ['push', '--quiet', urlOf('a', other), ':other'], env);
    await eventually(async () => (await branchesNow()) === '');
    assert.equal((await other.call('GET', 'repos')).body.Items.length, 1);
    passedMs += 2 * 3_600_000;
    const [old, path] = [new Date(0), join(other.dataDir, 'repos')];
    await mkdir(join(path, 'left.git.tmp'));
    await utimes(join(path, 'left.git.tmp'), old, old);
    await eventually(async () => (await readdir(path)).length === 0);
  });
});
