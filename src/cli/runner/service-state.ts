import { serviceManagerOf } from '../../service/find-service-manager.ts';
import type { ServiceManager } from '../../service/service-manager.ts';
import type { CliContext } from '../context.ts';

/** What the system's service manager knows of the runner. */
export interface ServiceState {
  manager: ServiceManager['name'];
  /** Whether there is a definition of the service. */
  installed: boolean;
  /** Whether the runner is started at login. */
  enabled: boolean;
  /** In the manager's words, one line. */
  detail: string;
}

/** Null where there is no service manager to ask. */
export async function readServiceState(context: CliContext): Promise<ServiceState | null> {
  const manager = serviceManagerOf(context);
  if (manager === undefined || !(await manager.isAvailable(context.signal)).available) return null;
  const { installed, enabled, detail } = await manager.status(context.signal);
  return { manager: manager.name, installed, enabled, detail };
}
