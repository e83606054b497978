import type { Clock } from '../../lib/clock.ts';
import type { Runner, RunnerQueue } from '../../plan42/objects.ts';
import type {
  MachineOverview,
  Overview,
  QueueOverview,
  RunnerOverview,
  Session,
  SignInLink,
} from '../../plan42/page-objects.ts';
import type { Broker } from '../core/queues/broker.ts';
import type { Machine, Machines } from '../core/queues/machines.ts';
import { type QueueHistory, queueState } from '../core/queues/queue-history.ts';
import { isoTime, zeroTime } from '../core/time.ts';
import type { Timing } from '../core/timing.ts';
import type { TokenEnds } from '../core/token-ends.ts';
import { badRequest } from '../http/errors.ts';
import type { LiveRequests } from '../http/live-requests.ts';
import { queryInteger } from '../http/query.ts';
import { created, noContent, ok, type Route, route, signInOnly, tenantOnly } from '../http/route.ts';
import { endSession, startSession } from '../page/sessions.ts';
import type { SignInLinks } from '../page/sign-in-links.ts';
import type { Store } from '../store/store.ts';

interface PageDeps {
  store: Pick<Store, 'runners' | 'runnerQueues' | 'taskActivity' | 'pageSessions' | 'removeExpiredSessions' | 'health'>;
  history: QueueHistory;
  broker: Broker;
  machines: Machines;
  liveRequests: LiveRequests;
  signInLinks: SignInLinks;
  tokenEnds: TokenEnds;
  timing: Timing;
  clock: Clock;
  /** The URL of the server for clients. */
  url: string;
}

/** The calls of the web page only: sign-in, sign-out and the overview. */
export function pageRoutes(deps: PageDeps): Route[] {
  const { liveRequests, signInLinks } = deps;
  return [
    route('POST', '/page/sign-in-links', { access: tenantOnly }, ({ principal }) => {
      const { url, expiresAt } = signInLinks.make(principal.tenantId);
      return created({ Url: url, ExpiresAt: isoTime(expiresAt) } satisfies SignInLink);
    }),

    route('POST', '/page/session', { access: signInOnly }, ({ principal }) => {
      const { token, tenantId, expiresAt } = startSession(deps, principal.tenantId);
      return created({ Token: token, TenantId: tenantId, ExpiresAt: isoTime(expiresAt) } satisfies Session);
    }),

    route('DELETE', '/page/session', { access: tenantOnly }, ({ principal }) => {
      const pageToken = principal.kind === 'tenant' ? principal.pageToken : undefined;
      if (pageToken === undefined) return noContent;
      endSession(deps, pageToken);
      liveRequests.revoke((other) => other.kind === 'tenant' && other.pageToken === pageToken);
      return noContent;
    }),

    route('GET', '/page/overview', { access: tenantOnly }, ({ principal, query }) => {
      const limits = { min: 0, max: Number.MAX_SAFE_INTEGER };
      const since = queryInteger(query, 'since', limits) ?? 0;
      const step = query.get('epoch') === deps.history.epoch ? since : 0;
      return ok(overview(deps, principal.tenantId, step, failuresSince(deps, query)));
    }),
  ];
}

const dayMs = 24 * 3_600_000;

/** Returns the start of the user's day, in the query, or a day ago. @throws HttpError 400 */
function failuresSince({ clock }: PageDeps, query: URLSearchParams): string {
  const today = query.get('today');
  const date = today === null ? new Date(clock.date().getTime() - dayMs) : new Date(today);
  if (Number.isNaN(date.getTime())) throw badRequest('today must be a time');
  return isoTime(date);
}

// Enough for a person; the counts say how many there are.
const turnsListed = 50;

function overview(deps: PageDeps, tenantId: string, since: number, failedSince: string): Overview {
  const { store, history, broker, machines, tokenEnds, timing, clock, url } = deps;
  const outstanding = broker.countOutstanding();
  const queues = Map.groupBy(
    store.runnerQueues.select('WHERE TenantID = ? ORDER BY CreatedAt, QueueID', tenantId),
    (queue) => queue.RunnerID,
  );
  const runners = store.runners.select('WHERE TenantId = ? AND Deleted = 0 ORDER BY CreatedAt, RunnerId', tenantId);
  const queueOverview = (queue: RunnerQueue): QueueOverview => {
    const { waiting, unanswered } = outstanding(queue);
    const samples = history.ofQueue(queue, since);
    return {
      QueueID: queue.QueueID,
      State: queueState(queue),
      CreatedAt: queue.CreatedAt,
      ...(queue.LastHealthCheckAt !== zeroTime && { LastHealthCheckAt: queue.LastHealthCheckAt }),
      FailedHealthChecks: queue.NConsecutiveFailedHealthChecks,
      Waiting: waiting,
      Unanswered: unanswered,
      Utilisation: samples.utilisation,
      States: samples.states.join(''),
    };
  };
  const runnerOverview = ({ RunnerId, Name, Description, RunsTasks, ProxiesGithub }: Runner): RunnerOverview => ({
    RunnerId,
    Name,
    ...(Description && { Description }),
    RunsTasks,
    ProxiesGithub,
    Machines: machines.emptiestFirst({ TenantID: tenantId, RunnerID: RunnerId }).map(machineOverview),
    Queues: (queues.get(RunnerId) ?? []).map(queueOverview),
    EndingTokens: tokenEnds
      .ending({ TenantID: tenantId, RunnerID: RunnerId })
      .map(({ TokenID, ExpiresAt }) => ({ TokenID, ExpiresAt })),
    Utilisation: history.ofRunner({ TenantID: tenantId, RunnerID: RunnerId }, since),
  });
  return {
    Now: isoTime(clock.date()),
    Url: url,
    Epoch: history.epoch,
    Step: history.steps,
    StepSeconds: timing.historyStepMs / 1000,
    MaxSteps: history.maxSteps,
    ...(store.health.trouble && { Problem: store.health.trouble.message }),
    Runners: runners.map(runnerOverview),
    Activity: store.taskActivity(tenantId, failedSince, turnsListed),
  };
}

function machineOverview({ id, name, slots }: Machine): MachineOverview {
  const { free, max, reason } = slots;
  return { Id: id, Name: name, FreeSlots: free, MaxSlots: max, LowDisk: reason === 'low-disk' };
}
