import * as v from 'valibot';
import { checkAction, connectionToCheck } from '../../plan42/connection-check.ts';
import { knownFields } from '../../plan42/fields.ts';
import { GetDefaultBranchesResponse, listResponse } from '../../plan42/messages.ts';
import { RequestError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Broker } from '../core/queues/broker.ts';
import type { RoundRobin } from '../core/queues/round-robin.ts';
import type { Timing } from '../core/timing.ts';
import { read } from '../core/versioned.ts';
import { parseBody, requiredText } from '../http/body.ts';
import { badRequest, HttpError } from '../http/errors.ts';
import { queryInteger } from '../http/query.ts';
import type { ApiRequest } from '../http/route.ts';
import { ok, type Reply, type Route, route, tenantOnly } from '../http/route.ts';
import { missingResponse, runnerFailure } from '../http/runner-failure.ts';
import type { Store } from '../store/store.ts';
import { connectionPath, githubConnectionKey } from './github-connections.ts';

interface GithubProxyDeps {
  store: Pick<Store, 'githubConnections' | 'runners'>;
  broker: Broker;
  roundRobin: RoundRobin;
  timing: Timing;
}

const DefaultBranchesBody = knownFields({
  Repos: v.pipe(
    v.array(requiredText),
    v.minLength(1, 'must not be empty'),
    v.maxLength(limits.list.max, `must have at most ${limits.list.max} entries`),
  ),
});

const options = { access: tenantOnly, waits: true };

/** The calls that a runner handles, because only the runner can reach the GitHub of a private connection. */
export function githubProxyRoutes(deps: GithubProxyDeps): Route[] {
  return [
    route('GET', `${connectionPath}/orgs`, options, (request) =>
      requestList(
        deps,
        request,
        { Type: 'ListOrgsForGithubConnectionRequest' },
        checkAction,
        listResponse('ListOrgsForGithubConnectionResponse'),
      ),
    ),

    route('GET', `${connectionPath}/orgs/:org/repos`, options, (request) => {
      if (!request.query.get('search')) throw badRequest('search is required');
      return requestList(
        deps,
        request,
        { Type: 'SearchRepoRequest', OrgName: request.params.org },
        (name) => `search the repositories of ${request.params.org} through the connection ${name}`,
        listResponse('SearchRepoResponse'),
      );
    }),

    route('GET', `${connectionPath}/orgs/:org/repos/:repo/branches`, options, (request) => {
      const { org, repo } = request.params;
      const message = { Type: 'ListRepoBranchesRequest', OrgName: org, RepoName: repo };
      const action = (name: string) => `list the branches of ${org}/${repo} through the connection ${name}`;
      return requestList(deps, request, message, action, listResponse('ListRepoBranchesResponse'));
    }),

    route('POST', `${connectionPath}/default-branches`, { ...options, repeatable: true }, async (request) => {
      const { Repos } = parseBody(request, DefaultBranchesBody);
      const message = { Type: 'GetDefaultBranchesRequest', Repos };
      const action = (name: string) => `get default branches through the connection ${name}`;
      const { Items } = await requestRunner(deps, request, message, action, GetDefaultBranchesResponse);
      return ok({ Items: Items ?? [] });
    }),
  ];
}

/** Returns what a request asks for, given the name of the connection. */
type Action = (name: string) => string;
type ListSchema = ReturnType<typeof listResponse>;
type ConnectionRequest = ApiRequest<'tenantId' | 'connectionId'>;

async function requestList(
  deps: GithubProxyDeps,
  request: ConnectionRequest,
  message: RunnerRequest,
  action: Action,
  schema: ListSchema,
): Promise<Reply> {
  const { query } = request;
  const maxResults = queryInteger(query, 'maxResults', { min: 1, max: 100 });
  const more = {
    ...(maxResults !== undefined && { MaxResults: maxResults }),
    ...(query.has('token') && { Token: query.get('token') }),
    ...(query.has('search') && { Search: query.get('search') }),
  };
  const response: v.InferOutput<ListSchema> = await requestRunner(
    deps,
    request,
    { ...message, ...more },
    action,
    schema,
  );
  const { Items, NextToken, Incomplete } = response;
  return ok({ Items: Items ?? [], ...(NextToken && { NextToken }), ...(Incomplete && { Incomplete }) });
}

interface RunnerRequest {
  Type: string;
  OrgName?: string;
  RepoName?: string;
  Repos?: readonly string[];
}

interface GithubResponse {
  ErrorMessage?: string | null | undefined;
  ErrorStatus?: number | null | undefined;
}

/** Sends a request to the runner of the connection. @throws HttpError that says why there is no result, and what to do */
async function requestRunner<Response extends GithubResponse>(
  { store, broker, roundRobin, timing }: GithubProxyDeps,
  { params, signal }: ConnectionRequest,
  message: RunnerRequest,
  action: Action,
  schema: v.GenericSchema<unknown, Response>,
): Promise<Response> {
  const connection = read(store.githubConnections, githubConnectionKey(params));
  const { TenantID, ConnectionID, Private, RunnerID } = connection;
  if (!Private || RunnerID === undefined) {
    const remedy = 'Use a connection that is Private and has a RunnerID.';
    throw new HttpError(400, 'BadRequest', 'the connection is not private, so it has no runner', remedy);
  }
  const runner = store.runners.find({ TenantId: TenantID, RunnerId: RunnerID });
  const checked = connectionToCheck(connection, runner ? [runner] : []);
  const question = { ...checked, action: action(checked.name) };
  if (runner === undefined || runner.Deleted) {
    const remedy = 'Set the RunnerID of the connection to another runner.';
    throw new HttpError(
      400,
      'BadRequest',
      `cannot ${question.action}: the runner ${checked.runner} was deleted`,
      remedy,
    );
  }
  const request = { ...message, TenantID, ConnectionID };
  const options = { timeoutMs: timing.runnerResponseTimeoutMs, signal, anyQueue: true };
  try {
    const queue = roundRobin.next({ TenantID, RunnerID });
    if (!queue) throw new RequestError('undelivered');
    const response = await broker.request(queue, request, schema, options);
    const { ErrorMessage, ErrorStatus } = response;
    if (ErrorMessage) throw runnerFailure(ErrorMessage, ErrorStatus ?? undefined, question);
    return response;
  } catch (error) {
    throw error instanceof RequestError ? missingResponse(error, question) : error;
  }
}
