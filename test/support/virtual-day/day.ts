/** A day of a runner in minutes: pings and jobs as fast as they go, and an hour of its timers in a fraction of one. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { RuntimeName } from '../../../src/config/schema.ts';
import { startControlPlane, type TestControlPlane } from '../control-plane.ts';
import { eventually } from '../eventually.ts';
import { PingLoad } from '../ping-load.ts';
import { RunnerProcess } from '../runner-process.ts';
import { makeTempDir } from '../temp-dir.ts';
import { type InnerFigures, listEntries, type OuterFigures, takeInnerFigures, takeOuterFigures } from './figures.ts';

export interface DayOptions {
  runtime: RuntimeName;
  pings: number;
  jobs: number;
  /** How long an hour of the runner's timers takes. Finished jobs are kept for as long. */
  hourMs: number;
  image?: string;
  /** Variables with which the runner finds the engine. */
  env?: NodeJS.ProcessEnv;
  onSample?: (sample: Sample) => void;
}

export interface Sample extends OuterFigures, Partial<InnerFigures> {
  pings: number;
  jobs: number;
}

export type Figures = OuterFigures & InnerFigures;

export interface Day {
  /** After the first pings and jobs, without garbage and without work. */
  before: Figures;
  /** In the order of time. */
  samples: Sample[];
  /** With the last ping answered and the last job finished. */
  atEnd: Figures;
  /** When everything has had the time to be cleaned up. */
  after: Figures;
  /** Files that are there after the day, and were not before it. */
  newFiles: string[];
  statuses: Record<string, number>;
  outcomes: PingLoad['outcomes'];
  /** How often garbage was removed. */
  collections: number;
  ms: number;
}

/** Figures that have to be the same before and after. */
export const countedFigures = ['descriptors', 'watches', 'children', 'files', 'timers'] as const;

const slots = 4;
const callers = 8;
const samples = 200;
// Forces a collection.
const innerSampleEvery = 10;
const warmUp = { pings: 200, jobs: 8 };
const cleanUpTimeoutMs = 120_000;

export async function runDay(options: DayOptions): Promise<Day> {
  const { runtime, pings, jobs, hourMs, image = 'example/agent', env } = options;
  await using dir = await makeTempDir();
  const temporary = join(dir.path, 'tmp');
  await mkdir(temporary);
  const figuresFile = join(dir.path, 'figures.json');
  await using plane = await startControlPlane();
  await using runner = await RunnerProcess.start({
    ...{ url: plane.server.url, token: await plane.newToken(), runtime, config: configOf(hourMs) },
    // The last one counts.
    args: ['--log-level', 'info'],
    env: {
      ...env,
      TMPDIR: temporary,
      NODE_OPTIONS: `--import ${join(import.meta.dirname, 'inside.mjs')}`,
      PLAN42_DAY_HOUR_MS: String(hourMs),
      PLAN42_DAY_FIGURES: figuresFile,
    },
  });
  await runner.ready();
  const folders = [join(runner.folder, 'state'), temporary];
  const outer = () => takeOuterFigures(runner.pid, folders);
  const inner = () => takeInnerFigures(runner.pid, figuresFile);
  const figures = async (): Promise<Figures> => ({ ...(await outer()), ...(await inner()) });
  await using load = new PingLoad(plane);
  const work = new DayWork(plane, load, image);

  await work.advanceTo(warmUp);
  await work.settle();
  await untilClean(runner);
  const before = await takeLargest(figures);
  const filesBefore = new Set(await listEntries(folders));

  const startedAt = performance.now();
  const taken: Sample[] = [];
  for (let index = 1; index <= samples; index += 1) {
    const share = index / samples;
    await work.advanceTo({
      pings: warmUp.pings + Math.round(pings * share),
      jobs: warmUp.jobs + Math.round(jobs * share),
    });
    const more = index % innerSampleEvery === 0 ? await inner() : {};
    const sample = { ...(await outer()), ...more, pings: work.pings - warmUp.pings, jobs: work.jobs - warmUp.jobs };
    taken.push(sample);
    options.onSample?.(sample);
  }
  await work.settle();
  const atEnd = await figures();
  const ms = performance.now() - startedAt;
  const after = await untilBack(before, figures);
  const newFiles = (await listEntries(folders)).filter((path) => !filesBefore.has(path));
  const statuses = await work.countStatuses();
  const collections = countCollections(runner);
  return { before, samples: taken, atEnd, after, newFiles, statuses, outcomes: load.outcomes, collections, ms };
}

function configOf(hourMs: number): string {
  return `[jobs]
max_jobs = ${slots}
keep_finished = "${hourMs}ms"
[host]
unisolated = true
command = ["/bin/cat"]
[queues]
max_queues = 4
poll_wait = "1s"
drain_time = "300ms"
scale_up_after = "5s"
scale_down_after = "10s"
`;
}

/** Pings and jobs up to a number, with few at a time. */
class DayWork {
  jobs = 0;
  readonly #plane: TestControlPlane;
  readonly #load: PingLoad;
  readonly #image: string;
  #environment: string | undefined;

  constructor(plane: TestControlPlane, load: PingLoad, image: string) {
    this.#plane = plane;
    this.#load = load;
    this.#image = image;
  }

  get pings(): number {
    return this.#load.latenciesMs.length;
  }

  async advanceTo({ pings, jobs }: { pings: number; jobs: number }): Promise<void> {
    const pinging = this.#load.keepPinging(callers, () => this.pings >= pings);
    this.#environment ??= await this.#plane.newEnvironment({ DockerImage: this.#image });
    for (; this.jobs < jobs; this.jobs += 1) {
      await eventually(async () => (await this.#countUnfinished()) < 2 * slots);
      await this.#plane.newTask({ EnvironmentId: this.#environment });
    }
    await pinging;
  }

  /** Resolves when no job is left to be done. */
  async settle(): Promise<void> {
    await eventually(async () => (await this.#countUnfinished()) === 0);
  }

  async countStatuses(): Promise<Record<string, number>> {
    return (await this.#plane.call('GET', '/page/tasks?maxResults=1')).body.Counts;
  }

  async #countUnfinished(): Promise<number> {
    const { Pending = 0, Executing = 0 } = await this.countStatuses();
    return Pending + Executing;
  }
}

function countCollections(runner: RunnerProcess): number {
  return runner.log.match(/garbage removed/g)?.length ?? 0;
}

/** Resolves when the finished jobs are removed. */
async function untilClean(runner: RunnerProcess): Promise<void> {
  const finished = [join(runner.folder, 'state/jobs/finished')];
  await eventually(async () => (await listEntries(finished)).length === 0, cleanUpTimeoutMs);
}

/** The largest of some: a poll that begins takes a timer and a descriptor for a moment. */
async function takeLargest(take: () => Promise<Figures>): Promise<Figures> {
  const largest = await take();
  for (let index = 0; index < 10; index += 1) {
    await delay(200);
    for (const [name, value] of Object.entries(await take()) as [keyof Figures, number][])
      largest[name] = Math.max(largest[name], value);
  }
  return largest;
}

/** The first figures that are not larger than `before`, or the last ones within the time. */
async function untilBack(before: Figures, take: () => Promise<Figures>): Promise<Figures> {
  const end = performance.now() + cleanUpTimeoutMs;
  for (;;) {
    const figures = await take();
    if (countedFigures.every((name) => figures[name] <= before[name]) || performance.now() > end) return figures;
    await delay(500);
  }
}
