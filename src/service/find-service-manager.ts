import { ExitCode, UserError } from '../lib/errors.ts';
import { createLaunchdManager } from './launchd.ts';
import type { ServiceHost, ServiceManager } from './service-manager.ts';
import type { Service } from './services.ts';
import { createSystemdManager } from './systemd.ts';

/**
 * The service manager of this machine.
 * @throws UserError (exit code 6) if there is none that this user can use
 */
export async function requireServiceManager(
  host: ServiceHost,
  service: Service,
  signal?: AbortSignal,
): Promise<ServiceManager> {
  const manager = serviceManagerOf(host, service);
  if (manager === undefined) throw notSupported(service, `${host.platform} has neither launchd nor systemd`);
  const availability = await manager.isAvailable(signal);
  if (availability.available) return manager;
  throw notSupported(service, availability.reason, availability.remedy);
}

/** Undefined on other platforms. `isAvailable` checks whether it can be used. */
export function serviceManagerOf(host: ServiceHost, service: Service): ServiceManager | undefined {
  if (host.platform === 'darwin') return createLaunchdManager(host, service);
  if (host.platform === 'linux') return createSystemdManager(host, service);
  return undefined;
}

function notSupported({ noun, foregroundCommand, docs }: Service, reason: string, remedy = ''): UserError {
  const instead = `keep "${foregroundCommand}" running yourself, in tmux or as a system service (${docs} has a sample)`;
  return new UserError(`the ${noun} cannot be installed as a service here: ${reason}`, {
    remedy: remedy === '' ? `Instead, ${instead}.` : `${remedy} Or ${instead}.`,
    exitCode: ExitCode.platform,
  });
}
