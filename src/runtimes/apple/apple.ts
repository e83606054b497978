/** Apple's `container`: every container is a virtual machine of its own. See docs/decisions/0007. */

import { type Config, tables } from '../../config/schema.ts';
import { systemClock } from '../../lib/clock.ts';
import { isNamedLocal } from '../../lib/image-reference.ts';
import { isCommandInstalled, runCommand } from '../../lib/run-command.ts';
import { sleep } from '../../lib/sleep.ts';
import { readLogTail } from '../../shim/job-log.ts';
import type { JobPaths } from '../../shim/shim.ts';
import * as shim from '../../shim/shim.ts';
import { authorityOptions, variableOptions } from '../engine/authorities.ts';
import {
  agentArguments,
  containerIdFile,
  hasContainerId,
  instanceLabel,
  killWithGrace,
  lastErrorLine,
  launchClient,
  maxReasonBytes,
  queryTimeoutMs,
  type RunEngine,
} from '../engine/client.ts';
import type { RuntimeOptions } from '../engine/engine.ts';
import { checkGiven, givenOptions } from '../engine/given.ts';
import { pullByPolicy } from '../engine/pull.ts';
import { containerCommandEnvironment } from '../environment.ts';
import {
  type JobExit,
  noWall,
  type PullPolicy,
  type PullResult,
  type Readiness,
  type Runtime,
  RuntimeError,
  type StartOptions,
  type UnmanagedContainer,
} from '../runtime.ts';
import { whyUnsuitable } from './mac.ts';
import { checkServices, listContainers, startServices } from './services.ts';

const command = 'container';
const pollMs = 1000;
// The exit code of a client that failed, after it deleted the container.
const clientFailed = 1;
// The services have stopped, and every container with them.
function isConnectionLost(log: string): boolean {
  const start = log.lastIndexOf('Error: interrupted: ');
  return start >= 0 && log.includes('XPC connection error', start);
}

