/** What an engine says of a job's container. */
import * as v from 'valibot';
import { Backoff } from '../../lib/backoff.ts';
import { errorCode } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { commandLine } from '../../lib/processes.ts';
import { sleep } from '../../lib/sleep.ts';
import { RuntimeError } from '../runtime.ts';
import { lastErrorLine, queryTimeoutMs } from './client.ts';
import { isMonitorGone, isMonitorThere, type Monitor } from './conmon.ts';
import type { RunEngine } from './run-engine.ts';

const Inspected = v.tuple([
  v.object({
    Running: v.boolean(),
    Paused: v.optional(v.boolean(), false),
    Pid: v.optional(v.number(), 0),
    // Podman's alone.
    ConmonPid: v.optional(v.number(), 0),
    OOMKilled: v.optional(v.boolean(), false),
    ExitCode: v.number(),
    Error: v.optional(v.string(), ''),
    StartedAt: v.string(),
    FinishedAt: v.string(),
  }),
  v.object({ Type: v.string() }),
]);

export interface Container {
  isRunning: boolean;
  wasStarted: boolean;
  exitCode: number;
  outOfMemory: boolean;
  /** Why it could not be started, if the engine says so. */
  error: string;
  /** Zero until it has ended. */
  endedAtMs: number;
  logDriver: string;
  /** Of its first process; zero when there is none. */
  pid: number;
  monitor: Monitor;
  /** Whether its monitor was killed: nobody sees its end any more, nor what it writes. */
  isUnwatched: boolean;
}

/** What engines write for "never". */
const never = '0001-';
const unreachableBackoff = { minMs: 500, maxMs: 10_000 };

/**
 * Undefined when there is no such container. Of one whose monitor was killed an engine may say for ever that it runs: then
 * its first process counts.
 * @throws RuntimeError when the engine doesn't answer
 */
export async function inspectContainer(
  run: RunEngine,
  jobId: string,
  signal?: AbortSignal,
): Promise<Container | undefined> {
  const container = await ask(run, jobId, signal);
  if (!container?.isRunning || !(await isMonitorGone(run, container.monitor, signal))) return container;
  // A monitor writes the end down before its own. What the engine says now, it can't know from the monitor any more.
  const again = await ask(run, jobId, signal);
  if (!again?.isRunning || again.monitor.pid !== container.monitor.pid) return again;
  return { ...again, isRunning: await isThere(again.pid), isUnwatched: true };
}

/**
 * Whether the container goes on as it did when it was looked at, or so it seems without asking the engine, which takes its
 * time.
 */
export async function goesOn({ isRunning, isUnwatched, monitor, pid }: Container): Promise<boolean> {
  return isRunning && (isUnwatched ? isThere(pid) : isMonitorThere(monitor));
}

async function isThere(pid: number): Promise<boolean> {
  return pid > 0 && (await commandLine(pid)) !== '';
}

async function ask(run: RunEngine, jobId: string, signal: AbortSignal | undefined): Promise<Container | undefined> {
  const format = '[{{json .State}},{{json .HostConfig.LogConfig}}]';
  const result = await run(['container', 'inspect', '--format', format, jobId], { signal, timeoutMs: queryTimeoutMs });
  if (result.exitCode === 0) return parse(result.stdout, jobId);
  // Engines have many words for it, but an empty list is an empty list.
  const list = await run(['ps', '--all', '--quiet', '--filter', `name=^${jobId}$`], {
    signal,
    timeoutMs: queryTimeoutMs,
  });
  if (list.exitCode === 0 && list.stdout.trim() === '') return undefined;
  throw new RuntimeError(`the engine does not tell how the container ${jobId} is: ${lastErrorLine(result)}`);
}

function parse(json: string, jobId: string): Container {
  const [state, log] = v.parse(Inspected, JSON.parse(json));
  return {
    // Podman says of a paused one that it doesn't run.
    isRunning: state.Running || state.Paused,
    wasStarted: !state.StartedAt.startsWith(never),
    exitCode: state.ExitCode,
    outOfMemory: state.OOMKilled,
    error: state.Error,
    endedAtMs: state.FinishedAt.startsWith(never) ? 0 : Date.parse(state.FinishedAt),
    logDriver: log.Type,
    pid: state.Pid,
    monitor: { name: jobId, pid: state.ConmonPid },
    isUnwatched: false,
  };
}

/** The same, but waits for an engine that doesn't answer: it is being restarted, or somebody will have to. */
export async function inspectPatiently(
  run: RunEngine,
  { jobId, logger, signal }: { jobId: string; logger: Logger; signal: AbortSignal | undefined },
): Promise<Container | undefined> {
  const backoff = new Backoff(unreachableBackoff);
  for (;;) {
    try {
      return await inspectContainer(run, jobId, signal);
    } catch (error) {
      signal?.throwIfAborted();
      // It was taken off the machine, and will not come back by waiting.
      if (errorCode(error) === 'ENOENT') return undefined;
      if (backoff.attempts === 0) logger.warn('the job’s container can’t be looked at; it is tried again', { error });
      await sleep(backoff.next(), signal);
    }
  }
}
