/** The state of a job's container as the engine reports it. */
import * as v from 'valibot';
import { Backoff } from '../../lib/backoff.ts';
import { errorCode } from '../../lib/errors.ts';
import { parseJson } from '../../lib/json.ts';
import type { Logger } from '../../lib/logger.ts';
import { commandLine } from '../../lib/processes.ts';
import { sleep } from '../../lib/sleep.ts';
import { RuntimeError } from '../runtime.ts';
import { lastErrorLine, queryTimeoutMs, type RunEngine } from './client.ts';
import { isMonitorAlive, isMonitorGone, type Monitor } from './conmon.ts';

const Inspected = v.tuple([
  v.object({
    Running: v.boolean(),
    Paused: v.optional(v.boolean(), false),
    Pid: v.optional(v.number(), 0),
    // Podman only.
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
  /** Why it could not be started, if the engine reports it. */
  error: string;
  /** Zero until it has exited. */
  endedAtMs: number;
  logDriver: string;
  /** The process ID of its first process; zero if there is none. */
  pid: number;
  monitor: Monitor;
  /** Whether its monitor was killed, so that its exit and its output are lost. */
  isUnwatched: boolean;
}

/** How engines write "never". */
const never = '0001-';
const unreachableBackoff = { minMs: 500, maxMs: 10_000 };

/**
 * Undefined if there is no such container. An engine may report a container whose monitor was killed as running forever:
 * then its first process counts.
 * @throws RuntimeError if the engine does not respond
 */
export async function inspectContainer(
  run: RunEngine,
  jobId: string,
  signal?: AbortSignal,
): Promise<Container | undefined> {
  const container = await inspectOnce(run, jobId, signal);
  if (!container?.isRunning || !(await isMonitorGone(run, container.monitor, signal))) return container;
  // A monitor records the exit before it exits itself, so a second look is certain.
  const again = await inspectOnce(run, jobId, signal);
  if (!again?.isRunning || again.monitor.pid !== container.monitor.pid) return again;
  return { ...again, isRunning: await isAlive(again.pid), isUnwatched: true };
}

/** Whether the container seems to be running as before, without a query to the engine, which is slow. */
export async function isUnchanged({ isRunning, isUnwatched, monitor, pid }: Container): Promise<boolean> {
  return isRunning && (isUnwatched ? isAlive(pid) : isMonitorAlive(monitor));
}

async function isAlive(pid: number): Promise<boolean> {
  return pid > 0 && (await commandLine(pid)) !== '';
}

async function inspectOnce(
  run: RunEngine,
  jobId: string,
  signal: AbortSignal | undefined,
): Promise<Container | undefined> {
  const format = '[{{json .State}},{{json .HostConfig.LogConfig}}]';
  const result = await run(['container', 'inspect', '--format', format, jobId], { signal, timeoutMs: queryTimeoutMs });
  if (result.exitCode === 0) return parse(result.stdout, jobId);
  // Engines word this error in many ways, but an empty list is clear.
  const list = await run(['ps', '--all', '--quiet', '--filter', `name=^${jobId}$`], {
    signal,
    timeoutMs: queryTimeoutMs,
  });
  if (list.exitCode === 0 && list.stdout.trim() === '') return undefined;
  throw new RuntimeError(`cannot inspect container ${jobId}: ${lastErrorLine(result)}`);
}

function parse(json: string, jobId: string): Container {
  const [state, log] = v.parse(Inspected, parseJson(json));
  return {
    // Podman reports a paused one as not running.
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

/** Inspects the container, with retries until the engine responds, because it may be restarting. */
export async function inspectWithRetries(
  run: RunEngine,
  { jobId, logger, signal }: { jobId: string; logger: Logger; signal: AbortSignal | undefined },
): Promise<Container | undefined> {
  const backoff = new Backoff(unreachableBackoff);
  for (;;) {
    try {
      return await inspectContainer(run, jobId, signal);
    } catch (error) {
      signal?.throwIfAborted();
      // The engine was uninstalled: waiting does not help.
      if (errorCode(error) === 'ENOENT') return undefined;
      if (backoff.attempts === 0) logger.warn('cannot inspect container, retrying', { job_id: jobId, error });
      await sleep(backoff.next(), signal);
    }
  }
}
