/**
 * The API server of a cluster fails in each way while a runner starts jobs, follows them and removes them. PLAN42_OUTAGES sets how
 * often, PLAN42_OUTAGE_SEED repeats a run. Rounds speak HTTP/2 and HTTP/1.1 in turns.
 */
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { AgentPlan } from '../support/crash/agents.ts';
import { type ClusterUnderTest, requireClusterUnderTest } from '../support/crash/cluster-under-test.ts';
import { assertJobReported, assertNothingLeft } from '../support/crash/expectations.ts';
import { setUpCrash } from '../support/crash/setting.ts';
import type { Outage } from '../support/kubernetes/outage-proxy.ts';
import { seededRandom } from '../support/random.ts';

const kinds: readonly (Outage | 'restart')[] = ['refuse', 'reset', 'hang', 'cut', 410, 429, 500, 'restart'];
const all = Number(process.env['PLAN42_OUTAGES'] ?? kinds.length);
const seed = Number(process.env['PLAN42_OUTAGE_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
const perRound = 4;
const jobsPerRound = 6;
const maxJobs = 4;
// A connection that hangs is noticed within a minute, and a job can meet two of them.
const maxRoundMs = 400_000;

async function fail({ cluster, proxy }: ClusterUnderTest, kind: Outage | 'restart', ms: number): Promise<void> {
  if (kind === 'restart') {
    await cluster.stop('apiserver');
    await delay(ms);
    await cluster.startApiServer();
    return;
  }
  await proxy.begin(kind);
  await delay(ms);
  await proxy.begin('none');
}

function planAgent(key: string, random: () => number): AgentPlan {
  const end = random() < 0.3 ? ({ kind: 'finish', code: 0 } as const) : { kind: 'exit' as const, code: 5 };
  return { key, lines: Math.floor(random() * 100), linePauseMs: 100, end };
}

test('no job is lost, reported twice or without its end in outages', { timeout: 24 * 3600_000 }, async (t) => {
  const found = await requireClusterUnderTest(t);
  if (!found) return;
  await using cluster = found;
  await using setting = await setUpCrash({ runtime: 'kubernetes', engine: undefined, cluster, maxJobs });
  const random = seededRandom(seed);
  const startedAt = performance.now();
  for (let done = 0; done < all; ) {
    const round = kinds.slice(done % kinds.length, (done % kinds.length) + perRound).slice(0, all - done);
    // Each kind of outage meets both protocols.
    const isHttp2 = (Math.floor(done / perRound) + Math.floor(done / kinds.length)) % 2 === 0;
    cluster.proxy.speak(isHttp2 ? 'HTTP/2' : 'HTTP/1.1');
    const plans = Array.from({ length: jobsPerRound }, (_, n) => planAgent(`${done}-${n}`, random));
    const jobs = await setting.start(plans);
    try {
      for (const kind of round) {
        await delay(random() * 3000);
        await fail(cluster, kind, 200 + random() * 5000);
      }
      await setting.untilOver(jobs, maxRoundMs);
      for (const job of jobs) await assertJobReported(job, setting);
      await assertNothingLeft(jobs, setting);
    } catch (cause) {
      throw new Error(`PLAN42_OUTAGE_SEED=${seed}, outages ${round.join(', ')}:\n${setting.log()}`, { cause });
    }
    done += round.length;
  }
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  t.diagnostic(`seed ${seed}: ${all} outages, ${(all / perRound) * jobsPerRound} jobs in ${seconds} s`);
});
