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
 * @throws UserError if it is not installed, or if the running runner is not the service
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
    ? 'The runner has stopped. Running agents continue. It starts again at the next login, or with "plan42 runner enable".\n'
    : 'The runner was not running.\n';
  await print(stdout, text, signal);
}

/** @throws UserError if a runner is running that was not started by the service manager */
async function refuseForeground({ env, platform, signal }: CliContext, exitCode: ExitCode): Promise<void> {
  const { stateDir } = defaultPaths(env, platform);
  const runner = await createControlClient(stateDir)
    .status(signal)
    .catch((error: unknown) => {
      if (error instanceof ControlError) return undefined;
      throw error;
    });
  if (runner === undefined) return;
  throw new UserError(`the running runner (process ${runner.pid}) was not started as a service`, {
    remedy: `Stop it with Ctrl-C in its terminal, or with "kill ${runner.pid}".`,
    exitCode,
  });
}

/** Stops and uninstalls the service. Not an error if it is not installed. */
export async function disableCommand(context: CliContext, { json }: { json?: boolean }): Promise<void> {
  const { signal, stdout } = context;
  const manager = await requireServiceManager(context, signal);
  const wasThere = await withProgress(context, 'Stopping the runner', () => manager.disable(signal));
  if (json) return print(stdout, renderJson(serviceStatusJson(manager.name, await manager.status(signal))), signal);
  const text = wasThere
    ? 'The runner has stopped and no longer starts at login. Running agents continue.\n'
    : 'The service is not installed.\n';
  await print(stdout, text, signal);
}
