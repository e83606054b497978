/**
 * Kills the job, the command-line agent or the runner at random moments, with a real server, runner and git server, and with
 * jobs in containers: every turn ends, there is one pull request, no reported commit is lost, and the next turn continues.
 * PLAN42_KILL_ROUNDS sets the number of turns, PLAN42_KILL_SEED repeats the choices.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setUpAgent, token } from './support/agent-setting.ts';
import { startControlPlane } from './support/control-plane.ts';
import { busyboxLayer, folderLayer, programLayer } from './support/engines/images.ts';
import { run } from './support/engines/processes.ts';
import { pushImage } from './support/engines/push-image.ts';
import { requires } from './support/engines-client.ts';
import { killByArgument, killByVariable } from './support/kill-by-variable.ts';
import { seededRandom } from './support/random.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { jobIdOf, untilOver } from './support/tasks.ts';
import { makeTempDir } from './support/temp-dir.ts';

const bundle = join(import.meta.dirname, '../dist/js/plan42-agent.mjs');
const rounds = Number(process.env['PLAN42_KILL_ROUNDS'] ?? 3);
const seed = Number(process.env['PLAN42_KILL_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
const victims = ['job', 'agent', 'runner'] as const;
const turnTimeoutMs = 120_000;

/** Commits once, and leaves another change. */
const work = [
  ...['cat >/dev/null', 'date +%s%N >>work.txt', 'git add work.txt', 'git commit -qm "Work"', 'sleep 1'],
  ...['date +%s%N >>more.txt', 'echo "Worked."'],
].join('\n');

/** An image with the reference agent, git and a shell. */
async function pushAgentImage(registry: string): Promise<string> {
  await using dir = await makeTempDir();
  const folder = join(dir.path, 'agent');
  await mkdir(folder);
  await copyFile(bundle, join(folder, 'plan42-agent.mjs'));
  await writeFile(join(folder, 'run'), '#!/bin/sh\nexec node /opt/agent/plan42-agent.mjs "$@"\n', { mode: 0o755 });
  const git = (await run('sh', ['-c', 'command -v git'])).trim();
  const execPath = (await run('git', ['--exec-path'])).trim();
  const programs = [process.execPath, git, `${execPath}/git-remote-http`, '/usr/bin/env'];
  const agent = { from: folder, to: '/opt/agent' };
  return await pushImage({
    registry,
    repository: 'test/reference-agent',
    tag: 'v1',
    layers: await Promise.all([busyboxLayer(dir.path), programLayer(dir.path, programs), folderLayer(dir.path, agent)]),
    env: [`PATH=${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`],
    signal: AbortSignal.timeout(60_000),
  });
}

