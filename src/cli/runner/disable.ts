import { requireServiceManager } from '../../service/find-service-manager.ts';
import type { CliContext } from '../context.ts';
import { print, renderJson } from '../output.ts';
import { withProgress } from '../progress.ts';
import { serviceStatusJson } from './service-status-json.ts';

/** Stops the service and takes it away; that there was none is no error. */
export async function disableCommand(context: CliContext, { json }: { json?: boolean }): Promise<void> {
  const { signal, stdout } = context;
  const manager = await requireServiceManager(context, signal);
  const wasThere = await withProgress(context, 'Stopping the runner', () => manager.disable(signal));
  if (json) return print(stdout, renderJson(serviceStatusJson(manager.name, await manager.status(signal))), signal);
  const text = wasThere
    ? 'The runner has stopped, and no longer starts at login. Agents that were running go on.\n'
    : 'The service is not installed: there is nothing to disable.\n';
  await print(stdout, text, signal);
}
