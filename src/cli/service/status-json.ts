import type { ServiceManager, ServiceStatus } from '../../service/service-manager.ts';

/** The service's status as `--json` prints it; docs/schemas/runner-service.json. */
export function serviceStatusJson(manager: ServiceManager['name'], status: ServiceStatus): Record<string, unknown> {
  const { installed, enabled, running, pid, since, exitCode, detail } = status;
  return {
    manager,
    installed,
    enabled,
    running,
    pid: pid ?? null,
    since: since?.toISOString() ?? null,
    exitCode: exitCode ?? null,
    detail,
  };
}
