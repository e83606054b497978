import { defaultPaths } from '../../config/paths.ts';
import { ControlError, createControlClient } from '../../control/client.ts';
import { type ExitCode, UserError } from '../../lib/errors.ts';
import { runnerService } from '../../service/services.ts';
import type { CliContext } from '../context.ts';
import { disableService, type ServiceControlOptions, stopService } from '../service/control.ts';

/** @throws UserError if it is not installed, or if the running runner is not the service */
export async function stopCommand(context: CliContext, options: ServiceControlOptions): Promise<void> {
  await stopService(context, runnerService, (exitCode) => refuseForeground(context, exitCode), options);
}

export async function disableCommand(context: CliContext, options: ServiceControlOptions): Promise<void> {
  await disableService(context, runnerService, options);
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
