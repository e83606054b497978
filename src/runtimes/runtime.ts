import type { Mount } from '../config/mounts.ts';
import type { RuntimeName } from '../config/schema.ts';
import type { EgressPolicy } from '../gateway/policy.ts';
import { UserError } from '../lib/errors.ts';
import type { JobPaths } from '../shim/shim.ts';
import type { PodCheckOptions, PodCheckResult } from './check/pod-check.ts';
import type { Replicas } from './replicas.ts';

/** A runtime failed. The message is meant for users. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
}

/** Whether the agents of the runtime are in containers of this machine, not on its host or in a cluster. */
export function hasContainersHere(runtime: RuntimeName): boolean {
  return runtime !== 'host' && runtime !== 'kubernetes';
}

export type Readiness =
  | { ready: true; detail: string }
  | {
      ready: false;
      reason: string;
      remedy: string;
      /** The reason may pass without a change of the configuration, as when the API server of a cluster is restarted. */
      isTemporary?: boolean;
    };

export interface RuntimeWarning {
  /** A sentence without its full stop. */
  reason: string;
  remedy?: string;
}

export type PullPolicy = 'always' | 'if-not-present' | 'never';

export interface PullResult {
  /** Why the image of this machine is used although the policy asks a registry first. */
  localOnly?: string;
  /** The image, if it was here before. Undefined if it may be another one, or the runtime does not describe images. */
  image?: Image;
}

/** The error of a runtime that cannot limit the network of a job. */
export function noWall(runtime: RuntimeName): UserError {
  return new UserError(`cannot limit the network of the job: the runtime ${runtime} cannot do that`, {
    remedy: 'Set runner.runtime to docker or podman, or egress.mode = "off".',
  });
}

/** The file in a job's folder with the values of variables, until the agent has them. */
export const variablesFile = 'variables';

/** Where the agent of a container finds its limits. The program `init` of pods knows it, too. */
export const agentLimitsFolder = '/plan42-limits';

/** Limits of a job for a runtime that holds them itself. */
export interface HeldLimits {
  maxDurationMs?: number | undefined;
  diskBytes?: number | undefined;
  /** From SIGTERM to SIGKILL when the job reaches one. */
  wrapUpMs: number;
  /** All limits of a job of which the gateway holds some, by their names in the configuration. The agent gets to know them. */
  counted?: Readonly<Record<string, number | undefined>> | undefined;
}

export interface StartOptions extends JobPaths {
  image: string;
  /** Whether an image that was removed after its pull, for example by another runner's clean-up, may be pulled again. */
  mayPullAgain?: boolean;
  /** Becomes standard input, to its end. */
  requestFile: string;
  /** The log file is never larger. At least 1 MiB. */
  maxLogBytes: number;
  /** The server that the agent calls. If it is on loopback, a container gets the address that works in PLAN42_URL. */
  serverUrl?: URL | undefined;
  /** In addition to those of the configuration. */
  mounts?: readonly Mount[];
  /** In addition to those of the configuration. They are no secrets. */
  variables?: Readonly<Record<string, string>>;
  /** Arguments of the agent, after those that all have. A command of the host gets none. */
  agentSwitches?: readonly string[];
  /** Only for a runtime that holds limits itself. */
  limits?: HeldLimits;
  /** Awaited when everything else is ready, before the agent can run; the request has to exist only then. */
  beforeLaunch?: () => Promise<void>;
  /** If given, the job reaches what the policy allows and nothing else, or it is not started. */
  egress?: EgressPolicy | undefined;
  /** The secrets that only the gateway gets, with a policy that says where they go. */
  broker?: KeptSecrets | undefined;
}

export interface KeptSecrets {
  /** By their names in the policy. */
  values: ReadonlyMap<string, string>;
  /** Replaces each by its placeholder. */
  hide: (text: string) => string;
}

/** How agents reach a server, or why they cannot. */
export type AgentAddress =
  | { url: URL; options: readonly string[]; network?: string | undefined; reason?: undefined }
  | { reason: string; remedy: string };

export interface JobExit {
  /** 128 + n after signal n, as in a shell. Undefined if the exit was not observed. */
  exitCode: number | undefined;
  endedAt: Date;
  outOfMemory: boolean;
  /** The runtime's error, if the agent's process never ran. */
  startError: string | undefined;
  /** How to correct it, if known. */
  startRemedy?: string | undefined;
  /** Why the runtime, or another user of it, killed the agent, without a full stop, and how to correct it. By default with the code `stopped`. */
  stopped?: { reason: string; remedy?: string; code?: 'wall-opened' | 'removed' } | undefined;
  /** The limit of `StartOptions.limits` at which the runtime killed the agent, with milliseconds or bytes, if known. */
  reached?: { limit: 'max_duration' | 'disk_gib' | 'max_tokens' | 'max_cost'; used?: number | undefined } | undefined;
  /** Whether the machine was restarted since the start; undefined if unknown. */
  machineRestarted?: boolean | undefined;
  /** Why the exit was not observed, if known; a sentence without its full stop. */
  unseenBecause?: string | undefined;
  /** How to continue then, if known. */
  unseenRemedy?: string | undefined;
}

