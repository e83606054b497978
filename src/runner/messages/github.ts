/** The handlers of the messages that request data from GitHub. */
import * as v from 'valibot';
import { type Caller, withCaller } from '../../github/caller.ts';
import type { GithubClient } from '../../github/client.ts';
import type { GithubConnections } from '../../github/connections.ts';
import { GithubError, loggable, reportedStatus } from '../../github/errors.ts';
import { getDefaultBranches, listBranches, listOrgs, searchRepos } from '../../github/listings.ts';
import type { NamePage } from '../../github/page.ts';
import type { Logger } from '../../lib/logger.ts';
import { describeIssue } from '../../lib/schema-error.ts';
import {
  GetDefaultBranchesRequest,
  ListOrgsForGithubConnectionRequest,
  ListRepoBranchesRequest,
  type ListResponse,
  SearchRepoRequest,
} from '../../plan42/messages.ts';
import type { DecryptedMessage, Handler } from './handler.ts';
import type { IncompleteLists } from './incomplete-lists.ts';

export interface GithubHandlerOptions {
  github: GithubConnections;
  incompleteLists: IncompleteLists;
  logger: Logger;
  /** Time limit for GitHub, including retries. */
  timeoutMs?: number;
}

// The caller waits 30 s, which includes the delivery of the response.
const defaultTimeoutMs = 25_000;

export const createListOrgsHandler = createListHandler(
  'ListOrgsForGithubConnectionResponse',
  ListOrgsForGithubConnectionRequest,
  listOrgs,
);
export const createSearchRepoHandler = createListHandler('SearchRepoResponse', SearchRepoRequest, searchRepos);
export const createListRepoBranchesHandler = createListHandler(
  'ListRepoBranchesResponse',
  ListRepoBranchesRequest,
  listBranches,
);

export function createGetDefaultBranchesHandler(options: GithubHandlerOptions): Handler {
  const list = (client: GithubClient, { Repos }: v.InferOutput<typeof GetDefaultBranchesRequest>, caller: Caller) =>
    getDefaultBranches(client, Repos ?? [], caller);
  return async (message, signal) => {
    const response = await requestGithub(GetDefaultBranchesRequest, message, signal, options, list);
    return { Type: 'GetDefaultBranchesResponse', Items: response.result, ...errorFields(response) };
  };
}

type GithubOutcome<Result> =
  | { result: Result; error: null; connectionId: string }
  | { result: null; error: string; status?: number | undefined };

function errorFields(outcome: GithubOutcome<unknown>): Pick<ListResponse, 'ErrorMessage' | 'ErrorStatus'> {
  const status = outcome.error === null ? undefined : outcome.status;
  return { ErrorMessage: outcome.error, ...(status !== undefined && { ErrorStatus: status }) };
}

type RequestSchema = v.GenericSchema<unknown, { ConnectionID?: string | null | undefined }>;

/**
 * Parses the message and sends the request to the GitHub of its connection. Failures are returned as text for the
 * caller; only the signal's reason is thrown.
 */
async function requestGithub<const Schema extends RequestSchema, Result>(
  schema: Schema,
  { type, body }: DecryptedMessage,
  signal: AbortSignal,
  { github, logger, timeoutMs = defaultTimeoutMs }: GithubHandlerOptions,
  request: (client: GithubClient, request: v.InferOutput<Schema>, caller: Caller) => Promise<Result>,
): Promise<GithubOutcome<Result>> {
  const parsed = v.safeParse(schema, body);
  if (!parsed.success) {
    return {
      result: null,
      error: `invalid request: ${describeIssue(parsed.issues[0], 'message')}`,
      status: 400,
    };
  }
  const message = parsed.output;
  try {
    const result = await withCaller(timeoutMs, signal, (caller) =>
      github.withClient(message.ConnectionID, (client) => request(client, message, caller)),
    );
    return { result, error: null, connectionId: message.ConnectionID ?? '' };
  } catch (error) {
    const fields = { message_type: type, connection_id: message.ConnectionID, error: loggable(error) };
    if (error instanceof GithubError) {
      logger.warn('GitHub request failed', fields);
      return { result: null, error: error.message, status: reportedStatus(error) };
    }
    signal.throwIfAborted();
    // A bug, but the caller still gets a response.
    logger.error('GitHub request failed', fields);
    return { result: null, error: 'GitHub request failed, see the log of the runner' };
  }
}

/** Creates a handler for a message that lists names, one page at a time. */
function createListHandler<const Schema extends RequestSchema>(
  type: ListResponse['Type'],
  schema: Schema,
  list: (client: GithubClient, request: v.InferOutput<Schema>, caller: Caller) => Promise<NamePage>,
): (options: GithubHandlerOptions) => Handler {
  return (options) => async (message, signal) => {
    const response = await requestGithub(schema, message, signal, options, list);
    const { result } = response;
    if (response.result !== null)
      options.incompleteLists.report(message.type, response.connectionId, response.result.incomplete);
    if (result?.incomplete !== undefined)
      options.logger.warn('GitHub list is incomplete', { message_type: message.type, reason: result.incomplete });
    return {
      Type: type,
      Items: result?.items ?? null,
      NextToken: result?.nextToken ?? null,
      ...errorFields(response),
      ...(result?.incomplete !== undefined && { Incomplete: result.incomplete }),
    };
  };
}
