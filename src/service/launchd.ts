import { mkdir, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock } from '../lib/clock.ts';
import { errorCode, UserError } from '../lib/errors.ts';
import { readTextIfExists } from '../lib/read-file.ts';
import { replaceFile } from '../lib/replace-file.ts';
import { type CommandResult, runCommand } from '../lib/run-command.ts';
import { sleep } from '../lib/sleep.ts';
import { type PrintedService, parsePrintedService } from './launchctl-print.ts';
import { renderPlist } from './launchd-plist.ts';
import type {
  Availability,
  EnableResult,
  ServiceDefinition,
  ServiceHost,
  ServiceManager,
  ServiceStatus,
} from './service-manager.ts';
import { startFailure } from './service-manager.ts';
import type { Service } from './services.ts';

/** Exit codes of launchctl; `launchctl error CODE` explains each. */
const LaunchctlCode = {
  noSuchProcess: 3,
  inputOutputError: 5,
  operationNowInProgress: 36,
  operationAlreadyInProgress: 37,
  couldNotFindService: 113,
} as const;

const queryTimeoutMs = 30_000;
const pollIntervalMs = 100;
/** A service with an invalid configuration or without an engine exits within this time. */
const settleMs = 2000;
const maxStartMs = 30_000;
const bootstrapAttempts = 20;

