/** Composes the runner and takes it down again. */

import { hostname } from 'node:os';
import { loadConfig } from '../config/load.ts';
import { homeFolder, type Paths, stateDirOption } from '../config/paths.ts';
import type { Config, RuntimeName } from '../config/schema.ts';
import { startGithubEvents } from '../events/github-events.ts';
import { GithubConnections } from '../github/connections.ts';
import { whyUnreachable } from '../jobs/agent-server.ts';
import { garbageRules } from '../jobs/garbage/garbage.ts';
import { Jobs } from '../jobs/jobs.ts';
import { Mirrors } from '../jobs/mirrors/mirrors.ts';
import { JobStore } from '../jobs/store.ts';
import { authorityProblems } from '../lib/authority-variables.ts';
import { systemClock } from '../lib/clock.ts';
import { createLogger, type ErrorEntry, type Logger } from '../lib/logger.ts';
import { type LossyOutput, logLosses } from '../lib/lossy-output.ts';
import { podCommandPrefix } from '../lib/own-pod.ts';
import type { ServiceNotifier } from '../lib/service-notifier.ts';
import { watchForWake } from '../lib/standstill.ts';
import { Plan42Client } from '../plan42/client.ts';
import type { ServerFeature } from '../plan42/features.ts';
import { PublicKeys } from '../plan42/public-keys.ts';
import { instanceHeader } from '../plan42/runner-headers.ts';
import { createTransport } from '../plan42/transport.ts';
import { hasContainersHere } from '../runtimes/runtime.ts';
import { createRuntime, selectRuntime } from '../runtimes/select.ts';
import { awaitRuntime } from './await-runtime.ts';
import { startControl } from './control.ts';
import { openDateFile } from './date-file.ts';
import { reportLowDisk, watchDisk } from './disk-watch.ts';
import { type Executables, withExecutables } from './executables.ts';
import { confirmExpiredToken } from './expired-token.ts';
import { RunnerHealth } from './health.ts';
import { startHealthEndpoint } from './health-endpoint.ts';
import { startHousekeeping } from './housekeeping.ts';
import { inStateFolder, openInstance } from './instance.ts';
import { dispatch } from './messages/dispatch.ts';
import { createHandlers } from './messages/handlers.ts';
import { IncompleteLists } from './messages/incomplete-lists.ts';
import { MessageCounts } from './messages/message-counts.ts';
import { describeMetrics, type Started } from './metrics.ts';
import { startPrefetch } from './prefetch.ts';
import { QueuePool } from './queues/queue-pool.ts';
import { deleteLeftoverQueues, QueueRegistry } from './queues/queue-registry.ts';
import { watchConfig } from './reload.ts';
import { requireRunnerToken } from './require-token.ts';
import { ServiceLog } from './service-log.ts';
import { drainOnSignal, type ShutdownSignals } from './shutdown.ts';
import { SlotReporter } from './slot-reporter.ts';
import { logStart, warnOfUnboundSecrets } from './start-log.ts';
import { TokenWatch } from './token-watch.ts';
import { watchRefusal } from './watch-refusal.ts';

export interface ServiceOptions {
  paths: Paths;
  /** The configuration file was named on the command line, so it must exist. */
  explicitConfigFile: boolean;
  env: NodeJS.ProcessEnv;
  flags: ReadonlyMap<string, string>;
  executables?: Executables;
  version: string;
  /** Standard error, unless it is not wanted. */
  output: LossyOutput | undefined;
  signals: ShutdownSignals;
  /** Registers a listener for SIGHUP. */
  onReloadRequest: (listener: () => void) => void;
  /** The service manager that started this process, if any. */
  notifier: ServiceNotifier;
}

/**
 * Runs the service until a signal stops it.
 * @throws UserError if it cannot start, with the matching exit code
 */
