import type { RuntimeName } from '../config/schema.ts';
import type { JobPaths } from '../shim/shim.ts';

/** A runtime failed. The message is meant for users. */
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
  /** 128 + n after signal n, as in a shell. Undefined if the exit was not observed. */
  exitCode: number | undefined;
  endedAt: Date;
  outOfMemory: boolean;
  /** Set when the agent's process never ran: what the runtime said. */
  startError: string | undefined;
  /** Whether the machine was restarted since the start; undefined when that is not known. */
  machineRestarted?: boolean | undefined;
  /** Why the exit was not observed, if known; a sentence without its full stop. */
  unseenBecause?: string | undefined;
}

/** A container that carries this runner's mark. */
export interface OwnContainer {
  id: string;
  jobId: string;
  createdAt: Date;
  /** Its size on disk without its image; undefined if the runtime doesn't know. */
  sizeBytes: number | undefined;
}

export interface Image {
  /** Of its content: the same image has the same ID under any name. */
  id: string;
  /** In the runtime's own spelling. */
  names: readonly string[];
  sizeBytes: number;
}

/** The images that a runtime has on this machine, whatever pulled them. */
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
 * Runs jobs. A started job keeps running without this process; every method but `start` also works for jobs
 * that an earlier run of this process started. Nothing of an engine shows through.
 */
export interface Runtime {
  readonly name: RuntimeName;
  /** Whether the runtime is installed on this machine. */
  isInstalled(): Promise<boolean>;
  /** Whether jobs can be started now. */
  checkReady(signal?: AbortSignal): Promise<Readiness>;
  /** Like `checkReady`, but first starts what the runtime itself needs and a user may start. For runtimes that need it. */
  prepare?(signal?: AbortSignal): Promise<Readiness>;
  /** Settings that the runtime cannot apply, one sentence each. */
  readonly warnings?: readonly string[];
  /** Makes the image available according to the policy. @throws RuntimeError */
  pull(image: string, policy: PullPolicy, signal?: AbortSignal): Promise<void>;
  /**
   * Starts the job and resolves when it is on its way; a start that fails later shows in `wait`. Rejects with the signal's
   * reason if the wait is aborted; the start continues.
   * @throws RuntimeError
   */
  start(job: StartOptions, signal?: AbortSignal): Promise<void>;
  /** Whether the job was started, by any run of the runner. An interrupted start does not count. */
  wasStarted(job: JobPaths): Promise<boolean>;
  /** Whether the job's folder shows that a container was created for it. */
  createdContainer(job: JobPaths): Promise<boolean>;
  /** Resolves when the job has exited, however long ago. Rejects only when `signal` is aborted. */
  wait(job: JobPaths, signal?: AbortSignal): Promise<JobExit>;
  /** Sends SIGTERM, and SIGKILL after `graceMs`. Does nothing if the job is not running. @throws RuntimeError */
  kill(job: JobPaths, graceMs: number): Promise<void>;
  /** The job IDs of this runner instance that are running now. */
  listRunning(signal?: AbortSignal): Promise<string[]>;
  /** Removes everything of a job that has exited. @throws RuntimeError */
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
