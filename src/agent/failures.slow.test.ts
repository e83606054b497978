/** Each failure of a turn has a sentence that a person can act on, and loses no work. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { branch, ids, setUpAgent } from '../../test/support/agent-setting.ts';
import { run } from '../../test/support/engines/processes.ts';
import { AgentFailure } from './drivers/driver.ts';
import { TurnFailure } from './failures.ts';
import { runSetupScript } from './setup-script.ts';

const fix = ({ folder }: { folder: string }) => writeFile(join(folder, 'greeting.txt'), 'hello\n');
const fixAndFail = async (task: { folder: string }) => {
  await fix(task);
  throw new AgentFailure('exited', 'the agent exited with code 1.');
};
const untouched = () => assert.fail('the agent must not start');
// No program listens on it.
const closedPort = 'http://127.0.0.1:1';

suite('a turn fails with its reason', { timeout: 600_000 }, () => {
  test('if the token is refused, has no access, or the repository does not exist', async (t) => {
    const { git, turn } = await setUpAgent(t);
    const { host } = new URL(git.url);
    git.password = 'another';
    const refused = await turn(untouched, { request: { GithubToken: undefined } });
    assert.equal(
      refused.turn.ErrorMessage,
      `cannot clone acme/app: ${host} refused the token, or there is none. Give the token of the GitHub connection read access to acme/app.`,
    );
    const denied = await turn(untouched);
    assert.equal(
      denied.turn.ErrorMessage,
      `cannot clone acme/app: the token has no access (${host} responded with 403). Give the token of the GitHub connection read access to acme/app.`,
    );
    git.password = undefined;
    const missing = await turn(untouched, { request: { Environment: { Repos: ['acme/none'] } } });
    assert.equal(
      missing.turn.ErrorMessage,
      `cannot clone acme/none: there is no such repository on ${host}, or the token cannot see it. Give the token of the GitHub connection read access to acme/none.`,
    );
    for (const { turn, exitCode } of [refused, denied, missing])
      assert.deepEqual([turn.Status, exitCode], ['Failed', 0]);
  });

  test('if a host is not reachable', async (t) => {
    const { turn } = await setUpAgent(t);
    const { turn: result } = await turn(untouched, { request: { GithubURL: closedPort } });
    assert.equal(
      result.ErrorMessage,
      "cannot clone acme/app: 127.0.0.1:1 is not reachable. Check the network of the runner's machine, and allow 127.0.0.1:1 if the environment limits its hosts.",
    );
  });

  test('if there is no git', async (t) => {
    const { turn } = await setUpAgent(t);
    const { turn: result } = await turn(untouched, { env: { PATH: '/nonexistent' } });
    assert.equal(result.ErrorMessage, 'git is not installed in the image. Add it to the image.');
  });

  test('if the disk is full', async (t) => {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) {
      t.skip('missing prerequisite: a small disk: only root can mount one');
      return;
    }
    const { dir, git, turn } = await setUpAgent(t);
    await git.commit('acme/app', { 'big.txt': randomBytes(3 << 20).toString('base64') });
    const workspace = join(dir.path, 'disk');
    await mkdir(workspace);
    await run('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', workspace]);
    try {
      const { turn: result } = await turn(untouched, { workspace });
      assert.equal(
        result.ErrorMessage,
        'the disk is full. Free some space on the machine of the runner, then repeat the turn.',
      );
    } finally {
      await run('umount', ['--lazy', workspace]);
    }
  });

  test('if the setup script fails, whose output is in the log', async (t) => {
    const { turn } = await setUpAgent(t);
    const SetupScript = 'echo "installing"\necho "no such package" >&2\nfalse\necho never';
    const { turn: result, log } = await turn(untouched, { request: { Environment: { SetupScript } } });
    assert.match(
      result.ErrorMessage ?? '',
      /^the setup script failed with exit code 1: no such package\. Change the SetupScript of the environment\. Its output is in the log\.$/,
    );
    assert.ok(log.includes('installing') && log.includes('no such package') && !log.includes('never'));
  });

  test('if the setup script waits without end', async (t) => {
    const { dir } = await setUpAgent(t);
    const options = { folder: dir.path, env: process.env, log: () => {}, signal: t.signal, silenceTimeoutMs: 1000 };
    await runSetupScript('sleep 0.7; echo a; sleep 0.7', options);
    await assert.rejects(runSetupScript('sleep 1000', options), {
      message: /^the setup script wrote nothing for 1\.0 s\. Change the SetupScript of the environment/,
    });
  });

  test('if the agent fails, and its work is on the branch', async (t) => {
    const { git, github, turn } = await setUpAgent(t);
    const { turn: result } = await turn(fixAndFail);
    assert.equal(
      result.ErrorMessage,
      `the agent exited with code 1. What was done until then is on the branch ${branch}.`,
    );
    assert.equal(await git.git('acme/app', 'show', `${branch}:greeting.txt`), 'hello');
    const commit = await git.git('acme/app', 'rev-parse', branch);
    assert.equal(result.CommitInfo?.['acme/app']?.LastCommitHash, commit);
    assert.equal(github.state.repos.get('acme/app')?.pullRequests.size, 0);
  });

  test('if the agent fails without a change', async (t) => {
    const { git, turn } = await setUpAgent(t);
    const { turn: result } = await turn(() => Promise.reject(new AgentFailure('no-key', 'there is no key.')));
    assert.equal(result.ErrorMessage, 'there is no key.');
    assert.equal(await git.git('acme/app', 'branch', '--list', branch), '');
  });

  test('if the branch is protected, and its work is kept as a bundle, or in the log', async (t) => {
    const { dir, git, turn } = await setUpAgent(t);
    const hook = join(git.folder, 'acme/app.git/hooks/pre-receive');
    const script = 'echo "error: GH006: Protected branch update failed for refs/heads/x." >&2\nexit 1\n';
    await writeFile(hook, `#!/bin/sh\n${script}`);
    await chmod(hook, 0o755);
    const bundles = join(dir.path, 'bundles');
    await mkdir(bundles);
    const kept = await turn(fix, { env: { PLAN42_BUNDLES: bundles } });
    const file = join(bundles, `${ids.TaskId}-1-acme-app.bundle`);
    assert.equal(
      kept.turn.ErrorMessage,
      'cannot push to acme/app: a rule of the repository protects the branch (Protected branch update failed for refs/heads/x). ' +
        'Change the rule, or set another feature branch for the task. ' +
        `What was done is in ${file} on the machine of the runner: git fetch ${file} ${branch}`,
    );
    assert.equal(kept.turn.OutputMessage?.split('\n')[0], 'Done.');
    const copy = join(dir.path, 'copy');
    await run('sh', [
      '-c',
      'git clone -q "$0" "$1" && git -C "$1" fetch -q "$2" "$3"',
      `${git.folder}/acme/app.git`,
      copy,
      file,
      branch,
    ]);
    assert.equal(await run('git', ['-C', copy, 'show', 'FETCH_HEAD:greeting.txt']), 'hello\n');

    const logged = await turn(fix, { env: { PLAN42_BUNDLES: '/nonexistent' } });
    assert.match(
      logged.turn.ErrorMessage ?? '',
      /What was done in acme\/app is a patch in the log, for "git apply"\.$/,
    );
    assert.match(logged.log.join('\n'), /\n-helo\n\+hello$/);
    assert.deepEqual(await readdir(bundles), [`${ids.TaskId}-1-acme-app.bundle`]);
  });

  test('if another commit conflicts, and its work is on another branch', async (t) => {
    const { git, turn } = await setUpAgent(t);
    await turn(fix);
    const { turn: result } = await turn(
      async ({ folder }) => {
        await writeFile(join(folder, 'greeting.txt'), 'hello, world\n');
        await git.commit('acme/app', { 'greeting.txt': 'hi\n' }, { branch });
      },
      { request: { Turn: { TurnIndex: 2 } } },
    );
    assert.equal(
      result.ErrorMessage,
      `another commit on ${branch} of acme/app conflicts with this turn's changes in greeting.txt. ` +
        `The work of this turn is on the branch ${branch}-turn-2. Merge it, or repeat the turn.`,
    );
    assert.equal(await git.git('acme/app', 'show', `${branch}-turn-2:greeting.txt`), 'hello, world');
    assert.equal(await git.git('acme/app', 'show', `${branch}:greeting.txt`), 'hi');
  });

  test('if the pull request is refused, and its work is on the branch', async (t) => {
    const { git, github, turn } = await setUpAgent(t);
    github.everyAnswer = (response, { method }) => {
      if (method === 'POST')
        response.writeHead(403).end('{"message":"Resource not accessible by personal access token"}');
      else response.writeHead(200).end('[]');
    };
    const { turn: result } = await turn(fix);
    assert.equal(
      result.ErrorMessage,
      `the changes are on the branch ${branch}, but there is no pull request for acme/app: the token has no access (Resource not accessible by personal access token). Give the token of the GitHub connection the permission to write pull requests.`,
    );
    assert.equal(result.OutputMessage, 'Done.');
    assert.equal(await git.git('acme/app', 'show', `${branch}:greeting.txt`), 'hello');
  });

  test('if it is stopped, and its work is on the branch', async (t) => {
    const { git, turn } = await setUpAgent(t);
    const stop = new AbortController();
    const { turn: result, exitCode } = await turn(
      async (task) => {
        await fix(task);
        stop.abort();
        task.signal.throwIfAborted();
      },
      { signal: stop.signal },
    );
    assert.deepEqual([result.Status, exitCode], ['Failed', 143]);
    assert.equal(result.ErrorMessage, `stopped. What was done until then is on the branch ${branch}.`);
    assert.equal(await git.git('acme/app', 'show', `${branch}:greeting.txt`), 'hello');
  });

  test('if it is stopped at a limit of its job', async (t) => {
    const { turn } = await setUpAgent(t);
    const stop = new AbortController();
    const { turn: result } = await turn(
      async (task) => {
        stop.abort(new TurnFailure('The agent was stopped at a limit: it ran for 1 h.'));
        task.signal.throwIfAborted();
      },
      { signal: stop.signal },
    );
    assert.equal(result.ErrorMessage, 'The agent was stopped at a limit: it ran for 1 h.');
  });

  test('if names and URLs of repositories are not allowed', async (t) => {
    const { turn } = await setUpAgent(t);
    for (const name of ['../app', 'app', '-u/app', 'acme/.git']) {
      const { turn: result } = await turn(untouched, { request: { Environment: { Repos: [name] } } });
      assert.match(result.ErrorMessage ?? '', /of the environment has no valid name\. Write it like "org\/repo"\.$/);
    }
    const { turn: result } = await turn(untouched, { request: { RepoURLs: { 'acme/app': 'ext::sh -c id' } } });
    assert.equal(result.ErrorMessage, 'cannot clone acme/app: its URL has an unknown scheme. Use an https URL.');
  });
});

suite('a turn completes with a note', { timeout: 600_000 }, () => {
  test('if nothing was changed', async (t) => {
    const { git, turn } = await setUpAgent(t);
    const { turn: result } = await turn(() => Promise.resolve({ message: 'It greets people.' }));
    assert.deepEqual(
      [result.Status, result.OutputMessage],
      ['Completed', 'It greets people.\n\nNothing was changed in this turn.'],
    );
    assert.equal(await git.git('acme/app', 'branch', '--list', branch), '');
  });

  test('if the branch conflicts with its target, and the next turn is asked to merge', async (t) => {
    const { git, turn } = await setUpAgent(t);
    const { turn: result } = await turn(async (task) => {
      await fix(task);
      await git.commit('acme/app', { 'greeting.txt': 'hi\n' });
    });
    assert.deepEqual(
      [result.Status, result.OutputMessage],
      [
        'Completed',
        `Done.\n\nThe branch ${branch} conflicts with main of acme/app in greeting.txt. Ask for a merge of main in the next turn.`,
      ],
    );
    let prompt = '';
    const second = await turn(
      async (task) => {
        ({ prompt } = task);
        const merge =
          'cd "$0" || exit; git merge -q origin/main; git checkout -q --ours greeting.txt; git commit -qam merge';
        await run('sh', ['-c', merge, task.folder], { env: task.env as Record<string, string> });
      },
      { request: { Turn: { TurnIndex: 2, Prompt: 'Merge main' } } },
    );
    assert.match(prompt, /conflicts with origin\/main in greeting\.txt\. Merge origin\/main/);
    assert.deepEqual([second.turn.Status, second.turn.OutputMessage], ['Completed', 'Done.']);
    await git.git('acme/app', 'merge-base', '--is-ancestor', 'main', branch);
  });
});
