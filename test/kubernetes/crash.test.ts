/**
 * Kills the runner with SIGKILL at every step of its jobs in a cluster, also between the creation of a Job and of its Secret.
 * PLAN42_CRASH_ROUNDS sets the rounds, PLAN42_CRASH_SEED repeats a run.
 */
import { test } from 'node:test';
import { requireClusterUnderTest } from '../support/crash/cluster-under-test.ts';
import { crashAgainAndAgain } from '../support/crash/crash.ts';
import { setUpCrash } from '../support/crash/setting.ts';
import { clusterWindows } from '../support/crash/windows.ts';

const maxJobs = 4;

test('a runner that is killed repeatedly loses no job', { timeout: 24 * 3600_000 }, async (t) => {
  const found = await requireClusterUnderTest(t);
  if (!found) return;
  await using cluster = found;
  await using setting = await setUpCrash({
    runtime: 'kubernetes',
    engine: undefined,
    cluster,
    maxJobs,
    hidesSlots: true,
  });
  await crashAgainAndAgain(t, setting, {
    windows: clusterWindows,
    rounds: 6,
    maxJobs,
    jobsPerRound: 6,
    maxLines: 60,
    linePauseMs: 100,
    maxMoreKills: 3,
    maxRoundMs: 300_000,
  });
});
