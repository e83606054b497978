/**
 * Kills the runner with SIGKILL at every step of its jobs, and restarts it: no job is lost or started twice, every final status is
 * correct and reported once, and no garbage remains. PLAN42_CRASH_ROUNDS sets the rounds per runtime, PLAN42_CRASH_SEED
 * repeats a run.
 */
import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { AgentEnd, AgentPlan, PlannedJob } from './support/crash/agents.ts';
import { assertJobReported, assertNothingLeft } from './support/crash/expectations.ts';
import { type CrashRuntime, type CrashSetting, requireEngine, setUpCrash } from './support/crash/setting.ts';
import { crashWindows } from './support/crash/windows.ts';
import { seededRandom } from './support/random.ts';

const seed = Number(process.env['PLAN42_CRASH_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
const rounds = { host: 8, podman: 6, docker: 6 } as const;
const maxJobs = 2;
const jobsPerRound = 4;
const maxRoundMs = 90_000;
// A window can be missed occasionally. One that is always missed no longer exists.
const maxMissed = 3;

suite('a runner that is killed repeatedly', { concurrency: true }, () => {
  for (const runtime of ['host', 'podman', 'docker'] as const) {
    test(`on ${runtime} loses no job`, { timeout: 24 * 3600_000 }, async (t) => {
      const engine = runtime === 'host' ? undefined : await requireEngine(t, runtime);
      if (runtime !== 'host' && !engine) return;
      await using setting = await setUpCrash({ runtime, engine, maxJobs, hidesSlots: true });
      await crashAgainAndAgain(t, runtime, setting);
    });
  }
});

async function crashAgainAndAgain(t: TestContext, runtime: CrashRuntime, setting: CrashSetting): Promise<void> {
  const random = seededRandom(seed);
  const all = Number(process.env['PLAN42_CRASH_ROUNDS'] ?? rounds[runtime]);
  const [hits, tries] = [new Map<string, number>(), new Map<string, number>()];
  const windows: string[] = [];
  const startedAt = performance.now();
  for (let round = 1; round <= all; round += 1) {
    if (windows.length === 0) windows.push(...shuffled(['at any time', ...Object.keys(crashWindows)], random));
    const window = windows.pop() ?? '';
    count(tries, window);
    try {
      if (await crashOnce({ window, round, random, setting })) count(hits, window);
      else assert.ok(hits.has(window) || (tries.get(window) ?? 0) < maxMissed, 'the window was never hit');
    } catch (cause) {
      throw new Error(`PLAN42_CRASH_SEED=${seed}, round ${round}, killed ${window}:\n${setting.log()}`, { cause });
    }
  }
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  t.diagnostic(`seed ${seed}: ${all} rounds, ${all * jobsPerRound} jobs in ${seconds} s`);
  for (const [window, times] of hits) t.diagnostic(`killed ${window}: ${times}`);
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

interface Round {
  window: string;
  round: number;
  random: () => number;
  setting: CrashSetting;
}

/** Resolves with whether the window was hit. */
async function crashOnce({ window, round, random, setting }: Round): Promise<boolean> {
  const { desk } = setting;
  await setting.runner().ready();
  const plans = Array.from({ length: jobsPerRound }, (_, index) => planAgent(`${round}-${index}`, random));
  const [anyTimeMs, pauseMs, again] = [random() * 2500, random() * 300, random()];
  let jobs: PlannedJob[] = [];
  const isHit = await killAt({ window, setting, anyTimeMs }, async () => {
    jobs = await setting.start(plans);
  });
  await delay(pauseMs);
  await setting.restart();
  // Sometimes also while it adopts the jobs.
  if (again < 0.3) {
    await delay(again * 3000);
    await setting.kill();
    await setting.restart();
  }
  await setting.untilOver(jobs, maxRoundMs);
  for (const job of jobs) await assertJobReported(job, setting);
  await assertNothingLeft(jobs, setting);
  if (desk.mostAtWork > maxJobs) throw new Error(`${desk.mostAtWork} agents were running at once`);
  return isHit;
}

/** Kills the runner when the window opens, or at the latest when all jobs would be finished. */
async function killAt(
  { window, setting, anyTimeMs }: { window: string; setting: CrashSetting; anyTimeMs: number },
  begin: () => Promise<void>,
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  await using _open = await crashWindows[window]?.(setting, () => resolve(true));
  const tooLate = setTimeout(resolve, window in crashWindows ? maxRoundMs : anyTimeMs, !(window in crashWindows));
  const begun = begin();
  const isHit = await promise;
  clearTimeout(tooLate);
  await Promise.all([setting.kill(), begun]);
  return isHit;
}

function planAgent(key: string, random: () => number): AgentPlan {
  const lines = Math.floor(random() * 20);
  const code = random() < 0.3 ? 0 : 1 + Math.floor(random() * 120);
  const ends: AgentEnd[] = [
    { kind: 'exit', code },
    { kind: 'exit', code },
    { kind: 'finish', code },
    { kind: 'signal' },
  ];
  return { key, lines, linePauseMs: 30, end: ends[Math.floor(random() * ends.length)] ?? { kind: 'signal' } };
}

function shuffled<T>(items: T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
