import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { Activity } from './core/activity.ts';
import { createEvents } from './core/events.ts';
import { watchQueue } from './core/health.ts';
import { Broker } from './core/queues/broker.ts';
import { Machines } from './core/queues/machines.ts';
import { QueueHistory, sampleQueues } from './core/queues/queue-history.ts';
import { RoundRobin } from './core/queues/round-robin.ts';
import { applyRetention, type Retention } from './core/retention.ts';
import { Scheduler } from './core/scheduler.ts';
import { watchStorage } from './core/storage.ts';
import type { Timing } from './core/timing.ts';
import { TokenEnds, warnOfTokenEnds } from './core/token-ends.ts';
import type { Tokens } from './core/tokens.ts';
import { expireTurns } from './core/turn-expiry.ts';
import { WorkstreamStarter } from './core/workstreams.ts';
import type { Repositories } from './git/repositories.ts';
import { authenticate } from './http/access.ts';
import { createDispatcher } from './http/dispatch.ts';
import { LiveRequests } from './http/live-requests.ts';
import type { Route } from './http/route.ts';
import { createRouter } from './http/router.ts';
import { sendHealth } from './http/send-health.ts';
import { checkSignedRequest } from './http/signed-requests.ts';
import { createPageFiles } from './page/page-files.ts';
import type { SignInLinks } from './page/sign-in-links.ts';
import { accessKeyRoutes } from './routes/access-keys.ts';
import { activeTurnRoutes } from './routes/active-turns.ts';
import { endedTurnRoutes } from './routes/ended-turns.ts';
import { environmentRoutes } from './routes/environments.ts';
import { fileRoutes } from './routes/files.ts';
import { githubConnectionRoutes } from './routes/github-connections.ts';
import { githubProxyRoutes } from './routes/github-proxy.ts';
import { messageRoutes } from './routes/messages.ts';
import { notImplementedRoutes } from './routes/not-implemented.ts';
import { pageRoutes } from './routes/page.ts';
import { pageTaskRoutes } from './routes/page-tasks.ts';
import { providerUsageRoutes } from './routes/provider-usage.ts';
import { repositoryRoutes } from './routes/repositories.ts';
import { runnerQueueRoutes } from './routes/runner-queues.ts';
import { runnerTokenRoutes } from './routes/runner-tokens.ts';
import { runnerRoutes } from './routes/runners.ts';
import { shortNameRoutes } from './routes/short-names.ts';
import { subAgentRoutes } from './routes/sub-agents.ts';
import { taskRoutes } from './routes/tasks.ts';
import { tenantRoutes } from './routes/tenants.ts';
import { turnLogRoutes } from './routes/turn-logs.ts';
import { turnNetworkRoutes } from './routes/turn-networks.ts';
import { turnRoutes } from './routes/turns.ts';
import { workstreamTaskRoutes } from './routes/workstream-tasks.ts';
import { workstreamRoutes } from './routes/workstreams.ts';
import type { QueueKey } from './store/runner-queues.ts';
import type { Store } from './store/store.ts';

interface AppOptions {
  store: Store;
  repositories: Repositories;
  tokens: Tokens;
  signInLinks: SignInLinks;
  /** The URL of the server for clients. */
  url: string;
  checkHost: (headers: IncomingHttpHeaders) => void;
  timing: Timing;
  retention: Retention;
  clock: Clock;
  logger: Logger;
  /** Aborts all requests and background work. Its reason is the error for waiting clients. */
  signal: AbortSignal;
}

/** The server without the network. */
export interface App {
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /** Runs the background work until the signal aborts. Never rejects. */
  runBackground: () => Promise<void>;
  /** For how long no client of the tenant has used the server; 0 while a turn is unfinished. */
  idleMs: () => number;
}

// One hour.
const historySteps = 360;

