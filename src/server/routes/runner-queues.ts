import * as v from 'valibot';
import { WrappedSecret } from '../../plan42/ecies.ts';
import { serverFeatures } from '../../plan42/features.ts';
import { knownFields } from '../../plan42/fields.ts';
import { PingResponse } from '../../plan42/messages.ts';
import { parseMachineHeaders, type RunnerIdentity } from '../../plan42/runner-headers.ts';
import type { Broker } from '../core/queues/broker.ts';
import type { Machines } from '../core/queues/machines.ts';
import { addQueue, changeQueue, type QueueDeps, removeQueue } from '../core/queues/queue-changes.ts';
import type { QueueHistory } from '../core/queues/queue-history.ts';
import { Time } from '../core/time.ts';
import type { Timing } from '../core/timing.ts';
import { read, readUndeleted, requireVersion } from '../core/versioned.ts';
import { changesOf, optionalCount, optionalFlag, parseBody, requiredText } from '../http/body.ts';
import { badRequest, forbidden } from '../http/errors.ts';
import { listReply, queryFlag, queryInteger, requiredIfMatch, requireUuid } from '../http/query.ts';
import {
  type ApiRequest,
  created,
  noContent,
  ok,
  type Principal,
  type Route,
  route,
  tenantAndRunner,
  tenantOnly,
} from '../http/route.ts';
import type { QueueKey } from '../store/runner-queues.ts';
import type { Store } from '../store/store.ts';
import { runnerKey, runnerPath } from './runners.ts';

const RegisterBody = knownFields({ PublicKey: requiredText });
const UpdateBody = changesOf({
  IsHealthy: optionalFlag,
  Draining: optionalFlag,
  NConsecutiveFailedHealthChecks: optionalCount,
  NConsecutiveSuccessfulHealthChecks: optionalCount,
  LastHealthCheckAt: v.nullish(Time),
});
const ResponseBody = knownFields({ CallerID: v.string(), Payload: WrappedSecret });

const path = `${runnerPath}/queues/:queueId` as const;

interface RunnerQueueDeps extends QueueDeps {
  store: QueueDeps['store'] & Pick<Store, 'runners'>;
  broker: Broker;
  machines: Machines;
  history: QueueHistory;
  timing: Timing;
}

export function runnerQueueRoutes(deps: RunnerQueueDeps): Route[] {
  const { store, broker, history, machines, events, timing } = deps;
  const { runnerQueues: queues } = store;
  return [
    route('PUT', path, { access: tenantAndRunner }, (request) => {
      requireUuid(request.params.queueId);
      const { PublicKey } = parseBody(request, RegisterBody);
      readUndeleted(store.runners, runnerKey(request.params));
      const queue = addQueue(deps, queueKey(request.params), PublicKey);
      return created({ ...queue, Features: serverFeatures });
    }),

    route('GET', path, { access: tenantAndRunner }, ({ params }) => ok(read(queues, queueKey(params)))),

    route('PATCH', path, { access: tenantAndRunner }, (request) => {
      const version = requiredIfMatch(request);
      const changes = parseBody(request, UpdateBody);
      const queue = read(queues, queueKey(request.params));
      requireVersion(queues, queue, version);
      return ok(changeQueue(deps, queue, changes));
    }),

    route('DELETE', path, { access: tenantAndRunner }, (request) => {
      const version = requiredIfMatch(request);
      const queue = read(queues, queueKey(request.params));
      requireVersion(queues, queue, version);
      removeQueue(deps, queue);
      return noContent;
    }),

    route('GET', `${path}/messages`, { access: tenantAndRunner, waits: true, noHead: true }, async (request) => {
      const { params, query, signal } = request;
      const limits = { min: 0, max: timing.maxPollWaitMs / 1000 };
      const waitSeconds = queryInteger(query, 'maxWaitSeconds', limits) ?? 0;
      const queue = read(queues, queueKey(params));
      const identity = noteReport(deps, queue, request);
      const isFirst = !machines.isKnown(queue);
      using _open = machines.open(queue, identity);
      events.emit('queuePolled', isFirst);
      const poll = () => broker.poll(queue, waitSeconds * 1000, signal);
      const isPing = (message: object) => broker.isPing(message);
      // A poll that only reports free slots says nothing about the utilisation.
      const isReport = identity !== undefined && waitSeconds === 0;
      return ok({ Messages: await (isReport ? poll() : history.countPoll(queue, poll, isPing)) });
    }),

    route('PUT', `${path}/messages/:messageId/response`, { access: tenantAndRunner }, (request) => {
      const { CallerID, Payload } = parseBody(request, ResponseBody);
      noteReport(deps, queueKey(request.params), request);
      broker.respond(queueKey(request.params), request.params.messageId, CallerID, Payload);
      return noContent;
    }),

    route('POST', `${path}/ping`, { access: tenantOnly, waits: true, repeatable: true }, async ({ params, signal }) => {
      const queue = read(queues, queueKey(params));
      const options = { timeoutMs: timing.healthCheckTimeoutMs, signal, anyQueue: false };
      await broker.request(queue, { Type: 'PingRequest' }, PingResponse, options);
      return noContent;
    }),

    route('GET', '/v1/runner-queues', { access: tenantAndRunner }, ({ query, principal }) => {
      const runnerId = requireOwnRunner(query, principal);
      const [from, below] = pair(query, 'minQueueID', 'maxQueueID');
      const range = from === undefined || below === undefined ? undefined : { column: 'QueueID' as const, from, below };
      const filter = {
        TenantID: principal.tenantId,
        RunnerID: runnerId,
        IsHealthy: queryFlag(query, 'includeHealthy'),
        Draining: queryFlag(query, 'includeDrained'),
      };
      return listReply(queues, query, filter, { range });
    }),
  ];
}

/** Takes over what the request says about its runner, if its caller is a runner that says it. */
function noteReport(
  { machines, events }: RunnerQueueDeps,
  queue: QueueKey,
  { headers }: Pick<ApiRequest, 'headers'>,
): RunnerIdentity | undefined {
  const identity = parseMachineHeaders(headers);
  const lost = machines.report(queue, identity);
  if (lost.length > 0) events.emit('turnsLost', lost);
  return identity;
}

function queueKey({ tenantId, runnerId, queueId }: { tenantId: string; runnerId: string; queueId: string }): QueueKey {
  return { TenantID: tenantId, RunnerID: runnerId, QueueID: queueId };
}

/** Returns the runner in the query, or undefined for all runners of the tenant, which a runner may not list. */
function requireOwnRunner(query: URLSearchParams, principal: Principal): string | undefined {
  const [tenantId, runnerId] = pair(query, 'tenantID', 'runnerID');
  if (tenantId !== undefined && tenantId !== principal.tenantId) throw forbidden('the token is for another tenant');
  if (principal.kind === 'runner' && runnerId !== principal.runnerId) throw forbidden('the token is for one runner');
  return runnerId;
}

/** Returns two parameters that require each other, in lower case. @throws HttpError 400 */
function pair(query: URLSearchParams, first: string, second: string): [string | undefined, string | undefined] {
  const [a, b] = [query.get(first), query.get(second)];
  if ((a === null) !== (b === null)) throw badRequest(`${first} and ${second} must be given together`);
  return [a?.toLowerCase(), b?.toLowerCase()];
}
