/** GitHub's GraphQL: its published schema, executed over the double's state. */
import { schema as published } from '@octokit/graphql-schema';
import {
  buildSchema,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLFieldResolver,
  type GraphQLSchema,
  getNamedType,
  getOperationAST,
  parse,
  validate,
} from 'graphql';
import { costOf, type QueryCost } from './cost.ts';
import { type GithubState, makeReviewComment, type Thread } from './state.ts';

let built: GraphQLSchema | undefined;

// Takes a moment: it has some 1,700 types.
export function githubSchema(): GraphQLSchema {
  built ??= buildSchema(published.idl, { assumeValidSDL: true });
  return built;
}

export interface GraphqlAnswer {
  body: unknown;
  cost: QueryCost | undefined;
}

export async function answerQuery(
  state: GithubState,
  query: string,
  variables: Record<string, unknown>,
): Promise<GraphqlAnswer> {
  const schema = githubSchema();
  let document: ReturnType<typeof parse>;
  try {
    document = parse(query);
  } catch (error) {
    return { body: { errors: [toError(error as GraphQLError)] }, cost: undefined };
  }
  const invalid = validate(schema, document);
  const operation = getOperationAST(document);
  if (invalid.length > 0 || !operation) return { body: { errors: invalid.map(toError) }, cost: undefined };
  const cost = costOf(schema, operation, variables);
  if (cost.problems.length > 0) return { body: { errors: cost.problems.map((message) => ({ message })) }, cost };
  const rootValue = rootOf(state);
  const result = await execute({ schema, document, rootValue, variableValues: variables, fieldResolver });
  return { body: toBody(result), cost };
}

type Source = Record<string, unknown>;
type Resolve = (args: Source) => unknown;

function rootOf(state: GithubState): Source {
  return {
    addPullRequestReviewThreadReply: ({ input }: { input: { pullRequestReviewThreadId: string; body: string } }) => {
      const thread = findThread(state, input.pullRequestReviewThreadId);
      const comment = makeReviewComment({ author: { __typename: 'User', login: state.login }, body: input.body });
      thread.comments.push(comment);
      return { comment };
    },
    repository: ({ owner, name }: Source) => {
      const asked = `${String(owner)}/${String(name)}`;
      const repo = state.repos.get(state.renamed.get(asked) ?? asked);
      if (!repo) throw notFound(`Could not resolve to a Repository with the name '${asked}'.`);
      return {
        pullRequest: ({ number }: { number: number }) => {
          const found = repo.pullRequests.get(number);
          if (!found) throw notFound(`Could not resolve to a PullRequest with the number of ${number}.`);
          return found;
        },
      };
    },
    node: ({ id }: Source) => findThread(state, String(id)),
    nodes: ({ ids }: { ids: string[] }) => ids.map((id) => findNode(state, id)),
  };
}

/** Threads and pull requests, with their repository. */
function findNode({ repos }: GithubState, id: string): object | null {
  for (const [nameWithOwner, { pullRequests }] of repos) {
    for (const { id: pullId, head, reviewThreads } of pullRequests.values()) {
      const repository = { nameWithOwner };
      const pull = { __typename: 'PullRequest', id: pullId, headRefName: head, headRepository: repository, repository };
      if (pullId === id) return pull;
      const thread = reviewThreads.find((candidate) => candidate.id === id);
      if (thread) return { __typename: thread.__typename, id, repository, pullRequest: pull };
    }
  }
  return null;
}

function findThread(state: GithubState, id: string): Thread {
  for (const repo of state.repos.values()) {
    for (const { reviewThreads } of repo.pullRequests.values()) {
      const thread = reviewThreads.find((candidate) => candidate.id === id);
      if (thread) return thread;
    }
  }
  throw notFound(`Could not resolve to a node with the global id of '${id}'.`);
}

function notFound(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { type: 'NOT_FOUND' } });
}

const fieldResolver: GraphQLFieldResolver<Source, unknown, Source> = (source, args, _context, info) => {
  const value = source[info.fieldName];
  if (typeof value === 'function') return (value as Resolve)(args);
  const isConnection = getNamedType(info.returnType).name.endsWith('Connection');
  return isConnection && Array.isArray(value) ? connectionOf(value, args) : value;
};

// By position, so that the cursors of different lists are often the same.
function connectionOf(items: unknown[], { first, after }: { first?: number; after?: string | null }): object {
  const start = after ? Number(Buffer.from(after, 'base64').toString().replace('cursor:', '')) : 0;
  const end = Math.min(items.length, start + (first ?? 0));
  const endCursor = end > start ? Buffer.from(`cursor:${end}`).toString('base64') : null;
  return {
    totalCount: items.length,
    nodes: items.slice(start, end),
    pageInfo: { hasNextPage: end < items.length, hasPreviousPage: start > 0, startCursor: null, endCursor },
  };
}

function toBody({ data, errors }: ExecutionResult): object {
  return { data, ...(errors && { errors: errors.map(toError) }) };
}

function toError(error: GraphQLError): object {
  const { extensions, ...rest } = error.toJSON();
  return { ...rest, ...(extensions?.['type'] !== undefined && { type: extensions['type'] }) };
}
