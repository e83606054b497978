/**
 * Kills the container, the wrapper in it, the command-line agent, git or the runner at random moments, with a real server, runner
 * and git server: every turn ends, there is one pull request, no reported commit is lost, and the next turn continues. Several
 * tasks run side by side. PLAN42_KILL_ROUNDS sets the number of kills, PLAN42_KILL_LANES that of the tasks,
 * PLAN42_KILL_RUNTIMES the runtimes, PLAN42_KILL_SEED repeats the choices.
 */
import { randomUUID } from 'node:crypto';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { formatError } from '../src/lib/errors.ts';
import { listWithVariable } from '../src/lib/processes.ts';
import { isTerminalStatus } from '../src/plan42/turn-status.ts';
import { setUpAgent } from './support/agent-setting.ts';
import { connectionConfig, createConnection, createRepository, variablesOf } from './support/chain-setting.ts';
import { startControlPlane, type TestControlPlane } from './support/control-plane.ts';
import { type Env, run } from './support/engines/processes.ts';
import { requires } from './support/engines-client.ts';
import { eventually } from './support/eventually.ts';
import { killByVariable } from './support/kill-by-variable.ts';
import { type Ends, killTurns, type Lane, turnTimeoutMs } from './support/kills/lane.ts';
import { seededRandom } from './support/random.ts';
import { agentBundle, agentEntrypoint, pushReferenceAgent } from './support/reference-agent-image.ts';
import { type RunnerOptions, RunnerProcess } from './support/runner-process.ts';
import { getTurn, jobIdOf } from './support/tasks.ts';

const { env } = process;
const rounds = Number(env['PLAN42_KILL_ROUNDS'] ?? 4);
const lanes = Number(env['PLAN42_KILL_LANES'] ?? 2);
const seed = Number(env['PLAN42_KILL_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
// Of jobs on the host, a test without a runner kills more, in less time.
const runtimes = (env['PLAN42_KILL_RUNTIMES'] ?? 'docker').split(',') as ('host' | 'docker' | 'podman')[];

/** Commits once, and leaves another change. */
const work = [
  ...['cat >/dev/null', 'date +%s%N >>work.txt', 'git add work.txt', 'git commit -qm "Work"', 'sleep 1'],
  ...['date +%s%N >>more.txt', 'echo "Worked."'],
].join('\n');

suite('a killed part of a turn', { skip: process.platform !== 'linux' && 'needs /proc' }, () => {
  for (const runtime of runtimes) {
    test(`loses nothing, with jobs of ${runtime}`, { timeout: (rounds + 30) * 60_000 }, async (t) => {
      const engines = runtime === 'host' ? undefined : await requires(t, runtime, 'registry');
      if (runtime !== 'host' && !engines) return;
      t.diagnostic(`PLAN42_KILL_SEED=${seed}`);
      const setting = await setUpAgent(t);
      const bundle = join(setting.dir.path, 'agent.mjs');
      await copyFile(agentBundle, bundle);
      await using plane = await startControlPlane();
      const image = engines && (await pushReferenceAgent(engines.registry));
      const engine = engines && { name: runtime, env: { ...engines[runtime as 'docker'].env } };
      const GithubConnectionId = await createConnection(plane);
      await using runner = await startKillableRunner({
        url: plane.server.url,
        token: await plane.newToken(),
        runtime,
        config: connectionConfig(GithubConnectionId, setting) + jobsConfig(bundle),
        ...(engine && { env: engine.env }),
      });
      t.after(() => t.passed || console.log(runner.log()));

      const markers: string[] = [];
      const startLane = async (number: number): Promise<Lane> => {
        const marker = randomUUID();
        markers.push(marker);
        const repo = await createRepository(setting, `acme/app-${number}`);
        const variables = {
          PLAN42_AGENT_COMMAND: JSON.stringify(['sh', '-c', work]),
          PLAN42_AGENT_PROTOCOL: 'command',
        };
        const EnvironmentId = await plane.newEnvironment({
          Repos: [repo],
          GithubConnectionId,
          ...(image && { DockerImage: image }),
          EnvVars: variablesOf({ ...variables, ROUND_OF: marker }),
        });
        const taskId = await plane.newTask({ EnvironmentId, Title: 'Work', Prompt: 'Work' });
        const kill: Lane['kill'] = async (victim, index) => {
          const jobId = jobIdOf(taskId, index);
          if (victim === 'runner') await runner.kill();
          else if (victim === 'agent') await killByVariable('ROUND_OF', marker);
          else if (victim === 'git') await killNextGit(marker, async () => isOver(plane, taskId));
          else if (victim === 'wrapper') await killWrapper(jobId, engine ?? { bundle });
          else if (engine) await run(engine.name, ['kill', jobId], { env: engine.env }).catch(() => {});
          else await killByVariable('PLAN42_JOB_ID', jobId);
        };
        return { ...setting, taskId, repo, plane, kill, random: seededRandom(seed + number) };
      };
      const started = await Promise.all(Array.from({ length: lanes }, (_, number) => startLane(number)));
      // If one lane fails, the others still show whether they do.
      const killAll = async (lane: Lane) =>
        await killTurns(lane, Math.ceil(rounds / lanes)).catch((error: unknown) => {
          console.log(formatError(error));
          throw error;
        });
      const ended = await Promise.allSettled(started.map(killAll));
      t.diagnostic(JSON.stringify(sum(ended.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : [])))));
      const failures = ended.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
      if (failures.length > 0) throw new AggregateError(failures, failures.map(formatError).join('\n'));
      for (const marker of markers) {
        await eventually(async () => (await listWithVariable('ROUND_OF', marker)).length === 0);
      }
    });
  }
});

