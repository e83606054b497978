/** Measures and ends running jobs, from a process that has no configuration. */
import { constants } from 'node:os';
import type { RuntimeName } from '../config/schema.ts';
import { commandLine, cpuMsOf, listProcesses } from '../lib/processes.ts';
import { readText } from '../lib/read-file.ts';
import { runCommand } from '../lib/run-command.ts';
import type { JobPaths } from '../shim/shim.ts';
import * as shim from '../shim/shim.ts';
import { killWithGrace, queryTimeoutMs, type RunEngine } from './engine/client.ts';
import { measureContainer } from './engine/disk-usage.ts';
import { inspectContainer } from './engine/inspect.ts';
import { killContainer } from './engine/kill.ts';
import { containerCommandEnvironment } from './environment.ts';
import { killHostJob, processesOf } from './host.ts';
import { interfaceBytesOf } from './network-counters.ts';

export interface ProcessUse {
  cpuMs: number;
  interfaceBytes: number;
}

export interface Meter {
  /** Rejects if the engine does not respond. */
  isRunning(): Promise<boolean>;
  /** Whether the job runs, or has run: its launch takes the time that a container needs. Rejects as isRunning does. */
  hasStarted(): Promise<boolean>;
  /** Measures all processes of the job. Undefined if they cannot be seen. */
  measureProcesses(): Promise<ProcessUse | undefined>;
  /** Bytes of disk space. Undefined if the job is gone. Rejects if it cannot be measured. */
  measureDisk(): Promise<number | undefined>;
  /** Sends SIGTERM, and SIGKILL after `graceMs`. Rejects if the job may still be running. */
  kill(graceMs: number): Promise<void>;
  /** Sends SIGUSR2 to the job's first process if that handles it. Others would be terminated by it. */
  notify(): Promise<void>;
}

const signalName = 'SIGUSR2';
const signalNumber = constants.signals[signalName];

/** The variables that a meter needs, of those of the runner. */
export function meterEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return containerCommandEnvironment(env, { pullsItself: false });
}

export interface MeterOptions {
  runtime: RuntimeName;
  job: JobPaths;
  /** Whether its container has a network of its own, so that the traffic there is the job's. */
  hasOwnNetwork: boolean;
  /** For the commands of engines. */
  env: NodeJS.ProcessEnv;
}

export function createMeter({ runtime, ...options }: MeterOptions): Meter {
  if (runtime === 'host') return hostMeter(options.job);
  if (runtime === 'kubernetes') throw new Error('a cluster holds the limits of its jobs itself');
  return runtime === 'apple' ? appleMeter(options.job, options.env) : engineMeter(runtime, options);
}

function engineMeter(engine: 'docker' | 'podman', { job, env, hasOwnNetwork }: Omit<MeterOptions, 'runtime'>): Meter {
  const run: RunEngine = (args, options = {}) => runCommand(engine, args, { env, ...options });
  const isRoot = process.getuid?.() === 0;
  const volumes = {
    listProcesses: async () => {
      const pid = await findPid();
      return pid === 0 ? [] : descendantsOf(pid, await listProcesses());
    },
    engine,
    isRoot,
    runCommand: (file: string, args: readonly string[]) => runCommand(file, args, { env }),
  };
  let firstPid = 0;

  /** The container's first process. It has no other while it runs. */
  async function findPid(): Promise<number> {
    if (firstPid > 0 && (await isAlive(firstPid))) return firstPid;
    const container = await inspectContainer(run, job.jobId).catch(() => undefined);
    firstPid = container?.isRunning ? container.pid : 0;
    return firstPid;
  }

  return {
    isRunning: async () => (await inspectContainer(run, job.jobId))?.isRunning === true,
    hasStarted: async () => {
      const container = await inspectContainer(run, job.jobId);
      return container?.isRunning === true || container?.wasStarted === true;
    },
    measureProcesses: async () => {
      const pid = await findPid();
      if (pid === 0) return undefined;
      const pids = descendantsOf(pid, await listProcesses());
      const [cpuMs, table] = await Promise.all([cpuMsOf(pids), hasOwnNetwork ? readProc(pid, 'net/dev') : '']);
      const interfaceBytes = interfaceBytesOf(table);
      return { cpuMs, interfaceBytes };
    },
    measureDisk: () => measureContainer(run, job.jobId, volumes),
    kill: (graceMs) => killContainer(run, job, graceMs),
    notify: async () => {
      const pid = await findPid();
      if (!(await handlesSignal(pid))) return;
      await run(['kill', '--signal', signalName, job.jobId], { timeoutMs: queryTimeoutMs });
    },
  };
}

function hostMeter(job: JobPaths): Meter {
  const list = async () => {
    const state = await shim.readState(job.folder);
    return state.phase === 'running' && (await shim.isShim(state.pid, job.folder)) ? processesOf(job, state.pid) : [];
  };
  return {
    isRunning: () => shim.isRunning(job.folder),
    hasStarted: async () => true,
    measureProcesses: async () => {
      const processes = await list();
      if (processes.length === 0) return undefined;
      return { cpuMs: await cpuMsOf(processes.map(({ pid }) => pid)), interfaceBytes: 0 };
    },
    measureDisk: async () => undefined,
    kill: (graceMs) => killHostJob(job, graceMs),
    notify: async () => {
      const [first] = (await list()).map(({ pid }) => pid);
      if (first === undefined || !(await handlesSignal(first))) return;
      process.kill(first, signalName);
    },
  };
}

function appleMeter(job: JobPaths, env: NodeJS.ProcessEnv): Meter {
  const send = (name: 'TERM' | 'KILL') =>
    runCommand('container', ['kill', '--signal', name, job.jobId], { env, timeoutMs: queryTimeoutMs });
  return {
    isRunning: () => shim.isRunning(job.folder),
    hasStarted: async () => true,
    measureProcesses: async () => undefined,
    measureDisk: async () => undefined,
    kill: (graceMs) => killWithGrace(job, graceMs, send),
    notify: async () => {},
  };
}

function descendantsOf(first: number, processes: readonly { pid: number; parent: number }[]): number[] {
  const found = new Set([first]);
  for (let size = 0; size !== found.size; ) {
    size = found.size;
    for (const { pid, parent } of processes) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

async function isAlive(pid: number): Promise<boolean> {
  return (await readProc(pid, 'stat')) !== '' && (await commandLine(pid).catch(() => '')) !== '';
}

async function handlesSignal(pid: number): Promise<boolean> {
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(await readProc(pid, 'status'))?.[1] ?? '0';
  return (BigInt(`0x${mask}`) & (1n << BigInt(signalNumber - 1))) !== 0n;
}

/** Empty if the process has exited, or the system has no /proc. */
function readProc(pid: number, file: string): Promise<string> {
  return readText(`/proc/${pid}/${file}`).catch(() => '');
}