export function createAppleRuntime({
  env,
  instanceId,
  limits,
  caFile,
  protectedPaths = [],
}: Omit<RuntimeOptions, 'logger'>): Runtime {
  const guard = { protectedPaths, env };
  const engineSettings = { settings: limits, guard, engine: 'apple', isRemote: async () => false } as const;
  const run: RunEngine = (args, options = {}) => runCommand(command, args, { env, ...options });
  // Otherwise all platforms of an image are pulled.
  const platform = env['CONTAINER_DEFAULT_PLATFORM'] ? [] : ['--platform', 'linux/arm64'];

  async function prepare(signal?: AbortSignal): Promise<Readiness> {
    const { running, ...readiness } = await checkServices(run, env, signal);
    if (!readiness.ready || running) return readiness;
    const started = await startServices(run, signal);
    return started.ready ? readiness : started;
  }

  async function pull(image: string, policy: PullPolicy, signal?: AbortSignal): Promise<PullResult> {
    // The services may have been stopped since the runner started, for instance by a restart of the machine.
    const readiness = await prepare(signal);
    if (!readiness.ready) throw new RuntimeError(`the runtime apple is not ready: ${readiness.reason}`);
    // The client does not report where an image is from.
    const local = { isNamedLocal: isNamedLocal(image), isMadeHere: false };
    return pullByPolicy(image, policy, {
      findLocal: async () => ((await hasImage(image, signal)) ? local : undefined),
      pull: () => run(['image', 'pull', '--progress', 'none', ...platform, image], { signal }),
    });
  }

  async function hasImage(image: string, signal?: AbortSignal): Promise<boolean> {
    const { exitCode } = await run(['image', 'inspect', image], { signal, timeoutMs: queryTimeoutMs });
    return exitCode === 0;
  }

  function runArguments(job: StartOptions, options: readonly string[]): string[] {
    return [
      'run',
      ...['--name', job.jobId],
      ...['--label', `${instanceLabel}=${instanceId}`],
      ...['--cidfile', containerIdFile(job)],
      '-i',
      // The job's log contains only the agent's output.
      ...['--progress', 'none'],
      ...platform,
      ...options,
      ...['-c', String(wholeCpus(limits)), '-m', memory(limits)],
      ...['--cap-drop', 'ALL'],
      ...limits.capabilities.flatMap((name) => ['--cap-add', name]),
      ...(limits.network === undefined ? [] : ['--network', limits.network]),
      ...['--entrypoint', limits.entrypoint],
      job.image,
      ...agentArguments,
      ...(job.agentSwitches ?? []),
    ];
  }

  async function wait(job: JobPaths, signal?: AbortSignal): Promise<JobExit> {
    const exit = await shim.waitForExit(job.folder, signal);
    const left = await findContainer(job, signal);
    if (left?.running) {
      // The client was killed, and with it the exit code is lost.
      await untilStopped(job, signal);
      return unseenExit(systemClock.date());
    }
    if (exit.exitCode === clientFailed && isConnectionLost(await readLogTail(job.logFile, maxReasonBytes))) {
      return unseenExit(exit.endedAt);
    }
    const failed = left === undefined && exit.exitCode === clientFailed;
    const ran = (await hasContainerId(job)) && !failed;
    return {
      exitCode: exit.exitCode,
      endedAt: exit.endedAt,
      // Memory is limited by the virtual machine, which does not report what its kernel killed.
      outOfMemory: false,
      startError: ran ? undefined : await startError(job),
    };
  }

  async function untilStopped(job: JobPaths, signal?: AbortSignal): Promise<void> {
    do await sleep(pollMs, signal);
    while ((await findContainer(job, signal))?.running);
  }

  // Without the services no container runs, so they are started again for the list.
  async function findContainer(job: JobPaths, signal?: AbortSignal) {
    const find = async () => (await listContainers(run, signal)).find(({ id }) => id === job.jobId);
    try {
      return await find();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof RuntimeError) || !(await prepare(signal)).ready) return undefined;
      return find().catch(() => {
        signal?.throwIfAborted();
        return undefined;
      });
    }
  }

  async function kill(job: JobPaths, graceMs: number): Promise<void> {
    await killWithGrace(job, graceMs, (name) =>
      run(['kill', '--signal', name, job.jobId], { timeoutMs: queryTimeoutMs }),
    );
  }

  async function listRunning(signal?: AbortSignal): Promise<string[]> {
    const containers = await listContainers(run, signal);
    return containers
      .filter(({ running, labels }) => running && labels[instanceLabel] === instanceId)
      .map(({ id }) => id);
  }

  async function listForeign(signal?: AbortSignal): Promise<string[]> {
    const containers = await listContainers(run, signal);
    return containers
      .filter(({ id, running, labels }) => running && id.startsWith('plan42-') && labels[instanceLabel] === undefined)
      .map(({ id }) => id);
  }

  async function remove(job: JobPaths): Promise<void> {
    await run(['delete', '--force', job.jobId], { timeoutMs: queryTimeoutMs });
    await shim.forget(job.folder);
  }

  async function listUnmanaged(except: ReadonlySet<string>, signal?: AbortSignal): Promise<UnmanagedContainer[]> {
    const containers = await listContainers(run, signal);
    return containers
      .filter(({ id, labels }) => labels[instanceLabel] === instanceId && !except.has(id))
      .map(({ id }) => ({ id, jobId: id, createdAt: new Date(0), sizeBytes: undefined }));
  }

  async function removeUnmanaged(id: string): Promise<void> {
    const result = await run(['delete', '--force', id], { timeoutMs: queryTimeoutMs });
    if (result.exitCode !== 0) throw new RuntimeError(lastErrorLine(result));
  }

  return {
    name: 'apple',
    isInstalled: async () => (await isCommandInstalled(command, env)) && (await whyUnsuitable(env)) === undefined,
    checkReady: async (signal) => {
      const { running: _, ...readiness } = await checkServices(run, env, signal);
      return readiness;
    },
    prepare,
    checkSettings: async () => void (await checkGiven(engineSettings)),
    whyUnmeasured: async () => 'each container is a virtual machine',
    whyNoWall: async () => noWall('apple'),
    warnings: async () => unapplied(limits).map((reason) => ({ reason })),
    pull,
    start: async (job, signal) => {
      if (job.egress !== undefined) throw noWall('apple');
      const engine = { run, instanceId, isRemote: async () => false, relabels: false };
      const authorities = await authorityOptions(job, caFile, engine);
      const given = await givenOptions(job, engineSettings);
      const args = runArguments(job, [...given, ...variableOptions(job.variables ?? {}), ...authorities]);
      const commandEnv = containerCommandEnvironment(env, { pullsItself: false });
      await launchClient(job, { command: [command, ...args], env: commandEnv }, signal);
    },
    wasStarted: (job) => shim.wasStarted(job.folder),
    createdContainer: hasContainerId,
    wait,
    kill,
    listRunning,
    listForeign,
    remove,
    listUnmanaged,
    removeUnmanaged,
    storageFolder: async () => undefined,
    images: undefined,
  };
}

function unseenExit(endedAt: Date): JobExit {
  return { exitCode: undefined, endedAt, outOfMemory: false, startError: undefined };
}

/** A virtual machine has whole processors. */
function wholeCpus({ cpus }: Config['jobs']): number {
  return Math.ceil(cpus);
}

function memory({ memoryGib }: Config['jobs']): string {
  const mib = Math.round(memoryGib * 1024);
  return mib % 1024 === 0 ? `${mib / 1024}G` : `${mib}M`;
}

/** Settings that are set but that this runtime cannot apply. */
function unapplied(limits: Config['jobs']): string[] {
  const warnings: string[] = [];
  if (wholeCpus(limits) !== limits.cpus)
    warnings.push(`jobs.cpus: Apple’s container gives whole CPUs, so jobs have ${wholeCpus(limits)}`);
  if (limits.pids !== tables.jobs.pids.default)
    warnings.push(
      'jobs.pids is not applied by Apple’s container: a job can use up the processes of its own virtual machine only',
    );
  return warnings;
}

/** The client's error: before the agent runs, nothing else writes to the log. */
async function startError(job: JobPaths): Promise<string> {
  const text = await readLogTail(job.logFile, maxReasonBytes);
  // The first error is the cause; the ones after it are consequences.
  return /Error: (.*?)(?= Error: |$)/.exec(text)?.[1]?.trim() || text || 'the engine gave no reason';
}
