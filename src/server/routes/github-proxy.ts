import type { GenericSchema, InferOutput } from 'valibot';
import type { Exchange } from '../core/queues/broker.ts';
import type { RoundRobin } from '../core/queues/round-robin.ts';
import {
  AskError,
  ListOrgsResponse,
  ListRepoBranchesResponse,
  SearchRepoResponse,
} from '../core/queues/runner-responses.ts';
import type { Timing } from '../core/timing.ts';
import { read } from '../core/versioned.ts';
import { badGateway, badRequest } from '../http/errors.ts';
import { queryInteger } from '../http/query.ts';
import type { ApiRequest } from '../http/request.ts';
import { ok, type Reply, type Route, route, tenantOnly } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { connectionKey, connectionPath } from './github-connections.ts';

interface ProxyParts {
  store: Pick<Store, 'githubConnections'>;
  exchange: Exchange;
  roundRobin: RoundRobin;
  timing: Timing;
}

const options = { access: tenantOnly, waits: true };

/** The calls that a runner answers, since only it can reach the GitHub of a private connection. */
export function githubProxyRoutes(parts: ProxyParts): Route[] {
  return [
    route('GET', `${connectionPath}/orgs`, options, (request) =>
      askForList(parts, request, { Type: 'ListOrgsForGithubConnectionRequest' }, ListOrgsResponse),
    ),

    route('GET', `${connectionPath}/orgs/:org/repos`, options, (request) => {
      if (!request.query.has('search')) throw badRequest('search is needed');
      return askForList(parts, request, { Type: 'SearchRepoRequest', OrgName: request.params.org }, SearchRepoResponse);
    }),

    route('GET', `${connectionPath}/orgs/:org/repos/:repo/branches`, options, (request) => {
      const { org, repo } = request.params;
      const question = { Type: 'ListRepoBranchesRequest', OrgName: org, RepoName: repo };
      return askForList(parts, request, question, ListRepoBranchesResponse);
    }),
  ];
}

type ListSchema = GenericSchema<
  unknown,
  {
    Items?: string[] | null | undefined;
    NextToken?: string | null | undefined;
    ErrorMessage?: string | null | undefined;
  }
>;

async function askForList(
  { store, exchange, roundRobin, timing }: ProxyParts,
  { params, query, signal }: ApiRequest<'tenantId' | 'connectionId'>,
  question: { Type: string; OrgName?: string; RepoName?: string },
  schema: ListSchema,
): Promise<Reply> {
  const maxResults = queryInteger(query, 'maxResults', { min: 1, max: 100 });
  const { TenantID, ConnectionID, Private, RunnerID } = read(store.githubConnections, connectionKey(params));
  if (!Private || RunnerID === undefined) throw badRequest('the connection is not private: there is no runner to ask');
  const queue = roundRobin.next({ TenantID, RunnerID });
  if (!queue) throw new AskError('undelivered');
  const request = {
    ...question,
    TenantID,
    ConnectionID,
    ...(maxResults !== undefined && { MaxResults: maxResults }),
    ...(query.has('token') && { Token: query.get('token') }),
    ...(query.has('search') && { Search: query.get('search') }),
  };
  const limits = { timeoutMs: timing.runnerAnswerTimeoutMs, signal, anyQueue: true };
  const answer: InferOutput<ListSchema> = await exchange.ask(queue, request, schema, limits);
  if (answer.ErrorMessage) throw badGateway(answer.ErrorMessage);
  return ok({ Items: answer.Items ?? [], ...(answer.NextToken && { NextToken: answer.NextToken }) });
}
