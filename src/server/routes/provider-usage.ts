import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import { knownFields } from '../../plan42/fields.ts';
import type { Turn } from '../../plan42/objects.ts';
import { type ProviderUsageEvent, reportedUsageFields } from '../../plan42/provider-usage.ts';
import { conflict, notFound } from '../core/errors.ts';
import { isoTime, Time, toUtc } from '../core/time.ts';
import type { TurnDeps } from '../core/turns.ts';
import { read } from '../core/versioned.ts';
import { parseBody } from '../http/body.ts';
import { badRequest } from '../http/errors.ts';
import { pageBody, pageRequest } from '../http/query.ts';
import {
  allButSignIn,
  created,
  ok,
  type Principal,
  type Route,
  route,
  tenantAndRunner,
  tenantPath,
} from '../http/route.ts';
import { type UsageFilter, type UsageGroup, usageGroups } from '../store/provider-usage.ts';
import type { Store } from '../store/store.ts';
import { readTurn, turnKey, turnPath } from './turns.ts';

type ProviderUsageDeps = TurnDeps & {
  store: Pick<Store, 'turnNetworks' | 'providerUsage' | 'providerUsageSums'>;
};

// Clients in Go send null for what is absent.
const { ResponseID, CacheCreationInputTokensByTTL, Cost, IsEstimate, ...required } = reportedUsageFields;
const Body = knownFields({
  ...required,
  ResponseID: v.nullish(ResponseID.wrapped),
  CacheCreationInputTokensByTTL: v.nullish(
    v.pipe(CacheCreationInputTokensByTTL.wrapped, v.maxEntries(10, 'must have at most 10 entries')),
  ),
  RequestStartedAt: v.nullish(Time),
  ResponseCompletedAt: Time,
  Cost: v.nullish(Cost.wrapped),
  IsEstimate: v.nullish(IsEstimate.wrapped),
});

const maxIteration = 1_000_000;

/** The calls about the tokens that models used. The paths of the lists are ours. */
export function providerUsageRoutes(deps: ProviderUsageDeps): Route[] {
  const { store, clock } = deps;
  return [
    route(
      'PUT',
      `${turnPath}/iterations/:iteration/provider-usage`,
      { access: allButSignIn, afterTurn: true },
      (request) => {
        const reported = parseBody(request, Body);
        const turn = read(store.turns, turnKey(request.params));
        const event = eventOf(reported, {
          turn,
          Source: sourceOf(request.principal, turn, store),
          Iteration: iterationOf(request.params.iteration),
          CreatedAt: isoTime(clock.date()),
        });
        return created(store.transaction(() => save(event, store)));
      },
    ),

    route('GET', `${turnPath}/provider-usage`, { access: tenantAndRunner }, ({ params, query }) => {
      const { TenantId, TaskId, TurnIndex } = readTurn(deps, params, query);
      const usage = store.providerUsageSums.ofTask({ TenantId, TaskId }).get(TurnIndex);
      if (usage === undefined) throw notFound('no call of a model was counted for the turn');
      return ok(usage);
    }),

    route('GET', `${tenantPath}/provider-usage`, { access: ['tenant'] }, ({ params, query }) => {
      requireKnown(query, [...filterNames, 'maxResults', 'token']);
      const { start = '', end = maxTime, ...filter } = filterOf(params.tenantId, query);
      const range = { column: 'ResponseCompletedAt', from: start, below: end } as const;
      return ok(pageBody(store.providerUsage.list(filter, pageRequest(query, store.providerUsage.order), range)));
    }),

    route('GET', `${tenantPath}/provider-usage/summary`, { access: ['tenant'] }, ({ params, query }) => {
      requireKnown(query, [...filterNames, 'groupBy']);
      return ok({ Items: store.providerUsageSums.list(filterOf(params.tenantId, query), groupsOf(query)) });
    }),
  ];
}

// After every time of RFC 3339.
const maxTime = 'A';

