/** Decides about requests to GitHub's REST API. */
import { valuesOf } from '../headers.ts';
import type { Ask, InterceptedRequest, Refused, Respond, Verdict } from '../intercept/hooks.ts';
import { methodOverrides, type RequestPath } from '../request-path.ts';
import { drain, jsonBody, readJson } from './body.ts';
import type { Endpoint } from './hosts.ts';
import type { Lookups } from './lookups.ts';
import { notForAgents, notOfTask, notReadable, quote, refuseAsJson } from './refuse.ts';
import { findWrite, isFreeRead, isRepositoryRead, type Write } from './rest-routes.ts';
import {
  type GithubRules,
  isTaskBranch,
  mayRead,
  parseRepository,
  type TaskRepository,
  taskRepository,
} from './rules.ts';
import { isLimitedSearch } from './search-query.ts';

export interface RestReview {
  request: InterceptedRequest;
  path: RequestPath;
  endpoint: Endpoint;
  rules: GithubRules;
  lookups: Lookups;
  ask: Ask;
}

/** The longest comment has 64 Ki characters. */
const maxBodyBytes = 1024 * 1024;

export async function reviewRest(review: RestReview): Promise<Verdict> {
  const verdict = await decide(review);
  if (verdict.kind === 'respond') await drain(review.request.body);
  return verdict;
}

async function decide(review: RestReview): Promise<Verdict> {
  const { request, path, endpoint, rules } = review;
  const { method, rawHeaders } = request;
  const depth = endpoint.base.split('/').length - 1;
  const [segments, raw] = [path.segments.slice(depth), path.raw.slice(depth)];
  const isOverridden =
    methodOverrides.some((name) => valuesOf(rawHeaders, name).length > 0) || path.query.has('_method');
  if (isOverridden)
    return refuse({ what: 'a method in place of that of the request', remedy: 'Use the method itself.' });
  const isRead = method === 'GET' || method === 'HEAD';
  if (isRead && isFreeRead(segments)) return { kind: 'pass' };
  if (isRead && segments[0] === 'search') return reviewSearch(review, segments);
  const found = await repositoryOf(review, raw);
  if (found === undefined) return refuse(unknownCall(rules, method, segments));
  if ('kind' in found) return found;
  const { name, below } = { name: found.name, below: segments.slice(found.depth) };
  if (!mayRead(rules, name)) return refuse(notReadable(rules, name));
  if (isRead) return isRepositoryRead(below) ? { kind: 'pass' } : refuse(unknownCall(rules, method, segments));
  const repository = taskRepository(rules, name);
  if (repository === undefined) return refuse(notOfTask(name));
  const write = findWrite(method, below);
  if (write === undefined) return refuse(unknownCall(rules, method, segments));
  return await reviewWrite(review, { repository, below, write });
}

const refuse = (refused: Refused): Respond => refuseAsJson(refused);

function unknownCall(rules: GithubRules, method: string, segments: readonly string[]): Refused {
  return notForAgents(rules, `${method} ${quote(`/${segments.join('/')}`)} is no call of the API that agents may make`);
}

function reviewSearch({ path: { query }, rules }: RestReview, segments: readonly string[]): Verdict {
  const texts = query.getAll('q');
  const kind = segments.length === 2 && /^(?:issues|code|commits)$/.test(segments[1] ?? '');
  const isPlain = [...query.keys()].every((key) => /^(?:q|sort|order|per_page|page|advanced_search)$/.test(key));
  if (kind && isPlain && texts.length === 1 && isLimitedSearch(rules, texts[0] ?? '')) return { kind: 'pass' };
  return refuse({
    what: 'a search that may find other repositories',
    remedy: 'Name repositories of the task by "repo:", and combine nothing by OR, NOT, "org:" or "user:".',
  });
}

