/**
 * The warden of a job: measures what the job uses, and ends it at a limit. It is a process of its own, which outlives the runner
 * as the job does. Each limit is held by a loop of its own, so that a slow engine delays no other.
 */
import { join } from 'node:path';
import { readJobUsage, sizeOfUsage } from '../gateway/models/ledger.ts';
import { roundCost, sumUsage, tokensOf } from '../gateway/models/usage.ts';
import { uptimeMs } from '../lib/clock.ts';
import { formatError } from '../lib/errors.ts';
import { exists } from '../lib/files.ts';
import { sleep } from '../lib/sleep.ts';
import { watchUntil } from '../lib/watch-folder.ts';
import { createMeter, type Meter } from '../runtimes/meter.ts';
import { countOutput } from '../shim/job-log.ts';
import * as shim from '../shim/shim.ts';
import {
  markReached,
  readReached,
  readState,
  readTask,
  type WardenState,
  type WardenTask,
  writeForAgent,
  writeState,
} from './files.ts';
import { countGatewayBytes } from './gateway-bytes.ts';
import { type Activity, begin, consider, ignoreOutput, type Look, untilNextLookMs } from './hold.ts';
import { type JobLimits, type LimitUse, noticeLine, reachedLine } from './limits.ts';

export interface WardenOptions {
  /** The last argument of the process. */
  folder: string;
  /** For the commands of engines. */
  env: NodeJS.ProcessEnv;
  /** For what the log of the job cannot get. */
  writeLine: (line: string) => void;
  signal: AbortSignal;
}

const startCheckMs = 300;
const endCheckMs = 1000;
const containerCheckMs = 5000;
const retryMs = 1000;
// A gateway counts the bytes of a tunnel every 5 s, and saves its report every 2 s.
const gatewayLagMs = 8000;
const saveIntervalMs = 5000;
const minDiskPauseMs = 1500;
/** So many times as long as a measurement takes. */
const diskPauseFactor = 4;
/** A job that goes on writing is killed at once when it has used so much of the limit. */
const diskOverrun = 1.25;
const usageCheckMs = 500;

/** Resolves when the job is over. Rejects with the reason of the signal, or if the files cannot be read. */
export async function runWarden({ folder, env, writeLine, signal }: WardenOptions): Promise<void> {
  const task = await readTask(folder);
  const { limits } = task;
  const writeToLog = shim.createLogInput(task);
  const meter = createMeter({ ...task, job: task, env });
  await waitForLaunch(task, folder, signal);
  const stateBefore = await readState(folder);
  // Neither the making of a container nor an engine that is down is time of the job. The state is saved from its start on.
  if (stateBefore === undefined) await waitForStart(task, folder, meter, signal);
  const done = new AbortController();
  const whileRunning = AbortSignal.any([signal, done.signal]);
  const state: WardenState = stateBefore ?? { held: begin(uptimeMs()) };
  const { promise: reached, resolve: reach } = Promise.withResolvers<LimitUse>();
  const before = await readReached(task);
  if (before !== undefined) reach(before);
  let uses: readonly LimitUse[] = [];
  let savedAtMs = Number.NEGATIVE_INFINITY;
  let saving = Promise.resolve();
  const reported = new Set<string>();

  /** A full disk, or an engine that is down, keeps the warden from nothing else. */
  function report(what: string, error: unknown): void {
    if (reported.has(what)) return;
    reported.add(what);
    writeLine(`plan42: limits: cannot ${what}: ${formatError(error)}`);
  }

  function announce(text: string): void {
    const line = `${text}\n`;
    if (writeToLog(line)) state.held = ignoreOutput(state.held, Buffer.byteLength(line));
    else writeLine(line.trimEnd());
  }

  function save(): Promise<void> {
    savedAtMs = uptimeMs();
    saving = saving.then(() => writeState(folder, state).catch((error: unknown) => report('save the state', error)));
    return saving;
  }

  function take(nowMs: number, look: Look = {}): void {
    const verdict = consider(limits, state.held, nowMs, look);
    state.held = verdict.held;
    if (look.diskBytes !== undefined) state.diskBytes = look.diskBytes;
    if (verdict.reached !== undefined) reach(verdict.reached);
    else if (verdict.notices.length > 0) void notice(verdict.notices);
    if (verdict.notices.length > 0 || uptimeMs() - savedAtMs > saveIntervalMs) void save();
  }

  async function notice(notices: readonly LimitUse[]): Promise<void> {
    uses = [...uses.filter((old) => !notices.some(({ limit }) => limit === old.limit)), ...notices];
    await writeForAgent(folder, task, uses).catch((error: unknown) => report('write the file for the agent', error));
    for (const use of notices) announce(noticeLine(use));
    await meter.notify().catch((error: unknown) => report('send a signal to the agent', error));
  }

  async function holdDuration({ max_duration }: JobLimits): Promise<void> {
    if (max_duration === undefined) return;
    for (;;) {
      take(uptimeMs());
      await sleep(untilNextLookMs({ max_duration }, state.held, uptimeMs()), whileRunning);
    }
  }

  async function holdIdleness({ idle_timeout }: JobLimits): Promise<void> {
    if (idle_timeout === undefined) return;
    for (;;) {
      // The job may do something while this is measured.
      const nowMs = uptimeMs();
      take(nowMs, await lookAtActivity(task, meter, state.held.last?.activity));
      await sleep(untilNextLookMs({ idle_timeout }, state.held, uptimeMs()), whileRunning);
    }
  }

  async function holdDisk({ disk_gib: allowed }: JobLimits): Promise<void> {
    if (allowed === undefined) return;
    for (;;) {
      const beganMs = uptimeMs();
      const diskBytes = await meter.measureDisk().catch((error: unknown) => report('measure the disk space', error));
      take(beganMs, { diskBytes: diskBytes ?? undefined });
      if ((diskBytes ?? 0) >= allowed * diskOverrun) await meter.kill(0).catch(() => {});
      const tookMs = uptimeMs() - beganMs;
      await sleep(Math.max(minDiskPauseMs, tookMs * diskPauseFactor), whileRunning);
    }
  }

  /** The gateway counts in a file, and refuses further calls. */
  async function holdUsage({ max_tokens, max_cost }: JobLimits): Promise<void> {
    if (max_tokens === undefined && max_cost === undefined) return;
    let sizeBefore = 0;
    for (;;) {
      const size = await sizeOfUsage(task.folder).catch((error: unknown) => report('read the tokens', error));
      if (size !== undefined && size !== sizeBefore) {
        const used = sumUsage(await readJobUsage(task.folder));
        take(uptimeMs(), { tokens: tokensOf(used), cost: roundCost(used.cost ?? 0) });
        sizeBefore = size;
      }
      await sleep(usageCheckMs, whileRunning);
    }
  }

  async function endJob(use: LimitUse): Promise<void> {
    if (before === undefined) {
      await retry(() => markReached(folder, use), 'record the limit');
      await writeForAgent(folder, task, [...uses.filter(({ limit }) => limit !== use.limit), use], use).catch(() => {});
      announce(reachedLine(use, task.wrapUpMs));
    }
    state.endingSinceMs ??= uptimeMs();
    await save();
    const killAtMs = state.endingSinceMs + task.wrapUpMs;
    await retry(() => meter.kill(Math.max(0, killAtMs - uptimeMs())), 'end the job');
  }

  async function retry(work: () => Promise<void>, what: string): Promise<void> {
    for (;;) {
      try {
        await work();
        return;
      } catch (error) {
        report(what, error);
        await sleep(retryMs, whileRunning);
      }
    }
  }

  await save();
  const holding = [
    ...[holdDuration(limits), holdIdleness(limits), holdDisk(limits), holdUsage(limits)],
    reached.then(endJob),
  ];
  for (const loop of holding) loop.catch((error: unknown) => whileRunning.aborted || report('hold a limit', error));
  try {
    await waitForEnd(task, folder, meter, signal);
  } finally {
    done.abort();
    await saving;
  }
}

