import { ExitCode, UserError } from '../lib/errors.ts';
import { createLaunchdManager } from './launchd.ts';
import type { ServiceHost, ServiceManager } from './service-manager.ts';
import { createSystemdManager } from './systemd.ts';

/**
 * The service manager of this machine.
 * @throws UserError (exit code 6) if there is none that this user can use
 */
export async function requireServiceManager(host: ServiceHost, signal?: AbortSignal): Promise<ServiceManager> {
  const manager = serviceManagerOf(host);
  if (manager === undefined) throw notSupported(`${host.platform} has neither launchd nor systemd`);
  const availability = await manager.isAvailable(signal);
  if (availability.available) return manager;
  throw notSupported(availability.reason, availability.remedy);
}

/** Undefined on other platforms. `isAvailable` checks whether it can be used. */
export function serviceManagerOf(host: ServiceHost): ServiceManager | undefined {
  if (host.platform === 'darwin') return createLaunchdManager(host);
  if (host.platform === 'linux') return createSystemdManager(host);
  return undefined;
}

function notSupported(reason: string, remedy = ''): UserError {
  const instead = `keep "plan42 runner exec" running yourself, in tmux or as a system service (docs/service.md has a sample)`;
  return new UserError(`the runner cannot be installed as a service here: ${reason}`, {
    remedy: remedy === '' ? `Instead, ${instead}.` : `${remedy} Or ${instead}.`,
    exitCode: ExitCode.platform,
  });
}
