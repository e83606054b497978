/** The demo, as a newcomer runs it, with its scripted agent as a process and in real containers. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { makeImage } from '../scripts/demo/image.ts';
import { requires } from './support/engines-client.ts';
import { makeTempDir } from './support/temp-dir.ts';

const run = promisify(execFile);
const script = join(import.meta.dirname, '../scripts/demo.ts');

suite('make demo', { concurrency: 2 }, () => {
  test('without an engine, the agent runs on the host and the demo reports that', async () => {
    await using demo = await startDemo({ ENGINE: 'none' });
    assert.equal(await demo.exitCode, 0, demo.output());
    assert.match(demo.output(), /as a process of yours, without isolation/);
    checkStory(demo.output());
  });

  test('with podman, the agent runs in containers', async (t) => {
    const found = await requires(t, 'podman');
    if (!found) return;
    const { env } = found.podman;
    await using demo = await startDemo({ ...env, ENGINE: 'podman' });
    assert.equal(await demo.exitCode, 0, demo.output());
    assert.match(demo.output(), /Each turn ran in a new container of podman\./);
    checkStory(demo.output());
    const { stdout: images } = await run('podman', ['images', '--quiet', 'localhost/plan42-demo-agent'], {
      env: { ...process.env, ...env },
    });
    assert.equal(images, '', 'the image is gone');
  });

  test('with docker, another agent gets its key, and everything stays to be looked at', async (t) => {
    const found = await requires(t, 'docker');
    if (!found) return;
    const { env } = found.docker;
    // As if "plan42 agent build" had made it, but with the scripted agent, because no model can be asked.
    const image = 'localhost/plan42-agent-claude:latest';
    await using folder = await makeTempDir();
    await makeImage('docker', image, folder.path, { ...process.env, ...env });
    t.after(() => run('docker', ['rmi', '--force', image], { env: { ...process.env, ...env } }));
    const key = 'sk-ant-very-secret';
    await using demo = await startDemo({
      ...env,
      ENGINE: 'docker',
      AGENT: 'claude',
      ANTHROPIC_API_KEY: key,
      KEEP: '1',
    });
    await demo.prints(/Ctrl-C stops everything/);
    const output = demo.output();
    assert.match(output, /docker has localhost\/plan42-agent-claude:latest\./);
    assert.match(output, /environment create shop .* --env ANTHROPIC_API_KEY$/m);
    assert.doesNotMatch(output, new RegExp(key));
    checkStory(output);
    const [, link = ''] = /page of Plan42: +(http\S+)/.exec(output) ?? [];
    assert.equal((await fetch(link)).status, 200);
    const [, pullRequest = ''] = /The pull request: +(http\S+)/.exec(output) ?? [];
    const page = await (await fetch(pullRequest)).text();
    for (const shown of [
      'Fix the failing test',
      '<ins>+',
      'Please round to pennies',
      'You are right',
      'Address the review',
    ])
      assert.ok(page.includes(shown), `${shown}: ${page}`);
    demo.child.kill('SIGINT');
    assert.equal(await demo.exitCode, 0, demo.output());
    await assert.rejects(fetch(pullRequest));
  });

  test('a choice that cannot be is rejected before anything starts', async () => {
    for (const [env, error] of [
      [{ AGENT: 'claude', ENGINE: 'none' }, /AGENT=claude needs a key: set ANTHROPIC_API_KEY or /],
      [{ AGENT: 'claudia' }, /invalid AGENT=claudia: use claude, codex, /],
      [{ ENGINE: 'lxc' }, /invalid ENGINE=lxc: use podman, docker or none/],
      [{ AGENT: 'claude', ENGINE: 'none', ANTHROPIC_API_KEY: 'x' }, /claude needs a container, and no engine is ready/],
    ] as const) {
      await using demo = await startDemo(env);
      assert.equal(await demo.exitCode, 1);
      assert.match(demo.output(), error);
    }
  });
});

/** A stranger finds all of it in the output. */
function checkStory(output: string): void {
  const [before = '', after = ''] = output.split('\n5. ');
  assert.match(before, /✖ two mugs cost twice as much as one\n.* expected 7, actual 3\.5/, 'the failing test');
  // A status that lasts shorter than the interval between two looks is not shown.
  assert.match(before, /\[turn 1\] [\s\S]*\$ node --test: failed[\s\S]*\[turn 1\] Completed/, 'the log');
  assert.match(
    before,
    /│ \+ {2}return items\.reduce\(\(sum, item\) => sum \+ item\.price \* item\.quantity, 0\);/,
    'the diff',
  );
  assert.match(before, /#1: http:\/\/127\.0\.0\.1:\d+\/acme\/shop\/pull\/1$/m, 'the pull request');
  assert.match(before, /✔ two mugs cost twice as much as one[^✖]*$/, 'the tests of the branch');
  assert.match(after, /ann comments on cart\.js, line 3:/);
  assert.match(after, /The reply to ann:\n.*You are right: it returned 0\.30000000000000004/);
  assert.match(after, /: Address the review\.\n.*: Fix the failing test\n/, 'two commits');
  assert.match(after, /✔ pennies are exact\n/);
  assert.match(after, /Runner +Running, ready/);
  assert.match(after, /plan42-\S+-2 +Fix the failing test +2 +No/, 'the job is listed as over');
  assert.match(after, /^Done, in \d+ s$/m);
}

interface RunningDemo extends AsyncDisposable {
  child: ChildProcess;
  output: () => string;
  prints: (pattern: RegExp) => Promise<void>;
  exitCode: Promise<number | null>;
}

async function startDemo(env: NodeJS.ProcessEnv): Promise<RunningDemo> {
  const temporary = await mkdtemp(join(tmpdir(), 'plan42-demo-test-'));
  await mkdir(join(temporary, 'home'));
  const child = spawn(process.execPath, [script], {
    env: { PATH: process.env['PATH'], HOME: join(temporary, 'home'), TMPDIR: temporary, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exitCode = once(child, 'close').then(([code]) => code as number | null);
  let output = '';
  const { promise: changed, resolve: change } = Promise.withResolvers<void>();
  let onChange = change;
  let nextChange = changed;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      onChange();
      ({ promise: nextChange, resolve: onChange } = Promise.withResolvers<void>());
    });
  }
  return {
    child,
    output: () => output,
    prints: async (pattern) => {
      while (!pattern.test(output)) {
        await Promise.race([nextChange, exitCode]);
        assert.equal(child.exitCode, null, output);
      }
    },
    exitCode,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await exitCode;
      assert.deepEqual(await readdir(temporary), ['home'], 'nothing is left behind');
      await rm(temporary, { recursive: true });
    },
  };
}
