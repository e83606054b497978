import { ExitCode, UserError } from '../lib/errors.ts';

/** What starts the runner at login and keeps it running, whichever system does it: launchd on macOS, systemd on Linux. */

/** What is to be run, and how. */
export interface ServiceDefinition {
  /** Absolute path of the program, and its arguments. */
  command: readonly [string, ...string[]];
  environment: Readonly<Record<string, string>>;
  /** How long the program takes at most to finish its work when it is asked to end. */
  stopTimeoutMs: number;
  /** Gets standard error where the system keeps no log of its own; its folder exists. */
  errorFile: string;
  /** Of the program. Another one makes another definition, so that an upgraded runner is started anew. */
  version: string;
}

export interface ServiceStatus {
  /** Whether the system knows of the service: its definition is there. */
  installed: boolean;
  /** Starts at login (or at boot, where the system can do that). */
  enabled: boolean;
  running: boolean;
  pid?: number;
  /** Of the process. */
  since?: Date;
  /** Of the last run, when it ended by itself and none has begun since. */
  exitCode?: number;
  /** The system's own words, and what the service says of itself: one line for people. */
  detail: string;
}

export type Availability = { available: true } | { available: false; reason: string; remedy: string };

export interface EnableResult {
  /** False when it ran already, with the same definition. */
  started: boolean;
  status: ServiceStatus;
  /** What a person should know, each one line and what to do. */
  hints: Hint[];
}

export interface Hint {
  text: string;
  /** Can be pasted. */
  command: string;
}

/** Each operation rejects with the signal's reason when aborted; what the system has been asked for goes on. */
export interface ServiceManager {
  readonly name: 'systemd' | 'launchd';
  /** The file that defines the service. */
  definitionFile(): Promise<string>;
  /** Whether it can be used by this user, here and now. */
  isAvailable(signal?: AbortSignal): Promise<Availability>;
  /**
   * Writes the definition, has it start at login, and starts it, or restarts it when it ran with another definition.
   * @throws UserError with the service's own exit code when it ends at once
   */
  enable(definition: ServiceDefinition, signal?: AbortSignal): Promise<EnableResult>;
  /** Stops the service and takes its definition away. False when there was none. */
  disable(signal?: AbortSignal): Promise<boolean>;
  /** Resolves when it has ended, which takes as long as it drains. It starts again at the next login. False when it did not run. */
  stop(signal?: AbortSignal): Promise<boolean>;
  /** Starts the service that is installed, or ends it and starts it again. */
  restart(signal?: AbortSignal): Promise<void>;
  status(signal?: AbortSignal): Promise<ServiceStatus>;
}

/** What of the machine and its user a service manager depends on. */
export interface ServiceHost {
  platform: NodeJS.Platform;
  /** User ID. */
  uid: number;
  env: NodeJS.ProcessEnv;
}

/** The service was started and has ended at once. Its own exit code, when it has a meaning, becomes the command's. */
export function startFailure({ exitCode, detail }: { exitCode: number | undefined; detail: string }): UserError {
  const meaning = Object.values(ExitCode).find((known) => known === exitCode && known !== ExitCode.done);
  return new UserError(`the service is enabled but does not start: ${detail}`, {
    remedy: 'It is tried again every 10 seconds; "plan42 runner logs" shows why it ends.',
    exitCode: meaning ?? ExitCode.failed,
  });
}
