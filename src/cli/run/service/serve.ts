/** The process behind `plan42 run`: an embedded server, and a runner that is connected to it. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { RuntimeName } from '../../../config/schema.ts';
import { systemClock } from '../../../lib/clock.ts';
import { errorCode, formatError } from '../../../lib/errors.ts';
import { exists, writeDurably } from '../../../lib/files.ts';
import { createLogger, type Logger } from '../../../lib/logger.ts';
import { openPrivateFolder, requirePrivateFile } from '../../../lib/private-folder.ts';
import { RotatingFile, rotatedNames } from '../../../lib/rotating-file.ts';
import { createServiceNotifier } from '../../../lib/service-notifier.ts';
import { sleep } from '../../../lib/sleep.ts';
import { AdminClient } from '../../../plan42/admin-client.ts';
import { createTransport } from '../../../plan42/transport.ts';
import { runService } from '../../../runner/service.ts';
import { type ControlPlane, startServer } from '../../../server/server.ts';
import type { CliContext } from '../../context.ts';
import { logLimits } from '../../server/start/log-file.ts';
import { type RunFolder, readServiceInfo, runFolder, type ServiceInfo, stopFile } from './run-folder.ts';

export interface ServeOptions {
  /** Undefined for a server without a runner. */
  runtime?: RuntimeName;
  idleTimeout: number;
}

const dayMs = 24 * 3_600_000;
const pollMs = 250;
const tokenDays = 365;

/** Runs until it is idle for long enough, or is asked to stop. Agents that run survive, and the next start adopts them. */
export async function serve(context: CliContext, options: ServeOptions): Promise<void> {
  const paths = runFolder(context);
  const stop = new AbortController();
  const signal = AbortSignal.any([context.becomeService(), stop.signal]);
  await openPrivateFolder(paths.folder);
  for (const name of rotatedNames(paths.log, logLimits.keep)) await requirePrivateFile(name);
  using file = new RotatingFile(paths.log, logLimits);
  const logger = createLogger({ level: 'info', format: 'text', write: (line) => file.write(line) });
  await using server = await start(context, paths, logger);
  const info: ServiceInfo = {
    startId: randomUUID(),
    pid: process.pid,
    port: Number(new URL(server.url).port),
    version: context.versionText,
    runtime: null,
  };
  const runner = options.runtime && startRunner(context, { paths, server, runtime: options.runtime, logger, signal });
  // Agents of an earlier run need the server at once, the runner can follow.
  if (runner && (await runner.isReady)) info.runtime = options.runtime ?? null;
  await writeDurably(paths.info, JSON.stringify(info));
  logger.info('service ready', { url: server.url, runtime: info.runtime, version: info.version });
  let isIdle = false;
  try {
    isIdle = await untilIdle(server, {
      stopFile: stopFile(paths, info.startId),
      idleMs: options.idleTimeout,
      signal,
      logger,
    });
  } finally {
    stop.abort();
    await runner?.ended;
    // Otherwise it tells the next start where running agents expect the server, and with which runtime they run.
    if (isIdle) await rm(paths.info, { force: true });
    await rm(stopFile(paths, info.startId), { force: true });
  }
}

/** Uses the port of the last start if it is free, because agents that are running know it. */
async function start(context: CliContext, paths: RunFolder, logger: Logger): Promise<ControlPlane> {
  const { env } = context;
  const listenAt = (port: number) =>
    startServer({
      dataDir: paths.data,
      listen: { host: '127.0.0.1', port },
      forContainers: true,
      retention: { tasksMs: 90 * dayMs, deletedMs: dayMs },
      env,
      logger,
    });
  const last = await readServiceInfo(paths);
  try {
    return await listenAt(last?.port ?? 0);
  } catch (error) {
    if (last === undefined || errorCode(error) !== 'EADDRINUSE') throw error;
    return listenAt(0);
  }
}

interface RunnerDeps {
  paths: RunFolder;
  server: ControlPlane;
  runtime: RuntimeName;
  logger: Logger;
  signal: AbortSignal;
}

/** Starts the runner. A runner that ends or cannot start is logged, and the server continues. */
function startRunner(context: CliContext, { paths, server, runtime, logger, signal }: RunnerDeps) {
  const { promise: isReady, resolve } = Promise.withResolvers<boolean>();
  const silent = createServiceNotifier({});
  const flags = new Map([
    ['runner.url', server.url],
    ['runner.runtime', runtime],
    ['images.pull_policy', 'if-not-present'],
    // Its environments are of the user, as the machine is.
    ['egress.private_hosts', 'named'],
    ['queues.drain_time', '1s'],
    // A stop waits for polls.
    ['queues.poll_wait', '5s'],
    ...(runtime === 'host' ? hostFlags(context) : []),
  ]);
  const run = async () => {
    const token = await newRunnerToken(context, server);
    await runService({
      paths: { configFile: paths.runnerConfig, stateDir: paths.runner, logDir: `${paths.runner}/logs` },
      explicitConfigFile: false,
      env: { ...withoutOwnVariables(context.env), PLAN42_RUNNER_TOKEN: token },
      flags,
      version: context.version,
      output: undefined,
      signals: { drain: signal, force: new AbortController().signal },
      onReloadRequest: () => {},
      notifier: { ...silent, ready: () => resolve(true), [Symbol.dispose]: () => {} },
    });
  };
  const ended = run()
    .catch((error: unknown) => logger.error('runner cannot run', { error: formatError(error) }))
    .finally(() => resolve(false));
  return { isReady, ended };
}

/** The agent runs as the user, which "plan42 run --no-container" has confirmed. */
function hostFlags({ plan42Command }: CliContext): [string, string][] {
  return [
    ['host.unisolated', 'true'],
    ['host.command', JSON.stringify([...plan42Command, 'agent-wrapper'])],
  ];
}

/** Returns a new token for the runner. Those of earlier starts are revoked. */
async function newRunnerToken({ env, version }: CliContext, { url, admin }: ControlPlane): Promise<string> {
  const transport = createTransport({ env });
  try {
    const { tenantId, tenantToken, runnerId } = admin;
    const endpoint = { transport, baseUrl: new URL(url), token: tenantToken, userAgent: `plan42/${version}` };
    const client = new AdminClient(endpoint, tenantId);
    const old = (await client.listRunnerTokens(runnerId)).filter(({ Revoked }) => !Revoked);
    const { Token } = await client.createRunnerToken(runnerId, randomUUID(), tokenDays);
    for (const token of old) await client.revokeRunnerToken(token);
    return Token;
  } finally {
    await transport.destroy();
  }
}

interface IdleDeps {
  stopFile: string;
  idleMs: number;
  signal: AbortSignal;
  logger: Logger;
}

/** Returns whether the service is idle; false if it is asked to stop. */
async function untilIdle(server: ControlPlane, { stopFile, idleMs, signal, logger }: IdleDeps): Promise<boolean> {
  const startedAt = systemClock.now();
  while (!signal.aborted) {
    const idle = server.idleMs();
    const age_s = Math.round((systemClock.now() - startedAt) / 1000);
    if (idle >= idleMs) {
      logger.info('service idle, stopping', { age_s });
      return true;
    }
    if (await exists(stopFile)) {
      logger.info('service asked to stop', { age_s });
      return false;
    }
    await sleep(pollMs, signal).catch(() => {});
  }
  logger.info('service stopping');
  return false;
}

/** The folder of the service is not a setting of the runner. */
function withoutOwnVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('PLAN42_')));
}
