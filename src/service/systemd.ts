import { mkdir, realpath, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { errorCode, UserError } from '../lib/errors.ts';
import { readFileIfExists, writeDurably } from '../lib/files.ts';
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
import { parseUnitState, statusOfUnit, type UnitState, unitProperties } from './systemd-state.ts';
import { renderUnit, unitName } from './systemd-unit.ts';

const quickMs = 30_000;

/** Runs the service as a unit of the user's own systemd. */
export function createSystemdManager({ uid, env }: ServiceHost): ServiceManager {
  // Whoever came by way of su or sudo lacks the variable by which systemctl finds the user's systemd.
  const ownEnv = { ...env, XDG_RUNTIME_DIR: env['XDG_RUNTIME_DIR'] || `/run/user/${uid}`, LC_ALL: 'C', TZ: 'UTC' };

  const run = (file: string, args: string[], options: { signal?: AbortSignal | undefined; timeoutMs?: number }) =>
    runCommand(file, args, { env: ownEnv, ...options });

  /** For what is answered at once. */
  const ask = (args: string[], signal?: AbortSignal) =>
    run('systemctl', ['--user', '--no-ask-password', ...args], { signal, timeoutMs: quickMs });

  /** For what takes as long as the service does. */
  async function order(args: string[], signal: AbortSignal | undefined): Promise<void> {
    requireSuccess(args, await run('systemctl', ['--user', '--no-ask-password', ...args], { signal }));
  }

  async function unitState(signal?: AbortSignal): Promise<UnitState> {
    const args = ['show', unitName, `--property=${unitProperties.join(',')}`];
    return parseUnitState(requireSuccess(args, await ask(args, signal)).stdout);
  }

  const status = async (signal?: AbortSignal): Promise<ServiceStatus> => statusOfUnit(await unitState(signal));

  async function isAvailable(signal?: AbortSignal): Promise<Availability> {
    try {
      const { exitCode, stderr } = await ask(['show', '--property=Version'], signal);
      if (exitCode === 0) return { available: true };
      if (!(await isDirectory('/run/systemd/system')))
        return { available: false, reason: 'systemd does not run this system', remedy: '' };
      const reason = `this user’s systemd does not answer: ${oneLine(stderr)}`;
      return { available: false, reason, remedy: 'Log in, or run: sudo loginctl enable-linger "$USER".' };
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
      return { available: false, reason: 'there is no systemd', remedy: '' };
    }
  }

  // Whether XDG_CONFIG_HOME counts is up to the environment of the user's systemd, not to ours.
  async function definitionFile(): Promise<string> {
    const folders = [env['XDG_CONFIG_HOME'], join(env['HOME'] || homedir(), '.config')]
      .filter((folder) => folder?.startsWith('/'))
      .map((folder) => join(folder ?? '', 'systemd/user'));
    const { stdout } = await ask(['show', '--property=UnitPath', '--value']);
    const known = folders.find((folder) => ` ${oneLine(stdout)} `.includes(` ${folder} `)) ?? folders.at(-1);
    return join(known ?? '', unitName);
  }

  async function enable(definition: ServiceDefinition, signal?: AbortSignal): Promise<EnableResult> {
    const unit = renderUnit(definition);
    const path = await definitionFile();
    const isNew = (await readFileIfExists(path)) !== unit;
    if (isNew) {
      await mkdir(dirname(path), { recursive: true });
      // The environment can hold the password of a proxy.
      await writeDurably(path, unit, 0o600);
    }
    await order(['daemon-reload'], signal);
    await requireLoaded(await unitState(signal), path);
    await order(['enable', '--quiet', unitName], signal);
    // One that is about to start may be about to fail.
    const started = isNew || (await unitState(signal)).ActiveState !== 'active';
    if (started) await start(signal);
    return { started, status: await status(signal), hints: await lingeringHints(signal) };
  }

  // Also for a first start: where it waits for its next attempt, that is now.
  async function start(signal: AbortSignal | undefined): Promise<void> {
    const args = ['restart', unitName];
    const result = await run('systemctl', ['--user', '--no-ask-password', ...args], { signal });
    if (result.exitCode === 0) return;
    const { exitCode, detail } = await status(signal);
    // Where it has not even been run, what systemd has against it is all there is to say.
    if (exitCode === undefined) requireSuccess(args, result);
    throw startFailure({ exitCode, detail });
  }

  async function disable(signal?: AbortSignal): Promise<boolean> {
    if (!(await status(signal)).installed) return false;
    await order(['disable', '--now', '--quiet', unitName], signal);
    await rm(await definitionFile(), { force: true });
    await order(['daemon-reload'], signal);
    // Forgets how it ended.
    await ask(['reset-failed', unitName], signal);
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
    const { stdout } = await run('loginctl', args, { signal, timeoutMs: quickMs });
    if (stdout.trim() === 'Linger=yes') return [];
    return [
      {
        text: 'It ends, with its jobs, when you log out, and does not start before you log in, unless you let it linger',
        command: 'sudo loginctl enable-linger "$USER"',
      },
    ];
  }

  return {
    name: 'systemd',
    definitionFile,
    isAvailable,
    enable,
    disable,
    stop,
    restart: start,
    status,
  };
}

async function requireLoaded({ FragmentPath }: UnitState, path: string): Promise<void> {
  if (FragmentPath !== '' && (await realpath(FragmentPath)) === (await realpath(path))) return;
  throw new UserError(`systemd does not take the service from ${path}`, {
    remedy: FragmentPath === '' ? 'See: systemctl --user status.' : `Remove the other definition, ${FragmentPath}.`,
  });
}

function requireSuccess(args: readonly string[], result: CommandResult): CommandResult {
  if (result.exitCode === 0) return result;
  throw new UserError(`systemctl --user ${args[0]} failed: ${oneLine(result.stderr) || 'it gave no answer'}`);
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
