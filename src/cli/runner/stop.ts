import { UserError } from '../../lib/errors.ts';
import { requireServiceManager } from '../../service/choose.ts';
import type { CliContext } from '../context.ts';
import { print, renderJson } from '../output.ts';
import { withProgress } from '../progress.ts';
import { serviceStatusJson } from './service-status-json.ts';

/**
 * Stops the service and waits until it has drained.
 * @throws UserError when it is not installed
 */
export async function stopCommand(context: CliContext, { json }: { json?: boolean }): Promise<void> {
  const { signal, stdout } = context;
  const manager = await requireServiceManager(context, signal);
  const before = await manager.status(signal);
  if (!before.installed && !before.running) {
    throw new UserError('the service is not installed', {
      remedy: 'Install it with "plan42 runner enable"; a runner in the foreground ends with Ctrl-C.',
    });
  }
  const wasRunning = await withProgress(context, 'Stopping the runner', () => manager.stop(signal));
  if (json) return print(stdout, renderJson(serviceStatusJson(manager.name, await manager.status(signal))), signal);
  const text = wasRunning
    ? 'The runner has stopped. Agents that were running go on; it starts again at the next login, or with "plan42 runner enable".\n'
    : 'The runner was not running.\n';
  await print(stdout, text, signal);
}