const jobsConfig = (bundle: string) => `[host]
unisolated = true
command = ["${process.execPath}", "${bundle}"]
[jobs]
network = "host"
entrypoint = "${agentEntrypoint}"
`;

/** A runner that continues with the same state after each kill. */
async function startKillableRunner(options: RunnerOptions) {
  let runner = await RunnerProcess.start(options);
  let earlierLogs = '';
  let killed: Promise<void> = Promise.resolve();
  const restart = async () => {
    await runner.stop('SIGKILL');
    earlierLogs += runner.log;
    runner = await RunnerProcess.start({ ...options, folder: runner.folder });
  };
  await runner.logged(/queue registered/, 5 * 60_000).catch(async (error: unknown) => {
    await runner[Symbol.asyncDispose]();
    throw error;
  });
  return {
    log: () => earlierLogs + runner.log,
    /** One after the other, if several lanes kill it. */
    kill: () => (killed = killed.then(restart)),
    [Symbol.asyncDispose]: () => runner[Symbol.asyncDispose](),
  };
}

/** Kills the reference agent, but not what it has started. */
async function killWrapper(jobId: string, job: { name: string; env: Env } | { bundle: string }): Promise<void> {
  if ('bundle' in job) {
    for (const pid of await listWithVariable('PLAN42_JOB_ID', jobId)) {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (command.split('\0').includes(job.bundle)) killProcess(pid);
    }
    return;
  }
  const inspect = ['inspect', '--format', '{{.State.Pid}}', jobId];
  const pid = Number(await run(job.name, inspect, { env: job.env }).catch(() => '0'));
  if (pid > 0) killProcess(pid);
}

/** Kills the commands of git that run, or else the next ones, of the reference agent or of the command-line agent. */
async function killNextGit(marker: string, isOver: () => Promise<boolean>): Promise<void> {
  await eventually(async () => {
    const killed: number[] = [];
    for (const pid of await listWithVariable('ROUND_OF', marker)) {
      const command = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
      if (!command.startsWith('git')) continue;
      killProcess(pid);
      killed.push(pid);
    }
    return killed.length > 0 || (await isOver());
  }, turnTimeoutMs);
}

async function isOver(plane: TestControlPlane, taskId: string): Promise<boolean> {
  return isTerminalStatus((await getTurn(plane, taskId)).Status);
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has exited.
  }
}

function sum(all: readonly Ends[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const [end, count] of all.flatMap((ends) => [...ends])) total[end] = (total[end] ?? 0) + count;
  return total;
}
