import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate as settle } from 'node:timers/promises';
import { LeaseWorld, SimulatedProcess } from '../../../../test/support/kubernetes/lease-world.ts';
import { seededRandom } from '../../../../test/support/random.ts';
import { silentLogger } from '../../../lib/logger.ts';
import { NotOwner, type Replicas } from '../../replicas.ts';
import { objectName } from '../manifest/names.ts';
import { createReplicas } from './replicas.ts';
import { createSeal } from './seal.ts';
import { replicaTiming } from './timing.ts';

const instanceId = '6e1a2b9c-0000-4000-8000-000000000001';
const seal = createSeal('k'.repeat(32), instanceId);
const minutes = 60_000;

interface Report {
  jobId: string;
  by: Actor;
}

/** A replica that gives its jobs a random time and reports them. */
class Actor {
  readonly process: SimulatedProcess;
  readonly replicas: Replicas;
  readonly ids: string[] = [];
  readonly #run: Simulation;
  readonly #stop = new AbortController();

  constructor(run: Simulation) {
    this.#run = run;
    this.process = new SimulatedProcess(run.world);
    const { store, clock } = this.process;
    const deps = { store, clock, fastNow: clock.now, random: run.world.random, timing: run.timing };
    this.replicas = createReplicas({ ...deps, seal, instanceId, logger: silentLogger });
  }

  async join(formerId?: string): Promise<void> {
    const taken = await this.replicas.join({
      formerId,
      onId: async (id) => void this.ids.push(id),
      onTaken: (jobId) => void this.#work(jobId),
      signal: this.#stop.signal,
    });
    for (const jobId of taken.keys()) void this.#work(jobId);
  }

  async accept(jobId: string): Promise<void> {
    try {
      await this.replicas.create(jobId, 'accepted');
    } catch {
      return;
    }
    this.#run.accepted.add(jobId);
    await this.#work(jobId);
  }

  async #work(jobId: string): Promise<void> {
    const { world, reports, wrong } = this.#run;
    const { signal } = this.#stop;
    try {
      if (world.random() < 0.5) await this.replicas.update(jobId, 'started', signal);
      await this.replicas.prove(jobId, signal);
      world.jobs.add(jobId);
      await this.process.sleep(world.random() * 40_000);
      await this.replicas.update(jobId, 'ended', signal);
      const proof = await this.replicas.prove(jobId, signal);
      const holder = world.leases.get(objectName(instanceId, jobId))?.holder ?? 'none';
      if (proof.aborted || !this.ids.includes(holder)) wrong.push(`${jobId} of ${holder} by ${this.ids.join(' ')}`);
      reports.push({ jobId, by: this });
      world.jobs.delete(jobId);
      await this.replicas.remove(jobId, signal);
      this.#run.finished.add(jobId);
    } catch (error) {
      if (!(error instanceof NotOwner)) throw error;
    }
  }
}

class Simulation {
  readonly world: LeaseWorld;
  readonly timing: typeof replicaTiming;
  readonly accepted = new Set<string>();
  readonly finished = new Set<string>();
  readonly reports: Report[] = [];
  /** Reports by a replica that did not own the job. */
  readonly wrong: string[] = [];

  constructor(seed: number, timing = replicaTiming) {
    this.timing = timing;
    this.world = new LeaseWorld(seededRandom(seed), (jobId) => objectName(instanceId, jobId));
  }
}

/** Ten minutes of three replicas with faults, then ten without. */
async function simulate(seed: number, timing = replicaTiming): Promise<Simulation> {
  const run = new Simulation(seed, timing);
  const { world } = run;
  const actors = [new Actor(run), new Actor(run), new Actor(run)];
  for (const actor of actors) void actor.join();
  for (let n = 0; world.time < 10 * minutes; n += 1) {
    await world.run(world.time + world.random() * 8000);
    const index = Math.floor(world.random() * actors.length);
    const actor = actors[index];
    if (actor === undefined) continue;
    const { process } = actor;
    const chance = world.random();
    if (chance < 0.5) void actor.accept(`plan42-${n}-1`);
    else if (chance < 0.65) process.pausedUntil = world.time + world.random() * 60_000;
    else if (chance < 0.8) process.cutOffUntil = world.time + world.random() * 60_000;
    else if (chance < 0.9) {
      process.isDead = true;
      const next = new Actor(run);
      actors[index] = next;
      // With the same disk, or with an empty one.
      void next.join(world.random() < 0.5 ? actor.ids.at(-1) : undefined);
    }
  }
  const isOver = () => world.leases.list('job').length === 0;
  await world.run(world.time + 10 * minutes, isOver);
  return run;
}