suite('a killed part of a turn', { skip: process.platform !== 'linux' && 'needs /proc' }, () => {
  // Of jobs on the host, a test without a runner kills more, in less time.
  const runtimes = process.env['PLAN42_KILL_ROUNDS'] ? (['host', 'docker'] as const) : (['docker'] as const);
  for (const runtime of runtimes) {
    test(`loses nothing, with jobs of ${runtime}`, { timeout: (rounds + 4) * turnTimeoutMs }, async (t) => {
      const engines = runtime === 'docker' ? await requires(t, 'docker', 'registry') : undefined;
      if (runtime === 'docker' && !engines) return;
      t.diagnostic(`PLAN42_KILL_SEED=${seed}`);
      const random = seededRandom(seed);
      const { dir, git, github } = await setUpAgent(t);
      await copyFile(bundle, join(dir.path, 'agent.mjs'));
      const image = engines && (await pushAgentImage(engines.registry));
      await using plane = await startControlPlane();
      const GithubConnectionId = randomUUID();
      const RunnerID = plane.runner.split('/').at(-1);
      await plane.call('PUT', `github-connections/${GithubConnectionId}`, { body: { Private: true, RunnerID } });
      const config = `[github.test]\nconnection_id = "${GithubConnectionId}"\nurl = "${git.url}"\ntoken = "${token}"\n
        [host]\nunisolated = true\ncommand = ["${process.execPath}", "${join(dir.path, 'agent.mjs')}"]\n
        [jobs]\nnetwork = "host"\nentrypoint = "/opt/agent/run"\n`;
      const options = {
        url: plane.server.url,
        token: await plane.newToken(),
        runtime,
        config,
        ...(engines && { env: { ...engines.docker.env } }),
      };
      let runner = await RunnerProcess.start(options);
      const { folder } = runner;
      t.after(() => runner[Symbol.asyncDispose]());
      await runner.logged(/queue registered/);

      const marker = randomUUID();
      const variables = {
        PLAN42_AGENT_COMMAND: JSON.stringify(['sh', '-c', work]),
        PLAN42_AGENT_PROTOCOL: 'command',
        ROUND_OF: marker,
      };
      const EnvironmentId = await plane.newEnvironment({
        Repos: ['acme/app'],
        GithubConnectionId,
        ...(image && { DockerImage: image }),
        EnvVars: Object.entries(variables).map(([Name, Value]) => ({ Name, Value, IsSecret: false })),
      });
      const taskId: string = await plane.newTask({ EnvironmentId, Title: 'Work', Prompt: 'Work' });
      const startedAt = performance.now();
      const first = await untilOver(plane, taskId, turnTimeoutMs);
      assert.equal(first.turn.Status, 'Completed', first.turn.ErrorMessage);
      const usualMs = performance.now() - startedAt;
      const { FeatureBranch: branch } = (await plane.call('GET', `tasks/${taskId}`)).body.RepoInfo['acme/app'];
      const reported = new Set<string>([first.turn.CommitInfo['acme/app'].LastCommitHash]);

      const kill = {
        job: async (index: number) => {
          const id = jobIdOf(taskId, index);
          if (engines) await run('docker', ['kill', id], { env: engines.docker.env }).catch(() => {});
          else await killByArgument(join(dir.path, 'agent.mjs'));
        },
        agent: () => killByVariable('ROUND_OF', marker),
        runner: async () => {
          await runner.stop('SIGKILL');
          runner = await RunnerProcess.start({ ...options, folder });
        },
      };
      const startTurn = async (index: number) => {
        const created = await plane.call('PUT', `tasks/${taskId}/turns/${index}`, { body: { Prompt: 'More' } });
        assert.equal(created.status, 201);
      };
      const ends: Record<string, number> = {};
      for (let index = 2; index < rounds + 2; index += 1) {
        const victim = victims[Math.floor(random() * victims.length)] ?? 'job';
        const delayMs = Math.floor(random() * usualMs);
        const tip = await git.git('acme/app', 'rev-parse', branch);
        await startTurn(index);
        await sleep(delayMs);
        await kill[victim](index);
        const { turn } = await untilOver(plane, taskId, turnTimeoutMs);
        const where = `PLAN42_KILL_SEED=${seed}, turn ${index}, ${victim} killed after ${delayMs} ms: ${turn.ErrorMessage}`;
        ends[`${victim} ${turn.Status}`] = (ends[`${victim} ${turn.Status}`] ?? 0) + 1;
        const commits = turn.CommitInfo?.['acme/app'];
        if (commits?.LastCommitHash) reported.add(commits.LastCommitHash);
        for (const commit of [tip, ...reported]) {
          await git.git('acme/app', 'merge-base', '--is-ancestor', commit, branch).catch((error: unknown) => {
            throw new Error(`${where}: ${commit} is lost`, { cause: error });
          });
        }
        assert.equal(github.state.repos.get('acme/app')?.pullRequests.size, 1, where);
      }
      await startTurn(rounds + 2);
      const last = await untilOver(plane, taskId, turnTimeoutMs);
      assert.equal(last.turn.Status, 'Completed', last.turn.ErrorMessage);
      t.diagnostic(JSON.stringify(ends));
    });
  }
});
