import type { Config } from '../config/schema.ts';
import { listProcesses, type ProcessEntry, treeOfGroup } from '../lib/process-tree.ts';
import { isCommandInstalled } from '../lib/run-command.ts';
import {
  type JobExit,
  type JobPlace,
  type Readiness,
  type Runtime,
  RuntimeError,
  type StartOptions,
} from './runtime.ts';
import * as supervisor from './supervisor.ts';

export interface HostRuntimeOptions {
  env: NodeJS.ProcessEnv;
  settings: Config['host'];
  /** Which jobs of this runner there are, for the list of running ones. */
  knownJobs: () => Promise<JobPlace[]>;
}

/** Runs a configured command instead of a container: no isolation, no image, no limits. */
export function createHostRuntime({ env, settings, knownJobs }: HostRuntimeOptions): Runtime {
  const [command = '', ...args] = settings.command ?? [];

  async function checkReady(): Promise<Readiness> {
    if (!settings.unisolated) {
      const remedy = 'Set host.unisolated = true if agents may run as you, with your files and network.';
      return { ready: false, reason: 'jobs without isolation are not switched on', remedy };
    }
    if (await isCommandInstalled(command, env)) return { ready: true, detail: `host: ${command}` };
    const reason = command === '' ? 'host.command is not set' : `host.command: ${command} is not an executable file`;
    return { ready: false, reason, remedy: 'Set host.command to the agent and its arguments.' };
  }

  async function start(job: StartOptions, signal?: AbortSignal): Promise<void> {
    const readiness = await checkReady();
    if (!readiness.ready) throw new RuntimeError(`cannot start the job: ${readiness.reason}`);
    await supervisor.launch({ job, command: [command, ...args], env, cwd: env['HOME'] ?? '/' });
    // A job that isn't marked as running could not be killed.
    const isRunning = async () => (await supervisor.readState(job.folder)).phase === 'running';
    await supervisor.waitForStart(job.folder, isRunning, signal);
  }

  async function wait(job: JobPlace, signal?: AbortSignal): Promise<JobExit> {
    const exit = await supervisor.waitForExit(job.folder, signal);
    return { ...exit, outOfMemory: false, startError: undefined };
  }

  async function kill(job: JobPlace, graceMs: number): Promise<void> {
    const state = await supervisor.readState(job.folder);
    if (state.phase !== 'running' || !(await supervisor.isSupervisor(state.pid, job.folder))) return;
    const asked = await treeBelow(state.pid);
    signalAll(asked, 'SIGTERM');
    try {
      await supervisor.waitForExit(job.folder, AbortSignal.timeout(graceMs));
    } catch {
      // What is left of it is ended below.
    }
    // As in a container, nothing outlives the agent; what lost its parent meanwhile is known from before.
    const left = new Map((await listProcesses()).map((entry) => [entry.pid, entry.group]));
    signalAll(
      [...asked.filter(({ pid, group }) => left.get(pid) === group), ...(await treeBelow(state.pid))],
      'SIGKILL',
    );
  }

  async function listRunning(): Promise<string[]> {
    const running: string[] = [];
    for (const job of await knownJobs()) {
      const state = await supervisor.readState(job.folder);
      if (state.phase === 'running' && (await supervisor.isSupervisor(state.pid, job.folder))) running.push(job.jobId);
    }
    return running;
  }

  return {
    name: 'host',
    isInstalled: async () => true,
    checkReady,
    pull: async () => {},
    start,
    wasStarted: (job) => supervisor.wasStarted(job.folder),
    wait,
    kill,
    listRunning,
    remove: (job) => supervisor.forget(job.folder),
  };
}

/** Everything below the supervisor, but not the supervisor, which has yet to record the exit code. */
async function treeBelow(supervisorPid: number): Promise<ProcessEntry[]> {
  const processes = await listProcesses();
  const tree = new Set(treeOfGroup(supervisorPid, processes));
  return processes.filter(({ pid }) => tree.has(pid) && pid !== supervisorPid);
}

function signalAll(processes: readonly ProcessEntry[], signal: NodeJS.Signals): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
}