suite('replicas', () => {
  for (let seed = 1; seed <= 12; seed += 1)
    test(`each job is reported by its owner only, and none is lost (seed ${seed})`, async () => {
      const { wrong, accepted, reports, world } = await simulate(seed);
      assert.deepEqual(wrong, []);
      const reported = new Set(reports.map(({ jobId }) => jobId));
      assert.deepEqual(
        [...accepted].filter((jobId) => !reported.has(jobId)),
        [],
      );
      assert.deepEqual(
        world.leases.list('job').map(({ jobId }) => jobId),
        [],
      );
      assert.ok(accepted.size > 10, String(accepted.size));
    });

  test('a replica that starts again with its disk takes its own records before others can', async () => {
    // The others see the end of its former Lease only if it is removed.
    const timing = { ...replicaTiming, durationMs: 60 * minutes };
    for (let seed = 1; seed <= 20; seed += 1) {
      const run = new Simulation(seed, timing);
      const { world } = run;
      const former = 'plan42-replica-former';
      world.leases.create({ name: former, holder: former, jobId: '', content: '' });
      for (const jobId of ['plan42-a-1', 'plan42-b-1', 'plan42-c-1'])
        world.leases.create({
          name: objectName(instanceId, jobId),
          jobId,
          holder: former,
          content: seal.close(jobId, 'x'),
        });
      const [own, other] = [new Actor(run), new Actor(run)];
      void own.join(former);
      void other.join();
      await settle();
      await world.run(10 * minutes, () => run.finished.size === 3);
      assert.deepEqual(
        run.reports.filter(({ by }) => by !== own).map(({ jobId }) => jobId),
        [],
        `seed ${seed}`,
      );
      assert.equal(run.finished.size, 3, `seed ${seed}`);
    }
  });

  for (const which of ['its own Lease', 'that of its replica', 'both'])
    test(`a running job goes on if a user deletes ${which}`, async () => {
      for (let seed = 1; seed <= 10; seed += 1) {
        const run = new Simulation(seed);
        const { world } = run;
        const actor = new Actor(run);
        void actor.join();
        await settle();
        await world.run(minutes);
        const jobId = 'plan42-a-1';
        const name = objectName(instanceId, jobId);
        void actor.accept(jobId);
        await world.run(2 * minutes, () => world.jobs.has(jobId));
        assert.ok(world.leases.get(name), `seed ${seed}`);
        if (which !== 'that of its replica') world.leases.delete(name);
        if (which !== 'its own Lease')
          for (const { name: replica } of world.leases.list('replica')) world.leases.delete(replica);
        await world.run(world.time + 5 * minutes, () => run.finished.has(jobId));
        assert.ok(run.finished.has(jobId), `seed ${seed}`);
        assert.deepEqual(run.wrong, [], `seed ${seed}`);
        assert.equal(run.reports.length, 1, `seed ${seed}`);
      }
    });

  for (const which of ['its Lease', 'all Leases'])
    test(`a job that waits is saved again if a user deletes ${which}`, async () => {
      for (let seed = 1; seed <= 10; seed += 1) {
        const run = new Simulation(seed);
        const { world } = run;
        const actor = new Actor(run);
        void actor.join();
        await settle();
        await world.run(minutes);
        const [jobId, name] = ['plan42-a-1', objectName(instanceId, 'plan42-a-1')];
        void actor.replicas.create(jobId, 'x');
        await world.run(2 * minutes);
        assert.ok(world.leases.get(name), `seed ${seed}`);
        world.leases.delete(name);
        if (which === 'all Leases') for (const lease of world.leases.list('replica')) world.leases.delete(lease.name);
        await world.run(5 * minutes, () => world.leases.get(name) !== undefined);
        assert.equal(seal.open(jobId, world.leases.get(name)?.content ?? ''), 'x', `seed ${seed}`);
      }
    });

  test('the simulation finds replicas that trust their Leases for too long', async () => {
    const careless = { ...replicaTiming, provenMs: 60_000 };
    const found: string[] = [];
    for (let seed = 1; seed <= 24 && found.length === 0; seed += 1)
      found.push(...(await simulate(seed, careless)).wrong);
    assert.notDeepEqual(found, []);
  });
});
