/** Decides about requests to GitHub's GraphQL API. */
import { type DocumentNode, GraphQLError, Kind, parse, print } from 'graphql';
import { valuesOf } from '../headers.ts';
import type { Ask, InterceptedRequest, Refused, Respond, Verdict } from '../intercept/hooks.ts';
import { drain, jsonBody, readJson } from './body.ts';
import { checkDocument, ForbiddenDocument, type IdCheck } from './graphql/check-document.ts';
import { InvalidDocument } from './graphql/values.ts';
import type { Found, Lookups } from './lookups.ts';
import { notForAgents, notOfTask, notReadable, quote, refuseAsJson } from './refuse.ts';
import { isOwnHead } from './review-rest.ts';
import { type GithubRules, isTaskBranch, mayRead, taskRepository } from './rules.ts';

interface GraphqlReview {
  request: InterceptedRequest;
  path: { path: string };
  rules: GithubRules;
  lookups: Lookups;
  ask: Ask;
}

const maxBodyBytes = 1024 * 1024;
const maxTokens = 20_000;
const maxDepth = 200;

export async function reviewGraphql(review: GraphqlReview): Promise<Verdict> {
  const { request, rules } = review;
  if (request.method !== 'POST' || valuesOf(request.rawHeaders, 'content-encoding').length > 0) {
    await drain(request.body);
    return refuseAsJson(invalid('it is not a POST without a Content-Encoding'));
  }
  const body = await readJson(request.body, maxBodyBytes);
  try {
    const { document, variables } = readRequest(body);
    const checks = checkDocument(document, variables, rules);
    const refusal = await refuseIds(review, checks);
    if (refusal !== undefined) return refusal;
    // Written again, so that GitHub reads what was checked.
    return { kind: 'pass', ...jsonBody({ query: print(document), ...(variables !== undefined && { variables }) }) };
  } catch (error) {
    if (error instanceof ForbiddenDocument)
      return refuseAsJson(notForAgents(rules, `a GraphQL request for ${error.message} that agents may not make`));
    if (error instanceof InvalidDocument || error instanceof GraphQLError) return refuseAsJson(invalid(error.message));
    throw error;
  }
}

function invalid(why: string): Refused {
  return { what: `a GraphQL request that cannot be checked: ${why}`, remedy: 'Send one operation as JSON.' };
}

/** @throws InvalidDocument, GraphQLError */
function readRequest(body: unknown): { document: DocumentNode; variables: unknown } {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new InvalidDocument('it is no JSON object');
  const { query, variables, operationName } = body as Record<string, unknown>;
  if (typeof query !== 'string') throw new InvalidDocument('it has no query');
  if (depthOf(query) > maxDepth) throw new InvalidDocument('it is nested too deeply');
  const document = parse(query, { noLocation: true, maxTokens });
  const isNamed = document.definitions.some(
    (definition) => definition.kind === Kind.OPERATION_DEFINITION && definition.name?.value === operationName,
  );
  if (operationName !== undefined && operationName !== null && operationName !== '' && !isNamed)
    throw new InvalidDocument('it has no operation of this name');
  return { document, variables };
}

/** Of brackets, before anything that calls itself for each level. */
function depthOf(query: string): number {
  let [depth, deepest] = [0, 0];
  for (const bracket of query.match(/[{}[\]()]/g) ?? []) {
    depth = Math.max(depth + (/[{[(]/.test(bracket) ? 1 : -1), 0);
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

async function refuseIds(review: GraphqlReview, checks: readonly IdCheck[]): Promise<Respond | undefined> {
  if (checks.length === 0) return undefined;
  const { lookups, rules, request, ask, path } = review;
  const found = await lookups.nodes(path.path, [...new Set(checks.map(({ id }) => id))], { request, ask });
  if ('kind' in found) return found;
  for (const check of checks) {
    const refused = refuseId(rules, check, found.get(check.id));
    if (refused !== undefined) return refuseAsJson(refused);
  }
  return undefined;
}

function refuseId(rules: GithubRules, check: IdCheck, found: Found | undefined): Refused | undefined {
  if (found === undefined || found.repository === '')
    return notForAgents(rules, `the ID ${quote(check.id)} names nothing in a repository`);
  const { repository: name, type, pull, isOwn } = found;
  if (check.rule === 'readable') return mayRead(rules, name) ? undefined : notReadable(rules, name);
  const repository = taskRepository(rules, name);
  if (repository === undefined) return notOfTask(name);
  switch (check.rule) {
    case 'in-task':
      return undefined;
    case 'own-comment':
      return isOwn ? undefined : notForAgents(rules, `a change of the comment of another user in ${name}`);
    case 'own-pull': {
      const isOwnPull = type === 'PullRequest' && pull?.repository === name && isTaskBranch(repository, pull.branch);
      return isOwnPull
        ? undefined
        : notForAgents(rules, `a change of what is no pull request of the task's branch in ${name}`);
    }
    case 'head':
      return type === 'Repository' && isOwnHead(repository, check.head)
        ? undefined
        : notForAgents(rules, `a pull request of ${quote(check.head)}, not the task's branch`);
  }
}
