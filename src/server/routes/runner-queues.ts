import * as v from 'valibot';
import { WrappedSecret } from '../../plan42/ecies.ts';
import { knownFields } from '../../plan42/fields.ts';
import type { Exchange } from '../core/queues/broker.ts';
import { addQueue, changeQueue, type QueueParts, removeQueue } from '../core/queues/queue-changes.ts';
import type { QueueHistory } from '../core/queues/queue-history.ts';
import { PingResponse } from '../core/queues/runner-responses.ts';
import { Time } from '../core/time.ts';
import type { Timing } from '../core/timing.ts';
import { read, readUndeleted, requireVersion } from '../core/versioned.ts';
import { optionalCount, optionalFlag, parseBody, pickPresent, requiredText } from '../http/body.ts';
import { badRequest, forbidden } from '../http/errors.ts';
import type { Principal } from '../http/principal.ts';
import { newUuid, pageBody, pageRequest, queryFlag, queryInteger, requiredIfMatch } from '../http/query.ts';
import { created, noContent, ok, type Route, route, tenantAndRunner, tenantOnly } from '../http/route.ts';
import type { QueueKey } from '../store/runner-queues.ts';
import type { Store } from '../store/store.ts';
import { runnerKey, runnerPath } from './runners.ts';

const RegisterBody = knownFields({ PublicKey: requiredText });
const UpdateBody = knownFields({
  IsHealthy: optionalFlag,
  Draining: optionalFlag,
  NConsecutiveFailedHealthChecks: optionalCount,
  NConsecutiveSuccessfulHealthChecks: optionalCount,
  LastHealthCheckAt: v.nullish(Time),
});
const updatable = [
  'IsHealthy',
  'Draining',
  'NConsecutiveFailedHealthChecks',
  'NConsecutiveSuccessfulHealthChecks',
  'LastHealthCheckAt',
] as const;
const AnswerBody = knownFields({ CallerID: v.string(), Payload: WrappedSecret });

const path = `${runnerPath}/queues/:queueId` as const;

interface RunnerQueueParts extends QueueParts {
  store: QueueParts['store'] & Pick<Store, 'runners'>;
  exchange: Exchange;
  history: QueueHistory;
  timing: Timing;
}

export function runnerQueueRoutes(parts: RunnerQueueParts): Route[] {
  const { store, exchange, history, timing } = parts;
  const { runnerQueues: queues } = store;
  return [
    route('PUT', path, { access: tenantAndRunner }, (request) => {
      newUuid(request.params.queueId);
      const { PublicKey } = parseBody(request, RegisterBody);
      readUndeleted(store.runners, runnerKey(request.params));
      return created(addQueue(parts, queueKey(request.params), PublicKey));
    }),

    route('GET', path, { access: tenantAndRunner }, ({ params }) => ok(read(queues, queueKey(params)))),

    route('PATCH', path, { access: tenantAndRunner }, (request) => {
      const version = requiredIfMatch(request);
      const changes = pickPresent(parseBody(request, UpdateBody), updatable);
      const queue = read(queues, queueKey(request.params));
      requireVersion(queues, queue, version);
      return ok(changeQueue(parts, queue, changes));
    }),

    route('DELETE', path, { access: tenantAndRunner }, (request) => {
      const version = requiredIfMatch(request);
      const queue = read(queues, queueKey(request.params));
      requireVersion(queues, queue, version);
      removeQueue(parts, queue);
      return noContent;
    }),

    route('GET', `${path}/messages`, { access: tenantAndRunner, waits: true }, async ({ params, query, signal }) => {
      const limits = { min: 0, max: timing.maxPollWaitMs / 1000 };
      const waitSeconds = queryInteger(query, 'maxWaitSeconds', limits) ?? 0;
      const queue = read(queues, queueKey(params));
      const poll = () => exchange.poll(queue, waitSeconds * 1000, signal);
      return ok({ Messages: await history.countPoll(queue, poll) });
    }),

    route('PUT', `${path}/messages/:messageId/response`, { access: tenantAndRunner }, (request) => {
      const { CallerID, Payload } = parseBody(request, AnswerBody);
      exchange.answer(queueKey(request.params), request.params.messageId, CallerID, Payload);
      return noContent;
    }),

    route('POST', `${path}/ping`, { access: tenantOnly, waits: true }, async ({ params, signal }) => {
      const queue = read(queues, queueKey(params));
      const options = { timeoutMs: timing.healthCheckTimeoutMs, signal, anyQueue: false };
      await exchange.ask(queue, { Type: 'PingRequest' }, PingResponse, options);
      return noContent;
    }),

    route('GET', '/v1/runner-queues', { access: tenantAndRunner }, ({ query, principal }) => {
      const runnerId = requireOwnRunner(query, principal);
      const [minQueueId, maxQueueId] = pair(query, 'minQueueID', 'maxQueueID');
      const page = queues.list(
        [
          ['TenantID', '=', principal.tenantId],
          ['RunnerID', '=', runnerId],
          ['QueueID', '>=', minQueueId],
          ['QueueID', '<', maxQueueId],
          ['IsHealthy', '=', queryFlag(query, 'includeHealthy')],
          ['Draining', '=', queryFlag(query, 'includeDrained')],
        ],
        pageRequest(query, queues.order),
      );
      return ok(pageBody(page));
    }),
  ];
}

function queueKey({ tenantId, runnerId, queueId }: { tenantId: string; runnerId: string; queueId: string }): QueueKey {
  return { TenantID: tenantId, RunnerID: runnerId, QueueID: queueId };
}

/** The runner whose queues are asked for; undefined for those of all of the tenant's, which a runner may not see. */
function requireOwnRunner(query: URLSearchParams, principal: Principal): string | undefined {
  const [tenantId, runnerId] = pair(query, 'tenantID', 'runnerID');
  if (tenantId !== undefined && tenantId !== principal.tenantId) throw forbidden('the token is for another tenant');
  if (principal.kind === 'runner' && runnerId !== principal.runnerId) throw forbidden('the token is for one runner');
  return runnerId;
}

/** Two parameters that only go together, in lower case. @throws HttpError 400 */
function pair(query: URLSearchParams, first: string, second: string): [string | undefined, string | undefined] {
  const [a, b] = [query.get(first), query.get(second)];
  if ((a === null) !== (b === null)) throw badRequest(`${first} and ${second} only go together`);
  return [a?.toLowerCase(), b?.toLowerCase()];
}
