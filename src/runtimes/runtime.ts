import type { RuntimeName } from '../config/schema.ts';
import type { JobPaths } from '../shim/shim.ts';

/** A runtime could not do what it was asked; the message is for the person who wants the job to run. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
}

export type Readiness = { ready: true; detail: string } | { ready: false; reason: string; remedy: string };

export type PullPolicy = 'always' | 'if-not-present' | 'never';

export interface StartOptions extends JobPaths {
  image: string;
  /** Becomes standard input, to its end. */
  requestFile: string;
  /** The log file is never larger. At least 1 MiB. */
  maxLogBytes: number;
}

export interface JobExit {
  /** 128 + n after signal n, as in a shell. Undefined when nobody saw it end. */
  exitCode: number | undefined;
  endedAt: Date;
  outOfMemory: boolean;
  /** Set when the agent's process never ran: what the runtime said. */
  startError: string | undefined;
  /** Whether the machine was restarted since the start; undefined when that is not known. */
  machineRestarted?: boolean | undefined;
  /** Why nobody saw it end, if that is known; a sentence without its full stop. */
  unseenBecause?: string | undefined;
}

/** A container that carries this runner's mark. */
export interface OwnContainer {
  id: string;
  jobId: string;
  createdAt: Date;
  /** What it takes on disk beyond its image; undefined where the runtime doesn't know. */
  sizeBytes: number | undefined;
}

export interface Image {
  /** Of its content: the same image has the same ID under any name. */
  id: string;
  /** What it can be asked for by, in the runtime's own spelling. */
  names: readonly string[];
  sizeBytes: number;
}

/** The images that a runtime keeps on this machine, whoever brought them there. */
export interface ImageStore {
  /** The IDs of all of them. @throws RuntimeError */
  listIds(signal?: AbortSignal): Promise<string[]>;
  /** By a name or an ID; undefined when it is not there. @throws RuntimeError */
  find(image: string, signal?: AbortSignal): Promise<Image | undefined>;
  /** @throws RuntimeError */
  addName(id: string, name: string): Promise<void>;
  /** Whether there is a container of it, running or not, anybody's. @throws RuntimeError */
  isInUse(id: string, signal?: AbortSignal): Promise<boolean>;
  /**
   * Takes one name away; the image goes with its last one. Given an ID, removes an image that has at most one name.
   * @throws RuntimeError also when a container needs it
   */
  remove(nameOrId: string): Promise<void>;
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
  /** Like `checkReady`, but first starts what the runtime itself needs and a user may start. For runtimes that need it. */
  prepare?(signal?: AbortSignal): Promise<Readiness>;
  /** What a person should know who configured it: settings that it can't apply, one sentence each. */
  readonly warnings?: readonly string[];
  /** Makes the image available as the policy says. @throws RuntimeError */
  pull(image: string, policy: PullPolicy, signal?: AbortSignal): Promise<void>;
  /**
   * Starts the job and resolves when it is on its way; a start that fails later shows in `wait`. Rejects with the signal's
   * reason when it is no longer waited for: what has been begun goes on.
   * @throws RuntimeError
   */
  start(job: StartOptions, signal?: AbortSignal): Promise<void>;
  /** Whether the job was started, by whomever; a start that was cut off in the middle counts as none. */
  wasStarted(job: JobPaths): Promise<boolean>;
  /** Whether the job's folder shows that a container was created for it. */
  createdContainer(job: JobPaths): Promise<boolean>;
  /** Resolves when the job has ended, however long ago. Rejects only when `signal` is aborted. */
  wait(job: JobPaths, signal?: AbortSignal): Promise<JobExit>;
  /** Asks the job to end; after `graceMs` makes it. Does nothing to a job that is not running. @throws RuntimeError */
  kill(job: JobPaths, graceMs: number): Promise<void>;
  /** The job IDs of this runner instance that are running now. */
  listRunning(signal?: AbortSignal): Promise<string[]>;
  /** Forgets a job that has ended. @throws RuntimeError */
  remove(job: JobPaths): Promise<void>;
  /**
   * This runner instance's containers, running or not, but those of the jobs in `except`. None where the runtime keeps
   * nothing of a job. @throws RuntimeError
   */
  listUnmanaged(except: ReadonlySet<string>, signal?: AbortSignal): Promise<OwnContainer[]>;
  /** Ends and removes a container of `listUnmanaged`; by its ID, so that no later one of the same job is meant. @throws RuntimeError */
  removeUnmanaged(id: string): Promise<void>;
  /** The folder of this machine in which containers and images take space, if there is one. */
  storageFolder(signal?: AbortSignal): Promise<string | undefined>;
  /** Undefined where jobs run without images. */
  readonly images: ImageStore | undefined;
}
