import { once } from 'node:events';
import { createLogger, type LogFormat, type LogLevel } from '../../lib/logger.ts';
import { isLoopback } from '../../lib/loopback.ts';
import { LossyOutput, logLosses } from '../../lib/lossy-output.ts';
import type { ListenAddress } from '../../server/http/listener.ts';
import { startServer } from '../../server/server.ts';
import type { CliContext } from '../context.ts';
import { serverDataDir } from './data-dir.ts';
import type { KeepPeriod } from './keep-period.ts';
import { formatListenAddress } from './listen-address.ts';
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
}

/** For you to fill in: the certificate file does not contain its authority. */
const authorityPlaceholder = '/path/to/authority.pem';

/** Runs the embedded control plane until `context.signal` is aborted. */
export async function startCommand(context: CliContext, options: ServerStartOptions): Promise<void> {
  const { listen } = options;
  const dataDir = serverDataDir(options.data, context.env);
  const tls = readTlsFiles(options);
  const signal = context.becomeService();
  const output = new LossyOutput(context.stderr);
  const logger = createLogger({ level: options.logLevel, format: options.logFormat, write: output.write });
  output.watch(logLosses(logger));
  context.onReloadRequest(() => logger.info('nothing to reload, ignoring SIGHUP'));
  await using server = await startServer({
    dataDir,
    listen,
    discardSecrets: options.discardSecrets,
    forContainers: options.containers,
    ...(options.publicUrl === undefined ? {} : { publicUrl: options.publicUrl }),
    ...(tls === undefined ? {} : { tls, caFile: tls.ownAuthority }),
    retention: {
      tasksMs: options.keepTasks?.ms,
      logsMs: options.keepLogs?.ms,
      deletedMs: options.keepDeleted.ms,
    },
    logger,
  });
  if (tls === undefined && !isLoopback(listen.host)) output.write(plaintextWarning(listen));
  const explicitData = options.data !== undefined;
  const signInUrl = context.stdout.isTTY ? server.newSignInUrl() : undefined;
  const caFile = tls?.ownAuthority ?? (tls?.isKnown === false ? authorityPlaceholder : undefined);
  if (signal.aborted) return;
  new LossyOutput(context.stdout).write(welcome({ url: server.url, signInUrl, dataDir, explicitData, caFile }));
  await once(signal, 'abort');
  output.write('Stopping the server.\n');
}

function plaintextWarning(listen: ListenAddress): string {
  return (
    `WARNING: ${formatListenAddress(listen)} is reachable from other machines without TLS: anyone on the network path can ` +
    'read tokens and prompts. Use --tls-cert and --tls-key, or a TLS proxy in front of a loopback address.\n'
  );
}
