import { join } from 'node:path';
import { loadConfig } from '../../config/load.ts';
import { defaultPaths, serviceLogName, withPathOptions } from '../../config/paths.ts';
import { ExitCode, UserError } from '../../lib/errors.ts';
import { openPrivateFolder } from '../../lib/private-folder.ts';
import { confirmExpiredToken } from '../../runner/expired-token.ts';
import { requireRunnerToken } from '../../runner/require-token.ts';
import { defineService, serviceEnvironment, tokenVariable, variablesLeftOut } from '../../service/definition.ts';
import { requireServiceManager } from '../../service/find-service-manager.ts';
import { runnerService } from '../../service/services.ts';
import type { CliContext } from '../context.ts';
import { enableService } from '../service/control.ts';

/** Installs the runner as a service and starts it. */
export async function enableCommand(
  context: CliContext,
  options: { configFile?: string; json?: boolean },
): Promise<void> {
  const { platform, runnerCommand, version, signal, stderr } = context;
  const env = withPathOptions(context.env, options);
  const manager = await requireServiceManager({ ...context, env }, runnerService, signal);
  const paths = defaultPaths(env, platform);
  const path = paths.configFile;
  // The environment that the service will have.
  const { config, warnings } = await loadConfig({ path, explicit: true, env: serviceEnvironment({ env, platform }) });
  if (!config.runner.token && env[tokenVariable]) throw tokenOnlyHere(path);
  const token = requireRunnerToken(config, path);
  const userAgent = `plan42-runner/${version}`;
  await confirmExpiredToken(token, { config, path, env, userAgent });
  warnings.push(...leftOut(env, path));
  for (const warning of warnings) stderr.write(`WARNING: ${warning}.\n`);

  await openPrivateFolder(paths.logDir);
  const definition = defineService({ host: { env, platform }, paths, config, runnerCommand, version });
  const setup = { definition, paths: { configuration: path }, logFile: join(paths.logDir, serviceLogName) };
  await enableService(context, runnerService, manager, setup, options);
}

function tokenOnlyHere(path: string): UserError {
  return new UserError(
    `the service would have no runner token, because it does not inherit ${tokenVariable} from this shell`,
    {
      remedy: `Set runner.token in ${path}.`,
      exitCode: ExitCode.configuration,
    },
  );
}

function leftOut(env: NodeJS.ProcessEnv, path: string): string[] {
  return variablesLeftOut(env).map((name) => `the service does not inherit ${name} from this shell. Set it in ${path}`);
}
