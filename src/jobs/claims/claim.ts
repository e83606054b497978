/** Whether a job is still this runner's, so that no two replicas report it. */
import type { JobRecord } from '../record.ts';

export interface JobClaim {
  /** Aborted when another replica has taken the job: then it is none of this runner's business any more. */
  readonly lost: AbortSignal;
  /**
   * Resolves while the job is certainly this runner's; the result is aborted as soon as that is uncertain. Call it before
   * everything that only one replica may do. Rejects with the reason of `lost` or of the signal.
   */
  prove(signal: AbortSignal): Promise<AbortSignal>;
  /** Saves for other replicas that the job was started, in the background. */
  noteStarted(record: JobRecord): void;
  /** Saves for other replicas that a kill was requested, in the background. */
  noteKilled(): void;
  /** Saves how the job ended. Rejects like `prove`. */
  noteEnded(record: JobRecord, signal: AbortSignal): Promise<void>;
  /** Nothing is left to do for the job. Rejects like `prove`. */
  release(signal: AbortSignal): Promise<void>;
}

const never = new AbortController().signal;

/** The claim on a job that only this runner can have. */
export const soleClaim: JobClaim = {
  lost: never,
  prove: async () => never,
  noteStarted: () => {},
  noteKilled: () => {},
  noteEnded: async () => {},
  release: async () => {},
};
