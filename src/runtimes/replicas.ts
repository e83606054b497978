/**
 * Jobs that the replicas of one runner share. Each has a record in a place that all replicas reach, and one replica owns it.
 * The records of a replica that has stopped, or has not reached that place for long, go to the others.
 */

/** Another replica has taken the record, or removed it. */
export class NotOwner extends Error {
  override readonly name = 'NotOwner';

  constructor(jobId: string) {
    super(`another replica has taken the job ${jobId}`);
  }
}

/** A replica has a record of this job. */
export class RecordExists extends Error {
  override readonly name = 'RecordExists';
}

/** The place of the records does not respond at the moment. It is unknown whether it has the record. */
export class RecordsUnreachable extends Error {
  override readonly name = 'RecordsUnreachable';
}

export interface JoinOptions {
  /** The ID of an earlier process of this replica, which is known to have ended. */
  formerId: string | undefined;
  /** Called with each ID of this replica, before it owns a record under that ID. */
  onId: (id: string) => Promise<void>;
  /** Called with each record that this replica takes later, with its content. */
  onTaken: (jobId: string, content: string) => void;
  signal: AbortSignal;
}

export interface TakenRecord {
  content: string;
  /** Whether the earlier process of this replica owned it. */
  isOwn: boolean;
}

/** One replica. Disposing of it leaves its records to the others at once. */
export interface Replicas extends AsyncDisposable {
  /** Takes the records that no replica owns, and returns them by job ID. Rejects only with the signal's reason. */
  join(options: JoinOptions): Promise<ReadonlyMap<string, TakenRecord>>;
  /** Whether the content is small enough for a record. */
  fits(jobId: string, content: string): boolean;
  /** Creates a record that this replica owns. @throws RecordExists, RecordsUnreachable, or if the record is refused */
  create(jobId: string, content: string): Promise<void>;
  /**
   * Creates the record of a job that this replica had before its start, and whose record a user has deleted. Retries until it
   * succeeds, and returns false if another replica has the job, or may have finished it.
   */
  adopt(jobId: string, content: string, signal: AbortSignal): Promise<boolean>;
  /** Aborted with `NotOwner` when this replica has lost the record. */
  lost(jobId: string): AbortSignal;
  /**
   * Resolves while no other replica can own the record, and waits while that is uncertain. The result is aborted as soon as
   * it is uncertain again. @throws NotOwner, or the signal's reason
   */
  prove(jobId: string, signal: AbortSignal): Promise<AbortSignal>;
  /** Replaces the content. Retries until it succeeds. @throws NotOwner, or the signal's reason */
  update(jobId: string, content: string, signal: AbortSignal): Promise<void>;
  /** Removes the record. Retries until it succeeds. @throws NotOwner, or the signal's reason */
  remove(jobId: string, signal: AbortSignal): Promise<void>;
}
