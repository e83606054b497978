/** Questions of the guard to GitHub, with the token of the request under review. Answers are kept. */
import * as v from 'valibot';
import { tryParseJson } from '../../lib/json.ts';
import type { Ask, InterceptedRequest, Respond } from '../intercept/hooks.ts';
import { refuseAsJson } from './refuse.ts';
import { parseFullName } from './rules.ts';

export interface Asking {
  ask: Ask;
  request: Pick<InterceptedRequest, 'host'>;
}

export interface Pull {
  /** Of its branch, canonical. Empty if that was deleted. */
  repository: string;
  branch: string;
}

/** An object that an ID names. */
export interface Found {
  type: string;
  /** The repository that it belongs to, canonical. Empty for a type that belongs to none, or is not known here. */
  repository: string;
  /** The pull request itself, or that which it belongs to. */
  pull?: Pull;
  /** Whether the token's user wrote it. */
  isOwn: boolean;
}

export interface Lookups {
  /** The canonical name of the repository at a path of the REST API. */
  repository(path: string, asking: Asking): Promise<string | Respond>;
  pull(path: string, asking: Asking): Promise<Pull | Respond>;
  comment(path: string, asking: Asking): Promise<{ isOwn: boolean } | Respond>;
  /** IDs without an object are missing in the result. */
  nodes(path: string, ids: readonly string[], asking: Asking): Promise<ReadonlyMap<string, Found> | Respond>;
}

/** Objects move to other repositories rarely, and a job asks for few of them. */
const maxKept = 1000;
/** Of GitHub, for one request. */
const maxIds = 100;

const name = v.object({ full_name: v.string() });
const PullAnswer = v.object({ head: v.object({ ref: v.string(), repo: v.nullish(name) }) });
const CommentAnswer = v.object({ user: v.nullish(v.object({ login: v.string() })) });
const UserAnswer = v.object({ login: v.string() });

export function createLookups(): Lookups {
  const kept = new Map<string, unknown>();
  const keep = <T>(key: string, value: T): T => {
    if (kept.size >= maxKept) kept.clear();
    kept.set(key, value);
    return value;
  };
  async function get<T>(
    path: string,
    { ask, request }: Asking,
    schema: v.GenericSchema<unknown, T>,
  ): Promise<T | Respond> {
    const key = `${request.host} ${path}`;
    if (kept.has(key)) return kept.get(key) as T;
    const answer = await ask({ method: 'GET', path, headers: [...common, 'Accept', 'application/vnd.github+json'] });
    const parsed = v.safeParse(schema, answer.status === 200 ? tryParseJson(asText(answer.body)) : undefined);
    return parsed.success ? keep(key, parsed.output) : refuseUnanswered(answer);
  }
  return {
    repository: async (path, asking) => {
      const found = await get(path, asking, name);
      return isRefusal(found) ? found : (parseFullName(found.full_name) ?? unknownObject());
    },
    pull: async (path, asking) => {
      const found = await get(path, asking, PullAnswer);
      if (isRefusal(found)) return found;
      return { repository: parseFullName(found.head.repo?.full_name ?? '') ?? '', branch: found.head.ref };
    },
    comment: async (path, asking) => {
      const base = path.slice(0, path.indexOf('/repos/'));
      const [comment, user] = [await get(path, asking, CommentAnswer), await get(`${base}/user`, asking, UserAnswer)];
      if (isRefusal(comment)) return comment;
      return isRefusal(user) ? user : { isOwn: comment.user?.login === user.login };
    },
    nodes: async (path, ids, { ask, request }) => {
      const keyOf = (id: string) => `${request.host} node ${id}`;
      const unknown = ids.filter((id) => !kept.has(keyOf(id)));
      if (unknown.length > maxIds) return refuseAsJson({ what: 'too many IDs', remedy: 'Send several requests.' });
      if (unknown.length > 0) {
        const body = JSON.stringify({ query: nodesQuery, variables: { ids: unknown } });
        const answer = await ask({
          method: 'POST',
          path,
          headers: [...common, 'Content-Type', 'application/json'],
          body,
        });
        const parsed = v.safeParse(NodesAnswer, answer.status === 200 ? tryParseJson(asText(answer.body)) : undefined);
        if (!parsed.success) return refuseUnanswered(answer);
        // In the order of the IDs. The ID of an answer may have another form.
        for (const [index, node] of parsed.output.data.nodes.entries())
          if (node && unknown[index] !== undefined) keep(keyOf(unknown[index]), foundOf(node));
      }
      const found = ids.flatMap((id) => (kept.has(keyOf(id)) ? [[id, kept.get(keyOf(id)) as Found] as const] : []));
      return new Map(found);
    },
  };
}