interface EventFacts extends Pick<ProviderUsageEvent, 'Source' | 'Iteration' | 'CreatedAt'> {
  turn: Turn;
}

function eventOf(
  reported: v.InferOutput<typeof Body>,
  { turn, Source, Iteration, CreatedAt }: EventFacts,
): ProviderUsageEvent {
  const { TenantId, TaskId, TurnIndex, WorkstreamId } = turn;
  return {
    ...{ TenantId, TaskId, TurnIndex, WorkstreamId, Source, Iteration },
    Provider: reported.Provider,
    ProviderModelID: reported.ProviderModelID,
    ResponseID: reported.ResponseID ?? undefined,
    PromptTokens: reported.PromptTokens,
    CompletionTokens: reported.CompletionTokens,
    CachedReadInputTokens: reported.CachedReadInputTokens,
    CacheCreationInputTokensByTTL: reported.CacheCreationInputTokensByTTL ?? undefined,
    ReasoningTokens: reported.ReasoningTokens,
    RequestStartedAt: reported.RequestStartedAt ?? undefined,
    ResponseCompletedAt: reported.ResponseCompletedAt,
    Cost: reported.Cost ?? undefined,
    IsEstimate: reported.IsEstimate ?? undefined,
    CreatedAt,
  };
}

/** A report that is sent again changes nothing. @throws DomainError if the iteration has another one */
function save(event: ProviderUsageEvent, { providerUsage }: ProviderUsageDeps['store']): ProviderUsageEvent {
  const before = providerUsage.find(event);
  if (before === undefined) {
    providerUsage.insert(event);
    return event;
  }
  if (isDeepStrictEqual({ ...before, CreatedAt: '' }, { ...event, CreatedAt: '' })) return before;
  throw conflict('the iteration has other usage already');
}

/** A runner reports on the turns that were sent to it. @throws DomainError 404 for others */
function sourceOf(principal: Principal, turn: Turn, { turnNetworks }: ProviderUsageDeps['store']): string {
  if (principal.kind === 'agent') return 'Agent';
  if (principal.kind === 'tenant') return 'Tenant';
  if (principal.kind === 'runner' && turnNetworks.runnerOf(turn) === principal.runnerId) return 'Runner';
  throw notFound('the turn was not sent to this runner');
}

function iterationOf(text: string): number {
  const iteration = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (iteration <= maxIteration) return iteration;
  throw badRequest(`the iteration must be an integer from 0 to ${maxIteration}`);
}

const filterNames = ['taskId', 'workstreamId', 'provider', 'model', 'start', 'end'];

/** A misspelt parameter would sum more than its caller expects. @throws HttpError 400 */
function requireKnown(query: URLSearchParams, names: readonly string[]): void {
  const unknown = [...query.keys()].find((name) => !names.includes(name));
  if (unknown !== undefined) throw badRequest(`unknown parameter "${unknown}"; this call has ${names.join(', ')}`);
}

function filterOf(tenantId: string, query: URLSearchParams): UsageFilter {
  const text = (name: string) => query.get(name) || undefined;
  const time = (name: string) => {
    const value = text(name);
    const utc = value === undefined ? undefined : toUtc(value);
    if (value !== undefined && utc === undefined) throw badRequest(`${name} must be an RFC 3339 time`);
    return utc;
  };
  return {
    TenantId: tenantId,
    TaskId: text('taskId')?.toLowerCase(),
    WorkstreamId: text('workstreamId')?.toLowerCase(),
    Provider: text('provider'),
    ProviderModelID: text('model'),
    start: time('start'),
    end: time('end'),
  };
}

function groupsOf(query: URLSearchParams): UsageGroup[] {
  const names = new Set(
    (query.get('groupBy') ?? '')
      .toLowerCase()
      .split(',')
      .filter((name) => name !== ''),
  );
  return [...names].map((name) => {
    const found = usageGroups.find((group) => group === name);
    if (found === undefined) throw badRequest(`groupBy must be some of ${usageGroups.join(', ')}`);
    return found;
  });
}
