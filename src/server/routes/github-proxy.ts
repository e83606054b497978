import type { InferOutput } from 'valibot';
import { listResponse } from '../../plan42/messages.ts';
import { RequestError } from '../core/errors.ts';
import type { Broker } from '../core/queues/broker.ts';
import type { RoundRobin } from '../core/queues/round-robin.ts';
import type { Timing } from '../core/timing.ts';
import { read } from '../core/versioned.ts';
import { badRequest } from '../http/errors.ts';
import { queryInteger } from '../http/query.ts';
import type { ApiRequest } from '../http/route.ts';
import { ok, type Reply, type Route, route, tenantOnly } from '../http/route.ts';
import { runnerFailure } from '../http/runner-failure.ts';
import type { Store } from '../store/store.ts';
import { connectionPath, githubConnectionKey } from './github-connections.ts';

interface GithubProxyDeps {
  store: Pick<Store, 'githubConnections'>;
  broker: Broker;
  roundRobin: RoundRobin;
  timing: Timing;
}

const options = { access: tenantOnly, waits: true };

/** The calls that a runner handles, because only the runner can reach the GitHub of a private connection. */
export function githubProxyRoutes(deps: GithubProxyDeps): Route[] {
  return [
    route('GET', `${connectionPath}/orgs`, options, (request) =>
      requestList(
        deps,
        request,
        { Type: 'ListOrgsForGithubConnectionRequest' },
        listResponse('ListOrgsForGithubConnectionResponse'),
      ),
    ),

    route('GET', `${connectionPath}/orgs/:org/repos`, options, (request) => {
      if (!request.query.get('search')) throw badRequest('search is required');
      return requestList(
        deps,
        request,
        { Type: 'SearchRepoRequest', OrgName: request.params.org },
        listResponse('SearchRepoResponse'),
      );
    }),

    route('GET', `${connectionPath}/orgs/:org/repos/:repo/branches`, options, (request) => {
      const { org, repo } = request.params;
      const message = { Type: 'ListRepoBranchesRequest', OrgName: org, RepoName: repo };
      return requestList(deps, request, message, listResponse('ListRepoBranchesResponse'));
    }),
  ];
}

type ListSchema = ReturnType<typeof listResponse>;

async function requestList(
  { store, broker, roundRobin, timing }: GithubProxyDeps,
  { params, query, signal }: ApiRequest<'tenantId' | 'connectionId'>,
  message: { Type: string; OrgName?: string; RepoName?: string },
  schema: ListSchema,
): Promise<Reply> {
  const maxResults = queryInteger(query, 'maxResults', { min: 1, max: 100 });
  const { TenantID, ConnectionID, Private, RunnerID } = read(store.githubConnections, githubConnectionKey(params));
  if (!Private || RunnerID === undefined) throw badRequest('the connection is not private, so it has no runner');
  const queue = roundRobin.next({ TenantID, RunnerID });
  if (!queue) throw new RequestError('undelivered');
  const request = {
    ...message,
    TenantID,
    ConnectionID,
    ...(maxResults !== undefined && { MaxResults: maxResults }),
    ...(query.has('token') && { Token: query.get('token') }),
    ...(query.has('search') && { Search: query.get('search') }),
  };
  const limits = { timeoutMs: timing.runnerResponseTimeoutMs, signal, anyQueue: true };
  const response: InferOutput<ListSchema> = await broker.request(queue, request, schema, limits);
  const { ErrorMessage, ErrorStatus, Items, NextToken, Incomplete } = response;
  if (ErrorMessage) throw runnerFailure(ErrorMessage, ErrorStatus);
  return ok({ Items: Items ?? [], ...(NextToken && { NextToken }), ...(Incomplete && { Incomplete }) });
}