export async function runService(options: ServiceOptions): Promise<void> {
  const { paths, signals, notifier } = options;
  const load = () =>
    loadConfig({
      path: paths.configFile,
      explicit: options.explicitConfigFile,
      env: options.env,
      flags: options.flags,
    });
  const { config, path, warnings } = await load();
  const startedAt = systemClock.date();
  using log = new ServiceLog(options.output);
  let lastError: ErrorEntry | undefined;
  const onError = (entry: ErrorEntry) => {
    lastError = entry;
  };
  const baseLogger = createLogger({ ...config.log, write: log.write, onError });
  options.output?.watch(logLosses(baseLogger));
  for (const reason of warnings) baseLogger.warn('configuration warning', { reason });
  const userAgent = `plan42-runner/${options.version}`;
  const identified = requireRunnerToken(config, path);
  const { token, tenantId, runnerId, expiresAt } = identified;
  const confirmToken = (found: typeof identified) =>
    confirmExpiredToken(found, { config, path, env: options.env, userAgent });
  await confirmToken(identified);
  // In text, only the first line has the IDs; in JSON every line can be filtered by them.
  const logger =
    config.log.format === 'json' ? baseLogger.with({ tenant_id: tenantId, runner_id: runnerId }) : baseLogger;

  using instance = await openInstance(paths.stateDir, logger, config.runner.instanceId);
  await inStateFolder(paths.stateDir, () => log.open(paths.logDir));
  const env = await inStateFolder(paths.stateDir, () =>
    withExecutables(options.env, options.executables ?? {}, { stateDir: paths.stateDir, logger }),
  );
  const store = await inStateFolder(paths.stateDir, () => JobStore.open(paths.stateDir, paths.logDir));
  for (const { variable, message, remedy } of authorityProblems(env))
    logger.warn('certificate authorities not trusted', { variable, reason: message, remedy });
  const { caFile } = config.network;
  const transport = createTransport({ ...config.runner, caFile, env });
  await using _closeTransport = { [Symbol.asyncDispose]: () => transport.destroy() };
  // Separate, because runner.skip_ssl_verify must not disable certificate checks for GitHub.
  const githubTransport = createTransport({ caFile, env });
  await using _closeGithubTransport = { [Symbol.asyncDispose]: () => githubTransport.destroy() };
  const headers = { [instanceHeader]: instance.id };
  const client = new Plan42Client({ transport, baseUrl: config.runner.url, token, userAgent, headers });
  const github = new GithubConnections({
    connections: config.github,
    transport: githubTransport,
    logger,
    userAgent,
  });
  const knownJobs = async () => (await store.listActive()).map((jobId) => store.paths(jobId));
  const protectedPaths = [path, paths.stateDir, paths.logDir];
  const common = { config, env, instanceId: instance.id, knownJobs, protectedPaths, logger };
  const runtimeOptions = { ...common, service: signals.drain };
  const health = new RunnerHealth(logger, (summary) => notifier.status(summary), env);
  using tokenWatch = new TokenWatch({ expiresAt, logger, env });
  const messages = new MessageCounts();
  const started: Started = {};
  const metricSources = { version: options.version, startedAt, config, health, tokenWatch, messages, started };
  const metrics = () => describeMetrics(metricSources);
  await using _health = await startHealthEndpoint(config.health.listen, { health, tokenWatch, metrics, logger });
  const incompleteLists = new IncompleteLists(systemClock);
  const control = {
    ...{ paths, config, version: options.version, startedAt, health, tokenWatch, logger, incompleteLists },
    ...{ identity: { tenantId, runnerId, instanceId: instance.id }, lastError: () => lastError },
  };
  const select = () => selectRuntime({ ...runtimeOptions, signal: signals.drain });
  const runtime = await awaitRuntime({ select, control, health, notifier, logger, signal: signals.drain });
  if (runtime === undefined) return;

  const otherRuntime = (name: RuntimeName) => createRuntime(name, runtimeOptions);
  const features = new Set<ServerFeature>();
  const slots = new SlotReporter({
    instanceId: instance.id,
    machine: hostname(),
    maxSlots: config.jobs.maxJobs,
    freeSlots: () => jobs.freeSlots,
  });
  // After the jobs: until then, this replica may still report them.
  await using _replica = runtime.replicas;
  await using mirrors = createMirrors(config, store, { env, logger, runtime: runtime.name });
  await using jobs = new Jobs({
    mirrors,
    onSlotsFree: () => slots.update(),
    onOutage: (reason) => {
      if (reason === undefined) health.remove('records');
      else health.reportFailure('records', 'runtime', `jobs wait for the cluster: ${reason}`);
    },
    instanceId: instance.id,
    config,
    commandPrefix: await podCommandPrefix(env),
    stateDirOption: stateDirOption(paths, env),
    store,
    runtime,
    otherRuntime,
    client,
    tenantId,
    runnerId,
    features,
    github,
    env,
    logger,
  });
  Object.assign(started, { runtime: runtime.name, jobs });
  await jobs.adopt(signals.drain);
  await using _housekeeping = startHousekeeping({
    store,
    runtime,
    instanceId: instance.id,
    logger,
    rules: garbageRules(config),
    ageDistrustMs: openDateFile(paths.stateDir),
  });
  using disk = reportLowDisk(watchDisk(config, paths, runtime), health, slots);
  const { lowDiskReason } = disk;
  await using _prefetch = startPrefetch({ config, store, runtime, instanceId: instance.id, lowDiskReason, logger });
  const handlers = createHandlers({
    config,
    jobs,
    runtime,
    instanceId: instance.id,
    tenantId,
    github,
    incompleteLists,
    logger,
    lowDiskReason,
  });
  const registry = await inStateFolder(paths.stateDir, () =>
    QueueRegistry.open(paths.stateDir, { tenantId, runnerId, url: config.runner.url }),
  );
  const leftoverQueues = await registry.list();
  // Before the queues: a runner whose jobs are all refused is never ready.
  using _refusal = await watchRefusal({ runtime, health, logger });
  const callerKeys = new PublicKeys();
  const abort = new AbortController();
  const pool = new QueuePool({
    client,
    tenantId,
    runnerId,
    settings: config.queues,
    features,
    slotHeaders: () => slots.headers(),
    registry,
    health,
    logger,
    onMessage: (message, queue) =>
      dispatch(
        message,
        { queue: queue.path, privateKey: queue.privateKey, limiter: queue.limiter },
        {
          client,
          handlers,
          callerKeys,
          isBusy: () => pool.isBusy,
          slotHeaders: () => slots.headers(),
          counts: messages,
          logger,
          signal: abort.signal,
        },
      ),
    force: signals.force,
    abort: abort.signal,
  });
  started.pool = pool;
  slots.report = () => pool.reportSlots();
  const identity = { tenant_id: tenantId, runner_id: runnerId, instance_id: instance.id };
  logStart(logger, { config, version: options.version, runtime: runtime.name, ...identity });
  warnOfUnboundSecrets(config, env, logger);
  tokenWatch.check();
  for (const warning of (await runtime.warnings?.()) ?? []) logger.warn('runtime warning', { ...warning });
  const agentsChecked = whyUnreachable(runtime, config.runner.url).then((unreachable) => {
    if (unreachable !== undefined)
      logger.warn('agents cannot reach the server', { url: config.runner.url.href, ...unreachable });
  });
  await using events = config.events.enabled
    ? await startGithubEvents({
        ...{ trigger: config.events.trigger, github, client, tenantId, runnerId, logger },
        ...{ stateDir: paths.stateDir, home: homeFolder(env) },
      })
    : undefined;
  started.events = events;
  using configWatch = watchConfig({
    path,
    load,
    config,
    warnings,
    logger,
    onReloadRequest: options.onReloadRequest,
    confirmToken,
    onToken: (newToken) => {
      client.replaceToken(newToken.token);
      tokenWatch.replace(newToken.expiresAt);
      pool.retryNow();
    },
    onConnections: (connections) => {
      github.replace(connections);
      events?.refresh();
    },
    onSecrets: (next) => jobs.replaceSecrets(next),
  });
  using _wake = watchForWake((gapMs) => {
    logger.info('resumed from sleep, reconnecting', { duration_ms: Math.round(gapMs) });
    pool.abandonPolls(new Error('resumed from sleep'));
  });
  await using _control = await startControl({
    ...{ ...control, runtime: runtime.name, pool, jobs, events },
    reload: () => configWatch.reload(),
  });
  const cleanup = deleteLeftoverQueues(leftoverQueues, {
    registry,
    client,
    tenantId,
    runnerId,
    logger,
    abort: abort.signal,
  });
  const timeoutMs = config.queues.shutdownTimeoutMs;
  notifier.ready();
  signals.drain.addEventListener('abort', () => notifier.stopping(timeoutMs), { once: true });
  await drainOnSignal({ pool, jobs, events, health, logger, signals, timeoutMs, abort: () => abort.abort() });
  await Promise.all([cleanup, agentsChecked]);
  await registry.settled();
}

function createMirrors(
  { jobs, network }: Config,
  store: JobStore,
  { env, logger, runtime }: { env: NodeJS.ProcessEnv; logger: Logger; runtime: RuntimeName },
): Mirrors | undefined {
  if (!jobs.mirrors || !hasContainersHere(runtime)) return undefined;
  const limits = { maxBytes: jobs.mirrorsGib * 2 ** 30, minFreeBytes: jobs.minFreeGib * 2 ** 30 };
  return new Mirrors({ folder: store.folders.mirrors, ...limits, env, caFile: network.caFile, logger });
}