/** Runs the service as a LaunchAgent of the logged-in user. */
export function createLaunchdManager({ uid, env }: ServiceHost, service: Service): ServiceManager {
  const domain = `gui/${uid}`;
  const target = `${domain}/${service.label}`;
  const path = join(env['HOME'] || homedir(), 'Library/LaunchAgents', `${service.label}.plist`);

  const launchctl = (args: string[], signal?: AbortSignal) =>
    runCommand('launchctl', args, { env: { ...env, LC_ALL: 'C' }, signal, timeoutMs: queryTimeoutMs });

  async function order(args: string[], signal: AbortSignal | undefined): Promise<void> {
    const result = await launchctl(args, signal);
    if (result.exitCode !== 0) throw failure(args, result);
  }

  /** Undefined if launchd has not loaded the service. */
  async function print(signal?: AbortSignal): Promise<PrintedService | undefined> {
    const result = await launchctl(['print', target], signal);
    if (result.exitCode === 0) return parsePrintedService(result.stdout);
    if (result.exitCode === LaunchctlCode.couldNotFindService) return undefined;
    throw failure(['print'], result);
  }

  async function isAvailable(signal?: AbortSignal): Promise<Availability> {
    try {
      const { exitCode, stderr } = await launchctl(['print', domain], signal);
      if (exitCode === 0) return { available: true };
      const reason = `launchd has no session for this user: ${lastLine(stderr)}`;
      return { available: false, reason, remedy: 'Log in once at the Mac’s screen or by screen sharing.' };
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
      return { available: false, reason: 'launchctl is not installed', remedy: '' };
    }
  }

  async function status(signal?: AbortSignal): Promise<ServiceStatus> {
    const [plist, service] = await Promise.all([readTextIfExists(path), print(signal)]);
    const installed = plist !== undefined;
    if (service === undefined) {
      return { installed, enabled: installed, running: false, detail: installed ? 'Not Running' : 'Not Installed' };
    }
    const { pid, lastExitCode, lastSignal, state } = service;
    const running = pid !== undefined;
    const since = running ? await startedAt(pid, env) : undefined;
    const ended = lastExitCode === undefined ? lastSignal : `exit code ${lastExitCode}`;
    return {
      installed,
      enabled: installed,
      running,
      ...(running ? { pid } : {}),
      ...(since === undefined ? {} : { since }),
      ...(running || lastExitCode === undefined ? {} : { exitCode: lastExitCode }),
      detail: running || ended === undefined ? state : `${state}, last run: ${ended}`,
    };
  }

  /** Unloads the service and waits until it has exited. False if it was not loaded. */
  async function bootOut(signal?: AbortSignal): Promise<boolean> {
    if ((await print(signal)) === undefined) return false;
    const args = ['bootout', target];
    const result = await launchctl(args, signal);
    const expected: (number | undefined)[] = [0, LaunchctlCode.noSuchProcess, LaunchctlCode.operationNowInProgress];
    if (!expected.includes(result.exitCode)) throw failure(args, result);
    while ((await print(signal)) !== undefined) await sleep(pollIntervalMs, signal);
    return true;
  }

  // For a moment after a service was unloaded, launchd rejects another one with the same label.
  async function bootstrap(signal: AbortSignal | undefined): Promise<void> {
    const args = ['bootstrap', domain, path];
    for (let attempt = 1; ; attempt += 1) {
      const result = await launchctl(args, signal);
      if (result.exitCode === 0) return;
      const transient: (number | undefined)[] = [
        LaunchctlCode.inputOutputError,
        LaunchctlCode.operationAlreadyInProgress,
        LaunchctlCode.operationNowInProgress,
      ];
      if (attempt === bootstrapAttempts || !transient.includes(result.exitCode)) throw failure(args, result);
      await sleep(pollIntervalMs, signal);
    }
  }

  async function enable(definition: ServiceDefinition, signal?: AbortSignal): Promise<EnableResult> {
    await bootOut(signal);
    await mkdir(dirname(path), { recursive: true });
    // The environment can contain the password of a proxy.
    await replaceFile(path, renderPlist(service, definition), 0o600);
    await start(signal);
    return { started: true, status: await status(signal), hints: [] };
  }

  async function start(signal: AbortSignal | undefined): Promise<void> {
    await order(['enable', target], signal);
    await bootstrap(signal);
    await untilSettled(signal);
  }

  /** launchd does not report when a service is ready: one that keeps running for a while has started. */
  async function untilSettled(signal: AbortSignal | undefined): Promise<void> {
    const end = systemClock.now() + maxStartMs;
    let runningSince: number | undefined;
    while (runningSince === undefined || systemClock.now() - runningSince < settleMs) {
      const current = await status(signal);
      if (!current.running && (current.exitCode !== undefined || systemClock.now() > end))
        throw startFailure(service, { exitCode: current.exitCode, detail: current.detail });
      runningSince = current.running ? (runningSince ?? systemClock.now()) : undefined;
      await sleep(pollIntervalMs, signal);
    }
  }

  async function disable(signal?: AbortSignal): Promise<boolean> {
    const wasLoaded = await bootOut(signal);
    const wasInstalled = (await readTextIfExists(path)) !== undefined;
    if (!wasLoaded && !wasInstalled) return false;
    await order(['disable', target], signal);
    await rm(path, { force: true });
    return true;
  }

  async function restart(signal?: AbortSignal): Promise<void> {
    if ((await print(signal)) === undefined) return start(signal);
    await order(['kickstart', '-kp', target], signal);
    await untilSettled(signal);
  }

  return {
    name: 'launchd',
    restartCommand: `launchctl kickstart -k ${target}`,
    definitionFile: async () => path,
    isAvailable,
    enable,
    disable,
    stop: bootOut,
    restart,
    status,
  };
}

function failure(args: readonly string[], { exitCode, stderr }: CommandResult): UserError {
  return new UserError(`launchctl ${args[0]} failed: ${lastLine(stderr) || `exit code ${exitCode ?? 'unknown'}`}`);
}

// The first line is often only "Bad request.", and the hint about root does not apply to a LaunchAgent.
function lastLine(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('Try re-running'));
  return lines.at(-1)?.trim() ?? '';
}

/** Start time of a process, to the second; undefined if it does not exist. */
export async function startedAt(pid: number, env: NodeJS.ProcessEnv): Promise<Date | undefined> {
  const options = { env: { PATH: env['PATH'], LC_ALL: 'C', TZ: 'UTC' } };
  const { stdout } = await runCommand('ps', ['-o', 'lstart=', '-p', String(pid)], options);
  const date = new Date(`${stdout.trim()} UTC`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
