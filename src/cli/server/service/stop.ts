import { serverService } from '../../../service/services.ts';
import type { CliContext } from '../../context.ts';
import { disableService, type ServiceControlOptions, stopService } from '../../service/control.ts';
import { serverDataDir } from '../data-dir.ts';
import { refuseForeground } from './enable.ts';

export async function stopServer(context: CliContext, options: ServiceControlOptions): Promise<void> {
  const dataDir = serverDataDir(undefined, context.env, context.platform);
  await stopService(context, serverService, (exitCode) => refuseForeground(dataDir, exitCode), options);
}

export async function disableServer(context: CliContext, options: ServiceControlOptions): Promise<void> {
  await disableService(context, serverService, options);
}