/** Without the processes, which an engine that is down may hide, what else is seen counts. */
async function lookAtActivity(task: WardenTask, meter: Meter, last: Activity | undefined): Promise<Look> {
  const [logBytes, gatewayBytes, processes] = await Promise.all([
    countOutput(task.logFile).catch(() => last?.logBytes ?? 0),
    countGatewayBytes(task),
    meter.measureProcesses().catch(() => undefined),
  ]);
  const { cpuMs = last?.cpuMs ?? 0, interfaceBytes = last?.interfaceBytes ?? 0 } = processes ?? {};
  const activity = { logBytes, gatewayBytes: gatewayBytes ?? last?.gatewayBytes ?? 0, cpuMs, interfaceBytes };
  return { activity, lagMs: gatewayBytes === undefined ? 0 : gatewayLagMs };
}

/** The runner starts the warden first, so that no job runs without it. */
async function waitForLaunch({ folder: jobFolder }: WardenTask, folder: string, signal: AbortSignal): Promise<void> {
  const isLaunched = async () => {
    const { phase } = await shim.readState(jobFolder);
    return phase === 'running' || phase === 'exited' || (await isAbandoned(folder)) || undefined;
  };
  await watchUntil(jobFolder, isLaunched, signal);
}

/** Resolves, too, if the job ends without having started. */
async function waitForStart(task: WardenTask, folder: string, meter: Meter, signal: AbortSignal): Promise<void> {
  for (;;) {
    const isLaunching = await shim.isRunning(task.folder);
    if (await isAbandoned(folder)) return;
    const hasStarted = await meter.hasStarted().catch(() => undefined);
    if (hasStarted === true || (hasStarted === false && !isLaunching)) return;
    await sleep(startCheckMs, signal);
  }
}

async function isAbandoned(folder: string): Promise<boolean> {
  return (await exists(join(folder, shim.endedFile))) || !(await exists(folder));
}

/** A container can outlive its client and its shim. */
async function waitForEnd(task: WardenTask, folder: string, meter: Meter, signal: AbortSignal): Promise<void> {
  let askedAtMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    if (await isAbandoned(folder)) return;
    if (!(await shim.isRunning(task.folder)) && uptimeMs() - askedAtMs > containerCheckMs) {
      askedAtMs = uptimeMs();
      if (!(await meter.isRunning().catch(() => true))) return;
    }
    await sleep(endCheckMs, signal);
  }
}
