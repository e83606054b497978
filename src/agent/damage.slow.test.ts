/** Whatever an agent does to its clone, everything that can be committed is pushed, and the turn names the rest. */
import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { type AgentSetting, branch, ids, setUpAgent } from '../../test/support/agent-setting.ts';
import { run } from '../../test/support/engines/processes.ts';
import type { AgentTask } from './drivers/driver.ts';

const shell = ({ folder, env }: AgentTask, script: string) =>
  run('sh', ['-ec', `cd "$0"\n${script}`, folder], { env: env as Record<string, string> });

/** Runs a script as the agent, in a folder with `bundles` beside it if `keeps`. */
async function work({ dir, git, turn }: AgentSetting, script: string, { keeps = false } = {}) {
  const bundles = join(dir.path, 'bundles');
  if (keeps) await mkdir(bundles, { recursive: true });
  const env = { PLAN42_BUNDLES: bundles };
  const { turn: result, log } = await turn((task) => shell(task, `echo hello > greeting.txt\n${script}`), { env });
  const changed = await git.git('acme/app', 'diff', '--name-only', `main..${branch}`).catch(() => '');
  const files = keeps ? await readdir(bundles) : [];
  return { result, log: log.join('\n'), changed: changed.split('\n'), files, bundles };
}

async function setUp(t: TestContext): Promise<AgentSetting> {
  const setting = await setUpAgent(t);
  await setting.git.commit('acme/app', { 'old.txt': 'old\n', '.gitignore': 'ignored\n' });
  return setting;
}

suite('work is pushed', { timeout: 600_000 }, () => {
  test('although a command of git was killed', async (t) => {
    const setting = await setUp(t);
    const locks = 'for lock in index HEAD config packed-refs; do : > ".git/$lock.lock"; done; mkdir .git/shallow.lock';
    const { result, changed } = await work(setting, `${locks}; : > .git/refs/heads/${branch}.lock`);
    assert.equal(result.ErrorMessage, undefined);
    assert.deepEqual(changed, ['greeting.txt']);
  });

  for (const [name, script] of Object.entries({
    removed: 'rm -rf .git',
    replaced: 'rm -rf .git; git init -q; git add -A; git commit -qm Own',
    'without objects': 'rm -rf .git/objects; mkdir .git/objects',
  })) {
    test(`although .git was ${name}`, async (t) => {
      const setting = await setUp(t);
      const Environment = { SetupScript: 'touch left-over' };
      const { turn: result } = await setting.turn(
        (task) => shell(task, `echo hello > greeting.txt; rm old.txt; echo a > ignored; ${script}`),
        { request: { Environment } },
      );
      assert.equal(result.ErrorMessage, undefined);
      assert.match(
        result.OutputMessage ?? '',
        /^Done\.\n\nThe agent (?:removed or )?damaged \.git of acme\/app: its files (?:were committed|and its commits)/,
      );
      const changed = await setting.git.git('acme/app', 'diff', '--name-only', `main..${branch}`);
      assert.deepEqual(changed.split('\n'), ['greeting.txt', 'old.txt']);
      await setting.git.git('acme/app', 'merge-base', '--is-ancestor', 'main', branch);
    });
  }

  for (const [name, script] of Object.entries({
    'the index is': 'echo nonsense > .git/index',
    'the settings are': 'echo "[" > .git/config',
    'the settings are, differently,': 'git config core.bare true',
  })) {
    test(`with the commits of the agent, although ${name} damaged`, async (t) => {
      const setting = await setUp(t);
      const { result, changed } = await work(setting, `git commit -qam Own; echo b > b; ${script}`);
      assert.equal(result.ErrorMessage, undefined);
      assert.deepEqual(changed, ['b', 'greeting.txt']);
      const subjects = await setting.git.git('acme/app', 'log', '--format=%s', `main..${branch}`);
      assert.equal(subjects, 'Fix the greeting\nOwn');
    });
  }

  test('although an object of its own commit is missing', async (t) => {
    const setting = await setUp(t);
    const script = `git commit -qam Own; object=$(git rev-parse HEAD:greeting.txt)
      rm -f ".git/objects/$(echo "$object" | cut -c1-2)/$(echo "$object" | cut -c3-)"`;
    const { result, changed } = await work(setting, script);
    assert.equal(result.ErrorMessage, undefined);
    assert.deepEqual(changed, ['greeting.txt']);
  });

  test('with the repositories that the agent has made, as folders', async (t) => {
    const setting = await setUp(t);
    const script = `git init -q lib; echo x > lib/x
      git init -q own; echo y > own/y; git -C own add y; git -C own commit -qm Own; git init -q own/inner; echo z > own/inner/z`;
    const { result, changed, files, bundles } = await work(setting, script, { keeps: true });
    assert.equal(result.ErrorMessage, undefined);
    assert.deepEqual(changed, ['greeting.txt', 'lib/x', 'own/inner/z', 'own/y']);
    const bundle = `${ids.TaskId}-1-acme-app-own.bundle`;
    assert.deepEqual(files, [bundle]);
    assert.equal(
      result.OutputMessage,
      `Done.\n\nown of acme/app was a repository of its own. Its files were committed. Its history is in ${join(bundles, bundle)} on the machine of the runner.`,
    );
    await run('git', ['clone', '-q', join(bundles, bundle), join(bundles, 'copy')]);
  });

  test('except files that git refuses, which are kept', async (t) => {
    const setting = await setUp(t);
    const script = `mkdir d; cp -r .git/info d/.GIT; echo 1 > d/a
      echo '*.bin filter=broken' > .gitattributes; git config filter.broken.required true; git config filter.broken.clean false
      echo 1 > 1.bin; echo 2 > 2.txt; echo 3 > '*.bin'`;
    const logged = await work(setting, script);
    assert.equal(logged.result.Status, 'Failed');
    assert.match(
      logged.result.ErrorMessage ?? '',
      /^cannot commit changes of acme\/app in \*\.bin, 1\.bin, d\/\.GIT\/exclude: .*filter.* What they contain is a patch in the log, for "git apply"\.$/,
    );
    assert.match(logged.log, /\+\+\+ app\/1\.bin\n@@ -0,0 \+1 @@\n\+1\n/);
    const committed = ['.gitattributes', '2.txt', 'd/a', 'greeting.txt'];
    assert.deepEqual(logged.changed, committed);
    const other = await setUp(t);
    const kept = await work(other, script, { keeps: true });
    const archive = `${ids.TaskId}-1-acme-app.tar.gz`;
    assert.ok(
      kept.result.ErrorMessage?.endsWith(
        `The files are in ${join(kept.bundles, archive)} on the machine of the runner.`,
      ),
    );
    const listed = await run('tar', ['-tzf', join(kept.bundles, archive)]);
    assert.deepEqual(listed.trim().split('\n').toSorted(), ['./*.bin', './1.bin', './d/.GIT/exclude']);
    assert.deepEqual(kept.changed, committed);
  });
});

