/** The records that a replica owns: each is a Lease in the cluster, which has the session of its owner as holder. */
import { formatError } from '../../../lib/errors.ts';
import { NotOwner, RecordExists, RecordsUnreachable } from '../../replicas.ts';
import { isTransient } from '../create.ts';
import { objectName } from '../manifest/names.ts';
import type { ReplicaContext } from './context.ts';
import { type Lease, type LeaseChange, LeaseConflict, LeaseMissing, type RequestLimits } from './lease-store.ts';
import type { Session } from './session.ts';
import type { Sessions } from './sessions.ts';

interface Claim {
  lease: Lease;
  lost: AbortController;
  /** The newest change of the Lease: there is one at a time. */
  last: Promise<unknown>;
}

const maxCreateAttempts = 3;

export class Claims {
  readonly #context: ReplicaContext;
  readonly #sessions: Sessions;
  readonly #claims = new Map<string, Claim>();
  /** Jobs whose Leases are being created. */
  readonly #creating = new Set<string>();

  constructor(context: ReplicaContext, sessions: Sessions) {
    this.#context = context;
    this.#sessions = sessions;
  }

  owns(jobId: string): boolean {
    return this.#claims.has(jobId);
  }

  isCreating(jobId: string): boolean {
    return this.#creating.has(jobId);
  }

