/** Files of Git LFS, with its real program and a server of its protocol. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { buffer, json } from 'node:stream/consumers';
import { suite, type TestContext, test } from 'node:test';
import { type AgentSetting, branch, setUpAgent, token } from '../../../test/support/agent-setting.ts';
import { run } from '../../../test/support/engines/processes.ts';
import type { AgentTask } from '../drivers/driver.ts';
import { clone } from './clone.ts';
import { commitAll } from './commit.ts';
import { push } from './push.ts';

const contents = 'contents that no git repository has\n';
const write = ({ folder }: Pick<AgentTask, 'folder'>) => writeFile(join(folder, 'data.bin'), contents);

async function setUp(t: TestContext): Promise<AgentSetting & { env: NodeJS.ProcessEnv }> {
  const setting = await setUpAgent(t);
  await setting.git.commit('acme/app', { '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n' });
  const env = { PATH: process.env['PATH'] ?? '', HOME: setting.dir.path };
  await run('git', ['lfs', 'install', '--skip-repo'], { env });
  return { ...setting, env };
}

suite('a file of Git LFS that the agent writes', { timeout: 300_000 }, () => {
  test('is uploaded before its pointer is pushed', async (t) => {
    const { git, turn } = await setUp(t);
    const stored = new Map<string, string>();
    git.intercept = (request, response) => {
      const isLfs = /\/info\/lfs\/|\/upload\//.test(request.url ?? '');
      if (isLfs) void serveLfs(git.url, stored, request, response);
      return isLfs;
    };
    const { turn: result } = await turn(write);
    assert.equal(result.ErrorMessage, undefined);
    const oid = createHash('sha256').update(contents).digest('hex');
    assert.deepEqual([...stored], [[oid, contents]]);
    assert.ok((await git.git('acme/app', 'show', `${branch}:data.bin`)).includes(oid));
  });

  test('is kept beside the commits if it cannot be uploaded', async (t) => {
    const { dir, git, turn } = await setUp(t);
    const bundles = join(dir.path, 'bundles');
    await mkdir(bundles);
    const { turn: result } = await turn(write, { env: { PLAN42_BUNDLES: bundles } });
    assert.match(result.ErrorMessage ?? '', /^cannot upload the files of Git LFS to acme\/app: .+ Check that the repo/);
    assert.match(result.ErrorMessage ?? '', /The contents of Git LFS in data\.bin: The files are in /);
    assert.equal(await git.git('acme/app', 'branch', '--list', branch), '');
    const kept = (await readdir(bundles)).map((name) => name.replace(/^.*-1-/, '')).toSorted();
    assert.deepEqual(kept, ['acme-app.bundle', 'acme-app.tar.gz']);
    const archive = join(bundles, (await readdir(bundles)).find((name) => name.endsWith('.gz')) ?? '');
    assert.equal(await run('tar', ['-xzOf', archive, './data.bin']), contents);
  });

  test('is committed as it is without Git LFS in the image, and the turn says so', async (t) => {
    const { dir, git, turn } = await setUp(t);
    const HOME = join(dir.path, 'home');
    await mkdir(HOME);
    const { turn: result } = await turn(write, { env: { HOME, GIT_CONFIG_NOSYSTEM: '1' } });
    assert.match(result.OutputMessage ?? '', /contents of data\.bin of acme\/app, not pointers.*Install git-lfs/);
    assert.equal(`${await git.git('acme/app', 'show', `${branch}:data.bin`)}\n`, contents);
  });

  test('is committed as it is to a server without Git LFS', async (t) => {
    const { dir, git, env } = await setUp(t);
    const folder = join(dir.path, 'clone');
    const location = {
      name: 'acme/app',
      url: `${git.url}/acme/app.git`,
      credentials: { user: 'plan42', password: token },
      isOnGithub: false,
      isHosted: true,
    };
    const log = () => {};
    const signal = new AbortController().signal;
    const cloned = await clone(location, { folder, featureBranch: branch, targetBranch: '', env, log, signal });
    await write({ folder });
    const identity = { GIT_AUTHOR_NAME: 'Ann', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'Ann' };
    const own = { ...env, ...identity, GIT_COMMITTER_EMAIL: 'a@b' };
    const { notes } = await commitAll(cloned, { message: 'Add', env: own, id: 'turn', log });
    await push(cloned, { env: own, turnIndex: 1, log });
    assert.match(notes.join(), /git add --renormalize/);
    assert.equal(`${await git.git('acme/app', 'show', `${branch}:data.bin`)}\n`, contents);
    assert.equal(await readFile(join(folder, 'data.bin'), 'utf8'), contents);
  });
});

interface Batch {
  objects: { oid: string; size: number }[];
}

async function serveLfs(
  url: string,
  stored: Map<string, string>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = request.url ?? '';
  if (request.method === 'PUT') {
    stored.set(path.slice(path.lastIndexOf('/') + 1), String(await buffer(request)));
    response.end();
    return;
  }
  const { authorization = '' } = request.headers;
  const isAllowed = Buffer.from(authorization.replace('Basic ', ''), 'base64').toString().endsWith(`:${token}`);
  if (!isAllowed) return void response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
  const { objects } = (await json(request)) as Batch;
  response.writeHead(200, { 'content-type': 'application/vnd.git-lfs+json' });
  const actions = (oid: string) => ({ upload: { href: `${url}/acme/app.git/upload/${oid}` } });
  response.end(
    JSON.stringify({
      transfer: 'basic',
      objects: objects.map(({ oid, size }) => ({ oid, size, actions: actions(oid) })),
    }),
  );
}
