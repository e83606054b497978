/**
 * A day of a runner: 100,000 pings and 2,000 jobs as fast as they go, while timers of an hour fire every 20 seconds. Prints what
 * memory, descriptors, watches, files, processes and timers become, and whether they grow: by how much in the second half of
 * the day, and what is left when everything is done. `PLAN42_BENCH_SHARE=0.1` does a tenth of it.
 */
import { startEngines } from '../test/support/engines.ts';
import { makeTempDir } from '../test/support/temp-dir.ts';
import { countedFigures, type Day, type DayOptions, type Figures, runDay } from '../test/support/virtual-day/day.ts';
import { growthOf } from '../test/support/virtual-day/trend.ts';
import { median } from './support/median.ts';

const share = Number(process.env['PLAN42_BENCH_SHARE'] ?? 1);
const hourMs = 20_000;
const maxResidentMib = 110;
// A figure may grow by so much in half a day, or by its share `maxGrowth`.
const minGrowth: Record<keyof Figures, number> = {
  residentMib: 2,
  heapMib: 0.5,
  descriptors: 1,
  watches: 1,
  children: 1,
  files: 4,
  timers: 1,
};
const maxGrowth = 0.03;

await measure({ runtime: 'host', pings: 100_000, jobs: 1700, hourMs });
await using dir = await makeTempDir();
await using engines = await startEngines({ dir: dir.path, signal: AbortSignal.timeout(120_000) });
const { podman, images } = engines;
if (podman && images)
  await measure({ runtime: 'podman', pings: 10_000, jobs: 300, hourMs, env: podman.env, image: images.agent });
else console.log(`podman: skipped: ${engines.missing.podman ?? engines.missing.registry ?? ''}`);

async function measure(options: DayOptions): Promise<void> {
  const pings = Math.round(options.pings * share);
  const jobs = Math.round(options.jobs * share);
  const day = await runDay({ ...options, pings, jobs });
  const minutes = day.ms / 60_000;
  const { answered, undelivered, lost } = day.outcomes;
  console.log(
    `${options.runtime}: ${answered} pings and ${jobs} jobs in ${minutes.toFixed(1)} minutes, ${(day.ms / hourMs).toFixed(0)} ` +
      `hours of timers; ${undelivered + lost} pings without a response; garbage removed ${day.collections} times`,
  );
  console.log(`${''.padEnd(14)}  before   10 %   50 %    end  after  in the second half`);
  for (const name of Object.keys(minGrowth) as (keyof Figures)[]) printFigure(name, day);
  const most = Math.max(...day.samples.map(({ residentMib }) => residentMib));
  console.log(
    `  at most ${most.toFixed(0)} MiB (goal ${maxResidentMib} MB = ${((maxResidentMib * 1e6) / 2 ** 20).toFixed(0)} MiB)`,
  );
  if (day.newFiles.length > 0) fail(`files that are left: ${day.newFiles.join(' ')}`);
  if (undelivered + lost > 0) fail('pings without a response');
}

function printFigure(name: keyof Figures, { before, samples, atEnd, after }: Day): void {
  const values = samples.flatMap((sample) => sample[name] ?? []);
  const at = (part: number) => values[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN;
  const half = values.slice(values.length / 2);
  const growth = growthOf(half);
  const limit = Math.max(minGrowth[name], maxGrowth * median(half));
  const isLeft = (countedFigures as readonly string[]).includes(name) && after[name] > before[name];
  const format = (value: number) => value.toFixed(name.endsWith('Mib') ? 1 : 0).padStart(7);
  const columns = [before[name], at(0.1), at(0.5), atEnd[name], after[name]].map(format).join('');
  const grows = growth > limit;
  const verdict = grows ? 'GROWS' : isLeft ? 'IS LEFT' : 'no trend';
  console.log(
    `  ${name.padEnd(13)}${columns}  ${growth >= 0 ? '+' : ''}${growth.toFixed(2)} (limit ${limit.toFixed(1)}): ${verdict}`,
  );
  if (grows || isLeft) fail(`${name}: ${values.map((value) => value.toFixed(1)).join(' ')}`);
}

function fail(reason: string): void {
  console.log(reason);
  process.exitCode = 1;
}
