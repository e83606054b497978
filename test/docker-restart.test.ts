/** Docker's daemon restarts under running jobs, for an upgrade or after a crash: the runner reports their real results. */
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { AgentPlan } from './support/crash/agents.ts';
import { assertJobReported, assertNothingLeft, numbersIn } from './support/crash/expectations.ts';
import { type CrashSetting, requireEngine, setUpCrash } from './support/crash/setting.ts';
import { startDocker } from './support/engines/docker.ts';
import { makeEnginesDir, removeEnginesDir } from './support/engines/folder.ts';
import { type Env, run } from './support/engines/processes.ts';
import { readLog } from './support/job-log.ts';

interface Restart {
  liveRestore: boolean;
  signal: 'SIGTERM' | 'SIGKILL';
  /** State of the runner during the restart. */
  runner: 'stays' | 'is killed' | 'is away';
}

// All combinations can be run by hand.
const all = { SIGTERM: ['stays', 'is killed', 'is away'], SIGKILL: ['stays', 'is killed', 'is away'] } as const;
const few = { SIGTERM: ['is killed'], SIGKILL: ['stays'] } as const;
const runners = process.env['PLAN42_CRASH_ROUNDS'] === undefined ? few : all;

suite('docker’s daemon is restarted', { concurrency: 2 }, () => {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    test(`by ${signal}: an agent that the daemon stops has its real exit code`, (t) =>
      restartUnder(t, { liveRestore: false, signal, runner: 'stays' }));

    for (const runner of runners[signal]) {
      test(`by ${signal}, with live-restore, and the runner ${runner}: agents continue, and their logs have no gap`, (t) =>
        restartUnder(t, { liveRestore: true, signal, runner }));
    }
  }
});

async function restartUnder(t: TestContext, { liveRestore, signal, runner }: Restart): Promise<void> {
  const shared = await requireEngine(t, 'docker');
  if (!shared) return;
  await using undo = new AsyncDisposableStack();
  const dir = await makeEnginesDir();
  undo.defer(() => removeEnginesDir(dir));
  const docker = undo.use(await startDocker({ dir, signal: AbortSignal.timeout(60_000), liveRestore }));
  const setting = undo.use(await setUpCrash({ runtime: 'docker', engine: { ...shared, env: docker.env }, maxJobs: 3 }));

  const plans: AgentPlan[] = liveRestore
    ? [
        { key: 'slow', lines: 250, linePauseMs: 20, end: { kind: 'exit', code: 7 } },
        // Writes faster than its log can be written.
        { key: 'fast', lines: 200_000, linePauseMs: 0, end: { kind: 'exit', code: 8 } },
        { key: 'good', lines: 100, linePauseMs: 50, end: { kind: 'finish', code: 0 } },
      ]
    : [{ key: 'ended', lines: 1000, linePauseMs: 50, end: { kind: 'exit', code: 5 }, endsOnTerm: true }];
  const begun = untilBegun(setting, plans.length);
  const jobs = await setting.start(plans);
  await begun;
  await delay(300);

  if (runner === 'is away') await setting.kill();
  await docker.stopDaemon(signal);
  if (runner === 'is killed') await setting.kill();
  await docker.startDaemon();
  const kept = jobs.map(({ jobId }) => keptLines(jobId, docker.env));
  if (runner !== 'stays') await setting.restart();

  try {
    await setting.untilOver(jobs, 120_000);
    for (const [index, job] of jobs.entries()) {
      const log = await readLog(join(setting.stateDir, 'logs', `${job.jobId}.log`));
      await assertJobReported(job, setting, lostLines((await kept[index]) ?? [], numbersIn(log)));
    }
    await assertNothingLeft(jobs, setting);
  } catch (cause) {
    const keptUntil = (await Promise.all(kept)).map((lines) => lines.at(-1));
    throw new Error(`${setting.log()}\nlast lines that the engine kept: ${keptUntil.join(', ')}`, { cause });
  }
}

/** The engine's own log of the job, at least until it has exited. */
async function keptLines(jobId: string, env: Env): Promise<number[]> {
  // Fails if the container is removed before the command exits. By then it has written all of its output.
  const written = await run('docker', ['logs', '--follow', jobId], { env }).catch(({ cause }: Error) => cause);
  return numbersIn(typeof written === 'string' ? written : (written as { stdout: string }).stdout);
}

/**
 * A daemon that stops loses the lines that it has read but not written: they are missing in the middle of its log. Rarely
 * (Docker 20.10 on a busy machine), it keeps no further line of a container. Then the job's log ends at the same line.
 */
function lostLines(kept: readonly number[], log: readonly number[]): (line: number) => boolean {
  const [last = 0, there] = [kept.at(-1), new Set(kept)];
  const stopped = log.at(-1) === last;
  return (line) => !there.has(line) && (line < last || stopped);
}

function untilBegun({ desk }: CrashSetting, count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  desk.onCall = () => desk.starts.size === count && resolve();
  return promise;
}