export interface StateInRuntime {
  state: 'waiting' | 'running' | 'ended';
  /** Why a job is still waiting, and the remedy, in sentences; undefined if nothing is known to be wrong. */
  waitReason?: string | undefined;
}

/** A container with the label of this runner instance that belongs to no job in progress. */
export interface UnmanagedContainer {
  id: string;
  jobId: string;
  createdAt: Date;
  /** Its size on disk without its image; undefined if the runtime doesn't know. */
  sizeBytes: number | undefined;
}

export interface ContainerOfOther extends UnmanagedContainer {
  instanceId: string;
}

export interface Image {
  /** Derived from its content: the same under every name. */
  id: string;
  /** In the runtime's own spelling. */
  names: readonly string[];
  sizeBytes: number;
}

/** The images that a runtime has on this machine, including those that others pulled. */
export interface ImageStore {
  /** The IDs of all of them. @throws RuntimeError */
  listIds(signal?: AbortSignal): Promise<string[]>;
  /** Finds an image by name or ID; undefined if it is missing. @throws RuntimeError */
  find(image: string, signal?: AbortSignal): Promise<Image | undefined>;
  /** @throws RuntimeError */
  addName(id: string, name: string): Promise<void>;
  /** Whether any container uses it, running or not. @throws RuntimeError */
  isInUse(id: string, signal?: AbortSignal): Promise<boolean>;
  /**
   * Removes a name, and the image with its last name. Given an ID, removes an image that has at most one name.
   * @throws RuntimeError also if a container needs it
   */
  remove(nameOrId: string): Promise<void>;
}

/** An image or a volume that a killed process may have left. */
export interface Leftover {
  kind: 'image' | 'volume';
  name: string;
  createdAt: Date;
  sizeBytes: number | undefined;
  /** @param folders of the jobs in progress. Resolves with false if it is needed or gone. @throws RuntimeError */
  remove(folders: readonly string[]): Promise<boolean>;
}

/**
 * Runs jobs. A started job keeps running without this process; every method but `start` also works for jobs
 * that an earlier run of this process started.
 */
