import { ExitCode, UserError } from '../lib/errors.ts';
import type { Service } from './services.ts';

/** Starts a service at login and keeps it running: launchd on macOS, systemd on Linux. */

/** The program to run, and how. */
export interface ServiceDefinition {
  /** Absolute path of the program, and its arguments. */
  command: readonly [string, ...string[]];
  environment: Readonly<Record<string, string>>;
  /** Maximum duration of a shutdown. */
  stopTimeoutMs: number;
  /** Receives standard error if the system keeps no log. Its folder exists. */
  errorFile: string;
  /** Version of the program. It is part of the definition, so that an upgraded service is restarted. */
  version: string;
}

export interface ServiceStatus {
  /** Whether the definition is installed. */
  installed: boolean;
  /** Starts at login (or at boot, where the system can do that). */
  enabled: boolean;
  running: boolean;
  pid?: number;
  /** Start time of the process. */
  since?: Date;
  /** Exit code of the last run, unless a signal ended it or another run has begun. */
  exitCode?: number;
  /** The system's and the service's own status, on one line. */
  detail: string;
}

export type Availability = { available: true } | { available: false; reason: string; remedy: string };

export interface EnableResult {
  /** False if it was already running with the same definition. */
  started: boolean;
  status: ServiceStatus;
  /** Things to know, one line each, with a command. */
  hints: Hint[];
}

export interface Hint {
  text: string;
  /** To paste into a shell. */
  command: string;
}

/** Each operation rejects with the signal's reason when aborted; the system's own operation continues. */
export interface ServiceManager {
  readonly name: 'systemd' | 'launchd';
  /** The command of the system that restarts the service, to paste into a shell. */
  readonly restartCommand: string;
  /** The file that defines the service. */
  definitionFile(): Promise<string>;
  /** Whether this user can use it now. */
  isAvailable(signal?: AbortSignal): Promise<Availability>;
  /**
   * Writes the definition, enables it at login, and starts it, or restarts it if the definition has changed.
   * @throws UserError with the service's own exit code if it exits at once
   */
  enable(definition: ServiceDefinition, signal?: AbortSignal): Promise<EnableResult>;
  /** Stops the service and removes its definition. False if there was none. */
  disable(signal?: AbortSignal): Promise<boolean>;
  /** Resolves when it has stopped, after its drain. It starts again at the next login. False if it was not running. */
  stop(signal?: AbortSignal): Promise<boolean>;
  /** Starts or restarts the installed service. */
  restart(signal?: AbortSignal): Promise<void>;
  status(signal?: AbortSignal): Promise<ServiceStatus>;
}

/** The properties of the machine and its user that a service manager depends on. */
export interface ServiceHost {
  platform: NodeJS.Platform;
  /** User ID. */
  uid: number;
  env: NodeJS.ProcessEnv;
}

/** For a service that exits at once. Its exit code becomes the command's, if it is one of ours. */
export function startFailure(
  { command }: Service,
  { exitCode, detail }: { exitCode: number | undefined; detail: string },
): UserError {
  const meaning = Object.values(ExitCode).find((known) => known === exitCode && known !== ExitCode.done);
  return new UserError(`the service is enabled but cannot start: ${detail}`, {
    remedy: `To see why, run "${command} logs". The service restarts every 10 seconds.`,
    exitCode: meaning ?? ExitCode.failed,
  });
}
