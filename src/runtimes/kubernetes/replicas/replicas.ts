/** One replica of a runner: it owns records of jobs while its session lasts, and takes those of replicas that have ended. */
import { systemClock } from '../../../lib/clock.ts';
import { measureStandstill } from '../../../lib/standstill.ts';
import type { JoinOptions, Replicas, TakenRecord } from '../../replicas.ts';
import { Claims } from './claims.ts';
import { createContext, type ReplicaContext, type ReplicasDeps } from './context.ts';
import type { Session } from './session.ts';
import { Sessions } from './sessions.ts';
import { Takeover } from './takeover.ts';
import { replicaTiming } from './timing.ts';

/** All annotations of an object together may have 256 KiB. */
const maxSealedLength = 200 * 1024;

export function createReplicas(deps: ReplicasDeps): Replicas {
  return new LeasedReplicas({
    clock: systemClock,
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
  readonly #stop = new AbortController();
  readonly #context: ReplicaContext;
  readonly #sessions: Sessions;
  readonly #claims: Claims;
  readonly #takeover: Takeover;
  #isJoined = false;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: Required<ReplicasDeps>) {
    this.#context = createContext(deps, this.#stop.signal);
    this.#sessions = new Sessions(this.#context);
    this.#claims = new Claims(this.#context, this.#sessions);
    this.#takeover = new Takeover(this.#context, this.#sessions, this.#claims);
  }

  async join({ formerId, onId, onTaken, signal }: JoinOptions): Promise<ReadonlyMap<string, TakenRecord>> {
    const { insist, changes } = this.#context;
    const taken = new Map<string, TakenRecord>();
    this.#takeover.onTaken = (jobId, content, holder) => taken.set(jobId, { content, isOwn: holder === formerId });
    const session = await this.#sessions.open(onId, signal);
    this.#running = this.#sessions.run(session, onId, (current, ended) => this.#work(current, ended));
    if (formerId !== undefined) {
      // First: without the Lease of the former run, the others would take its records, whose logs and state are here.
      await insist(() => this.#takeover.takeFrom(formerId), signal);
      await insist(() => this.#sessions.removeLease(formerId), signal);
    }
    await insist(() => this.#takeover.takeFree(), signal);
    this.#takeover.onTaken = onTaken;
    this.#isJoined = true;
    changes.notify();
    return taken;
  }

  /** Until the session has ended. */
  async #work(session: Session, signal: AbortSignal): Promise<void> {
    await this.#claims.reclaimAll(session, signal);
    await this.#sessions.removeEarlier(session, signal);
    while (!this.#isJoined) await this.#context.changes.next(signal);
    await this.#takeover.watchOthers(signal);
  }

  fits(jobId: string, content: string): boolean {
    return this.#context.seal.close(jobId, content).length <= maxSealedLength;
  }

  async create(jobId: string, content: string): Promise<void> {
    await this.#claims.create(jobId, this.#context.seal.close(jobId, content));
  }

  async adopt(jobId: string, content: string, signal: AbortSignal): Promise<boolean> {
    const sealed = this.#context.seal.close(jobId, content);
    return this.#context.insist(() => this.#claims.adopt(jobId, sealed), signal);
  }

  lost(jobId: string): AbortSignal {
    return this.#claims.lost(jobId);
  }

  prove(jobId: string, signal: AbortSignal): Promise<AbortSignal> {
    return this.#claims.prove(jobId, signal);
  }

  async update(jobId: string, content: string, signal: AbortSignal): Promise<void> {
    await this.#claims.update(jobId, this.#context.seal.close(jobId, content), signal);
  }

  async remove(jobId: string, signal: AbortSignal): Promise<void> {
    await this.#claims.remove(jobId, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('the runner is stopping'));
    await this.#running;
    await this.#sessions.leave();
  }
}
