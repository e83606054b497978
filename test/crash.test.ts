/**
 * Kills the runner with SIGKILL at every step of its jobs, and restarts it: no job is lost or started twice, every final status is
 * correct and reported once, and no garbage remains. PLAN42_CRASH_ROUNDS sets the rounds per runtime, PLAN42_CRASH_SEED
 * repeats a run. `test/kubernetes/crash.test.ts` does it in a cluster.
 */
import { suite, test } from 'node:test';
import { crashAgainAndAgain } from './support/crash/crash.ts';
import { requireEngine, setUpCrash } from './support/crash/setting.ts';
import { crashWindows } from './support/crash/windows.ts';

const rounds = { host: 8, podman: 6, docker: 6 } as const;
const maxJobs = 2;

suite('a runner that is killed repeatedly', { concurrency: true }, () => {
  for (const runtime of ['host', 'podman', 'docker'] as const) {
    test(`on ${runtime} loses no job`, { timeout: 24 * 3600_000 }, async (t) => {
      const engine = runtime === 'host' ? undefined : await requireEngine(t, runtime);
      if (runtime !== 'host' && !engine) return;
      await using setting = await setUpCrash({ runtime, engine, maxJobs, hidesSlots: true });
      await crashAgainAndAgain(t, setting, { windows: crashWindows, rounds: rounds[runtime], maxJobs });
    });
  }
});
