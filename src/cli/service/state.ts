import { printableLine } from '../../lib/printable.ts';
import { serviceManagerOf } from '../../service/find-service-manager.ts';
import type { ServiceManager } from '../../service/service-manager.ts';
import type { Service } from '../../service/services.ts';
import type { CliContext } from '../context.ts';

/** State of a service according to the system's service manager. */
export interface ServiceState {
  manager: ServiceManager['name'];
  installed: boolean;
  /** Starts at login. */
  enabled: boolean;
  /** One line from the service manager. */
  detail: string;
}

/** Null if there is no service manager. */
export async function readServiceState(context: CliContext, service: Service): Promise<ServiceState | null> {
  const manager = serviceManagerOf(context, service);
  if (manager === undefined || !(await manager.isAvailable(context.signal)).available) return null;
  const { installed, enabled, detail } = await manager.status(context.signal);
  return { manager: manager.name, installed, enabled, detail };
}

/** Returns the state in one line. */
export function describeService({ manager, installed, enabled, detail }: ServiceState): string {
  const start = enabled ? 'installed, starts at login' : 'installed, does not start at login';
  return printableLine(`${installed ? start : 'not installed'} (${manager}: ${detail})`);
}
