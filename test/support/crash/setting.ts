import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { defaultTiming } from '../../../src/server/core/timing.ts';
import { startControlPlane } from '../control-plane.ts';
import { type Env, run } from '../engines/processes.ts';
import { requires } from '../engines-client.ts';
import { eventually } from '../eventually.ts';
import { FaultProxy } from '../fault-proxy.ts';
import { RunnerProcess } from '../runner-process.ts';
import { untilOver } from '../tasks.ts';
import { type AgentPlan, type PlannedJob, startAgentDesk } from './agents.ts';
import type { ClusterUnderTest } from './cluster-under-test.ts';
import type { Evidence } from './expectations.ts';
import { startHoldingRegistry } from './holding-registry.ts';
import { makePausingEngine } from './pausing-engine.ts';
import type { CrashScene } from './windows.ts';

export type CrashRuntime = 'docker' | 'podman' | 'host' | 'kubernetes';

// A turn whose acceptance was lost in a crash is soon sent again.
const timing = {
  ...defaultTiming,
  runnerResponseTimeoutMs: 1000,
  invocationRetry: { minMs: 20, maxMs: 200 },
  maxInvocationAttempts: 1000,
  healthCheckIntervalMs: 1000,
  healthCheckTimeoutMs: 3000,
};

/** A runner that is killed and restarted on the same folder, with its environment. */
export interface CrashSetting extends CrashScene, Evidence, AsyncDisposable {
  image: string;
  runner: () => RunnerProcess;
  ready: () => Promise<void>;
  /** Sends SIGKILL and waits for the exit. */
  kill: () => Promise<void>;
  restart: () => Promise<void>;
  start: (plans: readonly AgentPlan[]) => Promise<PlannedJob[]>;
  /** Resolves when the turns are finished and the runner has archived every job. */
  untilOver: (jobs: readonly PlannedJob[], timeoutMs?: number) => Promise<void>;
  /** The logs of all runners so far. */
  log: () => string;
}

/** The engine that runs the containers. */
export interface EngineUnderTest {
  env: Env;
  registry: string;
  image: string;
}

export interface CrashOptions {
  runtime: CrashRuntime;
  /** Undefined on the host and in a cluster. */
  engine: EngineUnderTest | undefined;
  /** Only for `kubernetes`. */
  cluster?: ClusterUnderTest;
  maxJobs: number;
  /** Whether the server sends more jobs than there are slots, as other servers do. */
  hidesSlots?: boolean;
  /** Called before the runner is started. */
  prepareState?: (stateDir: string) => Promise<void>;
}

/** The engine of this test run; without it skips the test and returns undefined. */
export async function requireEngine(t: TestContext, name: 'docker' | 'podman'): Promise<EngineUnderTest | undefined> {
  const found = await requires(t, name, 'registry');
  return found && { env: found[name].env, registry: found.registry, image: found.images.agent };
}

export async function setUpCrash(setUp: CrashOptions): Promise<CrashSetting> {
  const { runtime, engine: engineUnderTest, cluster, maxJobs, hidesSlots = false, prepareState } = setUp;
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'plan42-crash-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const stateDir = join(folder, 'runner/state');
  for (const name of [join(folder, 'tmp'), stateDir]) await mkdir(name, { recursive: true });
  await prepareState?.(stateDir);

  const engineEnv = engineUnderTest?.env ?? {};
  const registry = engineUnderTest && undo.use(await startHoldingRegistry(engineUnderTest.registry));
  const pausing = join(folder, 'bin');
  const PATH = engineUnderTest ? await makePausingEngine(runtime, pausing) : process.env['PATH'];
  const env = { ...engineEnv, PATH, TMPDIR: join(folder, 'tmp') };
  const engine = (...args: string[]) => run(runtime, args, { env: engineEnv });

  const plane = undo.use(await startControlPlane({ timing }));
  const proxy = undo.use(await FaultProxy.start(() => plane.server.url));
  proxy.hidesSlots = hidesSlots;
  const killAgent = engineUnderTest ? (jobId: string) => engine('kill', '--signal', 'KILL', jobId) : cluster?.killAgent;
  const desk = undo.use(await startAgentDesk({ plane, killAgent, addressOf: cluster?.addressOf }));
  const options = {
    url: proxy.url,
    token: await plane.newToken(),
    runtime,
    config: configure(maxJobs, cluster),
    env,
    folder: join(folder, 'runner'),
  };
  let runner = await RunnerProcess.start(options);
  undo.defer(() => runner[Symbol.asyncDispose]());
  // It loads the client of a cluster first, which takes long on a busy machine.
  const ready = async () => void (await runner.logged(/runner ready/, runtime === 'kubernetes' ? 120_000 : undefined));
  await ready();
  let earlier = '';

  const image = registry
    ? engineUnderTest.image.replace(engineUnderTest.registry, registry.host)
    : (cluster?.image ?? 'example/agent');
  const owned = undo.move();
  return {
    stateDir,
    plane,
    proxy,
    desk,
    registry,
    image,
    apiProxy: cluster?.proxy,
    pauseFile: engineUnderTest && join(pausing, 'pause'),
    listContainers: async () => {
      if (cluster) return cluster.listJobs();
      return engineUnderTest ? (await engine('ps', '--all', '--format', '{{.Names}}')).split('\n') : [];
    },
    runner: () => runner,
    ready,
    kill: async () => {
      await runner.stop('SIGKILL');
      earlier = `${earlier}${runner.log}--- SIGKILL\n`.slice(-200_000);
    },
    restart: async () => {
      runner = await RunnerProcess.start(options);
    },
    start: (plans) => Promise.all(plans.map((plan) => desk.start(plan, image))),
    untilOver: async (jobs, timeoutMs = 60_000) => {
      for (const { taskId } of jobs) await untilOver(plane, taskId, timeoutMs);
      await ready();
      await eventually(async () => (await readdir(join(stateDir, 'jobs/active'))).length === 0, timeoutMs);
    },
    log: () => earlier + runner.log,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function configure(maxJobs: number, cluster: ClusterUnderTest | undefined): string {
  const queues = '[queues]\npoll_wait = "1s"\ndrain_time = "300ms"\n';
  if (cluster) return `[jobs]\nmax_jobs = ${maxJobs}\nmin_free_gib = 0\n${cluster.config}\n${queues}`;
  const agent = join(import.meta.dirname, '../engines/agent-wrapper.sh');
  return [
    `[jobs]\nmax_jobs = ${maxJobs}\nnetwork = "host"\nmin_free_gib = 0`,
    `[host]\nunisolated = true\ncommand = ["/bin/sh", "${agent}"]`,
    queues,
  ].join('\n');
}