// GitHub refuses requests without a name of the client.
const common = ['User-Agent', 'plan42'] as const;

const asText = (bytes: Uint8Array) => Buffer.from(bytes).toString();

function isRefusal(value: unknown): value is Respond {
  return typeof value === 'object' && value !== null && 'kind' in value;
}

function unknownObject(): Respond {
  return refuseAsJson({
    what: 'GitHub does not know what the request is about',
    remedy: 'Check its path and its IDs.',
  });
}

/** A token that is refused, and a rate limit, are answers that the client understands. */
function refuseUnanswered({ status, rawHeaders, body }: Awaited<ReturnType<Ask>>): Respond {
  if (status < 400 || status === 404) return unknownObject();
  const passed: string[] = [];
  for (let n = 0; n + 1 < rawHeaders.length; n += 2) {
    const header = rawHeaders[n] ?? '';
    if (/^(?:content-type|retry-after|www-authenticate|x-ratelimit-.*)$/i.test(header))
      passed.push(header, rawHeaders[n + 1] ?? '');
  }
  return { kind: 'respond', status, headers: passed, body };
}

const repository = v.nullish(v.object({ nameWithOwner: v.string() }));
const PullFields = v.object({ headRefName: v.optional(v.string()), headRepository: repository, repository });
const Node = v.object({
  __typename: v.string(),
  nameWithOwner: v.optional(v.string()),
  repository,
  headRefName: v.optional(v.string()),
  headRepository: repository,
  pullRequest: v.nullish(PullFields),
  viewerDidAuthor: v.optional(v.boolean()),
});
const NodesAnswer = v.object({ data: v.object({ nodes: v.array(v.nullish(Node)) }) });

const inRepository = (type: string, more = '') => `... on ${type} { repository { nameWithOwner } ${more} }`;
const ofPull = 'headRefName headRepository { nameWithOwner }';
const nodesQuery = `query Plan42Nodes($ids: [ID!]!) { nodes(ids: $ids) { __typename
  ... on Repository { nameWithOwner }
  ${inRepository('PullRequest', `${ofPull} viewerDidAuthor`)}
  ${inRepository('Issue', 'viewerDidAuthor')}
  ${inRepository('IssueComment', 'viewerDidAuthor')}
  ${inRepository('PullRequestReview', `viewerDidAuthor pullRequest { ${ofPull} }`)}
  ${inRepository('PullRequestReviewComment', `viewerDidAuthor pullRequest { ${ofPull} }`)}
  ${inRepository('PullRequestReviewThread', `pullRequest { ${ofPull} }`)}
  ${['CheckRun', 'CheckSuite', 'Commit', 'Label', 'Milestone', 'Ref', 'Release'].map((type) => inRepository(type)).join('\n  ')}
} }`;

function foundOf(node: v.InferOutput<typeof Node>): Found {
  const { __typename: type, viewerDidAuthor } = node;
  const full = type === 'Repository' ? node.nameWithOwner : node.repository?.nameWithOwner;
  const pull = type === 'PullRequest' ? node : node.pullRequest;
  return {
    type,
    repository: parseFullName(full ?? '') ?? '',
    isOwn: viewerDidAuthor === true,
    ...(pull && {
      pull: {
        repository: parseFullName(pull.headRepository?.nameWithOwner ?? '') ?? '',
        branch: pull.headRefName ?? '',
      },
    }),
  };
}
