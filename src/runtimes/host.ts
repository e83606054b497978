import { missingForHost } from '../config/runtime-settings.ts';
import type { Config } from '../config/schema.ts';
import { systemClock } from '../lib/clock.ts';
import { UserError } from '../lib/errors.ts';
import { exists } from '../lib/files.ts';
import { listProcesses, listWithVariable, type ProcessEntry, signalAll } from '../lib/processes.ts';
import { isCommandInstalled } from '../lib/run-command.ts';
import { sleep } from '../lib/sleep.ts';
import type { JobPaths } from '../shim/shim.ts';
import * as shim from '../shim/shim.ts';
import { authorityVariables, type CaFile, writeAuthorities } from './authorities.ts';
import { agentEnvironment } from './environment.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from './host-temporary.ts';
import { type JobExit, noWall, type Readiness, type Runtime, RuntimeError, type StartOptions } from './runtime.ts';
import { valuesOf } from './variables.ts';

/** Set in the environment of all processes of a job. A process that should outlive its job must be started without it. */
const jobVariable = 'PLAN42_JOB_ID';
const maxSweepMs = 2000;
const sweepEveryMs = 20;

export interface HostRuntimeOptions {
  /** The runner's. Agents get only what describes the user and the machine. */
  env: NodeJS.ProcessEnv;
  settings: Config['host'];
  given: Pick<Config['jobs'], 'mounts' | 'env'>;
  /** Certificate authorities that agents trust in addition. */
  caFile?: CaFile | undefined;
  /** The jobs of this runner, from which the running ones are listed. */
  knownJobs: () => Promise<JobPaths[]>;
}

