/** Clones and pushes of the reference agent, with a real git server. */
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { branch, setUpAgent, token } from '../../../test/support/agent-setting.ts';
import { run } from '../../../test/support/engines/processes.ts';
import { seededRandom } from '../../../test/support/random.ts';
import { listWithVariable } from '../../lib/processes.ts';
import type { AgentTask } from '../drivers/driver.ts';

const fix = ({ folder }: AgentTask) => writeFile(join(folder, 'greeting.txt'), 'hello\n');
const shell = ({ folder, env }: AgentTask, script: string) =>
  run('sh', ['-c', `cd "$0" || exit\n${script}`, folder], { env: env as Record<string, string> });

suite('the repositories of a turn', { timeout: 600_000 }, () => {
  test('are cloned side by side, and only changed ones are pushed', async (t) => {
    const { git, turn } = await setUpAgent(t);
    for (const name of ['acme/lib', 'other/lib']) {
      await git.create(name);
      await git.commit(name, { 'a.txt': `${name}\n` });
    }
    let found: string[] = [];
    let config = '';
    let prompt = '';
    const { turn: result } = await turn(
      async (task) => {
        ({ prompt } = task);
        found = (await readdir(task.folder)).toSorted();
        config = await readFile(join(task.folder, 'app/.git/config'), 'utf8');
        await writeFile(join(task.folder, 'other-lib/a.txt'), 'changed\n');
      },
      {
        request: {
          GithubToken: undefined,
          Environment: { Repos: ['acme/app', 'acme/lib', 'other/lib'] },
          ...urls(git.url, 'acme/app', 'acme/lib', 'other/lib'),
        },
      },
    );
    assert.deepEqual(found, ['acme-lib', 'app', 'other-lib']);
    assert.ok(!config.includes(token) && !config.includes('@'), config);
    assert.match(prompt, /- other\/lib: \S.*\/other-lib$/m);
    completed(result);
    assert.equal(await git.git('other/lib', 'show', `${branch}:a.txt`), 'changed');
    assert.equal(await git.git('acme/lib', 'branch', '--list', branch), '');
  });

  test('may be empty, or have another default branch than the task says', async (t) => {
    const { git, turn } = await setUpAgent(t);
    await git.create('acme/empty');
    const empty = await turn(fix, { request: { Environment: { Repos: ['acme/empty'] } } });
    completed(empty.turn);
    assert.equal(await git.git('acme/empty', 'show', `${branch}:greeting.txt`), 'hello');

    const RepoInfo = { 'acme/app': { FeatureBranch: 'fix/größe', TargetBranch: 'trunk' } };
    const other = await turn(fix, { request: { Task: { RepoInfo } } });
    assert.ok(other.log.includes('There is no branch trunk, so the work is based on main.'));
    assert.deepEqual([other.task.RepoInfo['acme/app']?.['TargetBranch']], ['main']);
    assert.equal(await git.git('acme/app', 'show', 'fix/größe:greeting.txt'), 'hello');
  });

  test('contain submodules, and pointers of Git LFS as they are', async (t) => {
    const { git, turn } = await setUpAgent(t);
    await git.create('acme/part');
    await git.commit('acme/part', { 'part.txt': 'part\n' });
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 5\n`;
    const modules = (path: string) => `[submodule "${path}"]\n\tpath = ${path}\n\turl = ../${path}.git\n`;
    await git.commit('acme/app', {
      '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n',
      'data.bin': pointer,
      '.gitmodules': modules('part') + modules('missing'),
    });
    await addLink(git.folder, 'part', await git.git('acme/part', 'rev-parse', 'main'));
    await addLink(git.folder, 'missing', 'b'.repeat(40));
    let part = '';
    const { turn: result, log } = await turn(async (task) => {
      part = await readFile(join(task.folder, 'part/part.txt'), 'utf8');
      await fix(task);
    });
    assert.equal(part, 'part\n');
    assert.match(log.join('\n'), /^The submodule missing of acme\/app is missing: repository '\S+' not found$/m);
    completed(result);
    const changed = await git.git('acme/app', 'diff', '--name-only', `main..${branch}`);
    assert.equal(changed, 'greeting.txt');
  });

  test('are fetched from the mirror of the runner, and the server sends only what is new', async (t) => {
    const { dir, git, turn } = await setUpAgent(t);
    await git.commit('acme/app', { 'big.txt': randomBytes(6 << 20).toString('base64') });
    const mirror = join(dir.path, 'mirrors', new URL(git.url).host, 'acme/app.git');
    await run('git', ['clone', '-q', '--mirror', join(git.folder, 'acme/app.git'), mirror]);
    await git.commit('acme/app', { 'new.txt': 'new\n' });
    git.sentBytes = 0;
    await turn(fix);
    const whole = git.sentBytes;
    git.sentBytes = 0;
    const env = { PLAN42_GIT_MIRRORS: join(dir.path, 'mirrors') };
    const { turn: result } = await turn(fix, { env, request: { Turn: { TurnIndex: 2 } } });
    completed(result);
    assert.ok(whole > 6 << 20 && git.sentBytes < whole / 20, `${git.sentBytes} of ${whole} bytes`);
  });

  test('of an image are reused, with their ignored files', async (t) => {
    const { dir, git, turn } = await setUpAgent(t);
    const workspace = join(dir.path, 'image');
    await git.commit('acme/app', { '.gitignore': 'node_modules\n' });
    await run('git', ['clone', '-q', join(git.folder, 'acme/app.git'), join(workspace, 'app')]);
    await mkdir(join(workspace, 'app/node_modules'));
    await writeFile(join(workspace, 'app/left-over'), '');
    await writeFile(join(workspace, 'app/greeting.txt'), 'changed\n');
    await git.commit('acme/app', { 'new.txt': 'new\n' });
    let found: string[] = [];
    const { turn: result } = await turn(
      async (task) => {
        found = await readdir(task.folder);
        await fix(task);
      },
      { workspace },
    );
    completed(result);
    assert.ok(
      found.includes('node_modules') && found.includes('new.txt') && !found.includes('left-over'),
      found.join(),
    );
  });
});

suite('the agent of a turn', { timeout: 600_000 }, () => {
  test('has the variables of the environment, and no token in its environment or files', async (t) => {
    const { git, turn } = await setUpAgent(t);
    let variables = '';
    let config = '';
    const EnvVars = [
      { Name: 'STAGE', Value: 'test', IsSecret: false },
      { Name: 'API_KEY', Value: 'a-secret-value', IsSecret: true },
    ];
    const { log, turn: result } = await turn(
      async (task) => {
        variables = JSON.stringify(task.env);
        config = await readFile(join(task.folder, '.git/config'), 'utf8');
        await fix(task);
        task.onEvent({ type: 'output', text: `the key is ${task.env['API_KEY']}, ${token}` });
        return { message: 'It is a-secret-value.' };
      },
      { request: { Environment: { EnvVars, SetupScript: 'echo "stage $STAGE, $API_KEY"' } } },
    );
    assert.match(variables, /"STAGE":"test","API_KEY":"a-secret-value"/);
    for (const text of [variables, config]) assert.ok(!text.includes(token) && !text.includes('agent-token'));
    assert.ok(log.includes('stage test, [redacted]'));
    assert.ok(log.includes('the key is [redacted], [redacted]'));
    assert.equal(result.OutputMessage, 'It is [redacted].');
    assert.deepEqual([...git.passwords], [token]);
  });

  test('may commit, leave HEAD detached, and clone other repositories', async (t) => {
    const { git, turn } = await setUpAgent(t);
    const { turn: result, log } = await turn(async (task) => {
      const script = `git switch -q --detach
        echo hello > greeting.txt; git commit -qam "Own commit"
        mkdir "größe und mehr"; echo x > "größe und mehr/ä b.txt"
        git clone -q . nested; : > .git/index.lock`;
      await shell(task, script);
    });
    completed(result);
    const files = await git.git('acme/app', '-c', 'core.quotePath=false', 'ls-tree', '-r', '--name-only', branch);
    assert.deepEqual(files.split('\n'), ['README.md', 'greeting.txt', 'größe und mehr/ä b.txt']);
    assert.match(
      await git.git('acme/app', 'log', '--format=%an: %s', branch),
      /^octo: Fix the greeting\nocto: Own commit\n/,
    );
    assert.ok(log.includes('Left out nested, because it is a repository of its own.'));
  });

  test('does not commit files of the setup script', async (t) => {
    const { git, turn } = await setUpAgent(t);
    const SetupScript = 'mkdir -p node_modules/a; touch node_modules/a/b "a [b]*"';
    const { turn: result } = await turn(fix, { request: { Environment: { SetupScript } } });
    completed(result);
    assert.equal(await git.git('acme/app', 'diff', '--name-only', `main..${branch}`), 'greeting.txt');
  });

  test('gets services that the setup script started', async (t) => {
    const { turn } = await setUpAgent(t);
    let pid = 0;
    const SetupScript = 'sleep 600 & echo $! > .git/pid';
    await turn(
      async ({ folder }) => {
        pid = Number(await readFile(join(folder, '.git/pid'), 'utf8'));
        assert.ok(existsSync(`/proc/${pid}`) || process.platform !== 'linux');
      },
      { request: { Environment: { SetupScript } } },
    );
    process.kill(pid);
  });
});

suite('a branch', { timeout: 600_000 }, () => {
  test('keeps the commits of others that were pushed meanwhile', async (t) => {
    const { git, turn } = await setUpAgent(t);
    await turn(fix);
    let theirs = '';
    const { turn: result } = await turn(
      async ({ folder }) => {
        await writeFile(join(folder, 'README.md'), 'An application\n');
        theirs = await git.commit('acme/app', { 'other.txt': 'x\n' }, { branch });
      },
      { request: { Turn: { TurnIndex: 2 } } },
    );
    completed(result);
    assert.equal(await git.git('acme/app', 'show', `${branch}:README.md`), 'An application');
    await git.git('acme/app', 'merge-base', '--is-ancestor', theirs, branch);
  });

  test('keeps reported commits that the agent rewrote', async (t) => {
    const { git, turn } = await setUpAgent(t);
    await turn(fix);
    const reported = await git.git('acme/app', 'rev-parse', branch);
    const { turn: result } = await turn(
      (task) => shell(task, 'echo hello, world > greeting.txt; git commit -q --amend -am "Another"'),
      { request: { Turn: { TurnIndex: 2 } } },
    );
    completed(result);
    assert.equal(await git.git('acme/app', 'show', `${branch}:greeting.txt`), 'hello, world');
    await git.git('acme/app', 'merge-base', '--is-ancestor', reported, branch);
  });

  test('is pushed again after the connection broke off', async (t) => {
    const { git, turn } = await setUpAgent(t);
    let failures = 3;
    git.intercept = ({ url = '' }, response) => {
      if (!url.includes('receive-pack') || failures <= 0) return false;
      failures -= 1;
      if (failures === 1) response.destroy();
      else response.writeHead(503).end();
      return true;
    };
    const { turn: result } = await turn(fix);
    completed(result);
    assert.equal(failures, 0);
    assert.equal(await git.git('acme/app', 'show', `${branch}:greeting.txt`), 'hello');
  });

  test('is pushed to its end if the turn is stopped meanwhile', async (t) => {
    const { git, turn } = await setUpAgent(t);
    const stop = new AbortController();
    // Its pack needs more than one write.
    const work = ({ folder }: AgentTask) => writeFile(join(folder, 'data'), randomBytes(5 << 20));
    git.intercept = ({ url }) => {
      if (url?.endsWith('/git-receive-pack')) stop.abort();
      return false;
    };
    const { turn: result, exitCode } = await turn(work, { signal: stop.signal });
    assert.deepEqual([exitCode, result.Status, result.ErrorMessage], [143, 'Failed', 'stopped']);
    const commit = await git.git('acme/app', 'rev-parse', branch);
    assert.equal(result.CommitInfo?.['acme/app']?.LastCommitHash, commit);
    assert.equal(await git.git('acme/app', 'diff', '--name-only', `main..${branch}`), 'data');
  });

  test('is pushed where the turn says, whatever the agent configures', async (t) => {
    const { git, turn } = await setUpAgent(t);
    const { turn: result } = await turn(async (task) => {
      await fix(task);
      await shell(
        task,
        `url=$(git remote get-url origin)
        git config url.http://other.invalid/.insteadOf "$url"
        git config url.http://any.invalid/.insteadOf ""
        git config url.http://push.invalid/.pushInsteadOf "\${url%/*}"
        git config remote.origin.pushurl http://pushurl.invalid/x.git
        git config "remote.$url.pushurl" http://named.invalid/x.git`,
      );
    });
    completed(result);
    assert.equal(await git.git('acme/app', 'show', `${branch}:greeting.txt`), 'hello');
  });

  test('is pushed although git was killed, at any moment', {
    skip: process.platform !== 'linux' && 'needs /proc',
  }, async (t) => {
    const seed = Number(process.env['PLAN42_KILL_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
    const rounds = Number(process.env['PLAN42_KILL_ROUNDS'] ?? 6);
    t.diagnostic(`PLAN42_KILL_SEED=${seed}`);
    const random = seededRandom(seed);
    const { git, turn } = await setUpAgent(t);
    const marker = randomUUID();
    const Environment = { EnvVars: [{ Name: 'TURN_OF', Value: marker, IsSecret: false }] };
    let killed = 0;
    for (let TurnIndex = 1; TurnIndex <= rounds; TurnIndex += 1) {
      // Requests of a push: the list of branches, then the pack.
      const moment = Math.floor(random() * 4);
      const isAfter = moment % 2 === 1;
      let requests = 0;
      git.intercept = (request, response) => {
        if (!request.url?.includes('receive-pack')) return false;
        requests += 1;
        if (requests !== 1 + Math.floor(moment / 2)) return false;
        const kill = async () => {
          const found = await gitProcesses(marker);
          // The command, and those that it has started.
          const victims = random() < 0.5 ? found : found.slice(Math.floor(random() * found.length)).slice(0, 1);
          for (const pid of victims) killed += killProcess(pid) ? 1 : 0;
        };
        if (!isAfter) {
          void kill().then(() => response.destroy());
          return true;
        }
        const end = response.end.bind(response);
        response.end = () => {
          void kill().then(() => end());
          return response;
        };
        return false;
      };
      const { turn: result } = await turn(
        ({ folder }) => writeFile(join(folder, `${TurnIndex}.txt`), `${random()}\n`),
        {
          request: { Turn: { TurnIndex }, Environment },
        },
      );
      completed(result);
      const reported = result.CommitInfo?.['acme/app']?.LastCommitHash ?? '';
      assert.equal(await git.git('acme/app', 'rev-parse', branch), reported);
      assert.equal(await git.git('acme/app', 'rev-list', '--count', `main..${branch}`), String(TurnIndex));
    }
    assert.ok(killed >= rounds, `${killed} processes were killed`);
  });
});

