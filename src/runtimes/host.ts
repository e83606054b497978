import type { Config } from '../config/schema.ts';
import { listProcesses, treeOfGroup } from '../lib/process-tree.ts';
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

  async function start(job: StartOptions): Promise<void> {
    const readiness = await checkReady();
    if (!readiness.ready) throw new RuntimeError(`cannot start the job: ${readiness.reason}`);
    await supervisor.launch({ job, command: [command, ...args], env, cwd: env['HOME'] ?? '/' });
  }

  async function wait(job: JobPlace, signal?: AbortSignal): Promise<JobExit> {
    const exit = await supervisor.waitForExit(job.folder, signal);
    return { ...exit, outOfMemory: false, startError: undefined };
  }

  async function kill(job: JobPlace, graceMs: number): Promise<void> {
    const state = await supervisor.readState(job.folder);
    if (state.phase !== 'running' || !(await supervisor.isSupervisor(state.pid, job.folder))) return;
    await signalTree(state.pid, 'SIGTERM');
    try {
      await supervisor.waitForExit(job.folder, AbortSignal.timeout(graceMs));
    } catch {
      await signalTree(state.pid, 'SIGKILL');
    }
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
    wait,
    kill,
    listRunning,
    remove: (job) => supervisor.forget(job.folder),
  };
}

/** Signals everything below the supervisor, but not the supervisor, which has yet to record the exit code. */
async function signalTree(supervisorPid: number, signal: NodeJS.Signals): Promise<void> {
  const pids = treeOfGroup(supervisorPid, await listProcesses()).filter((pid) => pid !== supervisorPid);
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
}