  /** See `Replicas`. */
  async create(jobId: string, content: string): Promise<void> {
    const holder = this.#sessions.current?.isProven() ? this.#sessions.current.id : undefined;
    if (holder === undefined) throw new RecordsUnreachable('the API server of the cluster did not respond in time');
    this.#creating.add(jobId);
    try {
      this.hold(jobId, await this.#create(jobId, { holder, content }));
    } finally {
      this.#creating.delete(jobId);
    }
  }

  async #create(jobId: string, record: { holder: string; content: string }): Promise<Lease> {
    const { store, timing, instanceId, clock, limits } = this.#context;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await store.createJob(jobId, record, limits);
      } catch (error) {
        this.#context.stop.throwIfAborted();
        if (error instanceof LeaseConflict) {
          const found = await store.get(objectName(instanceId, jobId), limits);
          // The response to an earlier attempt was lost.
          if (found?.content === record.content && this.#sessions.has(found.holder)) return found;
          // So was that to an earlier call, whose record can have an older content.
          if (found && this.#sessions.has(found.holder) && !this.#claims.has(jobId))
            return store.change(found, { content: record.content }, limits);
          throw new RecordExists(jobId, { cause: error });
        }
        if (!isTransient(error)) throw error;
        if (attempt === maxCreateAttempts)
          throw new RecordsUnreachable(`the API server of the cluster does not respond: ${formatError(error)}`, {
            cause: error,
          });
        await clock.sleep(timing.retryMs, this.#context.stop);
      }
    }
  }

  /** Owns a record whose Lease names a session of this process. */
  hold(jobId: string, lease: Lease): void {
    this.#claims.set(jobId, { lease, lost: new AbortController(), last: Promise.resolve() });
    const session = this.#sessions.current;
    // The session ended while the request was under way.
    if (session && lease.holder !== session.id)
      void this.#reclaim(jobId, session, AbortSignal.any([this.#context.stop, session.ended])).catch(() => {});
    this.#context.changes.notify();
  }

  /** Brings the records of earlier sessions into this one, unless another replica has taken them. */
  async reclaimAll(session: Session, signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#claims.keys()].map((jobId) => this.#reclaim(jobId, session, signal)));
  }

  async #reclaim(jobId: string, { id }: Session, signal: AbortSignal): Promise<void> {
    const swap = () =>
      this.#inOrder(jobId, async (claim) => {
        if (claim.lease.holder !== id) await this.#change(jobId, claim, { holder: id }, signal);
      });
    await this.#context.insist(swap, signal).catch((error: unknown) => {
      if (!(error instanceof NotOwner)) throw error;
    });
  }

  /** The jobs of which this replica has the records. */
  list(): string[] {
    return [...this.#claims.keys()];
  }

  /** Creates the Lease of a job again if a user has deleted it. Rejects if the API server does not respond. */
  async restore(jobId: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#inOrder(jobId, (claim) => this.#change(jobId, claim, { holder: claim.lease.holder }, signal));
    } catch (error) {
      // Created again, lost, or finished meanwhile.
      if (!(error instanceof LeaseMissing || error instanceof NotOwner)) throw error;
    }
  }

  /** See `Replicas`. */
  async adopt(jobId: string, content: string): Promise<boolean> {
    const { store, instanceId, limits } = this.#context;
    const session = this.#sessions.requireProven();
    const found = await store.get(objectName(instanceId, jobId), limits);
    // The response to an earlier attempt was lost.
    if (found !== undefined && !(found.content === content && this.#sessions.has(found.holder))) return false;
    if (found === undefined && !(await store.hasJob(jobId, limits))) return false;
    this.hold(jobId, found ?? (await store.createJob(jobId, { holder: session.id, content }, limits)));
    return true;
  }

  /** See `Replicas`, as the next three. */
  lost(jobId: string): AbortSignal {
    return this.#claims.get(jobId)?.lost.signal ?? AbortSignal.abort(new NotOwner(jobId));
  }

  async prove(jobId: string, signal: AbortSignal): Promise<AbortSignal> {
    for (;;) {
      signal.throwIfAborted();
      const claim = this.#require(jobId);
      const session = this.#sessions.current;
      if (session !== undefined && claim.lease.holder === session.id && session.isProven()) return session.ended;
      await this.#context.changes.next(signal);
    }
  }

  async update(jobId: string, content: string, signal: AbortSignal): Promise<void> {
    await this.#context.insist(async () => {
      await this.prove(jobId, signal);
      await this.#inOrder(jobId, (claim) => this.#change(jobId, claim, { content }, signal));
    }, signal);
  }

  async remove(jobId: string, signal: AbortSignal): Promise<void> {
    await this.#context.insist(async () => {
      await this.prove(jobId, signal);
      await this.#inOrder(jobId, (claim) => this.#remove(jobId, claim, signal));
    }, signal);
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
    const { store, timing, changes } = this.#context;
    try {
      claim.lease = await store.change(claim.lease, change, { signal, timeoutMs: timing.requestMs });
      changes.notify();
    } catch (error) {
      await this.#afterConflict(jobId, claim, error, signal);
    }
  }

  async #remove(jobId: string, claim: Claim, signal: AbortSignal): Promise<void> {
    const { store, timing } = this.#context;
    try {
      await store.remove(claim.lease, { signal, timeoutMs: timing.requestMs });
      this.#claims.delete(jobId);
    } catch (error) {
      // Removed by an attempt whose response was lost, or by a person. Another replica removes no record of ours.
      if (error instanceof LeaseMissing) this.#claims.delete(jobId);
      else await this.#afterConflict(jobId, claim, error, signal);
    }
  }

  /**
   * Throws NotOwner if another replica holds the Lease, or has finished the job; else the error, with the newest Lease in the
   * claim.
   */
  async #afterConflict(jobId: string, claim: Claim, error: unknown, signal: AbortSignal): Promise<never> {
    const { store, timing, changes } = this.#context;
    if (!(error instanceof LeaseConflict || error instanceof LeaseMissing)) throw error;
    const limits = { signal, timeoutMs: timing.requestMs };
    const found = await store.get(claim.lease.name, limits);
    if (found === undefined) {
      await this.#recreate(jobId, claim, limits);
      throw error;
    }
    // A Lease that was deleted can have been created by a request of ours whose response was lost.
    const isOurs = found.uid === claim.lease.uid || found.content === claim.lease.content;
    if (!isOurs || !this.#sessions.has(found.holder)) this.#lose(jobId, claim);
    claim.lease = found;
    changes.notify();
    throw error;
  }

  /** Creates a Lease that a user has deleted. Throws NotOwner if another replica may have finished the job. */
  async #recreate(jobId: string, claim: Claim, limits: RequestLimits): Promise<void> {
    const { store, changes, logger } = this.#context;
    const { content, holder, name } = claim.lease;
    const session = this.#sessions.requireProven();
    // Another replica can take it only after the session that holds it has ended.
    const isOwn = holder === session.id || (await store.hasJob(jobId, limits)) || (await this.#isAlone(limits));
    if (!isOwn) this.#lose(jobId, claim);
    logger.warn('lease of job was deleted, creating it again', { job_id: jobId, lease: name });
    // If another replica has created it meanwhile, the next attempt finds that one.
    claim.lease = await store.createJob(jobId, { holder: session.id, content }, limits);
    changes.notify();
  }

  /** Whether no other replica is there. */
  async #isAlone(limits: RequestLimits): Promise<boolean> {
    const replicas = await this.#context.store.list('replica', limits);
    return replicas.every(({ name }) => this.#sessions.has(name));
  }

  #lose(jobId: string, claim: Claim): never {
    this.#claims.delete(jobId);
    const reason = new NotOwner(jobId);
    claim.lost.abort(reason);
    this.#context.changes.notify();
    throw reason;
  }
}
