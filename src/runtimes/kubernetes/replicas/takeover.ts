/** Takes the records of replicas that have ended, and finds out that they have. */
import { formatError } from '../../../lib/errors.ts';
import { objectName } from '../manifest/names.ts';
import type { Claims } from './claims.ts';
import type { ReplicaContext } from './context.ts';
import { type Lease, LeaseConflict, LeaseMissing } from './lease-store.ts';
import type { Sessions } from './sessions.ts';
import { findEnded, isAnyGone, observe, type Sightings } from './sightings.ts';

export class Takeover {
  readonly #context: ReplicaContext;
  readonly #sessions: Sessions;
  readonly #claims: Claims;
  readonly #unreadable = new Set<string>();
  #sightings: Sightings = new Map();
  /** Called with each record that is taken. */
  onTaken: (jobId: string, content: string, holder: string) => void = () => {};

  constructor(context: ReplicaContext, sessions: Sessions, claims: Claims) {
    this.#context = context;
    this.#sessions = sessions;
    this.#claims = claims;
  }

  /** Rejects only with the reason of the signal. */
  async watchOthers(signal: AbortSignal): Promise<void> {
    const { clock, timing, store, logger } = this.#context;
    let sweptAt = Number.NEGATIVE_INFINITY;
    for (let mustTake = true; ; ) {
      try {
        const sentAt = clock.now();
        const listed = await store.list('replica', { signal, timeoutMs: timing.requestMs });
        const seen = observe(this.#sightings, listed, { sentAt, receivedAt: clock.now() });
        mustTake ||= isAnyGone(this.#sightings, seen) || sentAt - sweptAt >= timing.sweepMs;
        this.#sightings = seen;
        for (const ended of findEnded(seen, timing.durationMs)) {
          if (this.#sessions.has(ended.name)) continue;
          logger.info('lease of another replica ended', { lease: ended.name });
          // Fails if it was renewed at the last moment.
          await store.remove(ended, { signal, timeoutMs: timing.requestMs }).catch(ignoreConflict);
          mustTake = true;
        }
        if (mustTake) {
          await this.takeFree();
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

  /** Takes all records whose holder has no Lease, and restores own ones that a user has deleted. Rejects if the API server does not respond. */
  async takeFree(): Promise<void> {
    const { store, random, limits, stop } = this.#context;
    const owned = this.#claims.list();
    const records = await store.list('job', limits);
    // After the records: their holders had their Leases before.
    const live = new Set((await store.list('replica', limits)).map(({ name }) => name));
    // In random order, so that replicas share them.
    const order = records.map((lease) => ({ lease, rank: random() })).toSorted((a, b) => a.rank - b.rank);
    for (const { lease } of order) {
      if (this.#claims.owns(lease.jobId) || this.#claims.isCreating(lease.jobId)) continue;
      // One that is ours and unknown: the response to its creation or its take was lost.
      const isOurs = this.#sessions.has(lease.holder);
      if (isOurs || !live.has(lease.holder)) await this.#take(lease);
    }
    const present = new Set(records.map(({ jobId }) => jobId));
    for (const jobId of owned) if (!present.has(jobId)) await this.#claims.restore(jobId, stop);
  }

  /** Takes all records of a holder that has certainly ended. Rejects if the API server does not respond. */
  async takeFrom(holder: string): Promise<void> {
    const { store, limits } = this.#context;
    const records = await store.list('job', limits);
    for (const lease of records)
      if (lease.holder === holder && !this.#claims.owns(lease.jobId)) await this.#take(lease);
  }

  async #take(lease: Lease): Promise<void> {
    const { store, logger, limits } = this.#context;
    const session = this.#sessions.requireProven();
    const { jobId } = lease;
    const content = this.#tryToOpen(lease);
    if (content === undefined) return;
    try {
      const taken = await store.change(lease, { holder: session.id }, limits);
      if (this.#claims.owns(jobId)) return;
      this.#claims.hold(jobId, taken);
    } catch (error) {
      ignoreConflict(error);
      return;
    }
    logger.debug('took record of job', { job_id: jobId, lease: lease.name });
    this.onTaken(jobId, content, lease.holder);
  }

  #tryToOpen({ jobId, name, content, version }: Lease): string | undefined {
    const { seal, instanceId, logger } = this.#context;
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
}

function ignoreConflict(error: unknown): void {
  if (!(error instanceof LeaseConflict || error instanceof LeaseMissing)) throw error;
}