export interface Runtime {
  readonly name: RuntimeName;
  /** Whether the runtime is installed on this machine. */
  isInstalled(): Promise<boolean>;
  /** Whether jobs can be started now. */
  checkReady(signal?: AbortSignal): Promise<Readiness>;
  /** Like `checkReady`, but first starts the services of the runtime, if it has any that a user may start. */
  prepare?(signal?: AbortSignal): Promise<Readiness>;
  /** Starts pods as those of jobs, for `doctor`, and removes them. Only for a cluster. @throws UserError, or an error of it */
  checkPods?(options: PodCheckOptions): Promise<PodCheckResult>;
  /** Finds out how agents reach a server. Undefined if they reach what this machine reaches. @throws RuntimeError */
  findAgentAddress?(url: URL): Promise<AgentAddress | undefined>;
  /** @throws UserError if jobs cannot get the mounts or the variables of the configuration */
  checkSettings?(): Promise<void>;
  /** @throws UserError if the mounts of the configuration lead around the wall of a job */
  checkWallMounts?(): Promise<void>;
  /** Makes an image of an archive of files. Undefined if the runtime cannot. @throws RuntimeError */
  importImage?(name: string, archive: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void>;
  /** Why it cannot be measured whether a job does anything, or how much disk space it uses; undefined if it can. */
  whyUnmeasured(what: 'activity' | 'disk'): Promise<string | undefined>;
  /**
   * Returns what keeps jobs from being behind a wall, as far as that is known without a job. Undefined if nothing does; a job
   * whose wall does not stand is refused all the same.
   */
  whyNoWall(): Promise<UserError | undefined>;
  /** Whether it holds the limits of jobs itself, without a process on this machine. */
  readonly holdsLimits?: boolean;
  /**
   * Settings that the runtime cannot apply, and those that take protection from jobs.
   * @throws UserError if no job can start with the settings
   */
  warnings?(): Promise<readonly RuntimeWarning[]>;
  /**
   * Why no job can start at the moment, although the runtime is ready, as far as that is known without a job. Undefined if nothing
   * is known. @throws UserError, or an error of the runtime
   */
  whyRefused?(signal?: AbortSignal): Promise<{ reason: string; remedy: string } | undefined>;
  /**
   * Makes the image available according to the policy. Pulls of one image are never made at once.
   * @param beforePull called before a registry is asked
   * @throws RuntimeError
   */
  pull(image: string, policy: PullPolicy, signal?: AbortSignal, beforePull?: () => Promise<void>): Promise<PullResult>;
  /**
   * Starts the job. A start that fails later is reported by `wait`. If the signal is aborted, rejects with its reason while
   * the start continues.
   * @throws RuntimeError
   */
  start(job: StartOptions, signal?: AbortSignal): Promise<void>;
  /** Whether the job was started, by any run of the runner. An interrupted start does not count. */
  wasStarted(job: JobPaths): Promise<boolean>;
  /** Whether the job's folder shows that a container was created for it. */
  createdContainer(job: JobPaths): Promise<boolean>;
  /**
   * Only for a runtime whose `start` does not wait for the agent: resolves when the agent of a started job runs, or when it will
   * not run any more. @throws an error of the runtime, or the signal's reason
   */
  whenRunning?(job: JobPaths, signal: AbortSignal): Promise<{ isRunning: boolean; hasWaited: boolean }>;
  /** Resolves when the job has exited, however long ago. Rejects only when `signal` is aborted. */
  wait(job: JobPaths, signal?: AbortSignal): Promise<JobExit>;
  /** Sends SIGTERM, and SIGKILL after `graceMs`. Does nothing if the job is not running. @throws RuntimeError */
  kill(job: JobPaths, graceMs: number): Promise<void>;
  /** The job IDs of this runner instance that are running now. */
  listRunning(signal?: AbortSignal): Promise<string[]>;
  /**
   * Only for a runtime whose jobs have no shim: the states of this runner instance's jobs, by ID. A job that is not there was
   * not started, or has exited and was removed. @throws an error of the runtime
   */
  listStates?(signal?: AbortSignal): Promise<ReadonlyMap<string, StateInRuntime>>;
  /**
   * The names of running containers that begin with `plan42-`, without the label of a runner like this one, such as those of
   * the Go runner. @throws RuntimeError
   */
  listForeign?(signal?: AbortSignal): Promise<string[]>;
  /**
   * Only for a runtime whose jobs have no shim: the command that prints what the agent writes, without a runner. Undefined if
   * the job was not started.
   */
  logCommand?(job: JobPaths): Promise<string | undefined>;
  /**
   * Only for a runtime whose jobs have no shim: appends a line to the log of a job that has exited, unless the log has it
   * already. @throws an error of the file system
   */
  appendToLog?(job: JobPaths, line: string): Promise<void>;
  /** Removes everything of a job that has exited. @throws RuntimeError */
  remove(job: JobPaths): Promise<void>;
  /**
   * The containers of this runner instance and of `doctor`, running or not, except those of the jobs in `except`. Empty if
   * the runtime has no containers. @throws RuntimeError
   */
  listUnmanaged(except: ReadonlySet<string>, signal?: AbortSignal): Promise<UnmanagedContainer[]>;
  /**
   * Only for a cluster: what other runner instances have in the namespace, and no replica can adopt. Such a runner is running,
   * or has lost its state. @throws RuntimeError
   */
  listOthers?(signal?: AbortSignal): Promise<ContainerOfOther[]>;
  /** Kills and removes a container of these lists, by ID because a later one can have the same name. @throws RuntimeError */
  removeUnmanaged(id: string): Promise<void>;
  /**
   * Images of `doctor`, and volumes of this runner instance and of `doctor` that no job in these folders uses.
   * @throws RuntimeError
   */
  listLeftovers?(folders: readonly string[], signal?: AbortSignal): Promise<Leftover[]>;
  /** The folder on this machine that contains containers and images, if there is one. */
  storageFolder(signal?: AbortSignal): Promise<string | undefined>;
  /** Undefined if jobs run without images. */
  readonly images: ImageStore | undefined;
  /** The replicas of this runner that may adopt its jobs. Undefined if only the runner with the jobs' folders can. */
  readonly replicas?: Replicas | undefined;
  /** Returns what another replica needs in addition to the record of a started job. Undefined if the job was not started. */
  saveState?(job: JobPaths): Promise<string | undefined>;
  /**
   * Writes into the folder of a started job what the runtime needs there, given what `saveState` returned.
   * @throws RuntimeError
   */
  restoreState?(job: JobPaths, state: string | undefined): Promise<void>;
}
