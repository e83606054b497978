/** git, curl and node through a gateway that ends TLS: with placeholders, to hosts with real TLS. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { request as sendRequest } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { startBrokeredGateway, startSecureHost } from '../../../test/support/broker.ts';
import { startGitServer } from '../../../test/support/git-server.ts';
import { startGithub } from '../../../test/support/github/double.ts';
import { guardRules, taskBranch } from '../../../test/support/github/guarded.ts';
import { makeRepo } from '../../../test/support/github/state.ts';
import { makeTempDir } from '../../../test/support/temp-dir.ts';

const secret = 'ghp_real0123456789';
const placeholder = 'ghp_placeholder012345';
const hosts = ['github.com', 'api.github.com', 'codeload.github.com'];

async function setUp(mode: 'enforce' | 'observe' = 'enforce') {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(await makeTempDir());
  const state = { token: secret, repos: new Map([['acme/app', makeRepo()]]) };
  const github = stack.use(await startGithub({ isPublic: true, state }));
  const git = stack.use(await startGitServer(join(folder.path, 'git'), { password: secret }));
  for (const name of ['acme/app', 'acme/secret']) {
    await git.create(name);
    await git.commit(name, { 'a.txt': name });
  }
  const host = stack.use(
    await startSecureHost(hosts, (incoming, response) => {
      const target = incoming.headers.host === 'github.com' ? git.url : github.server.url;
      const { method = '', url = '', rawHeaders } = incoming;
      const passed = sendRequest(target + url, { method, headers: rawHeaders, setHost: false });
      passed.on('response', (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.rawHeaders);
        answer.pipe(response);
      });
      incoming.pipe(passed);
    }),
  );
  const targets = hosts.map((name) => ({ host: name, port: 443, isPlain: false }));
  const broker = stack.use(
    await startBrokeredGateway({
      ...{ host, intercepted: hosts, values: { github: secret }, policy: { mode, github: guardRules } },
      credentials: [{ name: 'github', placeholder, targets }],
    }),
  );
  const env = {
    HOME: folder.path,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_COUNT: '3',
    ...{
      GIT_CONFIG_KEY_0: 'url.https://x-access-token:TOKEN@github.com/.insteadOf',
      GIT_CONFIG_VALUE_0: 'https://github.com/',
    },
    ...{
      GIT_CONFIG_KEY_1: 'user.name',
      GIT_CONFIG_VALUE_1: 'Ann',
      GIT_CONFIG_KEY_2: 'user.email',
      GIT_CONFIG_VALUE_2: 'a@b.c',
    },
  };
  env.GIT_CONFIG_KEY_0 = env.GIT_CONFIG_KEY_0.replace('TOKEN', placeholder);
  const clone = join(folder.path, 'clone');
  return {
    ...{ git, github, gateway: broker.gateway, clone },
    run: (command: string, ...args: string[]) => broker.run(command, args, env),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test('git and the API reach what the task needs, by a token that they do not have', async () => {
  await using job = await setUp();
  const { run, clone, git } = job;
  const cloned = await run('git', 'clone', '--quiet', 'https://github.com/acme/app.git', clone);
  assert.deepEqual([cloned.code, cloned.stderr], [0, '']);
  await run('git', '-C', clone, 'commit', '--quiet', '--allow-empty', '-m', 'Work');
  const pushed = await run('git', '-C', clone, 'push', 'origin', `HEAD:refs/heads/${taskBranch}`);
  assert.equal(pushed.code, 0, pushed.stderr);
  const before = await git.git('acme/app', 'show-ref');

  const refused = await run('git', '-C', clone, 'push', 'origin', 'HEAD:main', `+HEAD~0:refs/heads/${taskBranch}`);
  assert.match(refused.stderr, /! \[remote rejected\] HEAD -> main \(not the branch of the task\)/);
  const secretClone = await run('git', 'clone', 'https://github.com/acme/secret.git', `${clone}-2`);
  assert.match(secretClone.stderr, /remote: plan42: acme\/secret is no repository of the environment or the task/);
  assert.equal(await git.git('acme/app', 'show-ref'), before);

  const call = async (path: string, ...args: string[]) => {
    const auth = ['-H', `Authorization: Bearer ${placeholder}`];
    const { stdout } = await run('curl', '-sS', ...auth, ...args, `https://api.github.com${path}`);
    return JSON.parse(stdout) as { message?: string; number?: number; login?: string; data?: unknown };
  };
  assert.ok((await call('/user')).login);
  const pull = JSON.stringify({ title: 'Fix', head: taskBranch, base: 'main' });
  assert.equal((await call('/repos/acme/app/pulls', '-d', pull)).number, 1);
  // The guard asks for its branch, with the same token.
  assert.equal((await call('/repos/acme/app/pulls/1', '-X', 'PATCH', '-d', '{"title":"Better"}')).number, 1);
  const merged = await call('/repos/acme/app/pulls/1/merge', '-X', 'PUT', '-d', '{}');
  assert.match(merged.message ?? '', /^plan42: PUT "\/repos\/acme\/app\/pulls\/1\/merge" is no call of the API/);
  const query = JSON.stringify({ query: '{ repository(owner: "acme", name: "secret") { id } }' });
  assert.match((await call('/graphql', '-d', query)).message ?? '', /acme\/secret/);
  assert.ok([...job.git.passwords].every((password) => password === secret));

  const { entries } = await job.gateway.stop();
  const rules = entries.filter(({ code }) => code === 'request-not-allowed').map(({ rule }) => rule);
  assert.equal(rules.length, 4, rules.join('\n'));
  assert.ok(
    job.gateway.lines.some((line) => line.includes('refused github.com:443: a push to acme/app: "refs/heads/main"')),
  );
});

test('where the gateway observes, everything passes as it came, and what would be refused is listed', async () => {
  await using job = await setUp('observe');
  const { run, clone, git } = job;
  for (const name of ['acme/app', 'acme/secret']) {
    const cloned = await run('git', 'clone', '--quiet', `https://github.com/${name}.git`, `${clone}-${name.slice(5)}`);
    assert.deepEqual([cloned.code, cloned.stderr], [0, '']);
  }
  const app = `${clone}-app`;
  // Longer than what is kept of a body, in chunks.
  await writeFile(join(app, 'big.bin'), randomBytes(6 << 20));
  await run('git', '-C', app, 'add', '.');
  await run('git', '-C', app, 'commit', '--quiet', '-m', 'Work');
  const pushed = await run('git', '-C', app, 'push', '--quiet', 'origin', 'HEAD:main', `HEAD:refs/heads/${taskBranch}`);
  assert.equal(pushed.code, 0, pushed.stderr);
  const head = (await run('git', '-C', app, 'rev-parse', 'HEAD')).stdout.trim();
  for (const branch of ['main', taskBranch]) assert.equal(await git.git('acme/app', 'rev-parse', branch), head);
  const query = JSON.stringify({ query: '{ repository(owner: "acme", name: "secret") { id } }' });
  const auth = ['-H', `Authorization: Bearer ${placeholder}`];
  const answered = await run('curl', '-sS', ...auth, '-d', query, 'https://api.github.com/graphql');
  assert.ok(!answered.stdout.includes('plan42:'), answered.stdout);
  const { entries } = await job.gateway.stop();
  const rules = entries.filter(({ verdict }) => verdict === 'observed').map(({ code, rule }) => `${code}: ${rule}`);
  for (const expected of [
    /^request-not-allowed: a push to acme\/app: "refs\/heads\/main" \(not the branch of the task\)$/,
    /^request-not-allowed: acme\/secret is no repository of the environment or the task$/,
  ])
    assert.ok(
      rules.some((rule) => expected.test(rule)),
      `${expected} in\n${rules.join('\n')}`,
    );
  assert.ok(!entries.some(({ verdict }) => verdict === 'refused'));
  assert.ok(job.gateway.lines.some((line) => line.includes('observed, would be refused: github.com:443: a push to')));
});