/** By its name, or by its number as in the links to further pages. */
async function repositoryOf(
  { endpoint, lookups, ask, request }: RestReview,
  raw: readonly string[],
): Promise<{ name: string; depth: number } | Respond | undefined> {
  const [kind = '', first = '', second = ''] = raw;
  if (kind === 'repos') {
    const name = parseRepository(first, second);
    return name === undefined ? undefined : { name, depth: 3 };
  }
  if (kind !== 'repositories' || !/^\d{1,15}$/.test(first)) return undefined;
  const found = await lookups.repository(`${endpoint.base}/repositories/${first}`, { ask, request });
  return typeof found === 'string' ? { name: found, depth: 2 } : found;
}

interface FoundWrite {
  repository: TaskRepository;
  below: readonly string[];
  write: Write;
}

async function reviewWrite(review: RestReview, { repository, below, write }: FoundWrite): Promise<Verdict> {
  const { request, endpoint, rules, lookups, ask } = review;
  const root = `${endpoint.base}/repos/${repository.name}`;
  if (write.need === 'own-pull') {
    const pull = await lookups.pull(`${root}/pulls/${below[1]}`, { ask, request });
    if ('kind' in pull) return pull;
    if (pull.repository !== repository.name || !isTaskBranch(repository, pull.branch))
      return refuse(notOwn(rules, `pull request ${below[1]} of ${repository.name}`));
  }
  if (write.need === 'own-comment') {
    const comment = await lookups.comment(`${root}/${below.join('/')}`, { ask, request });
    if ('kind' in comment) return comment;
    if (!comment.isOwn) return refuse(notForAgents(rules, 'a change of the comment of another user'));
  }
  if (valuesOf(request.rawHeaders, 'content-encoding').length > 0)
    return refuse({ what: 'a compressed body', remedy: 'Send it as it is.' });
  return await reviewBody(review, { repository, below, write });
}

function notOwn(rules: GithubRules, what: string): Refused {
  return notForAgents(rules, `a change of ${what}, whose branch is not that of the task`);
}

async function reviewBody({ request, rules }: RestReview, { repository, write }: FoundWrite): Promise<Verdict> {
  const hasBody = valuesOf(request.rawHeaders, 'content-length').some((length) => length !== '0');
  const isChunked = valuesOf(request.rawHeaders, 'transfer-encoding').length > 0;
  const { need, fields } = write;
  if (!hasBody && !isChunked && need !== 'new-pull') return { kind: 'pass' };
  const body = await readJson(request.body, maxBodyBytes);
  const isList = Array.isArray(body);
  if (typeof body !== 'object' || body === null || (isList && fields !== undefined))
    return refuse({ what: 'a body that is not JSON', remedy: 'Send an object of JSON, of at most a mebibyte.' });
  const values = new Map(Object.entries(body));
  const other = fields && [...values.keys()].find((field) => !fields.has(field));
  if (other !== undefined) return refuse(notForAgents(rules, `the field ${quote(other)} of a pull request`));
  if (need === 'new-pull' && !isOwnHead(repository, values.get('head')))
    return refuse(notForAgents(rules, `a pull request of ${quote(String(values.get('head')))}, not the task's branch`));
  if (need === 'no-approval' && !isComment(values.get('event')))
    return refuse(notForAgents(rules, `a review with ${quote(String(values.get('event')))}`));
  return { kind: 'pass', ...jsonBody(body) };
}

/** `branch`, or `owner:branch`. */
export function isOwnHead(repository: TaskRepository, head: unknown): boolean {
  if (typeof head !== 'string') return false;
  const owner = `${repository.name.slice(0, repository.name.indexOf('/'))}:`;
  const branch = head.toLowerCase().startsWith(owner) ? head.slice(owner.length) : head;
  return isTaskBranch(repository, branch);
}

/** Without an event, a review is a draft. */
export function isComment(event: unknown): boolean {
  return event === undefined || event === null || event === 'COMMENT' || event === 'REQUEST_CHANGES';
}