/** Runs a configured command instead of a container: no isolation, no image, no limits. */
export function createHostRuntime({ settings, given, caFile, knownJobs, ...options }: HostRuntimeOptions): Runtime {
  const env = agentEnvironment(options.env);
  const [command = '', ...args] = settings.command ?? [];
  // If it is missing, spawn reports the shell as missing.
  const cwd = env['HOME'] ?? '/';

  async function checkReady(): Promise<Readiness> {
    const missing = missingForHost(settings);
    if (missing !== undefined) return { ready: false, reason: missing.reason, remedy: missing.remedy };
    if (!(await exists(cwd))) {
      return {
        ready: false,
        reason: `its working folder ${cwd} (HOME) is not there`,
        remedy: 'Create the folder, or set HOME.',
      };
    }
    if (await isCommandInstalled(command, env)) return { ready: true, detail: `host: ${command}` };
    const reason = `host.command: ${command} is not an executable file`;
    return { ready: false, reason, remedy: 'Set host.command to the agent and its arguments.' };
  }

  /** A process of this machine sees its files where they are, and could write to all that you can. */
  async function checkSettings(): Promise<void> {
    valuesOf(given.env, options.env);
    const impossible = given.mounts.find(({ source, target, isReadOnly }) => source !== target || isReadOnly);
    if (impossible === undefined) return;
    throw new UserError(`cannot mount ${impossible.source}: the runtime host has no mounts`, {
      remedy: 'Remove jobs.mounts, or set runner.runtime to docker or podman.',
    });
  }

  async function start(job: StartOptions, signal?: AbortSignal): Promise<void> {
    const readiness = await checkReady();
    if (!readiness.ready) throw new RuntimeError(`cannot start the job: ${readiness.reason}`);
    if (job.egress !== undefined) throw noWall('host');
    await checkSettings();
    // Identifies processes that left the process tree. The shim itself doesn't have it.
    const marked = ['/usr/bin/env', `${jobVariable}=${job.jobId}`, command, ...args];
    const authorities =
      caFile === undefined ? {} : authorityVariables(await writeAuthorities(job.folder, { caFile }, 'host'));
    const temporary = { TMPDIR: await makeTemporaryFolder(job) };
    await job.beforeLaunch?.();
    await shim.launch({
      job,
      command: marked,
      env: { ...env, ...temporary, ...valuesOf(given.env, options.env), ...job.variables, ...authorities },
      cwd,
    });
    // A job whose state isn't running could not be killed.
    const isRunning = async () => (await shim.readState(job.folder)).phase === 'running';
    await shim.waitForStart(job.folder, isRunning, signal);
  }

  async function wait(job: JobPaths, signal?: AbortSignal): Promise<JobExit> {
    const exit = await shim.waitForExit(job.folder, signal);
    return { ...exit, outOfMemory: false, startError: undefined };
  }

  /** Kills the processes that an agent left behind and removes its temporary files, as removing its container would. */
  async function remove(job: JobPaths): Promise<void> {
    const deadline = systemClock.now() + maxSweepMs;
    let emptySweeps = 0;
    for (;;) {
      const left = await listWithVariable(jobVariable, job.jobId);
      emptySweeps = left.length === 0 ? emptySweeps + 1 : 0;
      // A process shows no variables for a moment while it becomes another program.
      if (emptySweeps === 2) break;
      // A process that cannot be killed, for instance one in disk wait, does not keep the job from finishing.
      if (systemClock.now() > deadline) break;
      signalAll(
        left.map((pid) => ({ pid })),
        'SIGKILL',
      );
      await sleep(sweepEveryMs);
    }
    await removeTemporaryFolder(job);
    await shim.forget(job.folder);
  }

  async function listRunning(): Promise<string[]> {
    const running: string[] = [];
    for (const job of await knownJobs()) {
      if (await shim.isRunning(job.folder)) running.push(job.jobId);
    }
    return running;
  }

  return {
    name: 'host',
    isInstalled: async () => true,
    checkReady,
    checkSettings,
    whyUnmeasured: async (what) =>
      what === 'disk'
        ? 'jobs on the host share its disk'
        : process.platform === 'linux'
          ? undefined
          : 'this system does not report it',
    whyNoWall: async () => noWall('host'),
    pull: async () => ({}),
    start,
    wasStarted: (job) => shim.wasStarted(job.folder),
    createdContainer: async () => false,
    wait,
    kill: killHostJob,
    listRunning,
    remove,
    listUnmanaged: async () => [],
    removeUnmanaged: async () => {},
    storageFolder: async () => undefined,
    images: undefined,
  };
}

/** Sends SIGTERM to the processes of the job, and SIGKILL after `graceMs`. */
export async function killHostJob(job: JobPaths, graceMs: number): Promise<void> {
  const state = await shim.readState(job.folder);
  if (state.phase !== 'running' || !(await shim.isShim(state.pid, job.folder))) return;
  const asked = await processesOf(job, state.pid);
  signalAll(asked, 'SIGTERM');
  try {
    await shim.waitForExit(job.folder, AbortSignal.timeout(graceMs));
  } catch {
    // The remaining processes are killed below.
  }
  // As in a container, nothing outlives the agent. Processes that lost their parent in the meantime are in `asked`.
  const left = new Map((await listProcesses()).map((entry) => [entry.pid, entry.group]));
  signalAll(
    [...asked.filter(({ pid, group }) => left.get(pid) === group), ...(await processesOf(job, state.pid))],
    'SIGKILL',
  );
}

/** All processes of the job except those of the shim, which have yet to write the log and record the exit code. */
export async function processesOf(
  { jobId }: JobPaths,
  shimPid: number,
): Promise<Pick<ProcessEntry, 'pid' | 'group'>[]> {
  const [below, marked] = await Promise.all([shim.listJobProcesses(shimPid), listWithVariable(jobVariable, jobId)]);
  const known = new Set(below.map(({ pid }) => pid));
  const strays = new Set(marked.filter((pid) => !known.has(pid)));
  return [...below, ...(await listProcesses()).filter(({ pid }) => strays.has(pid))];
}
