/** Kills a runner again and again, at every step of its jobs. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { seededRandom } from '../random.ts';
import type { AgentEnd, AgentPlan, PlannedJob } from './agents.ts';
import { assertJobReported, assertNothingLeft } from './expectations.ts';
import type { CrashSetting } from './setting.ts';
import type { CrashWindow } from './windows.ts';

const seed = Number(process.env['PLAN42_CRASH_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
// A window can be missed occasionally. One that is always missed no longer exists.
const maxMissed = 3;

export interface CrashPlan {
  windows: Readonly<Record<string, CrashWindow>>;
  /** If PLAN42_CRASH_ROUNDS does not set them. */
  rounds: number;
  /** As in the setting. */
  maxJobs: number;
  jobsPerRound?: number;
  /** Of each agent, with its time in milliseconds. */
  maxLines?: number;
  linePauseMs?: number;
  /** After the first one of each round, at any time. */
  maxMoreKills?: number;
  maxRoundMs?: number;
}

const defaults = { jobsPerRound: 4, maxLines: 20, linePauseMs: 30, maxMoreKills: 1, maxRoundMs: 90_000 };
type Planned = CrashPlan & typeof defaults;

export async function crashAgainAndAgain(t: TestContext, setting: CrashSetting, given: CrashPlan): Promise<void> {
  const plan: Planned = { ...defaults, ...given };
  const random = seededRandom(seed);
  const all = Number(process.env['PLAN42_CRASH_ROUNDS'] ?? plan.rounds);
  const [hits, tries] = [new Map<string, number>(), new Map<string, number>()];
  const windows: string[] = [];
  const startedAt = performance.now();
  let kills = 0;
  for (let round = 1; round <= all; round += 1) {
    if (windows.length === 0) windows.push(...shuffled(['at any time', ...Object.keys(plan.windows)], random));
    const window = windows.pop() ?? '';
    count(tries, window);
    try {
      const { isHit, killed } = await crashOnce({ window, round, random, setting, plan });
      kills += killed;
      if (isHit) count(hits, window);
      else assert.ok(hits.has(window) || (tries.get(window) ?? 0) < maxMissed, 'the window was never hit');
    } catch (cause) {
      throw new Error(`PLAN42_CRASH_SEED=${seed}, round ${round}, killed ${window}:\n${setting.log()}`, { cause });
    }
  }
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  t.diagnostic(`seed ${seed}: ${all} rounds, ${kills} kills, ${all * plan.jobsPerRound} jobs in ${seconds} s`);
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
  plan: Planned;
}

/** Resolves with whether the window was hit, and the number of kills. */
async function crashOnce({ window, round, random, setting, plan }: Round): Promise<{ isHit: boolean; killed: number }> {
  const { desk } = setting;
  await setting.ready();
  const { jobsPerRound, maxMoreKills, maxRoundMs, maxJobs } = plan;
  const plans = Array.from({ length: jobsPerRound }, (_, index) => planAgent(`${round}-${index}`, random, plan));
  const [anyTimeMs, pauseMs, again] = [random() * 2500, random() * 300, random()];
  let jobs: PlannedJob[] = [];
  const isHit = await killAt({ window, setting, anyTimeMs, plan }, async () => {
    jobs = await setting.start(plans);
  });
  await delay(pauseMs);
  await setting.restart();
  let killed = 1;
  // Sometimes also while it adopts the jobs.
  for (let more = again < 0.3 * maxMoreKills ? maxMoreKills : 0; more > 0; more -= 1) {
    await delay((maxMoreKills === 1 ? again * 3 : random() * 4) * 1000);
    await setting.kill();
    await setting.restart();
    killed += 1;
  }
  await setting.untilOver(jobs, maxRoundMs);
  for (const job of jobs) await assertJobReported(job, setting);
  await assertNothingLeft(jobs, setting);
  if (desk.mostAtWork > maxJobs) throw new Error(`${desk.mostAtWork} agents were running at once`);
  return { isHit, killed };
}

/** Kills the runner when the window opens, or at the latest when all jobs would be finished. */
async function killAt(
  { window, setting, anyTimeMs, plan }: { window: string; setting: CrashSetting; anyTimeMs: number; plan: Planned },
  begin: () => Promise<void>,
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const { windows, maxRoundMs } = plan;
  await using _open = await windows[window]?.(setting, () => resolve(true));
  const tooLate = setTimeout(resolve, window in windows ? maxRoundMs : anyTimeMs, !(window in windows));
  const begun = begin();
  const isHit = await promise;
  clearTimeout(tooLate);
  await Promise.all([setting.kill(), begun]);
  return isHit;
}

function planAgent(key: string, random: () => number, { maxLines, linePauseMs }: Planned): AgentPlan {
  const lines = Math.floor(random() * maxLines);
  const code = random() < 0.3 ? 0 : 1 + Math.floor(random() * 120);
  const ends: AgentEnd[] = [
    { kind: 'exit', code },
    { kind: 'exit', code },
    { kind: 'finish', code },
    { kind: 'signal' },
  ];
  return { key, lines, linePauseMs, end: ends[Math.floor(random() * ends.length)] ?? { kind: 'signal' } };
}

function shuffled<T>(items: T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
