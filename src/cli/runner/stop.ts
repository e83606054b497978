import { defaultPaths } from '../../config/paths.ts';
import { ControlError, createControlClient } from '../../control/client.ts';
import { ExitCode, UserError } from '../../lib/errors.ts';
import { requireServiceManager } from '../../service/find-service-manager.ts';
import type { CliContext } from '../context.ts';
import { print, renderJson } from '../output.ts';
import { withProgress } from '../progress.ts';
import { serviceStatusJson } from './service-status-json.ts';

/**
 * Stops the service and waits until it has drained.
 * @throws UserError when it is not installed, or a runner runs that is not the service's
 */
export async function stopCommand(context: CliContext, { json }: { json?: boolean }): Promise<void> {
  const { signal, stdout } = context;
  const manager = await requireServiceManager(context, signal).catch(async (error: unknown) => {
    if (error instanceof UserError) await refuseForeground(context, error.exitCode);
    throw error;
  });
  const before = await manager.status(signal);
  if (!before.running) await refuseForeground(context, ExitCode.failed);
  if (!before.installed && !before.running) {
    throw new UserError('the service is not installed', {
      remedy: 'Install it with "plan42 runner enable".',
    });
  }
  const wasRunning = await withProgress(context, 'Stopping the runner', () => manager.stop(signal));
  if (json) return print(stdout, renderJson(serviceStatusJson(manager.name, await manager.status(signal))), signal);
  const text = wasRunning
    ? 'The runner has stopped. Agents that were running go on; it starts again at the next login, or with "plan42 runner enable".\n'
    : 'The runner was not running.\n';
  await print(stdout, text, signal);
}

/** Where a runner runs that no service manager has started, says how it is stopped. */
async function refuseForeground({ env, platform, signal }: CliContext, exitCode: ExitCode): Promise<void> {
  const { stateDir } = defaultPaths(env, platform);
  const runner = await createControlClient(stateDir)
    .status(signal)
    .catch((error: unknown) => {
      if (error instanceof ControlError) return undefined;
      throw error;
    });
  if (runner === undefined) return;
  throw new UserError(`the runner that runs (process ${runner.pid}) was not started as the service`, {
    remedy: `End it with Ctrl-C where it was started, or with "kill ${runner.pid}".`,
    exitCode,
  });
}
