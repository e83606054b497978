/** The runner as a whole: the one place where its parts are put together, and taken apart again. */
import { loadConfig } from '../config/load.ts';
import { type Paths, stateDirOption } from '../config/paths.ts';
import type { Config, RuntimeName } from '../config/schema.ts';
import { GithubConnections } from '../github/connections.ts';
import { garbageRules } from '../jobs/garbage/garbage.ts';
import { Jobs } from '../jobs/jobs.ts';
import { JobStore } from '../jobs/store.ts';
import { createLogger, type ErrorEntry, type Logger } from '../lib/logger.ts';
import type { ServiceNotifier } from '../lib/service-notifier.ts';
import { Plan42Client } from '../plan42/client.ts';
import { createTransport } from '../plan42/transport.ts';
import { createRuntime, selectRuntime } from '../runtimes/select.ts';
import { startControl } from './control.ts';
import { reportLowDisk, watchDisk } from './disk-watch.ts';
import { dispatch } from './dispatch.ts';
import { createHandlers } from './handlers.ts';
import { startHealthEndpoint } from './health-endpoint.ts';
import { startHousekeeping } from './housekeeping.ts';
import { inStateFolder, openInstance } from './instance.ts';
import { deleteLeftQueues, QueueMemory } from './queue-memory.ts';
import { QueuePool } from './queue-pool.ts';
import { Readiness } from './readiness.ts';
import { watchConfig } from './reload.ts';
import { requireRunnerToken } from './require-token.ts';
import { ServiceLog } from './service-log.ts';
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
  /** The service manager that started this process, if any. */
  notifier: ServiceNotifier;
}

/**
 * Runs the service until the signals end it.
 * @throws UserError when it can't start, with the exit code that says why
 */
export async function runService(options: ServiceOptions): Promise<void> {
  const { paths, env, signals, notifier } = options;
  const load = () =>
    loadConfig({ path: paths.configFile, explicit: options.explicitConfigFile, env, flags: options.flags });
  const { config, path, warnings } = await load();
  const startedAt = new Date();
  using log = new ServiceLog(options.write);
  let lastError: ErrorEntry | undefined;
  const onError = (entry: ErrorEntry) => {
    lastError = entry;
  };
  const baseLogger = createLogger({ ...config.log, write: log.write, onError });
  for (const warning of warnings) baseLogger.warn(warning);
  const { token, tenantId, runnerId } = requireRunnerToken(config, path);
  // In text, for people, the first line says it; in JSON every line can be searched for it.
  const logger =
    config.log.format === 'json' ? baseLogger.with({ tenantID: tenantId, runnerID: runnerId }) : baseLogger;

  using instance = await openInstance(paths.stateDir, logger);
  await inStateFolder(paths.stateDir, () => log.open(paths.logDir));
  const store = await inStateFolder(paths.stateDir, () => JobStore.open(paths.stateDir, paths.logDir));
  const { caFile } = config.network;
  const transport = createTransport({ ...config.runner, caFile, env });
  await using _closeTransport = { [Symbol.asyncDispose]: () => transport.destroy() };
  // Another one: whoever leaves the certificate of the Plan42 server unchecked has not said so of GitHub's.
  const githubTransport = createTransport({ caFile, env });
  await using _closeGithubTransport = { [Symbol.asyncDispose]: () => githubTransport.destroy() };
  const userAgent = `plan42-runner/${options.version}`;
  const client = new Plan42Client({ transport, baseUrl: config.runner.url, token, userAgent });
  const github = new GithubConnections({
    connections: config.github,
    transport: githubTransport,
    logger,
    userAgent,
  });
  const knownJobs = async () => (await store.listActive()).map((jobId) => store.paths(jobId));
  const runtimeOptions = { config, env, instanceId: instance.id, knownJobs, logger };
  const runtime = await selectRuntime({ ...runtimeOptions, signal: signals.drain });

  const otherRuntime = (name: RuntimeName) => createRuntime(name, runtimeOptions);
  const placeOption = stateDirOption(paths, env);
  await using jobs = new Jobs({ config, placeOption, store, runtime, otherRuntime, client, tenantId, github, logger });
  await jobs.adopt();
  await using _housekeeping = startHousekeeping({
    ...{ store, runtime, instanceId: instance.id, logger },
    rules: garbageRules(config),
  });
  const readiness = new Readiness(logger, (summary) => notifier.status(summary));
  using disk = reportLowDisk(watchDisk(config, paths, runtime), readiness);
  const handlers = createHandlers({
    ...{ config, jobs, runtime, instanceId: instance.id, tenantId, github, logger },
    lowDiskReason: disk.lowDiskReason,
  });
  const memory = await inStateFolder(paths.stateDir, () => QueueMemory.open(paths.stateDir));
  const left = await memory.list();
  await using _health = await startHealthEndpoint(config.health.listen, { readiness, logger });
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
  for (const warning of runtime.warnings ?? []) logger.warn(warning);
  using configWatch = watchConfig({
    ...{ path, load, config, warnings, logger, onReloadRequest: options.onReloadRequest },
    onToken: (newToken) => {
      client.replaceToken(newToken);
      pool.retryNow();
    },
    onConnections: (connections) => github.replace(connections),
  });
  using _wake = watchForWake((gapMs) => {
    logger.info('the machine was asleep; connections are made anew', { seconds: Math.round(gapMs / 1000) });
    pool.abandonPolls(new Error('the machine was asleep'));
  });
  await using _control = await startControl({
    ...{ paths, config, version: options.version, startedAt, runtime: runtime.name, pool, jobs, readiness, logger },
    identity: { tenantId, runnerId, instanceId: instance.id },
    lastError: () => lastError,
    reload: () => configWatch.reload(),
  });
  const cleaned = deleteLeftQueues(left, { memory, client, tenantId, runnerId, logger, stop: stop.signal });
  const timeoutMs = config.queues.shutdownTimeoutMs;
  notifier.ready();
  signals.drain.addEventListener('abort', () => notifier.stopping(timeoutMs), { once: true });
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
