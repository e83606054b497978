/** A running program keeps its version until it is restarted: finds one that is not the installed program, and how to restart it. */

import { printableLine } from '../../lib/printable.ts';
import { readTextIfExists } from '../../lib/read-file.ts';
import { shellQuote } from '../../lib/shell-quote.ts';
import { isNewer } from '../../lib/version.ts';
import { serviceManagerOf } from '../../service/find-service-manager.ts';
import { type Service, serverService } from '../../service/services.ts';
import type { CliContext } from '../context.ts';

/** The installed program, which runs this command, is another version than the running one. */
export interface Outdated {
  installedVersion: string;
  /** The command that restarts it. Null if you stop it in its terminal first. */
  command: string | null;
  /** A sentence. */
  remedy: string;
}

/** The running program. */
export interface RunningProgram {
  /** Undefined if it is too old to report it. */
  version: string | undefined;
  pid: number | undefined;
  /** Arguments that `enable` needs to keep its definition. */
  enableArguments?: readonly string[];
}

/** Null if it is the installed version, or a newer one. */
export async function findOutdated(
  context: CliContext,
  service: Service,
  running: RunningProgram,
): Promise<Outdated | null> {
  const installedVersion = context.version;
  const { version } = running;
  if (version === installedVersion || (version !== undefined && isNewer(version, installedVersion))) return null;
  const command = await findRestartCommand(context, service, running);
  const stop = running.pid === undefined ? 'Ctrl-C' : `Ctrl-C or "kill ${running.pid}"`;
  const remedy = command ? `Run: ${command}` : `Stop it with ${stop}, then run "${service.foregroundCommand}" again`;
  return { installedVersion, command, remedy };
}

/** For a line of `status`. */
export function describeOutdated(version: string | undefined, { installedVersion, remedy }: Outdated): string {
  return printableLine(`${version ?? 'older'}, but ${installedVersion} is installed. ${remedy}`);
}

async function findRestartCommand(
  context: CliContext,
  service: Service,
  { pid, enableArguments = [] }: RunningProgram,
): Promise<string | null> {
  if (pid === undefined) return null;
  if (unitOf((await readTextIfExists(`/proc/${pid}/cgroup`).catch(() => undefined)) ?? '') === service.unitName)
    return `sudo systemctl restart ${service.unitName}`;
  const manager = serviceManagerOf(context, service);
  if (manager === undefined || !(await manager.isAvailable(context.signal)).available) return null;
  if ((await manager.status(context.signal)).pid !== pid) return null;
  const enable = [service.command, 'enable', ...enableArguments.map(shellQuote)].join(' ');
  if (service !== serverService) return enable;
  // The definition has the options of the server, but may start the program of an older package in another folder.
  const program = context.plan42Command.at(-1) ?? '';
  const definition = (await readTextIfExists(await manager.definitionFile())) ?? '';
  // A definition escapes some characters of other paths.
  const isElsewhere = /^[\w./@+-]+$/.test(program) && !definition.includes(program);
  return isElsewhere ? enable : manager.restartCommand;
}

/** The unit of the system's systemd to which a process belongs, from its `/proc/PID/cgroup`; empty if there is none. */
export function unitOf(cgroup: string): string {
  return /^\d+:(?:name=systemd)?:\/system\.slice\/([\w@.-]+)$/m.exec(cgroup)?.[1] ?? '';
}
