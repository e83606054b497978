/** `plan42 run` and `plan42 task` as a user runs them, with the reference agent and a scripted command. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { eventually } from './support/eventually.ts';
import { git, gitEnv } from './support/git.ts';
import { startGitServer } from './support/git-server.ts';
import { sendJson } from './support/http-server.ts';
import type { Json } from './support/json.ts';
import { parseAs } from './support/json-schemas.ts';
import { asAgent, type Run, read, startUser, type User } from './support/personal-service.ts';
import { Terminal } from './support/terminal.ts';

const agent = ['run', '--agent', 'custom', '--no-container'];

function succeeded(run: Run): Run {
  assert.equal(run.exitCode, 0, `${run.stdout}\n${run.stderr}`);
  return run;
}

const documentOf = (run: Run): Json => parseAs('run.json', succeeded(run).stdout);

suite('plan42 run', { concurrency: 2 }, () => {
  let user: User;
  before(async () => {
    user = await startUser();
    // Both start the service, which there must be one of.
    const [one, two] = [await user.repository(), await user.repository()];
    const runs = await Promise.all([one, two].map((path) => user.plan42(path, [...agent, 'Hello'])));
    runs.forEach(succeeded);
    const shown = succeeded(await user.plan42(one, ['task', 'list', '--json']));
    assert.equal((JSON.parse(shown.stdout) as Json[]).length, 2, 'in one server');
  });
  after(() => user[Symbol.asyncDispose]());

  test('makes a branch of a prompt, and leaves the files alone', async () => {
    const path = await user.repository('Mein Projekt ü');
    const head = await git(path, ['rev-parse', 'HEAD']);
    const run = succeeded(await user.plan42(path, [...agent, 'Schreib “hällo”', 'auf']));
    const [, branch = ''] = /^Branch (plan42\/schreib-hallo-auf-[0-9a-f]{8}), 1 commit:$/m.exec(run.stdout) ?? [];
    assert.match(run.stdout, /I wrote it down\./);
    assert.match(run.stdout, / notes\/prompt\.txt \| +\d+ \++\n 1 file changed, /);
    assert.match(run.stdout, new RegExp(`git merge ${branch}\n`));
    assert.equal(await git(path, ['status', '--porcelain']), '');
    assert.equal(await git(path, ['rev-parse', 'HEAD']), head);
    assert.equal(await git(path, ['rev-parse', `${branch}~1`]), head);
    assert.equal(await git(path, ['log', '-1', '--format=%an <%ae>', branch]), 'Ute User <ute@example.com>');
    await git(path, ['merge', '--quiet', branch]);
    assert.match((await read(path, 'notes/prompt.txt')) ?? '', /Schreib “hällo” auf/);
    assert.equal(await git(path, ['remote']), '', 'the server is no remote');
  });

  test('starts the agent in the folder that you are in', async () => {
    const path = await user.repository();
    const folder = join(path, 'größe und mehr', 'b');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'x.txt'), 'x\n');
    await writeFile(join(path, 'größe und mehr/AGENTS.md'), 'Be brief.\n');
    await git(path, ['add', '--all']);
    await git(path, ['commit', '--quiet', '--message', 'Folders']);
    const env = asAgent('cat >prompt.txt; echo y >../y.txt');
    const run = documentOf(await user.plan42(folder, [...agent, '--json', 'Here'], { env }));
    const changed = await git(path, ['diff', '--name-only', '-z', run.base, run.branch]);
    assert.deepEqual(changed.split('\0').slice(0, 2), ['größe und mehr/b/prompt.txt', 'größe und mehr/y.txt']);
    const prompt = await git(path, ['show', `${run.branch}:größe und mehr/b/prompt.txt`]);
    assert.match(prompt, /made in the folder größe und mehr\/b of \S+, where you start\. .* begins at \//);
    assert.match(prompt, /Follow the instructions in \.\.\/AGENTS\.md\./);

    await mkdir(join(path, 'new'));
    const missing = await user.plan42(join(path, 'new'), [...agent, 'There'], { env: asAgent('cat >prompt.txt') });
    assert.match(succeeded(missing).stdout, /There is no folder new in \S+, so the agent starts at its top\./);
  });

  test('adds turns to what it did, with what you committed in between', async () => {
    const path = await user.repository();
    const first = documentOf(await user.plan42(path, [...agent, '--json', 'First']));
    const id = first.taskId.slice(0, 8);
    await git(path, ['switch', '--quiet', first.branch]);
    await writeFile(join(path, 'mine.txt'), 'mine\n');
    await git(path, ['add', '--all']);
    await git(path, ['commit', '--quiet', '--message', 'Mine']);
    const mine = await git(path, ['rev-parse', 'HEAD']);
    const checkedOut = documentOf(await user.plan42(path, ['run', '--turn', id, '--json', 'Second']));
    assert.deepEqual([checkedOut.turnIndex, checkedOut.branch], [2, `refs/plan42/${id}/branch`]);
    assert.equal(await git(path, ['rev-parse', 'HEAD']), mine, 'the checked-out branch stays');
    await git(path, ['merge', '--quiet', '--ff-only', checkedOut.branch]);
    await git(path, ['switch', '--quiet', 'main']);
    const run = succeeded(await user.plan42(path, ['task', 'turn', id, 'Third']));
    assert.match(run.stdout, new RegExp(`^Branch ${first.branch}, 4 commits:$`, 'm'));
    const content = await git(path, ['show', `${first.branch}:notes/prompt.txt`]);
    for (const prompt of ['First', 'Second', 'Third']) assert.match(content, new RegExp(prompt));
    assert.equal(await git(path, ['show', `${first.branch}:mine.txt`]), 'mine');
  });

  test('passes keys and secrets again as they are then, to this task only', async () => {
    const path = await user.repository();
    const env = asAgent('echo "$MY_KEY and $STAGE." >key.txt');
    const start = [...agent, '--json', '--env', 'MY_KEY', 'Use it'];
    const [task, other] = [
      documentOf(await user.plan42(path, start, { env: { ...env, MY_KEY: 'key-of-yesterday' } })),
      documentOf(await user.plan42(path, start, { env: { ...env, MY_KEY: 'another-old-key' } })),
    ];
    const key = (branch: string) => git(path, ['show', `${branch}:key.txt`]);
    assert.deepEqual(
      [await key(task.branch), await key(other.branch)],
      ['key-of-yesterday and .', 'another-old-key and .'],
    );
    const next = ['run', '--turn', task.taskId, '--env', 'STAGE=test', '--json', 'Use it again'];
    documentOf(await user.plan42(path, next, { env: { MY_KEY: 'key-of-today' } }));
    assert.equal(await key(task.branch), 'key-of-today and test.');
    documentOf(await user.plan42(path, ['run', '--turn', other.taskId, '--json', 'Append a line']));
    assert.equal(await key(other.branch), 'another-old-key and .');
  });

  test('brings back the work of a turn that conflicts with your commits', async () => {
    const path = await user.repository();
    const go = join(user.folder, 'go');
    const script = `case "$(cat)" in Wait*) until [ -e '${go}' ]; do sleep 0.1; done;; esac; date +%s%N >a.txt`;
    const first = documentOf(await user.plan42(path, [...agent, '--json', 'First'], { env: asAgent(script) }));
    const id = first.taskId.slice(0, 8);
    const second = user.plan42(path, ['run', '--turn', id, '--json', 'Wait']);
    const isWorking = async () => /Working/.test((await user.plan42(path, ['task', 'show', id])).stdout);
    await eventually(isWorking);
    await git(path, ['switch', '--quiet', first.branch]);
    await writeFile(join(path, 'a.txt'), 'mine\n');
    await git(path, ['commit', '--quiet', '--all', '--message', 'Mine']);
    // It sends the commits, and is then refused.
    const early = await user.plan42(path, ['run', '--turn', id, 'Early']);
    assert.match(early.stderr, /Sent your commits.*ERROR/s);
    await writeFile(go, '');
    const { exitCode, stdout } = await second;
    const document: Json = JSON.parse(stdout);
    assert.deepEqual([exitCode, document.conflictBranch], [1, `${first.branch}-turn-2`]);
    assert.match(document.error, /conflicts with this turn's changes in a\.txt/);
    assert.equal(await git(path, ['show', `${first.branch}:a.txt`]), 'mine');
    assert.match(await git(path, ['show', `${document.conflictBranch}:a.txt`]), /^\d+$/);
  });

  test('shows, compares and applies tasks afterwards', async () => {
    const path = await user.repository();
    const id = succeeded(await user.plan42(path, [...agent, '--detach', 'Note it'])).stdout.trim();
    const followed = succeeded(await user.plan42(path, ['task', 'follow', id]));
    assert.match(followed.stdout, /I wrote it down\./);
    assert.match(succeeded(await user.plan42(path, ['task', 'show', id.slice(0, 8)])).stdout, /State +Completed/);
    const patch = succeeded(await user.plan42(path, ['task', 'diff', id])).stdout;
    assert.match(patch, /^diff --git a\/notes\/prompt\.txt b\/notes\/prompt\.txt\nnew file/);
    assert.match(succeeded(await user.plan42(path, ['task', 'diff', '--stat', id])).stdout, /1 file changed/);
    succeeded(await user.plan42(path, ['task', 'apply', id]));
    assert.equal(await git(path, ['status', '--porcelain']), '?? notes/');
    const again = await user.plan42(path, ['task', 'apply', id]);
    assert.deepEqual([again.exitCode, again.stdout], [1, '']);
    assert.match(again.stderr, /the changes do not fit the files in the work tree, .* git merge plan42\/note-it-/);
    const elsewhere = await user.plan42(await user.repository(), ['task', 'diff', id]);
    assert.match(elsewhere.stderr, /^ERROR: task .* is not of this repository, but of local\/repository-/m);
    const unknown = await user.plan42(path, ['task', 'show', 'ffffffff']);
    assert.match(unknown.stderr, /To list them, run "plan42 task list"/);
  });

  test('reports a failed turn, no change, and a task that was cancelled', async () => {
    const path = await user.repository();
    const failing = await user.plan42(path, [...agent, 'x'], { env: asAgent('echo Oh. >&2; echo half >half; exit 3') });
    assert.equal(failing.exitCode, 1, failing.stderr);
    assert.match(failing.stderr, /\nERROR: turn 1 failed: .*"plan42 task turn [0-9a-f-]{36} PROMPT"/);
    const unchanged = await user.plan42(path, [...agent, 'x'], { env: asAgent('echo Fine as it is.') });
    assert.match(succeeded(unchanged).stdout, /The agent changed nothing\./);
    const waiting = asAgent('sleep 300');
    const id = succeeded(await user.plan42(path, [...agent, '--detach', 'x'], { env: waiting })).stdout.trim();
    succeeded(await user.plan42(path, ['task', 'cancel', id]));
    const followed = await user.plan42(path, ['task', 'follow', id]);
    assert.match(followed.stderr, /turn 1 failed: cancelled by user/);
  });

  test('takes a prompt from a file or standard input, and rejects none', async () => {
    const path = await user.repository();
    const document = documentOf(await user.plan42(path, [...agent, '--json'], { stdin: 'From a pipe\n' }));
    assert.match(await git(path, ['show', `${document.branch}:notes/prompt.txt`]), /From a pipe/);
    const cases = [
      [[...agent], /there is no prompt|the prompt is empty/, 2],
      [[...agent, '--detach', '--apply', 'x'], /--detach cannot be used with/, 2],
      [[...agent, '--allow', 'npm', 'x'], /--allow cannot be used with --no-container/, 2],
      [['run', '--allow', 'https://a.example', 'x'], /the host "https:\/\/a\.example" is a URL; write "a/, 2],
      [['run', '--allow', '10.0.0.1', 'x'], /is an address, which only egress\.always/, 2],
      [[...agent, '--turn', 'abc', '--dirty', 'x'], /--turn cannot be used with/, 2],
      [['run', '--agent', 'claudia', 'x'], /there is no agent "claudia"\. Use one of: .*custom/, 2],
      [['run', '--no-container', 'x'], /cannot choose an agent: no key of a model is set/, 2],
      [[...agent, '--pr', 'x'], /cannot open a pull request: the repository has no remote/, 3],
    ] as const;
    for (const [argv, message, exitCode] of cases) {
      const run = await user.plan42(path, argv);
      assert.deepEqual([run.exitCode, run.stdout], [exitCode, ''], run.stderr);
      assert.match(run.stderr, message);
    }
  });

  test('says that it was interrupted before there was a task', async () => {
    const path = await user.repository();
    const bin = join(user.folder, 'slow');
    await mkdir(bin);
    await writeFile(join(bin, 'git'), `#!/bin/sh\n: >'${join(bin, 'started')}'\nexec sleep 300\n`, { mode: 0o755 });
    const env = { ...user.env, PATH: `${bin}:${user.env['PATH']}` };
    const child = execFile(join(import.meta.dirname, '../bin/plan42'), [...agent, 'x'], { cwd: path, env });
    const ended = once(child, 'exit');
    let stderr = '';
    child.stderr?.on('data', (text: string) => {
      stderr += text;
    });
    await eventually(async () => read(bin, 'started').then((content) => content !== undefined));
    child.kill('SIGINT');
    const [exitCode] = await ended;
    assert.deepEqual([exitCode, stderr], [130, 'Cancelled before a task was created.\n']);
  });

  test('names what to install if there is no engine', async () => {
    const path = await user.repository();
    const bin = join(user.folder, 'bin');
    await mkdir(bin, { recursive: true });
    const { stdout } = await promisify(execFile)('sh', ['-c', 'command -v git sh env dirname readlink node']);
    for (const file of [...stdout.trim().split('\n'), process.execPath]) {
      await symlink(file, join(bin, file.slice(file.lastIndexOf('/') + 1))).catch(() => {});
    }
    const run = await user.plan42(path, ['run', '--image', 'me/agent:1', 'x'], { env: { PATH: bin } });
    assert.equal(run.exitCode, 5, run.stderr);
    assert.match(run.stderr, /^ERROR: no container engine is ready .*Install .*podman.*--no-container\.$/m);
  });

  test('asks at Ctrl-C', async () => {
    const path = await user.repository();
    const waiting = { ...user.env, ...asAgent('echo started >&2; sleep 300') };
    const start = () =>
      Terminal.start({
        command: [join(import.meta.dirname, '../bin/plan42'), ...agent, 'Wait'],
        env: waiting,
        cwd: path,
      });
    {
      await using terminal = await start();
      await terminal.shows(/Working/);
      await terminal.press('C-c');
      await terminal.shows('Cancel the task, detach and let it run, or go on?');
      await terminal.press('Enter');
      await terminal.shows(/Working.*\d s$/m);
      await terminal.press('C-c');
      await terminal.shows('[c/d/G]');
      await terminal.type('c');
      await terminal.press('Enter');
      assert.deepEqual(await terminal.ended(), { code: 130, signal: null });
      assert.match(await terminal.everything(), /was cancelled/);
    }
    await using terminal = await start();
    await terminal.shows(/Working/);
    await terminal.press('C-c');
    await terminal.shows('[c/d/G]');
    await terminal.type('d');
    await terminal.press('Enter');
    assert.deepEqual(await terminal.ended(), { code: 0, signal: null });
    const [, id = ''] = /plan42 task follow ([0-9a-f]{8})/.exec(await terminal.everything()) ?? [];
    const task: Json = JSON.parse(succeeded(await user.plan42(path, ['task', 'show', '--json', id])).stdout);
    assert.equal(task.Task.State, 'Executing');
    succeeded(await user.plan42(path, ['task', 'cancel', id]));
  });

  test('detaches if the terminal is closed, or nothing reads the output', async () => {
    const path = await user.repository();
    const env = { ...user.env, ...asAgent('echo started; while sleep 0.2; do echo tick; done') };
    const command = [join(import.meta.dirname, '../bin/plan42'), ...agent];
    // A shell that ignores SIGHUP, which Node.js resets, in order to write down the exit code.
    const noting = `trap '' HUP; sh -c 'echo $$ >pid; exec "$@"' sh "$@"; echo $? >exit.new; mv exit.new exit`;
    const start = (title: string, reader = '') =>
      Terminal.start({
        command: ['/bin/sh', '-c', `{ ${noting}; }${reader}`, 'sh', ...command, '--title', title, 'Wait'],
        env,
        cwd: path,
      });
    const detaches = async (title: string) => {
      await eventually(async () => read(path, 'exit'));
      const listed = succeeded(await user.plan42(path, ['task', 'list', '--json', '--search', title]));
      const [task] = JSON.parse(listed.stdout) as Json[];
      assert.equal(task.State, 'Executing', title);
      succeeded(await user.plan42(path, ['task', 'cancel', task.TaskId]));
      await rm(join(path, 'exit'));
    };
    {
      await using terminal = await start('Closed');
      await terminal.shows(/started/);
      await terminal[Symbol.asyncDispose]();
      await detaches('Closed');
    }
    {
      // A shell passes it on before the terminal is closed.
      await using terminal = await start('Signal');
      await terminal.shows(/started/);
      process.kill(Number(await read(path, 'pid')), 'SIGHUP');
      await detaches('Signal');
      assert.match(await terminal.everything(), /The task runs on\./);
    }
    await using _ = await start('Pipe', ' | head -n 3');
    await detaches('Pipe');
  });

  test('says why a task does not start', async () => {
    await using low = await startUser();
    const state = join(low.env['HOME'] ?? '', '.local/state/plan42-run');
    await mkdir(state, { recursive: true, mode: 0o700 });
    await writeFile(join(state, 'runner.toml'), '[jobs]\nmin_free_gib = 1000000\n', { mode: 0o600 });
    const path = await low.repository();
    const why = /The runner accepts no jobs: not enough disk space on .*, or set jobs\.min_free_gib in \S+runner\.toml/;
    const command = [join(import.meta.dirname, '../bin/plan42'), ...agent, 'Wait'];
    await using terminal = await Terminal.start({ command, env: low.env, cwd: path, columns: 400 });
    await terminal.shows(why);
    const [, id = ''] = /Task ([0-9a-f]{8})/.exec(await terminal.everything()) ?? [];
    assert.match(succeeded(await low.plan42(path, ['task', 'show', id])).stdout, why);
    await terminal.press('C-c');
    await terminal.shows('[c/d/G]');
    await terminal.press('c', 'Enter');
    assert.equal((await terminal.ended()).code, 130);
  });

  test('opens a pull request at the remote, with the token of the user', async () => {
    const requests: { method: string; url: string; body: Json; authorization: string | undefined }[] = [];
    const pull = {
      number: 7,
      id: 70,
      node_id: 'PR_7',
      html_url: 'https://git.example/org/repo/pull/7',
      title: 't',
      state: 'open',
    };
    await using server = await startGitServer(join(user.folder, 'remote'), {
      api: (response, { method, url, headers, body }) => {
        const parsed = body === '' ? undefined : JSON.parse(body);
        requests.push({ method, url, body: parsed, authorization: headers.authorization });
        if (url.startsWith('/api/v3/repos/org/repo/pulls'))
          return sendJson(response, method === 'POST' ? 201 : 200, method === 'POST' ? pull : []);
        sendJson(response, 200, { default_branch: 'trunk' });
      },
    });
    await server.create('org/repo');
    const path = await user.repository();
    await git(path, ['remote', 'add', 'upstream', `${server.url}/org/repo.git`]);
    const withoutToken = await user.plan42(path, [...agent, '--pr', 'x']);
    assert.deepEqual([withoutToken.exitCode, withoutToken.stdout], [4, ''], withoutToken.stderr);
    const env = { GH_ENTERPRISE_TOKEN: 'ghp_secret' };
    const document = documentOf(await user.plan42(path, [...agent, '--pr', '--json', 'Fix it'], { env }));
    assert.equal(document.pullRequest, pull.html_url);
    assert.equal(await server.git('org/repo', 'rev-parse', document.branch), document.commit);
    const created = requests.find(({ method }) => method === 'POST');
    assert.deepEqual(
      [created?.body.head, created?.body.base, created?.body.title],
      [document.branch, 'trunk', 'Fix it'],
    );
    assert.equal(created?.authorization, 'Bearer ghp_secret');
    assert.match(created?.body.body, /I wrote it down\./);
  });
});

suite('plan42 run in any repository', { concurrency: 2 }, () => {
  let user: User;
  before(async () => {
    user = await startUser();
  });
  after(() => user[Symbol.asyncDispose]());

  /** Runs the agent, and returns the document and the files of its branch. */
  async function runIn(path: string, ...argv: string[]) {
    const run = await user.plan42(path, [...agent, '--json', ...argv, 'Go']);
    const document = documentOf(run);
    assert.equal(document.files > 0, true);
    const files = (await git(path, ['ls-tree', '-r', '--full-tree', '--name-only', document.branch])).split('\n');
    assert.ok(files.includes('notes/prompt.txt'));
    return { document, files, stderr: run.stderr };
  }

  test('with uncommitted changes, only with --dirty', async () => {
    const path = await user.repository();
    await writeFile(join(path, '.gitignore'), 'ignored\n');
    await writeFile(join(path, 'ignored'), 'secret\n');
    await writeFile(join(path, 'a.txt'), 'changed\n');
    await writeFile(join(path, 'staged.txt'), 'staged\n');
    await git(path, ['add', 'staged.txt']);
    const before = await git(path, ['status', '--porcelain']);
    const clean = await runIn(path);
    assert.deepEqual(clean.files, ['a.txt', 'notes/prompt.txt']);
    assert.match(clean.stderr, /Uncommitted changes are not sent to the agent\. To include them, add --dirty\./);
    const dirty = await runIn(path, '--dirty', '--apply');
    assert.deepEqual(dirty.files, ['.gitignore', 'a.txt', 'notes/prompt.txt', 'staged.txt']);
    assert.equal(await git(path, ['show', `${dirty.document.branch}:a.txt`]), 'changed');
    assert.deepEqual([dirty.document.files, dirty.document.applied], [1, true], 'without those of the user');
    assert.equal(await git(path, ['status', '--porcelain']), `${before}\n?? notes/`);
  });

  test('with a detached head, in a subfolder, and from hooks of git', async () => {
    const path = await user.repository();
    await git(path, ['commit', '--quiet', '--allow-empty', '--message', 'Two']);
    await git(path, ['switch', '--quiet', '--detach', 'HEAD~1']);
    const head = await git(path, ['rev-parse', 'HEAD']);
    await writeFile(join(path, '.git/hooks/pre-push'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    await mkdir(join(path, 'deep/er'), { recursive: true });
    const { document } = await runIn(join(path, 'deep/er'));
    assert.equal(document.base, head);
  });

  test('with a shallow clone, and one without its own blobs', async () => {
    const source = await user.repository();
    await git(source, ['commit', '--quiet', '--allow-empty', '--message', 'Two']);
    await git(source, ['config', 'uploadpack.allowFilter', 'true']);
    for (const option of ['--depth=1', '--filter=blob:none']) {
      const clone = join(user.folder, `clone${option}`);
      await git(user.folder, ['clone', '--quiet', option, `file://${source}`, clone]);
      const { document } = await runIn(clone);
      assert.equal(await git(clone, ['merge-base', document.branch, 'HEAD']), await git(clone, ['rev-parse', 'HEAD']));
    }
  });

  test('in a linked work tree and a bare repository', async () => {
    const path = await user.repository();
    const tree = join(user.folder, 'work tree');
    await git(path, ['worktree', 'add', '--quiet', '-b', 'side', tree]);
    await git(tree, ['commit', '--quiet', '--allow-empty', '--message', 'Side']);
    const { document } = await runIn(tree, '--apply');
    assert.equal(document.base, await git(path, ['rev-parse', 'side']));
    assert.match((await read(tree, 'notes/prompt.txt')) ?? '', /Go/);
    const bare = join(user.folder, 'bare.git');
    await git(user.folder, ['clone', '--quiet', '--bare', path, bare]);
    await runIn(bare);
  });

  test('with submodules and pointers of Git LFS', async () => {
    const inner = await user.repository();
    const path = await user.repository('outer', { '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n' });
    await git(path, ['submodule', '--quiet', 'add', inner, 'inner']);
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 12\n`;
    await writeFile(join(path, 'big.bin'), pointer);
    await git(path, ['add', '--all']);
    await git(path, ['commit', '--quiet', '--message', 'Add']);
    const { document, stderr } = await runIn(path);
    assert.match(stderr, /The agent gets no submodules/);
    assert.match(stderr, /files of Git LFS as pointers/);
    assert.equal(`${await git(path, ['show', `${document.branch}:big.bin`])}\n`, pointer);
    await git(path, ['config', '--file', '.gitmodules', 'submodule.inner.url', '../inner.git']);
    await git(path, ['commit', '--quiet', '--all', '--message', 'Relative']);
    assert.match((await runIn(path)).stderr, /no submodules with relative URLs, such as \.\.\/inner\.git, because/);
  });

  test('with 50,000 files', async () => {
    const path = await user.repository();
    const { stdin, done } = fastImport(path);
    stdin.write('commit refs/heads/main\ncommitter A <a@b> 0 +0000\ndata 1\nx\nfrom refs/heads/main^0\n');
    for (let n = 0; n < 50_000; n += 1)
      stdin.write(`M 644 inline d${n % 500}/f${n}.txt\ndata ${`${n}`.length}\n${n}\n`);
    stdin.end();
    await done;
    await git(path, ['reset', '--quiet', '--hard']);
    const { files } = await runIn(path, '--dirty');
    assert.equal(files.length, 50_002);
  });

  test('whatever the user has set git to', async () => {
    const path = await user.repository('settings', { 'a.txt': 'one\n', 'ü.txt': 'one\n' });
    const settings = [
      ['diff.noprefix', 'true'],
      ['diff.mnemonicPrefix', 'true'],
      ['diff.external', '/bin/false'],
      ['diff.relative', 'true'],
      ['diff.submodule', 'log'],
      ['diff.orderFile', join(path, 'a.txt')],
      ['color.ui', 'always'],
      ['core.pager', 'false'],
      ['core.autocrlf', 'true'],
      ['core.safecrlf', 'true'],
      ['apply.whitespace', 'error'],
      ['fetch.prune', 'true'],
      ['push.pushOption', 'x'],
      ['push.followTags', 'true'],
      ['commit.gpgSign', 'true'],
      ['submodule.recurse', 'true'],
      ['status.showUntrackedFiles', 'no'],
    ] as const;
    for (const [name, value] of settings) await git(path, ['config', name, value]);
    await writeFile(join(path, 'mine.txt'), 'mine\n');
    const env = asAgent('printf "two \\n" >>ü.txt; mkdir -p notes; echo >notes/prompt.txt');
    const run = await user.plan42(path, [...agent, '--dirty', '--apply', '--json', 'Go'], { env });
    const document = documentOf(run);
    assert.deepEqual([document.files, document.insertions, document.applied], [2, 2, true]);
    assert.match((await read(path, 'ü.txt')) ?? '', /^one\r?\ntwo \r?\n$/);
    assert.match(await git(path, ['log', '--format=%s', '-2', document.branch]), /\nUncommitted changes$/);
    const again = await user.plan42(path, ['run', '--turn', document.taskId, '--apply', '--json', 'Go'], { env });
    const failed = parseAs('run.json', again.stdout);
    assert.deepEqual([again.exitCode, failed.applied, failed.status], [1, false, 'Completed'], again.stderr);
    assert.match(failed.error, /the changes do not fit the files in the work tree/);
    assert.match(again.stderr, /ERROR: the changes do not fit the files in the work tree.* git merge plan42\//);
  });

  test('in a sparse checkout', async () => {
    const path = await user.repository();
    await mkdir(join(path, 'notes'));
    await mkdir(join(path, 'kept'));
    for (const file of ['notes/prompt.txt', 'notes/other.txt', 'kept/a.txt']) await writeFile(join(path, file), 'x\n');
    await git(path, ['add', '--all']);
    await git(path, ['commit', '--quiet', '--message', 'Add']);
    await git(path, ['sparse-checkout', 'set', '--cone', 'kept']);
    const { document } = await runIn(path, '--apply');
    assert.equal(document.applied, true);
    assert.match((await read(path, 'notes/prompt.txt')) ?? '', /^x\n.*Go/s);
    assert.equal(await read(path, 'notes/other.txt'), undefined);
    assert.equal(await git(path, ['status', '--porcelain']), ' M notes/prompt.txt');
  });

  test('with a branch that leaves no room for ours', async () => {
    const path = await user.repository();
    await git(path, ['branch', 'plan42']);
    const { document } = await runIn(path, '--apply');
    assert.match(document.branch, /^plan42-go-[0-9a-f]{8}$/);
    await git(path, ['switch', '--quiet', '--force', document.branch]);
    await git(path, ['commit', '--quiet', '--allow-empty', '--message', 'Mine']);
    await git(path, ['switch', '--quiet', '--detach']);
    const run = await user.plan42(path, ['run', '--turn', document.taskId, '--json', 'Again']);
    assert.equal(documentOf(run).branch, document.branch);
    assert.match(run.stderr, /Sent your commits on plan42/);
  });

  test('rejects repositories that it cannot use, and says why', async () => {
    const path = await user.repository();
    const bare = join(user.folder, 'no-files.git');
    await git(user.folder, ['clone', '--quiet', '--bare', path, bare]);
    const other = join(user.folder, 'sha256');
    await git(user.folder, ['init', '--quiet', '--object-format=sha256', other]);
    const partial = join(user.folder, 'partial');
    const gone = await user.repository();
    await git(gone, ['config', 'uploadpack.allowFilter', 'true']);
    await git(user.folder, ['clone', '--quiet', '--no-checkout', '--filter=tree:0', `file://${gone}`, partial]);
    await rm(gone, { recursive: true });
    const owned = await user.repository();
    const env = { GIT_TEST_ASSUME_DIFFERENT_OWNER: '1' };
    type Case = [string, { argv?: string[]; env?: NodeJS.ProcessEnv }, number, RegExp];
    const cases: Case[] = [
      [bare, { argv: ['--apply'] }, 3, /^ERROR: cannot apply changes: a bare repository has no work tree\. Omit/],
      [other, {}, 3, /^ERROR: "plan42 run" cannot send repositories with sha256 object names\. /],
      [join(path, '.git'), {}, 3, /^ERROR: this folder is inside of a \.git folder\. Change to the work tree\./],
      [partial, {}, 1, /^ERROR: .*objects are missing in this partial clone, .* Make the remote reachable/m],
      [owned, { env }, 3, /^ERROR: git does not trust the repository .* run: git config --global --add safe\.dir/],
    ];
    for (const [folder, { argv = [], env = {} }, exitCode, message] of cases) {
      const run = await user.plan42(folder, [...agent, ...argv, 'x'], { env });
      assert.match(run.stderr, message);
      assert.deepEqual([run.exitCode, run.stdout], [exitCode, '']);
    }
  });

  test('rejects a folder without a repository or a commit', async () => {
    const empty = join(user.folder, 'empty');
    await mkdir(empty);
    const none = await user.plan42(empty, [...agent, 'x'], { env: { GIT_CEILING_DIRECTORIES: user.folder } });
    assert.deepEqual([none.exitCode, none.stdout], [3, '']);
    assert.match(none.stderr, /^ERROR: .* is not in a git repository\. Change to one, or make one: git init/);
    await git(empty, ['init', '--quiet']);
    const bare = await user.plan42(empty, [...agent, 'x']);
    assert.deepEqual([bare.exitCode, bare.stdout], [3, '']);
    assert.match(bare.stderr, /^ERROR: the repository .* has no commit yet\. Make one: git add/);
  });
});

