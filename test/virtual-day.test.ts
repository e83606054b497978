/** A runner keeps nothing of messages and jobs that are done with. `bench/day.ts` does it with those of a whole day. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { requires } from './support/engines-client.ts';
import { countedFigures, type Day, type DayOptions, runDay } from './support/virtual-day/day.ts';
import { growthOf } from './support/virtual-day/trend.ts';

// Not of a leak, which would be that of each of the messages or jobs.
const maxHeapGrowthMib = 1;
const hourMs = 5000;

test('nothing is left of 5,000 pings and 60 jobs', async (t) => {
  await check(t, { runtime: 'host', pings: 5000, jobs: 60, hourMs });
});

test('nothing is left of 20 jobs of podman', async (t) => {
  const engines = await requires(t, 'podman', 'registry');
  if (!engines) return;
  const { podman, images } = engines;
  await check(t, { runtime: 'podman', pings: 500, jobs: 20, hourMs, env: podman.env, image: images.agent });
});

async function check(t: TestContext, options: DayOptions): Promise<void> {
  const day = await runDay(options);
  t.diagnostic(`before ${JSON.stringify(day.before)}, after ${JSON.stringify(day.after)}`);
  assert.deepEqual(day.newFiles, []);
  for (const name of countedFigures) assert.ok(day.after[name] <= day.before[name], `${name}: ${describe(day, name)}`);
  const heap = day.samples.flatMap(({ heapMib }) => heapMib ?? []);
  const growth = growthOf(heap.slice(heap.length / 2));
  assert.ok(growth <= maxHeapGrowthMib, `the heap grows by ${growth} MiB: ${heap.join(' ')}`);
  const { answered, ...others } = day.outcomes;
  assert.deepEqual(others, { undelivered: 0, lost: 0, 'given up': 0 });
  assert.ok(answered >= options.pings);
  assert.ok(day.collections >= 1, 'garbage was removed');
}

function describe({ before, samples, after }: Day, name: (typeof countedFigures)[number]): string {
  return `${before[name]}, then ${samples.map((sample) => sample[name] ?? '').join(' ')}, then ${after[name]}`;
}
