/**
 * An API server with Leases, and replicas that call it, in simulated time: requests overtake each other, responses are lost,
 * replicas are paused and killed, and their clocks differ in value and speed. Everything random comes from a seed.
 */
import { setImmediate as settle } from 'node:timers/promises';
import type { Clock } from '../../../src/lib/clock.ts';
import {
  type Lease,
  type LeaseChange,
  LeaseConflict,
  type LeaseKind,
  LeaseMissing,
  type LeaseStore,
  type RequestLimits,
} from '../../../src/runtimes/kubernetes/replicas/lease-store.ts';

/** One process of a replica. */
export class SimulatedProcess {
  isDead = false;
  /** Until when it is stopped, in true time. */
  pausedUntil = 0;
  /** Until when its requests fail, in true time. */
  cutOffUntil = 0;
  readonly #world: LeaseWorld;
  readonly #offset: number;
  readonly #speed: number;

  constructor(world: LeaseWorld) {
    this.#world = world;
    this.#offset = world.random() * 1e9;
    this.#speed = 0.95 + world.random() * 0.1;
  }

  get clock(): Clock {
    return {
      now: () => this.#offset + this.#world.time * this.#speed,
      date: () => new Date(0),
      sleep: (ms, signal) => this.sleep(ms / this.#speed, signal),
    };
  }

  /** In true time. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    this.#world.at(ms, resolve, this);
    return promise;
  }

  get store(): LeaseStore {
    const call = <T>(limits: RequestLimits, work: () => T) => this.#call(limits, work);
    const { leases } = this.#world;
    return {
      createReplica: (name, limits) =>
        call(limits, () => leases.create({ name, holder: name, jobId: '', content: '' })),
      createJob: (jobId, record, limits) =>
        call(limits, () => leases.create({ name: this.#world.nameOf(jobId), jobId, ...record })),
      get: (name, limits) => call(limits, () => leases.get(name)),
      list: (kind, limits) => call(limits, () => leases.list(kind)),
      change: (lease, change, limits) => call(limits, () => leases.change(lease, change)),
      hasJob: (jobId, limits) => call(limits, () => this.#world.jobs.has(jobId)),
      remove: (lease, limits) => call(limits, () => leases.remove(lease)),
    };
  }

  #call<T>({ signal, timeoutMs }: RequestLimits, work: () => T): Promise<T> {
    const world = this.#world;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const fail = () => reject(new Error('no response'));
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    world.at(timeoutMs / this.#speed, fail, this);
    const isLost = world.time < this.cutOffUntil || world.random() < 0.02;
    // A request that has left the process may still arrive, also after the process was killed.
    if (isLost && world.random() < 0.5) return promise;
    world.at(world.delay(), () => {
      const respond = settleLater(work, resolve, reject);
      if (!isLost) world.at(world.delay(), respond, this);
    });
    return promise;
  }
}

function settleLater<T>(work: () => T, resolve: (result: T) => void, reject: (error: unknown) => void): () => void {
  try {
    const result = work();
    return () => resolve(result);
  } catch (error) {
    return () => reject(error);
  }
}

/** The Leases of the API server: each operation is atomic. */
class Leases {
  readonly #all = new Map<string, Lease>();
  #versions = 0;

  create(lease: Omit<Lease, 'uid' | 'version'>): Lease {
    if (this.#all.has(lease.name)) throw new LeaseConflict('exists');
    const version = String(++this.#versions);
    return this.#set({ ...lease, uid: version, version });
  }

  get(name: string): Lease | undefined {
    return this.#all.get(name);
  }

  list(kind: LeaseKind): Lease[] {
    return [...this.#all.values()].filter(({ jobId }) => (jobId === '') === (kind === 'replica'));
  }

  change(
    { name, uid, version }: { name: string; uid: string; version?: string },
    { holder, content }: LeaseChange,
  ): Lease {
    const lease = this.#require(name, version);
    if (lease.uid !== uid) throw new LeaseConflict('another UID');
    const next = String(++this.#versions);
    return this.#set({ ...lease, version: next, holder: holder ?? lease.holder, content: content ?? lease.content });
  }

  /** By a user. */
  delete(name: string): void {
    this.#all.delete(name);
  }

  remove({ name, version }: { name: string; version: string }): void {
    this.#require(name, version);
    this.#all.delete(name);
  }

  #require(name: string, version: string | undefined): Lease {
    const lease = this.#all.get(name);
    if (lease === undefined) throw new LeaseMissing('missing');
    if (version !== undefined && lease.version !== version) throw new LeaseConflict('changed');
    return lease;
  }

  #set(lease: Lease): Lease {
    this.#all.set(lease.name, lease);
    return lease;
  }
}

interface Event {
  time: number;
  act: () => void;
  process: SimulatedProcess | undefined;
}

export class LeaseWorld {
  /** True time in milliseconds. */
  time = 0;
  readonly leases = new Leases();
  /** The jobs that have a Job. */
  readonly jobs = new Set<string>();
  readonly random: () => number;
  readonly nameOf: (jobId: string) => string;
  readonly #events: Event[] = [];

  constructor(random: () => number, nameOf: (jobId: string) => string) {
    this.random = random;
    this.nameOf = nameOf;
  }

  /** Mostly short, sometimes longer than a Lease. */
  delay(): number {
    const chance = this.random();
    if (chance < 0.9) return this.random() * 100;
    return chance < 0.99 ? this.random() * 5000 : this.random() * 30_000;
  }

  at(delayMs: number, act: () => void, process?: SimulatedProcess): void {
    this.#events.push({ time: this.time + delayMs, act, process });
  }

  /** Lets time pass until `isDone`, or until the time. */
  async run(untilMs: number, isDone: () => boolean = () => false): Promise<void> {
    while (this.time < untilMs && !isDone()) {
      const next = this.#takeNext();
      if (next === undefined) return;
      const { time, act, process } = next;
      this.time = Math.max(this.time, time);
      if (process?.isDead) continue;
      if (process !== undefined && process.pausedUntil > this.time)
        this.#events.push({ ...next, time: process.pausedUntil });
      else {
        act();
        await settle();
      }
    }
  }

  #takeNext(): Event | undefined {
    let first = 0;
    for (const [index, { time }] of this.#events.entries()) if (time < (this.#events[first]?.time ?? 0)) first = index;
    return this.#events.splice(first, 1)[0];
  }
}
