import { serviceManagerOf } from '../../service/find-service-manager.ts';
import type { ServiceManager } from '../../service/service-manager.ts';
import type { CliContext } from '../context.ts';

/** State of the runner according to the system's service manager. */
export interface ServiceState {
  manager: ServiceManager['name'];
  installed: boolean;
  /** Starts at login. */
  enabled: boolean;
  /** One line from the service manager. */
  detail: string;
}

/** Null if there is no service manager. */
export async function readServiceState(context: CliContext): Promise<ServiceState | null> {
  const manager = serviceManagerOf(context);
  if (manager === undefined || !(await manager.isAvailable(context.signal)).available) return null;
  const { installed, enabled, detail } = await manager.status(context.signal);
  return { manager: manager.name, installed, enabled, detail };
}
