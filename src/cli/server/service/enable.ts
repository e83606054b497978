import { resolve } from 'node:path';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import { exists } from '../../../lib/files.ts';
import { tryLockFolder } from '../../../lib/lock.ts';
import { openPrivateFolder } from '../../../lib/private-folder.ts';
import { defineServer, serverLogDir } from '../../../service/definition.ts';
import { requireServiceManager } from '../../../service/find-service-manager.ts';
import { serverService } from '../../../service/services.ts';
import type { CliContext } from '../../context.ts';
import { enableService } from '../../service/control.ts';
import { serverDataDir } from '../data-dir.ts';
import { formatListenAddress } from '../start/listen-address.ts';
import { serviceLogFile } from '../start/log-file.ts';
import type { ServerStartOptions } from '../start/start.ts';
import { readTlsFiles } from '../start/tls-files.ts';

export interface EnableServerOptions extends ServerStartOptions {
  json?: boolean;
}

/** Installs the server as a service with the given options of `start`, and starts it. */
export async function enableServer(context: CliContext, options: EnableServerOptions): Promise<void> {
  const { env, platform, plan42Command, version, signal } = context;
  const manager = await requireServiceManager(context, serverService, signal);
  readTlsFiles(options);
  const dataDir = serverDataDir(options.data, env, platform);
  if (!(await manager.status(signal)).running) await refuseForeground(dataDir, ExitCode.failed);
  await openPrivateFolder(serverLogDir(context));
  const logFile = serviceLogFile(context);
  const [program, ...args] = plan42Command;
  const command = [program, ...args, 'server', 'start', ...startArguments(options, dataDir, logFile)] as const;
  const definition = defineServer({ host: context, command, version });
  await enableService(context, serverService, manager, { definition, paths: { data: dataDir }, logFile }, options);
}

/** The options of `plan42 server start` that do the same as these, with absolute paths. */
export function startArguments(options: ServerStartOptions, dataDir: string, logFile: string): string[] {
  const { listen, publicUrl, tlsCert, tlsKey, keepTasks, keepLogs, keepDeleted, logLevel, logFormat } = options;
  const given = (name: string, value: string | undefined) => (value === undefined ? [] : [name, value]);
  const path = (file: string | undefined) => (file === undefined ? undefined : resolve(file));
  return [
    ...['--data', dataDir],
    ...['--listen', formatListenAddress(listen)],
    ...(options.containers ? [] : ['--no-containers']),
    ...given('--public-url', publicUrl),
    ...given('--tls-cert', path(tlsCert)),
    ...given('--tls-key', path(tlsKey)),
    ...given('--keep-tasks', keepTasks?.text),
    ...given('--keep-logs', keepLogs?.text),
    ...given('--keep-deleted', keepDeleted.text),
    ...['--log-level', logLevel],
    ...['--log-format', logFormat],
    ...['--log-file', logFile],
  ];
}

/** @throws UserError if a server that uses the data folder is running */
export async function refuseForeground(dataDir: string, exitCode: ExitCode): Promise<void> {
  if (!(await exists(dataDir))) return;
  using lock = tryLockFolder(dataDir);
  if (lock !== undefined) return;
  throw new UserError(`the running server that uses ${dataDir} was not started as a service`, {
    remedy: 'Stop it with Ctrl-C in its terminal.',
    exitCode,
  });
}