function fastImport(path: string) {
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  const child = execFile('git', ['-C', path, 'fast-import', '--quiet', '--force'], { env: gitEnv }, (error) =>
    error === null ? resolve() : reject(error),
  );
  if (child.stdin === null) throw new Error('no standard input');
  return { stdin: child.stdin, done };
}

suite('the service of plan42 run', () => {
  test('stops when it is idle, and is started again', async () => {
    await using user = await startUser({ PLAN42_RUN_IDLE_MINUTES: '0.01' });
    const path = await user.repository();
    succeeded(await user.plan42(path, [...agent, 'One']));
    await eventually(async () => !user.isRunning());
    assert.equal(await user.service(), undefined);
    const shown = succeeded(await user.plan42(path, ['task', 'list', '--json']));
    assert.equal((JSON.parse(shown.stdout) as Json[]).length, 1);
  });

  test('is replaced after a crash and after an upgrade, and running agents survive', async () => {
    await using user = await startUser();
    const path = await user.repository();
    const go = join(user.folder, 'go');
    const waiting = asAgent(`while [ ! -e '${go}' ]; do sleep 0.1; done; echo done >done.txt; echo Done.`);
    const id = succeeded(await user.plan42(path, [...agent, '--detach', 'Wait'], { env: waiting })).stdout.trim();
    const state = async () => {
      const { stdout } = succeeded(await user.plan42(path, ['task', 'show', '--json', id]));
      return JSON.parse(stdout).Task.State;
    };
    await eventually(async () => (await state()) === 'Executing');
    const first = await user.service();
    process.kill(first?.pid ?? 0, 'SIGKILL');
    await eventually(async () => !user.isRunning());
    assert.equal(await state(), 'Executing');
    const second = await user.service();
    assert.notEqual(second?.startId, first?.startId);
    assert.deepEqual([second?.port, second?.runtime], [first?.port, 'host'], 'where the agent reaches it');

    const info = join(user.env['HOME'] ?? '', '.local/state/plan42-run/service.json');
    await rm(info);
    await writeFile(info, JSON.stringify({ ...second, version: '0.0.1' }));
    assert.equal(await state(), 'Executing');
    assert.equal((await user.service())?.startId, second?.startId, 'not while an agent runs');
    await writeFile(go, '');
    succeeded(await user.plan42(path, ['task', 'follow', id]));
    succeeded(await user.plan42(path, ['task', 'apply', id]));
    assert.equal(await read(path, 'done.txt'), 'done\n');
    const third = await user.service();
    assert.notEqual(third?.startId, second?.startId, 'when nothing runs');
    assert.notEqual(third?.version, '0.0.1');
  });
});
