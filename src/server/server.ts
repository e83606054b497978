import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { systemClock } from '../lib/clock.ts';
import { UserError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { isLoopback } from '../lib/loopback.ts';
import { openFilesLimit } from '../lib/process-report.ts';
import { replaceFile } from '../lib/replace-file.ts';
import { trimEnd } from '../lib/trim-end.ts';
import { version as ownVersion } from '../lib/version.ts';
import { createApp } from './app.ts';
import { type Admin, prepare } from './core/first-start.ts';
import { defaultRetention, type Retention } from './core/retention.ts';
import { defaultTiming, type Timing } from './core/timing.ts';
import { adminName, lockDataFolder, requireComplete, requireSameTenant } from './data-folder.ts';
import { Repositories } from './git/repositories.ts';
import { ConnectionLimits } from './http/connection-limits.ts';
import { listenForContainers } from './http/container-listeners.ts';
import { unavailable } from './http/errors.ts';
import { createHostCheck } from './http/host-check.ts';
import { type ListenAddress, listen, type TlsKeyPair } from './http/listener.ts';
import { SignInLinks } from './page/sign-in-links.ts';
import { openStore } from './store/store.ts';

export interface ServerOptions {
  /** Created if missing. Holds the database and `admin.json`. */
  dataDir: string;
  /** Port 0 selects a free port. */
  listen: ListenAddress;
  /** The URL for clients, if it differs from the listen address. */
  publicUrl?: string | undefined;
  tls?: TlsKeyPair | undefined;
  /** Also listen for containers of this machine, if `listen` is loopback. */
  forContainers?: boolean;
  /** The PEM file of the certificate authority, for `admin.json`, if clients need one. */
  caFile?: string | undefined;
  /** Removes all secrets if the file with their key is lost. */
  discardSecrets?: boolean | undefined;
  /** The version of the program, for `admin.json`. */
  version?: string;
  /** For the git of hosted repositories; only its PATH is used. */
  env?: NodeJS.ProcessEnv;
  logger: Logger;
  clock?: Clock;
  timing?: Partial<Timing>;
  /** Instead of {@link defaultRetention}. */
  retention?: Retention;
}

/** A running server. Disposal aborts waiting requests; no acknowledged change is lost. */
export interface ControlPlane extends AsyncDisposable {
  /** Without a slash at the end. */
  url: string;
  admin: Admin;
  /** Creates a sign-in link for the web page, which works once. */
  newSignInUrl: () => string;
  /** For how long no client of the tenant has used the server; 0 while a turn is unfinished. */
  idleMs: () => number;
}

/**
 * Starts the control plane. The first start in a data directory creates the database, the signing key, a tenant, a
 * runner and the tenant's token. Every start writes `admin.json` for clients.
 * @throws UserError if the directory, its database, the address or the certificate cannot be used
 */
export async function startServer(options: ServerOptions): Promise<ControlPlane> {
  const { dataDir, tls, logger, clock = systemClock } = options;
  const timing = { ...defaultTiming, ...options.timing };
  const retention = options.retention ?? defaultRetention;
  const publicUrl = options.publicUrl === undefined ? undefined : checkUrl(options.publicUrl);
  await using resources = new AsyncDisposableStack();
  resources.use(await lockDataFolder(dataDir));
  await requireComplete(dataDir);
  const store = resources.use(await openStore(dataDir, logger, { discardSecrets: options.discardSecrets === true }));
  await requireSameTenant(dataDir, store);
  const { closeGraceMs } = timing;
  const limits = new ConnectionLimits(openFilesLimit(), logger, clock);
  const listener = resources.use(await listen(options.listen, { tls, closeGraceMs, limits }));
  const url = publicUrl ?? listener.url;
  const { tokens, admin } = prepare(store, clock, url);

  const closing = new AbortController();
  const signInLinks = new SignInLinks(url, clock);
  const checkHost = createHostCheck(options.listen.host, publicUrl);
  const { signal } = closing;
  const repositories = new Repositories(dataDir, options.env ?? {});
  const app = createApp({
    ...{ store, repositories, tokens, signInLinks, url, checkHost, timing, retention, clock, logger, signal },
  });
  listener.serve(app.handle);
  if (options.forContainers && isLoopback(options.listen.host)) {
    const { port } = listener;
    resources.use(await listenForContainers({ port, tls, closeGraceMs, limits, handle: app.handle, logger }));
  }
  const work = app.runBackground();
  resources.defer(() => {
    closing.abort(unavailable('the server is stopping'));
    return work;
  });

  const { caFile } = options;
  // A certificate may not be valid for the address.
  const localUrl = tls === undefined ? listener.url : undefined;
  const program = { version: options.version ?? ownVersion, pid: process.pid };
  const adminFile = { url, localUrl, caFile, ...program, ...admin };
  await replaceFile(join(dataDir, adminName), `${JSON.stringify(adminFile, null, 2)}\n`);
  logger.info('control plane listening', { url, folder: dataDir });
  const running = resources.move();
  const newSignInUrl = () => signInLinks.make(admin.tenantId).url;
  return { url, admin, newSignInUrl, idleMs: app.idleMs, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

function checkUrl(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return trimEnd(url.href, '/');
  throw new UserError(`"${text}" is not the URL of a server`, {
    remedy: 'Use a URL that begins with http:// or https://.',
  });
}
