import { once } from 'node:events';
import { createLogger, type LogFormat, type LogLevel } from '../../lib/logger.ts';
import { isLoopback } from '../../lib/loopback.ts';
import type { ListenAddress } from '../../server/http/listener.ts';
import { type ControlPlane, startServer } from '../../server/server.ts';
import type { CliContext } from '../context.ts';
import { print } from '../output.ts';
import { serverDataDir } from './data-dir.ts';
import { formatListenAddress } from './listen-address.ts';
import { readTlsFiles, type TlsFiles } from './tls-files.ts';
import { welcome } from './welcome.ts';

export interface ServerStartOptions extends TlsFiles {
  listen: ListenAddress;
  /** Also for containers of this machine. */
  containers: boolean;
  data?: string;
  publicUrl?: string;
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
  const server = await startServer({
    dataDir,
    listen,
    forContainers: options.containers,
    ...(options.publicUrl === undefined ? {} : { publicUrl: options.publicUrl }),
    ...(tls === undefined ? {} : { tls, caFile: tls.ownAuthority }),
    logger: createLogger({
      level: options.logLevel,
      format: options.logFormat,
      write: (line) => context.stderr.write(line),
    }),
  });
  if (tls === undefined && !isLoopback(listen.host)) context.stderr.write(plaintextWarning(listen));
  const explicitData = options.data !== undefined;
  const signInUrl = context.stdout.isTTY ? server.newSignInUrl() : undefined;
  const caFile = tls?.ownAuthority ?? (tls?.isKnown === false ? authorityPlaceholder : undefined);
  const greeting = welcome({ url: server.url, signInUrl, dataDir, explicitData, caFile });
  await serve(context, server, greeting);
}

async function serve(context: CliContext, server: ControlPlane, greeting: string): Promise<void> {
  await using _ = server;
  const { signal } = context;
  if (signal.aborted) return;
  const ended = once(signal, 'abort');
  await print(context.stdout, greeting, signal);
  await ended;
  context.stderr.write('Stopping the server.\n');
}

function plaintextWarning(listen: ListenAddress): string {
  return (
    `WARNING: ${formatListenAddress(listen)} is reachable from other machines without TLS: anyone on the network path can ` +
    'read tokens and prompts. Use --tls-cert and --tls-key, or a TLS proxy in front of a loopback address.\n'
  );
}