suite('work that cannot be pushed', { timeout: 600_000 }, () => {
  test('in clones of other repositories is kept, and the turn names it', async (t) => {
    const setting = await setUp(t);
    const script = 'git checkout -q greeting.txt; git clone -q . other; git clone -q . changed; echo a > changed/a';
    const logged = await work(setting, script);
    assert.equal(logged.result.Status, 'Completed');
    assert.equal(
      logged.result.OutputMessage,
      'Done.\n\nchanged of acme/app was not committed, because it is a repository of its own. What was done in it is a patch in the log, for "git apply".\n\n' +
        'other of acme/app was not committed, because it is a repository of its own.',
    );
    assert.match(logged.log, /\+\+\+ b\/a\n/);
    const kept = await work(
      setting,
      `${script}; git worktree add -q tree; echo b > tree/b; git -C tree add b; git -C tree commit -qm Tree`,
      { keeps: true },
    );
    const archives = ['changed', 'tree'].map((path) => `${ids.TaskId}-1-acme-app-${path}.tar.gz`);
    assert.deepEqual(kept.files.toSorted(), archives);
    assert.doesNotMatch(kept.result.OutputMessage ?? '', /Nothing was changed/);
  });

  test('in a submodule is kept, and no link to it is pushed', async (t) => {
    const setting = await setUp(t);
    const { git } = setting;
    await git.create('acme/part');
    const commit = await git.commit('acme/part', { 'part.txt': 'part\n' });
    await git.commit('acme/app', { '.gitmodules': '[submodule "part"]\n\tpath = part\n\turl = ../part.git\n' });
    const copy = join(setting.dir.path, 'copy');
    await run('sh', [
      '-ec',
      'git clone -q "$0" "$1"; cd "$1"; git update-index --add --cacheinfo "160000,$2,part"; git -c user.name=a -c user.email=a commit -qm Link; git push -q origin HEAD:main',
      join(git.folder, 'acme/app.git'),
      copy,
      commit,
    ]);
    const { result, changed, log } = await work(setting, 'echo b >> part/part.txt; git -C part commit -qam B');
    assert.equal(result.Status, 'Completed');
    assert.deepEqual(changed, ['greeting.txt']);
    assert.match(result.OutputMessage ?? '', /part of acme\/app was not committed.* is a patch in the log/);
    assert.match(log, /\n\+b\n/);
  });

  test('because there is no git any more is named', async (t) => {
    const setting = await setUp(t);
    const gone = await work(setting, 'cd ..; rm -rf "$0"');
    assert.equal(gone.result.ErrorMessage, 'the agent deleted the clone of acme/app. Repeat the turn.');
    const bundles = join(setting.dir.path, 'bundles');
    await mkdir(bundles, { recursive: true });
    const { turn: result } = await setting.turn(
      async (task) => {
        await shell(task, 'echo hello > greeting.txt; rm -rf .git');
        setting.git.password = 'another';
      },
      { env: { PLAN42_BUNDLES: bundles } },
    );
    const archive = join(bundles, `${ids.TaskId}-1-acme-app.tar.gz`);
    assert.match(result.ErrorMessage ?? '', /^cannot commit the changes of acme\/app: cannot clone acme\/app: /);
    assert.ok(result.ErrorMessage?.includes(`The files are in ${archive} on the machine`));
    assert.doesNotMatch(result.OutputMessage ?? '', /Nothing was changed/);
    assert.match(await run('tar', ['-tzf', archive]), /^\.\/greeting\.txt$/m);
  });

  test('for an unknown reason has the output of git in the log', async (t) => {
    const setting = await setUp(t);
    const hook = join(setting.git.folder, 'acme/app.git/hooks/pre-receive');
    await writeFile(hook, '#!/bin/sh\nkill -9 $PPID\n');
    await chmod(hook, 0o755);
    const { result, log } = await work(setting, '');
    const [, reason = ''] = /^cannot push to acme\/app: (.+?) Repeat the turn\./.exec(result.ErrorMessage ?? '') ?? [];
    assert.notEqual(reason, '');
    assert.match(result.ErrorMessage ?? '', /The log contains the output of git\./);
    assert.ok(log.includes(`fatal: ${reason}`) || log.includes(`error: ${reason}`), log);
  });
});
