import {
  NotOwner,
  RecordExists,
  RecordsUnreachable,
  type Replicas,
  type TakenRecord,
} from '../../src/runtimes/replicas.ts';
import { eventually } from './eventually.ts';

/** Records that the test gives and takes away. */
export class FakeReplicas implements Replicas {
  /** The content of the records that this replica owns. */
  readonly records = new Map<string, string>();
  /** The jobs of other replicas. */
  readonly others = new Set<string>();
  /** The records that `join` takes. */
  readonly free = new Map<string, TakenRecord>();
  /** Jobs whose records a user has deleted. */
  readonly deleted = new Set<string>();
  /** Whether records can be created. */
  isReachable = true;
  /** Whether ownership can be proven now. */
  isCertain = true;
  maxLength = Number.POSITIVE_INFINITY;
  readonly #lost = new Map<string, AbortController>();
  #onTaken: (jobId: string, content: string) => void = () => {};

  async join({ onId, onTaken }: Parameters<Replicas['join']>[0]): Promise<ReadonlyMap<string, TakenRecord>> {
    await onId('this-replica');
    this.#onTaken = onTaken;
    for (const [jobId, { content }] of this.free) this.#own(jobId, content);
    return this.free;
  }

  fits(_jobId: string, content: string): boolean {
    return content.length <= this.maxLength;
  }

  async create(jobId: string, content: string): Promise<void> {
    if (!this.isReachable) throw new RecordsUnreachable('the place of the records does not respond');
    if (this.others.has(jobId) || this.records.has(jobId)) throw new RecordExists(jobId);
    this.#own(jobId, content);
  }

  async adopt(jobId: string, content: string): Promise<boolean> {
    if (!this.deleted.delete(jobId)) return false;
    this.#own(jobId, content);
    return true;
  }

  lost(jobId: string): AbortSignal {
    return this.#lost.get(jobId)?.signal ?? AbortSignal.abort(new NotOwner(jobId));
  }

  async prove(jobId: string, signal: AbortSignal): Promise<AbortSignal> {
    await eventually(async () => {
      signal.throwIfAborted();
      return this.isCertain || !this.records.has(jobId);
    });
    if (!this.records.has(jobId)) throw new NotOwner(jobId);
    return new AbortController().signal;
  }

  async update(jobId: string, content: string, signal: AbortSignal): Promise<void> {
    await this.prove(jobId, signal);
    this.records.set(jobId, content);
  }

  async remove(jobId: string, signal: AbortSignal): Promise<void> {
    await this.prove(jobId, signal);
    this.records.delete(jobId);
    this.#lost.delete(jobId);
  }

  /** Another replica takes the job. */
  lose(jobId: string): void {
    this.records.delete(jobId);
    this.#lost.get(jobId)?.abort(new NotOwner(jobId));
  }

  /** This replica takes a job of another one. */
  take(jobId: string, content: string): void {
    this.#own(jobId, content);
    this.#onTaken(jobId, content);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #own(jobId: string, content: string): void {
    this.records.set(jobId, content);
    this.#lost.set(jobId, new AbortController());
  }
}
