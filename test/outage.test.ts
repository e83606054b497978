/** During an outage of the server jobs keep running, and their results are reported afterwards. Run with PLAN42_OUTAGE_MS=60000 by hand. */
import { suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { AgentPlan } from './support/crash/agents.ts';
import { assertJobReported, assertNothingLeft } from './support/crash/expectations.ts';
import { setUpCrash } from './support/crash/setting.ts';
import { eventually } from './support/eventually.ts';

const outageMs = Number(process.env['PLAN42_OUTAGE_MS'] ?? 3000);

const plans: AgentPlan[] = [
  { key: 'ends-meanwhile', lines: 20, linePauseMs: 30, end: { kind: 'exit', code: 3 } },
  { key: 'is-killed-meanwhile', lines: 30, linePauseMs: 30, end: { kind: 'signal' } },
  { key: 'goes-on', lines: 40, linePauseMs: (outageMs + 2000) / 40, end: { kind: 'finish', code: 0 } },
  { key: 'waits-for-a-slot', lines: 5, linePauseMs: 30, end: { kind: 'exit', code: 4 } },
];

suite('the server is unreachable', { concurrency: true }, () => {
  for (const runner of ['stays', 'is killed and started again'] as const) {
    test(`and the runner ${runner}: every result is reported when the server is back`, async () => {
      await using setting = await setUpCrash({ runtime: 'host', engine: undefined, maxJobs: 3 });
      const { desk, proxy } = setting;
      const jobs = await setting.start(plans);
      await eventually(async () => desk.starts.size === 3);

      await proxy.refuseConnections();
      await delay(outageMs / 2);
      if (runner !== 'stays') {
        await setting.kill();
        await setting.restart();
      }
      await delay(outageMs / 2);
      await proxy.acceptConnections();

      await setting.untilOver(jobs);
      for (const job of jobs) await assertJobReported(job, setting);
      await assertNothingLeft(jobs, setting);
    });
  }
});
