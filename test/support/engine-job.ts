import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { parseConfig } from '../../src/config/parse.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { commandLine } from '../../src/lib/processes.ts';
import { createDockerRuntime } from '../../src/runtimes/engine/docker.ts';
import { createPodmanRuntime } from '../../src/runtimes/engine/podman.ts';
import type { Runtime, StartOptions } from '../../src/runtimes/runtime.ts';
import { listJobProcesses, readState } from '../../src/shim/shim.ts';
import { makePausingEngine } from './crash/pausing-engine.ts';
import { run } from './engines/processes.ts';
import { requires } from './engines-client.ts';
import { eventually } from './eventually.ts';
import { makeJobFolder } from './job-folder.ts';
import { readLog } from './job-log.ts';

/** One job, and a real engine to run it. */
export interface EngineJob extends AsyncDisposable {
  runtime: Runtime;
  job: StartOptions;
  log: () => Promise<string>;
  /** Runs the engine's own command. */
  engine: (...args: string[]) => Promise<string>;
  /** Environment of its command. */
  env: NodeJS.ProcessEnv;
  /** The same runtime, with an unreachable engine. */
  unreachable: Runtime;
}

/** Commands of an agent that prints `begun`, repeats `work`, and runs `end` on SIGUSR1. */
export function runUntilReleased(end: string, work = ':'): string {
  return `trap '${end}' USR1; echo begun; while :; do ${work}; sleep 0.1; done`;
}

/** Makes the agent of `runUntilReleased` exit. */
export async function releaseAgent({ engine, job }: Pick<EngineJob, 'engine' | 'job'>): Promise<void> {
  await engine('kill', '--signal', 'USR1', job.jobId);
}

/** Starts the job; resolves when its agent has written `text`. */
export async function startAndWrite({ runtime, job, log, engine }: EngineJob, text: string): Promise<void> {
  await runtime.start(job);
  await eventually(async () => (await log()).includes(text));
  // Output can come before the client has noted that the container runs.
  const isRunning = async () =>
    (await engine('container', 'inspect', '--format', '{{.State.Running}}', job.jobId)).trim() === 'true';
  await eventually(isRunning);
}

const createRuntime = { docker: createDockerRuntime, podman: createPodmanRuntime };

/** Kills the shim, as the kernel does if memory runs out. */
export async function killShim({ folder }: StartOptions): Promise<void> {
  const state = await readState(folder);
  assert.ok(state.phase === 'running');
  process.kill(-state.pid, 'SIGKILL');
}

/** The attached `podman run` or `docker run`, but not its shim. */
export async function killClient({ folder, jobId }: StartOptions): Promise<void> {
  const state = await readState(folder);
  assert.ok(state.phase === 'running');
  for (const { pid } of await listJobProcesses(state.pid)) {
    if ((await commandLine(pid)).includes(jobId)) process.kill(pid, 'SIGKILL');
  }
  await eventually(async () => (await readState(folder)).phase === 'exited');
}

interface Nothing extends AsyncDisposable {
  runtime?: never;
}

/** Skips the test, with nothing set up, if the engine is missing. */
export async function setUpEngineJob(
  t: TestContext,
  name: 'docker' | 'podman',
  { commands, isPausing = false }: { commands: string; isPausing?: boolean },
): Promise<EngineJob | Nothing> {
  const engines = await requires(t, name, 'registry');
  if (!engines) return { [Symbol.asyncDispose]: async () => {} };
  const folder = await makeJobFolder(JSON.stringify({ Prompt: `@@${commands}@@` }));
  const job = { ...folder, jobId: `plan42-${randomUUID()}-1`, image: engines.images.agent };
  const PATH = isPausing ? await makePausingEngine(name, join(folder.folder, 'bin')) : process.env['PATH'];
  if (isPausing) await run('touch', [join(folder.folder, 'bin/pause')]);
  const env = { ...process.env, ...engines[name].env, PATH };
  const { config } = parseConfig({ env: {}, flags: new Map() });
  const create = (environment: NodeJS.ProcessEnv) =>
    createRuntime[name]({ env: environment, instanceId: 'test', limits: config.jobs, logger: silentLogger });
  const runtime = create(env);
  await runtime.pull(job.image, 'if-not-present');
  const engine = (...args: string[]) => run(name, args, { env: engines[name].env });
  return {
    runtime,
    job,
    engine,
    env,
    unreachable: create({
      ...env,
      DOCKER_HOST: 'unix:///does/not/exist',
      CONTAINERS_STORAGE_CONF: '/does/not/exist',
    }),
    log: () => readLog(job.logFile),
    [Symbol.asyncDispose]: async () => {
      await engine('rm', '--force', job.jobId).catch(() => {});
      await folder[Symbol.asyncDispose]();
    },
  };
}