/** The processes of git in a turn, by a variable of it, oldest first. */
async function gitProcesses(marker: string): Promise<number[]> {
  const found: number[] = [];
  for (const pid of await listWithVariable('TURN_OF', marker)) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (/\bgit\b/.test(command)) found.push(pid);
  }
  return found.toSorted((one, other) => one - other);
}

function killProcess(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

function completed({ Status, ErrorMessage }: { Status: string; ErrorMessage?: string }): void {
  assert.equal(ErrorMessage, undefined);
  assert.equal(Status, 'Completed');
}

function urls(base: string, ...names: string[]): { RepoURLs: Record<string, string> } {
  return {
    RepoURLs: Object.fromEntries(names.map((name) => [name, `${base.replace('//', `//x:${token}@`)}/${name}.git`])),
  };
}

async function addLink(folder: string, path: string, commit: string): Promise<void> {
  const script = `set -e; cd "$0"; export GIT_INDEX_FILE=/tmp/index-$$ GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a
    git read-tree main; git update-index --add --cacheinfo "160000,$2,$1"
    git update-ref refs/heads/main "$(git commit-tree -p main -m link "$(git write-tree)")"; rm -f "$GIT_INDEX_FILE"`;
  await run('sh', ['-c', script, join(folder, 'acme/app.git'), path, commit]);
}
