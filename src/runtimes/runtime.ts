import type { RuntimeName } from '../config/schema.ts';

/** A runtime could not do what it was asked; the message is for the person who wants the job to run. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
}

export type Readiness = { ready: true; detail: string } | { ready: false; reason: string; remedy: string };

export type PullPolicy = 'always' | 'if-not-present' | 'never';

/** A job as runtimes know it. */
export interface JobPlace {
  jobId: string;
  /** The job's own; runtimes keep there what they need across restarts. */
  folder: string;
  /** Standard output and error are appended to it. */
  logFile: string;
}

export interface StartOptions extends JobPlace {
  image: string;
  /** Becomes standard input, to its end. */
  requestFile: string;
}

export interface JobExit {
  /** 128 + n after signal n, as in a shell. Undefined when nobody saw it end. */
  exitCode: number | undefined;
  endedAt: Date;
  outOfMemory: boolean;
  /** Set when the agent's process never ran: what the runtime said. */
  startError: string | undefined;
}

/**
 * What runs jobs. A job that was started goes on without this process; every method but `start` also works for jobs
 * that an earlier run of this process started. Nothing of an engine shows through.
 */
export interface Runtime {
  readonly name: RuntimeName;
  /** Whether there is such a thing on this machine at all. */
  isInstalled(): Promise<boolean>;
  /** Whether jobs can be started now. */
  checkReady(signal?: AbortSignal): Promise<Readiness>;
  /** Makes the image available as the policy says. @throws RuntimeError */
  pull(image: string, policy: PullPolicy, signal?: AbortSignal): Promise<void>;
  /**
   * Starts the job and resolves when it is on its way; a start that fails later shows in `wait`. Rejects with the signal's
   * reason when it is no longer waited for: what has been begun goes on.
   * @throws RuntimeError
   */
  start(job: StartOptions, signal?: AbortSignal): Promise<void>;
  /** Whether the job was started, by whomever; a start that was cut off in the middle counts as none. */
  wasStarted(job: JobPlace): Promise<boolean>;
  /** Resolves when the job has ended, however long ago. Rejects only when `signal` is aborted. */
  wait(job: JobPlace, signal?: AbortSignal): Promise<JobExit>;
  /** Asks the job to end; after `graceMs` makes it. Does nothing to a job that is not running. */
  kill(job: JobPlace, graceMs: number): Promise<void>;
  /** The job IDs of this runner instance that are running now. */
  listRunning(signal?: AbortSignal): Promise<string[]>;
  /** Forgets a job that has ended. */
  remove(job: JobPlace): Promise<void>;
}