export function createApp(options: AppOptions): App {
  const { store, timing, clock, signal } = options;
  const events = createEvents();
  const broker = new Broker(clock);
  const roundRobin = new RoundRobin(store.runnerQueues);
  const machines = new Machines(clock);
  const liveRequests = new LiveRequests(signal);
  const activity = new Activity(clock);
  const history = new QueueHistory(store, historySteps);
  const tokenEnds = new TokenEnds(options);
  const deps = { ...options, events, broker, roundRobin, machines, liveRequests, history, tokenEnds };
  const scheduler = new Scheduler(deps);
  const workstreamStarter = new WorkstreamStarter(deps);
  const watches = new Set<Promise<void>>();
  const watch = (queue: QueueKey, firstAfterMs: number) => {
    const watched = watchQueue(deps, queue, firstAfterMs).finally(() => watches.delete(watched));
    watches.add(watched);
  };

  events.on('workstreamsChanged', () => workstreamStarter.startSoon());
  events.on('turnAdded', (turn) => scheduler.send(turn));
  events.on('turnsToSend', () => scheduler.sendAll());
  events.on('queueUsable', () => scheduler.sendAll());
  events.on('queuePolled', (isFirst) => scheduler.onPoll(isFirst));
  events.on('turnsLost', (turns) => scheduler.onLost(turns));
  events.on('queueUnusable', (queue, reason) => {
    if (reason === 'deleted') machines.closeQueue(queue);
    broker.reroute(queue, reason, () => roundRobin.next(queue, (other) => machines.isWithoutReports(other)));
  });
  events.on('queueAdded', (queue) => watch(queue, timing.healthCheckIntervalMs));

  const served = servedRoutes(deps);
  const handle = createDispatcher({
    findRoute: createRouter([...served, ...notImplementedRoutes(served)]),
    authenticate: (headers, query, route) => authenticate(headers, query, route, deps),
    checkSignature: (principal, route, request, body) => checkSignedRequest(principal, route, request, body, deps),
    checkHost: options.checkHost,
    pageFiles: createPageFiles(),
    sendHealth: (response) => sendHealth(response, store.health),
    liveRequests,
    activity,
    clock,
    logger: options.logger,
  });
  const runBackground = async () => {
    for (const queue of store.runnerQueues.select('')) watch(queue, Math.random() * timing.healthCheckIntervalMs);
    await Promise.all([
      scheduler.keepScanning(),
      workstreamStarter.keepStarting(),
      expireTurns(deps),
      sampleQueues(deps),
      watchStorage(deps),
      applyRetention(deps),
      warnOfTokenEnds(deps),
    ]);
    await Promise.all(watches);
  };
  const idleMs = () => (store.hasUnfinishedTurns() ? 0 : activity.idleMs());
  return { handle, runBackground, idleMs };
}

export type RouteDeps = Parameters<typeof tenantRoutes>[0] &
  Parameters<typeof environmentRoutes>[0] &
  Parameters<typeof taskRoutes>[0] &
  Parameters<typeof turnLogRoutes>[0] &
  Parameters<typeof messageRoutes>[0] &
  Parameters<typeof subAgentRoutes>[0] &
  Parameters<typeof activeTurnRoutes>[0] &
  Parameters<typeof fileRoutes>[0] &
  Parameters<typeof workstreamRoutes>[0] &
  Parameters<typeof workstreamTaskRoutes>[0] &
  Parameters<typeof shortNameRoutes>[0] &
  Parameters<typeof turnNetworkRoutes>[0] &
  Parameters<typeof providerUsageRoutes>[0] &
  Parameters<typeof runnerRoutes>[0] &
  Parameters<typeof runnerTokenRoutes>[0] &
  Parameters<typeof accessKeyRoutes>[0] &
  Parameters<typeof runnerQueueRoutes>[0] &
  Parameters<typeof githubProxyRoutes>[0] &
  Parameters<typeof repositoryRoutes>[0] &
  Parameters<typeof pageTaskRoutes>[0] &
  Parameters<typeof pageRoutes>[0];

/** Returns the routes of the calls that are implemented. */
export function servedRoutes(deps: RouteDeps): Route[] {
  return [
    ...tenantRoutes(deps),
    ...environmentRoutes(deps),
    ...taskRoutes(deps),
    ...turnRoutes(deps),
    ...turnLogRoutes(deps),
    ...messageRoutes(deps),
    ...subAgentRoutes(deps),
    ...activeTurnRoutes(deps),
    ...fileRoutes(deps),
    ...workstreamRoutes(deps),
    ...workstreamTaskRoutes(deps),
    ...shortNameRoutes(deps),
    ...turnNetworkRoutes(deps),
    ...providerUsageRoutes(deps),
    ...runnerRoutes(deps),
    ...runnerTokenRoutes(deps),
    ...accessKeyRoutes(deps),
    ...runnerQueueRoutes(deps),
    ...endedTurnRoutes(deps),
    ...githubConnectionRoutes(deps),
    ...githubProxyRoutes(deps),
    ...repositoryRoutes(deps),
    ...pageRoutes(deps),
    ...pageTaskRoutes(deps),
  ];
}
