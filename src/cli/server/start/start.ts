import { once } from 'node:events';
import { dirname } from 'node:path';
import { writesToJournal } from '../../../lib/journal.ts';
import { createLogger, type LogFormat, type Logger, type LogLevel } from '../../../lib/logger.ts';
import { isLoopback } from '../../../lib/loopback.ts';
import { LossyOutput, logLosses } from '../../../lib/lossy-output.ts';
import { openPrivateFolder, requirePrivateFile } from '../../../lib/private-folder.ts';
import { RotatingFile } from '../../../lib/rotating-file.ts';
import { createServiceNotifier } from '../../../lib/service-notifier.ts';
import type { ListenAddress } from '../../../server/http/listener.ts';
import { type ControlPlane, startServer } from '../../../server/server.ts';
import type { CliContext } from '../../context.ts';
import { serverDataDir } from '../data-dir.ts';
import type { KeepPeriod } from './keep-period.ts';
import { formatListenAddress } from './listen-address.ts';
import { logLimits, serverLogFiles } from './log-file.ts';
import { readTlsFiles, type TlsFiles } from './tls-files.ts';
import { welcome } from './welcome.ts';

export interface ServerStartOptions extends TlsFiles {
  listen: ListenAddress;
  /** Also for containers of this machine. */
  containers: boolean;
  data?: string;
  publicUrl?: string;
  discardSecrets?: boolean;
  keepTasks?: KeepPeriod;
  keepLogs?: KeepPeriod;
  keepDeleted: KeepPeriod;
  logLevel: LogLevel;
  logFormat: LogFormat;
  logFile?: string;
  quiet?: boolean;
}

/** For you to fill in: the certificate file does not contain its authority. */
const authorityPlaceholder = '/path/to/authority.pem';
const closeTimeoutMs = 30_000;

/** Runs the embedded control plane until `context.signal` is aborted. */
export async function startCommand(context: CliContext, options: ServerStartOptions): Promise<void> {
  const { env } = context;
  const dataDir = serverDataDir(options.data, env);
  const signal = context.becomeService();
  context.nameProcess('plan42 server');
  const output = new LossyOutput(context.stderr);
  using file = options.logFile === undefined ? undefined : await openLogFile(options.logFile);
  const toStderr = !(options.quiet && file);
  const write = (line: string) => {
    if (toStderr) output.write(line);
    file?.write(line);
  };
  const logger = createLogger({ level: options.logLevel, format: options.logFormat, write });
  output.watch(logLosses(logger));
  context.onReloadRequest(() => logger.info('nothing to reload, ignoring SIGHUP'));
  using notifier = createServiceNotifier(env);
  const tls = readTlsFiles(options);
  await using server = await start(options, { dataDir, tls, version: context.version, env, logger }).catch(
    (error: unknown) => {
      // Standard error has it too, but not the file, which "plan42 server logs" shows.
      if (file)
        createLogger({ level: 'error', format: options.logFormat, write: file.write.bind(file) }).error(
          'server cannot start',
          { error },
        );
      throw error;
    },
  );
  notifier.ready();

  // A log gets events only, and never the sign-in link.
  const isService = options.quiet === true || Boolean(env['NOTIFY_SOCKET']) || writesToJournal(env);
  if (tls === undefined && !isLoopback(options.listen.host)) {
    if (isService) logger.warn('listening without TLS, tokens can be read on the network');
    else output.write(plaintextWarning(options.listen));
  }
  if (signal.aborted) return;
  if (!isService) {
    const signInUrl = context.stdout.isTTY ? server.newSignInUrl() : undefined;
    const caFile = tls?.ownAuthority ?? (tls?.isKnown === false ? authorityPlaceholder : undefined);
    const explicitData = options.data !== undefined;
    new LossyOutput(context.stdout).write(welcome({ url: server.url, signInUrl, dataDir, explicitData, caFile }));
  }
  await once(signal, 'abort');
  notifier.stopping(closeTimeoutMs);
  if (isService) logger.info('control plane stopping');
  else output.write('Stopping the server.\n');
}

interface StartDeps {
  dataDir: string;
  tls: ReturnType<typeof readTlsFiles>;
  version: string;
  env: NodeJS.ProcessEnv;
  logger: Logger;
}

async function start(
  options: ServerStartOptions,
  { dataDir, tls, version, env, logger }: StartDeps,
): Promise<ControlPlane> {
  const { listen, publicUrl, keepTasks, keepLogs, keepDeleted } = options;
  return startServer({
    dataDir,
    listen,
    ...(publicUrl === undefined ? {} : { publicUrl }),
    discardSecrets: options.discardSecrets,
    forContainers: options.containers,
    ...(tls === undefined ? {} : { tls, caFile: tls.isKnown ? undefined : options.tlsCert }),
    retention: { tasksMs: keepTasks?.ms, logsMs: keepLogs?.ms, deletedMs: keepDeleted.ms },
    version,
    env,
    logger,
  });
}

/** @throws UserError if the folder or a file belongs to another user */
async function openLogFile(path: string): Promise<RotatingFile> {
  await openPrivateFolder(dirname(path));
  for (const name of serverLogFiles(path)) await requirePrivateFile(name);
  return new RotatingFile(path, logLimits);
}

function plaintextWarning(listen: ListenAddress): string {
  return (
    `WARNING: ${formatListenAddress(listen)} is reachable from other machines without TLS: anyone on the network path can ` +
    'read tokens and prompts. Use --tls-cert and --tls-key, or a TLS proxy in front of a loopback address.\n'
  );
}
