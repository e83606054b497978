/** A started agent until its exit, including the kills that a user or the server causes. */
import { once } from 'node:events';
import type { Config } from '../config/schema.ts';
import type { Logger } from '../lib/logger.ts';
import { retryForever } from '../lib/retry.ts';
import type { Sleep } from '../lib/sleep.ts';
import { readReached } from '../limits/files.ts';
import { describeUse, type ReachedLimit } from '../limits/limits.ts';
import { watchWarden } from '../limits/warden-process.ts';
import type { JobExit, Runtime } from '../runtimes/runtime.ts';
import { whyUnreachable } from './agent-server.ts';
import { type EndReason, exitReason, killedReason, limitReason, turnEndReason } from './end-reason.ts';
import { describeExit, describeExitInLog, describeStop } from './outcome.ts';
import type { JobRecord } from './record.ts';
import type { JobStore } from './store.ts';
import { describeTurnEnd, type ExitGrace, graceAfter, type TurnEnd } from './turn-end.ts';
import type { TurnUpdates } from './turn-updates.ts';

interface KillDeps {
  runtime: Runtime;
  store: JobStore;
  config: Config;
  logger: Logger;
  isActive?: () => boolean;
}

/** Kills the agent, retrying while its engine is down and the job is active. */
export async function killAgent(jobId: string, deps: KillDeps, signal: AbortSignal): Promise<void> {
  const { runtime, store, config, logger, isActive = () => true } = deps;
  const kill = async () => {
    if (isActive()) await runtime.kill(store.paths(jobId), config.jobs.stopTimeoutMs);
  };
  await retryForever(kill, { failure: 'cannot kill job, retrying', logger, signal });
}

export interface AgentContext extends KillDeps {
  turn: TurnUpdates;
  /** The variables of the runner. */
  env: NodeJS.ProcessEnv;
  hostName: string;
  /** The command that runs another one where this runner is, and a space; or empty. */
  commandPrefix: string;
  /** The option with which a command finds this runner, or empty. */
  stateDirOption: string;
  /** The server that the agent calls. */
  serverUrl: URL;
  /** How long the agent may run on after its turn has ended. */
  exitGrace: ExitGrace;
  sleep: Sleep;
  /** Aborted when the runner stops, or another replica has taken the job. The job itself keeps running. */
  detach: AbortSignal;
  /** Aborted when a user killed the job. */
  cancel: AbortSignal;
}

/** Returns the record of the job after its exit. Rejects only with the reason of `context.detach`. */
export async function waitForExit(record: JobRecord, context: AgentContext): Promise<JobRecord> {
  const { store, runtime, logger, hostName, commandPrefix, stateDirOption, cancel, detach } = context;
  const { jobId } = record;
  const turnStop = stopAfterTurn(jobId, context);
  using _warden = beginToWatchWarden(jobId, context);
  try {
    // A failure to watch the job, for example because file descriptors ran out, is not its exit: a finished job is removed.
    const exit = await retryForever(() => runtime.wait(store.paths(jobId), detach), {
      failure: 'cannot watch job, retrying',
      logger,
      signal: detach,
    });
    logger.info('agent exited', { exit_code: exit.exitCode, out_of_memory: exit.outOfMemory || undefined });
    const killed = cancel.aborted || (await store.isKilled(jobId));
    const stoppedBy = killed ? undefined : turnStop.reason;
    const reached = await findReached(record, exit, store);
    if (reached !== undefined)
      logger.warn('job ended at limit', { limit: reached.limit, reason: describeUse(reached) });
    const line = killed || stoppedBy ? undefined : describeExitInLog(exit, reached, context.config.limits.wrapUpMs);
    if (line !== undefined)
      await runtime
        .appendToLog?.(store.paths(jobId), line)
        .catch((error: unknown) => logger.warn('cannot write reason of exit to job log', { error }));
    const mayBeCutOff =
      !killed && !stoppedBy && !reached && exit.exitCode && (exit.startError ?? exit.stopped) === undefined;
    const egress = await store.readEgress(jobId);
    // Behind the wall, the way to the server is the gateway's.
    const unreachable =
      mayBeCutOff && egress === undefined ? await whyUnreachable(runtime, context.serverUrl) : undefined;
    const failure = stoppedBy
      ? describeStop(stoppedBy)
      : describeExit({ ...record, killed }, exit, hostName, {
          ...{ commandPrefix, stateDirOption },
          ...{ unreachable, egress, reached },
        });
    const reason = endReason({ killed, stoppedBy }, reached ? limitReason(reached) : exitReason(exit));
    const { exitCode } = exit;
    return {
      ...record,
      phase: 'ended',
      killed,
      endedAt: exit.endedAt.toISOString(),
      endCode: reason.code,
      endText: reason.text,
      failure,
      ...(exitCode !== undefined && { exitCode }),
    };
  } finally {
    turnStop[Symbol.dispose]();
  }
}

/** The limit at which the runtime, or the warden, ended the job. */
async function findReached(
  { jobId, limits }: JobRecord,
  exit: JobExit,
  store: JobStore,
): Promise<ReachedLimit | undefined> {
  const { limit, used } = exit.reached ?? {};
  const allowed = limit && limits?.[limit];
  if (limit !== undefined && allowed !== undefined)
    return { limit, allowed, used: used === undefined ? undefined : Math.max(used, allowed) };
  return (exit.startError ?? exit.stopped) === undefined ? await readReached(store.paths(jobId)) : undefined;
}

/** Until it is disposed of. */
function beginToWatchWarden(jobId: string, { runtime, store, env, logger, detach }: AgentContext): Disposable {
  const exited = new AbortController();
  const isRunning = async () => (await runtime.listRunning()).includes(jobId);
  const signal = AbortSignal.any([detach, exited.signal]);
  void watchWarden(store.paths(jobId), { env, isRunning, logger, signal }).catch((error: unknown) => {
    if (!signal.aborted) logger.warn('cannot watch limits of job', { error });
  });
  return { [Symbol.dispose]: () => exited.abort() };
}

function endReason(
  { killed, stoppedBy }: { killed: boolean; stoppedBy: TurnEnd | undefined },
  exit: EndReason,
): EndReason {
  if (killed) return killedReason;
  return stoppedBy ? turnEndReason(stoppedBy) : exit;
}

/** Kills the agent once its turn has ended and the time to exit is over. `reason` is set as soon as that begins. */
function stopAfterTurn(jobId: string, context: AgentContext): Disposable & { reason: TurnEnd | undefined } {
  const { turn, exitGrace, sleep, logger, detach } = context;
  const exited = new AbortController();
  const signal = AbortSignal.any([detach, exited.signal]);
  const stop = { reason: undefined as TurnEnd | undefined, [Symbol.dispose]: () => exited.abort() };
  const work = async () => {
    if (!turn.ended.aborted) await once(turn.ended, 'abort', { signal });
    const { end } = turn;
    if (end === undefined) return;
    const graceMs = graceAfter(end, exitGrace);
    await sleep(graceMs, signal);
    stop.reason = end;
    logger.info('stopping job, its turn has ended', { reason: describeTurnEnd(end), waited_ms: graceMs });
    await killAgent(jobId, context, signal);
  };
  // Rejects only if the signal is aborted.
  void work().catch(() => {});
  return stop;
}
