import { mkdir, readlink, realpath, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { errorCode, UserError } from '../lib/errors.ts';
import { readTextIfExists } from '../lib/read-file.ts';
import { replaceFile } from '../lib/replace-file.ts';
import { type CommandResult, runCommand } from '../lib/run-command.ts';
import type {
  Availability,
  EnableResult,
  Hint,
  ServiceDefinition,
  ServiceHost,
  ServiceManager,
  ServiceStatus,
} from './service-manager.ts';
import { startFailure } from './service-manager.ts';
import type { Service } from './services.ts';
import { parseUnitState, statusOfUnit, type UnitState, unitProperties } from './systemd-state.ts';
import { renderUnit } from './systemd-unit.ts';

const queryTimeoutMs = 30_000;

/** Runs the service as a unit of the user's systemd. */
export function createSystemdManager({ uid, env }: ServiceHost, service: Service): ServiceManager {
  const { unitName } = service;
  // After su or sudo, the variable with which systemctl finds the user's systemd is missing.
  const ownEnv = { ...env, XDG_RUNTIME_DIR: env['XDG_RUNTIME_DIR'] || `/run/user/${uid}`, LC_ALL: 'C', TZ: 'UTC' };

  const run = (file: string, args: string[], options: { signal?: AbortSignal | undefined; timeoutMs?: number }) =>
    runCommand(file, args, { env: ownEnv, ...options });

  /** For commands that return at once. */
  const query = (args: string[], signal?: AbortSignal) =>
    run('systemctl', ['--user', '--no-ask-password', ...args], { signal, timeoutMs: queryTimeoutMs });

  /** For commands that wait for the service. */
  async function order(args: string[], signal: AbortSignal | undefined): Promise<void> {
    requireSuccess(args, await run('systemctl', ['--user', '--no-ask-password', ...args], { signal }));
  }

  async function unitState(signal?: AbortSignal): Promise<UnitState> {
    const args = ['show', unitName, `--property=${unitProperties.join(',')}`];
    return parseUnitState(requireSuccess(args, await query(args, signal)).stdout);
  }

  const status = async (signal?: AbortSignal): Promise<ServiceStatus> => statusOfUnit(await unitState(signal));

  async function isAvailable(signal?: AbortSignal): Promise<Availability> {
    try {
      const { exitCode, stderr } = await query(['show', '--property=Version'], signal);
      if (exitCode === 0) return { available: true };
      if (!(await isDirectory('/run/systemd/system')))
        return { available: false, reason: 'systemd is not the init system', remedy: '' };
      const reason = `this user’s systemd is not responding: ${oneLine(stderr)}`;
      return { available: false, reason, remedy: 'Log in, or run: sudo loginctl enable-linger "$USER".' };
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
      return { available: false, reason: 'systemd is not installed', remedy: '' };
    }
  }

  // Whether XDG_CONFIG_HOME applies depends on the environment of the user's systemd, not on ours.
  async function definitionFile(): Promise<string> {
    const folders = [env['XDG_CONFIG_HOME'], join(env['HOME'] || homedir(), '.config')]
      .filter((folder) => folder?.startsWith('/'))
      .map((folder) => join(folder ?? '', 'systemd/user'));
    const { stdout } = await query(['show', '--property=UnitPath', '--value']);
    const known = folders.find((folder) => ` ${oneLine(stdout)} `.includes(` ${folder} `)) ?? folders.at(-1);
    return join(known ?? '', unitName);
  }

  async function enable(definition: ServiceDefinition, signal?: AbortSignal): Promise<EnableResult> {
    const unit = renderUnit(service, definition);
    const path = await definitionFile();
    await requireUnmasked(unitName, path);
    const isNew = (await readTextIfExists(path)) !== unit;
    if (isNew) {
      await mkdir(dirname(path), { recursive: true });
      // The environment can contain the password of a proxy.
      await replaceFile(path, unit, 0o600);
    }
    await order(['daemon-reload'], signal);
    await requireLoaded(await unitState(signal), path);
    await order(['enable', '--quiet', unitName], signal);
    // An activating unit may be about to fail.
    const started = isNew || (await unitState(signal)).ActiveState !== 'active';
    if (started) await start(signal);
    return { started, status: await status(signal), hints: await lingeringHints(signal) };
  }

  // `restart` also starts a unit, even one that waits for its next automatic restart.
  async function start(signal: AbortSignal | undefined): Promise<void> {
    const args = ['restart', unitName];
    const result = await run('systemctl', ['--user', '--no-ask-password', ...args], { signal });
    if (result.exitCode === 0) return;
    const { exitCode, detail } = await status(signal);
    // If it was not run at all, only systemd's error explains why.
    if (exitCode === undefined) requireSuccess(args, result);
    throw startFailure(service, { exitCode, detail });
  }

  async function disable(signal?: AbortSignal): Promise<boolean> {
    if (!(await status(signal)).installed) return false;
    await order(['disable', '--now', '--quiet', unitName], signal);
    await rm(await definitionFile(), { force: true });
    await order(['daemon-reload'], signal);
    // Clears the result of the last run.
    await query(['reset-failed', unitName], signal);
    return true;
  }

  async function stop(signal?: AbortSignal): Promise<boolean> {
    const { ActiveState } = await unitState(signal);
    if (ActiveState === 'inactive' || ActiveState === 'failed') return false;
    await order(['stop', unitName], signal);
    return true;
  }

  async function lingeringHints(signal?: AbortSignal): Promise<Hint[]> {
    const args = ['show-user', String(uid), '--property=Linger'];
    const { stdout } = await run('loginctl', args, { signal, timeoutMs: queryTimeoutMs });
    if (stdout.trim() === 'Linger=yes') return [];
    return [
      {
        text: `The ${service.hasJobs ? 'runner and its jobs stop' : `${service.noun} stops`} when you log out, and ${service.hasJobs ? 'start' : 'starts'} when you log in, unless you enable lingering`,
        command: 'sudo loginctl enable-linger "$USER"',
      },
    ];
  }

  return {
    name: 'systemd',
    restartCommand: `systemctl --user restart ${unitName}`,
    definitionFile,
    isAvailable,
    enable,
    disable,
    stop,
    restart: start,
    status,
  };
}

/** A masked unit is a link to /dev/null. */
async function requireUnmasked(unitName: string, path: string): Promise<void> {
  if ((await readlink(path).catch(() => undefined)) !== '/dev/null') return;
  throw new UserError(`cannot enable ${unitName}: it is masked`, {
    remedy: `Run: systemctl --user unmask ${unitName}`,
  });
}

async function requireLoaded({ FragmentPath }: UnitState, path: string): Promise<void> {
  if (FragmentPath !== '' && (await realpath(FragmentPath)) === (await realpath(path))) return;
  throw new UserError(`systemd does not load the service from ${path}`, {
    remedy: FragmentPath === '' ? 'Run: systemctl --user status.' : `Remove the other definition, ${FragmentPath}.`,
  });
}

function requireSuccess(args: readonly string[], result: CommandResult): CommandResult {
  if (result.exitCode === 0) return result;
  throw new UserError(`systemctl --user ${args[0]} failed: ${oneLine(result.stderr) || 'no output'}`);
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ');
}
