/** One replica of a runner: it owns records of jobs while its session lasts, and takes those of replicas that have ended. */
import { type Clock, systemClock } from '../../../lib/clock.ts';
import { formatError } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/logger.ts';
import { measureStandstill } from '../../../lib/standstill.ts';
import { type JoinOptions, NotOwner, RecordExists, type Replicas, type TakenRecord } from '../../replicas.ts';
import { objectName } from '../manifest/names.ts';
import { type Lease, type LeaseChange, LeaseConflict, LeaseMissing, type LeaseStore } from './lease-store.ts';
import type { Seal } from './seal.ts';
import { newSessionId, openSession, type Session } from './session.ts';
import { findEnded, isAnyGone, observe, type Sightings } from './sightings.ts';
import { type ReplicaTiming, replicaTiming } from './timing.ts';

export interface ReplicasDeps {
  store: LeaseStore;
  seal: Seal;
  instanceId: string;
  logger: Logger;
  clock?: Clock;
  /** See `SessionDeps`. */
  fastNow?: () => number;
  timing?: ReplicaTiming;
  random?: () => number;
}

const maxCreateAttempts = 3;
/** All annotations of an object together may have 256 KiB. */
const maxSealedLength = 200 * 1024;

interface Claim {
  lease: Lease;
  lost: AbortController;
  /** The newest change of the Lease: there is one at a time. */
  last: Promise<unknown>;
}

export function createReplicas(deps: ReplicasDeps): Replicas {
  const { clock = systemClock } = deps;
  return new LeasedReplicas({
    clock,
    fastNow: measureFastest(),
    timing: replicaTiming,
    random: Math.random,
    ...deps,
  });
}

/** The sum of the steps of the clock that advanced most in each: a machine may sleep, and a virtual one may be paused. */
function measureFastest(): () => number {
  const sinceLast = measureStandstill();
  let total = 0;
  return () => {
    total += sinceLast(0);
    return total;
  };
}

class LeasedReplicas implements Replicas {
  readonly #deps: Required<ReplicasDeps>;
  readonly #claims = new Map<string, Claim>();
  /** Jobs whose Leases are being created. */
  readonly #creating = new Set<string>();
  /** All sessions of this process. */
  readonly #ids = new Set<string>();
  readonly #unreadable = new Set<string>();
  readonly #stop = new AbortController();
  #session: Session | undefined;
  #sightings: Sightings = new Map();
  #waiters: (() => void)[] = [];
  #isJoined = false;
  #onTaken: (jobId: string, content: string, holder: string) => void = () => {};
  #running: Promise<void> = Promise.resolve();

  constructor(deps: Required<ReplicasDeps>) {
    this.#deps = deps;
  }

  async join({ formerId, onId, onTaken, signal }: JoinOptions): Promise<ReadonlyMap<string, TakenRecord>> {
    const taken = new Map<string, TakenRecord>();
    this.#onTaken = (jobId, content, holder) => taken.set(jobId, { content, isOwn: holder === formerId });
    const session = await this.#open(onId, signal);
    this.#running = this.#run(session, onId);
    if (formerId !== undefined) {
      // First: without the Lease of the former run, the others would take its records, whose logs and state are here.
      await this.#insist(() => this.#takeFrom(formerId), signal);
      await this.#insist(() => this.#removeReplica(formerId), signal);
    }
    await this.#insist(() => this.#takeFree(), signal);
    this.#onTaken = onTaken;
    this.#isJoined = true;
    this.#notify();
    return taken;
  }

  fits(jobId: string, content: string): boolean {
    return this.#deps.seal.close(jobId, content).length <= maxSealedLength;
  }

