/** The sessions of a replica, one after the other, from its start to its end. */
import type { JoinOptions } from '../../replicas.ts';
import type { ReplicaContext } from './context.ts';
import { LeaseMissing } from './lease-store.ts';
import { newSessionId, openSession, type Session } from './session.ts';

export class Sessions {
  readonly #context: ReplicaContext;
  /** Those of this process whose Leases can exist. */
  readonly #ids = new Set<string>();
  #current: Session | undefined;

  constructor(context: ReplicaContext) {
    this.#context = context;
  }

  /** Undefined before the first one. It can have ended. */
  get current(): Session | undefined {
    return this.#current;
  }

  /** The newest session, if it is proven. @throws if it is not */
  requireProven(): Session {
    const session = this.#current;
    if (!session?.isProven()) throw new Error('the API server of the cluster did not respond in time');
    return session;
  }

  /** Whether this process has, or had, a session of this name. */
  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Repeated until the API server responds. @throws the signal's reason */
  async open(onId: JoinOptions['onId'], signal: AbortSignal): Promise<Session> {
    const { insist, logger, changes } = this.#context;
    return insist(async () => {
      const id = newSessionId();
      this.#ids.add(id);
      await onId(id);
      const session = await openSession(id, this.#context, signal);
      logger.info('lease acquired', { lease: id });
      this.#current = session;
      changes.notify();
      return session;
    }, signal);
  }

  /**
   * Sessions follow each other until the replica stops. `work` is called in each, and its signal is aborted at its end. Never
   * rejects.
   */
  async run(
    first: Session,
    onId: JoinOptions['onId'],
    work: (session: Session, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const { stop, logger } = this.#context;
    try {
      for (let session = first; ; session = await this.open(onId, stop)) {
        const either = AbortSignal.any([stop, session.ended]);
        const untilEnd = work(session, either).catch((error: unknown) => {
          if (!either.aborted) throw error;
          stop.throwIfAborted();
        });
        await Promise.all([session.keep(stop), untilEnd]);
        logger.warn('lease ended, reporting no job until it is held again', { lease: session.id });
      }
    } catch (error) {
      if (!stop.aborted) logger.error('replica stopped', { error });
    }
  }

  /** Removes the Leases of sessions of this process that have ended. */
  async removeEarlier({ id: current }: Session, signal: AbortSignal): Promise<void> {
    const earlier = [...this.#ids].filter((id) => id !== current);
    for (const id of earlier) await this.#context.insist(() => this.removeLease(id), signal);
    for (const id of earlier) this.#ids.delete(id);
  }

  /** @throws LeaseConflict if it is renewed */
  async removeLease(id: string): Promise<void> {
    const { store, limits } = this.#context;
    const lease = await store.get(id, limits);
    if (lease === undefined) return;
    await store.remove(lease, limits).catch((error: unknown) => {
      if (!(error instanceof LeaseMissing)) throw error;
    });
  }

  /** After the replica has stopped. The others see otherwise that its Leases are no longer renewed. */
  async leave(): Promise<void> {
    const { store, timing } = this.#context;
    const limits = { signal: new AbortController().signal, timeoutMs: timing.requestMs };
    const remove = async (id: string) => {
      const lease = await store.get(id, limits);
      if (lease !== undefined) await store.remove(lease, limits);
    };
    await Promise.all([...this.#ids].map((id) => remove(id).catch(() => {})));
  }
}
