/** `enable`, `stop` and `disable` of a service, the same for runner and server. */
import { ExitCode, UserError } from '../../lib/errors.ts';
import { requireServiceManager } from '../../service/find-service-manager.ts';
import type { EnableResult, ServiceDefinition, ServiceManager } from '../../service/service-manager.ts';
import type { Service } from '../../service/services.ts';
import type { CliContext } from '../context.ts';
import { print, renderJson } from '../output.ts';
import { withProgress } from '../progress.ts';
import { serviceStatusJson } from './status-json.ts';

export interface ServiceControlOptions {
  json?: boolean;
}

const agentsContinue = ({ hasJobs }: Service) => (hasJobs ? ' Running agents continue.' : '');

/** The service that `enable` installs, and the files that it prints. */
export interface ServiceSetup {
  definition: ServiceDefinition;
  /** Other files and folders to print, by name. */
  paths: Readonly<Record<string, string>>;
  logFile: string;
}

/** Installs the service and starts it. */
export async function enableService(
  context: CliContext,
  service: Service,
  manager: ServiceManager,
  { definition, paths, logFile }: ServiceSetup,
  { json }: ServiceControlOptions,
): Promise<void> {
  const { signal, stdout } = context;
  const { noun, command } = service;
  const result = await withProgress(context, `Starting the ${noun}`, () => manager.enable(definition, signal));
  const file = await manager.definitionFile();
  const text = json
    ? renderJson({ ...serviceStatusJson(manager.name, result.status), definition: file, hints: result.hints })
    : report(noun, result, { service: file, ...paths, log: `${logFile} (${command} logs -f)` });
  await print(stdout, text, signal);
}

function report(
  noun: Service['noun'],
  { started, status, hints }: EnableResult,
  paths: Readonly<Record<string, string>>,
): string {
  const summary = started ? `Started the ${noun}` : `The ${noun} is already running`;
  const width = Math.max(...Object.keys(paths).map((name) => name.length));
  return [
    `${summary} (process ${status.pid ?? 'unknown'}: ${status.detail}). It starts at every login.\n\n`,
    ...Object.entries(paths).map(([name, path]) => `  ${name.padEnd(width)}  ${path}\n`),
    ...hints.map((hint) => `\n${hint.text}:\n  ${hint.command}\n`),
  ].join('');
}

/**
 * Stops the service and waits until it has stopped.
 * @param refuseForeground throws a UserError if a process is running that the service manager did not start
 * @throws UserError if it is not installed
 */
export async function stopService(
  context: CliContext,
  service: Service,
  refuseForeground: (exitCode: ExitCode) => Promise<void>,
  { json }: ServiceControlOptions,
): Promise<void> {
  const { signal, stdout } = context;
  const { noun, command } = service;
  const manager = await requireServiceManager(context, service, signal).catch(async (error: unknown) => {
    // Without a service manager, the running process is the more useful error.
    await refuseForeground(ExitCode.platform);
    throw error;
  });
  const before = await manager.status(signal);
  if (!before.running) await refuseForeground(ExitCode.failed);
  if (!before.installed && !before.running) {
    throw new UserError('the service is not installed', { remedy: `Install it with "${command} enable".` });
  }
  const wasRunning = await withProgress(context, `Stopping the ${noun}`, () => manager.stop(signal));
  if (json) return print(stdout, renderJson(serviceStatusJson(manager.name, await manager.status(signal))), signal);
  const text = wasRunning
    ? `The ${noun} has stopped.${agentsContinue(service)} It starts again at the next login, or with "${command} enable".\n`
    : `The ${noun} was not running.\n`;
  await print(stdout, text, signal);
}

/** Stops and uninstalls the service. Not an error if it is not installed. */
export async function disableService(
  context: CliContext,
  service: Service,
  { json }: ServiceControlOptions,
): Promise<void> {
  const { signal, stdout } = context;
  const { noun } = service;
  const manager = await requireServiceManager(context, service, signal);
  const wasThere = await withProgress(context, `Stopping the ${noun}`, () => manager.disable(signal));
  if (json) return print(stdout, renderJson(serviceStatusJson(manager.name, await manager.status(signal))), signal);
  const text = wasThere
    ? `The ${noun} has stopped and no longer starts at login.${agentsContinue(service)}\n`
    : 'The service is not installed.\n';
  await print(stdout, text, signal);
}