  async create(jobId: string, content: string): Promise<void> {
    const session = this.#session;
    if (!session?.isProven()) throw new Error('the API server of the cluster did not respond in time');
    this.#creating.add(jobId);
    try {
      this.#hold(
        jobId,
        await this.#create(jobId, { holder: session.id, content: this.#deps.seal.close(jobId, content) }),
      );
    } finally {
      this.#creating.delete(jobId);
    }
  }

  async #create(jobId: string, record: { holder: string; content: string }): Promise<Lease> {
    const { store, timing, instanceId, clock } = this.#deps;
    const limits = { signal: this.#stop.signal, timeoutMs: timing.requestMs };
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await store.createJob(jobId, record, limits);
      } catch (error) {
        limits.signal.throwIfAborted();
        if (error instanceof LeaseConflict) {
          const found = await store.get(objectName(instanceId, jobId), limits);
          // The response to an earlier attempt was lost.
          if (found?.content === record.content) return found;
          throw new RecordExists(jobId, { cause: error });
        }
        if (attempt === maxCreateAttempts) throw error;
        await clock.sleep(timing.retryMs, limits.signal);
      }
    }
  }

  lost(jobId: string): AbortSignal {
    return this.#claims.get(jobId)?.lost.signal ?? AbortSignal.abort(new NotOwner(jobId));
  }

  async prove(jobId: string, signal: AbortSignal): Promise<AbortSignal> {
    for (;;) {
      signal.throwIfAborted();
      const claim = this.#require(jobId);
      const session = this.#session;
      if (session !== undefined && claim.lease.holder === session.id && session.isProven()) return session.ended;
      await this.#nextChange(signal);
    }
  }

  async update(jobId: string, content: string, signal: AbortSignal): Promise<void> {
    const sealed = this.#deps.seal.close(jobId, content);
    await this.#insist(async () => {
      await this.prove(jobId, signal);
      await this.#inOrder(jobId, (claim) => this.#change(jobId, claim, { content: sealed }, signal));
    }, signal);
  }

  async remove(jobId: string, signal: AbortSignal): Promise<void> {
    await this.#insist(async () => {
      await this.prove(jobId, signal);
      await this.#inOrder(jobId, (claim) => this.#remove(jobId, claim, signal));
    }, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { store, timing } = this.#deps;
    this.#stop.abort(new Error('the runner is stopping'));
    await this.#running;
    const { signal } = new AbortController();
    const leave = async (name: string) => {
      const lease = await store.get(name, { signal, timeoutMs: timing.requestMs });
      if (lease !== undefined) await store.remove(lease, { signal, timeoutMs: timing.requestMs });
    };
    // The others see otherwise that it is no longer renewed.
    await Promise.all([...this.#ids].map((id) => leave(id).catch(() => {})));
  }

  /** Sessions follow each other until the replica stops. Never rejects. */
  async #run(first: Session, onId: JoinOptions['onId']): Promise<void> {
    const { signal } = this.#stop;
    const { logger } = this.#deps;
    try {
      for (let session = first; ; session = await this.#open(onId, signal)) {
        await Promise.all([session.keep(signal), this.#work(session, signal)]);
        logger.warn('lease ended, reporting no job until it is held again', { lease: session.id });
      }
    } catch (error) {
      if (!signal.aborted) logger.error('replica stopped', { error });
    }
  }

  async #open(onId: JoinOptions['onId'], signal: AbortSignal): Promise<Session> {
    const { logger } = this.#deps;
    return this.#insist(async () => {
      const id = newSessionId();
      this.#ids.add(id);
      await onId(id);
      const session = await openSession(id, this.#deps, signal);
      logger.info('lease acquired', { lease: id });
      this.#session = session;
      this.#notify();
      return session;
    }, signal);
  }

  /** Until the session has ended. */
  async #work(session: Session, signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, session.ended]);
    try {
      await Promise.all([...this.#claims.keys()].map((jobId) => this.#reclaim(jobId, session, either)));
      for (const id of this.#ids) if (id !== session.id) await this.#insist(() => this.#removeReplica(id), either);
      for (const id of this.#ids) if (id !== session.id) this.#ids.delete(id);
      await this.#watchOthers(either);
    } catch (error) {
      if (!either.aborted) throw error;
      signal.throwIfAborted();
    }
  }

  /** Brings a record from an earlier session into this one, unless another replica has taken it. */
  async #reclaim(jobId: string, { id }: Session, signal: AbortSignal): Promise<void> {
    const swap = () =>
      this.#inOrder(jobId, async (claim) => {
        if (claim.lease.holder !== id) await this.#change(jobId, claim, { holder: id }, signal);
      });
    await this.#insist(swap, signal).catch((error: unknown) => {
      if (!(error instanceof NotOwner)) throw error;
    });
  }

  async #watchOthers(signal: AbortSignal): Promise<void> {
    const { clock, timing, store, logger } = this.#deps;
    let sweptAt = Number.NEGATIVE_INFINITY;
    while (!this.#isJoined) await this.#nextChange(signal);
    for (let mustTake = true; ; ) {
      try {
        const sentAt = clock.now();
        const listed = await store.list('replica', { signal, timeoutMs: timing.requestMs });
        const seen = observe(this.#sightings, listed, { sentAt, receivedAt: clock.now() });
        mustTake ||= isAnyGone(this.#sightings, seen) || sentAt - sweptAt >= timing.sweepMs;
        this.#sightings = seen;
        for (const ended of findEnded(seen, timing.durationMs)) {
          if (this.#ids.has(ended.name)) continue;
          logger.info('lease of another replica ended', { lease: ended.name });
          // Fails if it was renewed at the last moment.
          await store.remove(ended, { signal, timeoutMs: timing.requestMs }).catch(ignoreConflict);
          mustTake = true;
        }
        if (mustTake) {
          await this.#takeFree();
          mustTake = false;
          sweptAt = sentAt;
        }
        await clock.sleep(timing.lookMs, signal);
      } catch (error) {
        signal.throwIfAborted();
        logger.debug('cannot look at leases of other replicas, retrying', { error: formatError(error) });
        await clock.sleep(timing.retryMs, signal);
      }
    }
  }

  /** Takes all records whose holder has no Lease. Rejects if the API server does not respond. */
  async #takeFree(): Promise<void> {
    const { store, timing, random } = this.#deps;
    const limits = { signal: this.#stop.signal, timeoutMs: timing.requestMs };
    const records = await store.list('job', limits);
    // After the records: their holders had their Leases before.
    const live = new Set((await store.list('replica', limits)).map(({ name }) => name));
    // In random order, so that replicas share them.
    const order = records.map((lease) => ({ lease, rank: random() })).toSorted((a, b) => a.rank - b.rank);
    for (const { lease } of order) {
      if (this.#claims.has(lease.jobId) || this.#creating.has(lease.jobId)) continue;
      // One that is ours and unknown: the response to its creation or its take was lost.
      const isOurs = this.#ids.has(lease.holder);
      if (isOurs || !live.has(lease.holder)) await this.#take(lease);
    }
  }

  /** Takes all records of a holder that has certainly ended. Rejects if the API server does not respond. */
  async #takeFrom(holder: string): Promise<void> {
    const { store, timing } = this.#deps;
    const records = await store.list('job', { signal: this.#stop.signal, timeoutMs: timing.requestMs });
    for (const lease of records) if (lease.holder === holder && !this.#claims.has(lease.jobId)) await this.#take(lease);
  }

  async #take(lease: Lease): Promise<void> {
    const { store, timing, logger } = this.#deps;
    const session = this.#session;
    if (!session?.isProven()) throw new Error('the lease has ended');
    const { jobId } = lease;
    const content = this.#tryToOpen(lease);
    if (content === undefined) return;
    try {
      const limits = { signal: this.#stop.signal, timeoutMs: timing.requestMs };
      const taken = await store.change(lease, { holder: session.id }, limits);
      if (this.#claims.has(jobId)) return;
      this.#hold(jobId, taken);
    } catch (error) {
      if (error instanceof LeaseConflict || error instanceof LeaseMissing) return;
      throw error;
    }
    logger.debug('took record of job', { job_id: jobId, lease: lease.name });
    this.#onTaken(jobId, content, lease.holder);
  }

  #tryToOpen({ jobId, name, content, version }: Lease): string | undefined {
    const { seal, instanceId, logger } = this.#deps;
    try {
      if (objectName(instanceId, jobId) !== name) throw new Error('its name does not match its job');
      return seal.open(jobId, content);
    } catch (error) {
      const key = `${name}/${version}`;
      if (!this.#unreadable.has(key)) {
        this.#unreadable.add(key);
        logger.error('cannot read record of job in cluster, leaving it', { job_id: jobId, lease: name, error });
      }
      return undefined;
    }
  }

  /** @throws LeaseConflict if it is renewed */
  async #removeReplica(name: string): Promise<void> {
    const { store, timing } = this.#deps;
    const limits = { signal: this.#stop.signal, timeoutMs: timing.requestMs };
    const lease = await store.get(name, limits);
    if (lease !== undefined) await store.remove(lease, limits).catch(ignoreMissing);
  }

  #hold(jobId: string, lease: Lease): void {
    this.#claims.set(jobId, { lease, lost: new AbortController(), last: Promise.resolve() });
    const session = this.#session;
    // The session ended while the request was under way.
    if (session && lease.holder !== session.id)
      void this.#reclaim(jobId, session, AbortSignal.any([this.#stop.signal, session.ended])).catch(() => {});
    this.#notify();
  }

  #require(jobId: string): Claim {
    const claim = this.#claims.get(jobId);
    if (claim === undefined) throw new NotOwner(jobId);
    return claim;
  }

  #inOrder(jobId: string, work: (claim: Claim) => Promise<void>): Promise<void> {
    const claim = this.#require(jobId);
    const next = claim.last.then(() => {
      if (this.#claims.get(jobId) !== claim) throw new NotOwner(jobId);
      return work(claim);
    });
    claim.last = next.catch(() => {});
    return next;
  }

  /** @throws NotOwner; other errors if the API server does not respond */
  async #change(jobId: string, claim: Claim, change: LeaseChange, signal: AbortSignal): Promise<void> {
    const { store, timing } = this.#deps;
    try {
      claim.lease = await store.change(claim.lease, change, { signal, timeoutMs: timing.requestMs });
      this.#notify();
    } catch (error) {
      await this.#afterConflict(jobId, claim, error, signal);
    }
  }

  async #remove(jobId: string, claim: Claim, signal: AbortSignal): Promise<void> {
    const { store, timing } = this.#deps;
    try {
      await store.remove(claim.lease, { signal, timeoutMs: timing.requestMs });
      this.#claims.delete(jobId);
    } catch (error) {
      // Removed by an attempt whose response was lost, or by a person. Another replica removes no record of ours.
      if (error instanceof LeaseMissing) this.#claims.delete(jobId);
      else await this.#afterConflict(jobId, claim, error, signal);
    }
  }

  /** Throws NotOwner if another replica holds the Lease, else the error, with the newest Lease in the claim. */
  async #afterConflict(jobId: string, claim: Claim, error: unknown, signal: AbortSignal): Promise<never> {
    const { store, timing } = this.#deps;
    if (!(error instanceof LeaseConflict || error instanceof LeaseMissing)) throw error;
    const session = this.#session;
    const limits = { signal, timeoutMs: timing.requestMs };
    const found = await store.get(claim.lease.name, limits);
    // A person has removed it: no replica can have taken it.
    if (found === undefined && claim.lease.holder === session?.id && session.isProven()) {
      claim.lease = await store.createJob(jobId, { holder: session.id, content: claim.lease.content }, limits);
      throw error;
    }
    if (found?.uid !== claim.lease.uid || !this.#ids.has(found.holder)) {
      this.#claims.delete(jobId);
      const reason = new NotOwner(jobId);
      claim.lost.abort(reason);
      this.#notify();
      throw reason;
    }
    claim.lease = found;
    this.#notify();
    throw error;
  }

  /** Repeats `work` until the API server responds. */
  async #insist<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { clock, timing, logger } = this.#deps;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof NotOwner) throw error;
        const isConflict = error instanceof LeaseConflict;
        if (attempt === 1 && !isConflict) logger.debug('cannot change leases, retrying', { error: formatError(error) });
        await clock.sleep(isConflict ? timing.retryMs / 10 : timing.retryMs, signal);
      }
    }
  }

  #notify(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  async #nextChange(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    this.#waiters.push(resolve);
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }
}

function ignoreConflict(error: unknown): void {
  if (!(error instanceof LeaseConflict || error instanceof LeaseMissing)) throw error;
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof LeaseMissing)) throw error;
}
