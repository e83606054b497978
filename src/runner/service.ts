/** The runner as a whole: the one place where its parts are put together, and taken apart again. */
import { loadConfig } from '../config/load.ts';
import type { Paths } from '../config/paths.ts';
import type { Config } from '../config/schema.ts';
import type { Handler } from '../handlers/handler.ts';
import { createInvokeAgentHandler } from '../handlers/invoke-agent.ts';
import { handlePing } from '../handlers/ping.ts';
import { Jobs } from '../jobs/jobs.ts';
import { JobStore } from '../jobs/store.ts';
import { createLogger, type Logger } from '../lib/logger.ts';
import { Plan42Client } from '../plan42/client.ts';
import { createTransport } from '../plan42/transport.ts';
import { selectRuntime } from '../runtimes/select.ts';
import { dispatch } from './dispatch.ts';
import { openInstance } from './instance.ts';
import { deleteLeftQueues, QueueMemory } from './queue-memory.ts';
import { QueuePool } from './queue-pool.ts';
import { Readiness } from './readiness.ts';
import { watchConfig } from './reload.ts';
import { requireRunnerToken } from './require-token.ts';
import { drainOnSignal, type ShutdownSignals } from './shutdown.ts';
import { watchForWake } from './wake.ts';

export interface ServiceOptions {
  paths: Paths;
  /** The person named the configuration file, so that it must be there. */
  explicitConfigFile: boolean;
  env: NodeJS.ProcessEnv;
  flags: ReadonlyMap<string, string>;
  version: string;
  write: (line: string) => void;
  signals: ShutdownSignals;
  /** Calls back whenever somebody asks for the configuration to be read again. */
  onReloadRequest: (listener: () => void) => void;
}

/**
 * Runs the service until the signals end it.
 * @throws UserError when it can't start, with the exit code that says why
 */
export async function runService(options: ServiceOptions): Promise<void> {
  const { paths, env, signals } = options;
  const load = () =>
    loadConfig({ path: paths.configFile, explicit: options.explicitConfigFile, env, flags: options.flags });
  const { config, path, warnings } = await load();
  const baseLogger = createLogger({ ...config.log, write: options.write });
  for (const warning of warnings) baseLogger.warn(warning);
  const { token, tenantId, runnerId } = requireRunnerToken(config, path);
  // In text, for people, the first line says it; in JSON every line can be searched for it.
  const logger =
    config.log.format === 'json' ? baseLogger.with({ tenantID: tenantId, runnerID: runnerId }) : baseLogger;

  using instance = await openInstance(paths.stateDir);
  const store = await JobStore.open(paths.stateDir, paths.logDir);
  const transport = createTransport({ ...config.runner, caFile: config.network.caFile, env });
  await using _closeTransport = { [Symbol.asyncDispose]: () => transport.destroy() };
  const client = new Plan42Client({
    transport,
    baseUrl: config.runner.url,
    token,
    userAgent: `plan42-runner/${options.version}`,
  });
  const knownJobs = async () => (await store.listActive()).map((jobId) => store.place(jobId));
  const runtime = await selectRuntime({ config, env, instanceId: instance.id, knownJobs, signal: signals.drain });

  await using jobs = new Jobs({ config, store, runtime, client, logger });
  await jobs.adopt();
  const handlers = new Map<string, Handler>([
    ['PingRequest', handlePing],
    [
      'InvokeAgentRequest',
      createInvokeAgentHandler({ config, jobs, runtime, instanceId: instance.id, tenantId, logger }),
    ],
  ]);
  const memory = await QueueMemory.open(paths.stateDir);
  const left = await memory.list();
  const readiness = new Readiness(logger);
  const stop = new AbortController();
  const pool = new QueuePool({
    client,
    tenantId,
    runnerId,
    settings: config.queues,
    memory,
    readiness,
    logger,
    onMessage: (message, queue) =>
      dispatch(
        message,
        { queue: queue.path, privateKey: queue.privateKey, pace: queue.pace },
        { client, handlers, logger, signal: stop.signal },
      ),
    hurry: signals.hurry,
    stop: stop.signal,
  });
  const identity = { tenantID: tenantId, runnerID: runnerId, instanceID: instance.id };
  logStart(logger, { config, version: options.version, runtime: runtime.name, ...identity });
  using _config = watchConfig({
    ...{ path, load, config, logger, onReloadRequest: options.onReloadRequest },
    onToken: (newToken) => {
      client.replaceToken(newToken);
      pool.retryNow();
    },
  });
  using _wake = watchForWake((gapMs) => {
    logger.info('the machine was asleep; connections are made anew', { seconds: Math.round(gapMs / 1000) });
    pool.abandonPolls(new Error('the machine was asleep'));
  });
  const cleaned = deleteLeftQueues(left, { memory, client, tenantId, runnerId, logger, stop: stop.signal });
  const timeoutMs = config.queues.shutdownTimeoutMs;
  await drainOnSignal({ pool, jobs, readiness, logger, signals, timeoutMs, stop: () => stop.abort() });
  await cleaned;
  await memory.settled();
}

function logStart(
  logger: Logger,
  { config, ...fields }: { config: Config; runtime: string; version: string } & Record<string, unknown>,
): void {
  logger.info('the runner starts', { url: config.runner.url.href, ...fields });
  if (config.runner.skipSslVerify) logger.warn('the server’s certificate is not checked (runner.skip_ssl_verify)');
  if (fields.runtime === 'host') logger.warn('jobs run without isolation, with the files and the network of this user');
}
