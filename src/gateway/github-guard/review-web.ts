/** Decides about requests to the host of web pages: git, Git LFS, and pages and archives of repositories. */
import type { InterceptedRequest, Pass, Respond, Verdict } from '../intercept/hooks.ts';
import type { RequestPath } from '../request-path.ts';
import { drain, jsonBody, readJson } from './body.ts';
import { notOfTask, notReadable, quote, refuseAsJson, refuseAsText } from './refuse.ts';
import { reviewPush } from './review-push.ts';
import { type GithubRules, mayRead, parseRepository, taskRepository } from './rules.ts';

const pass: Pass = { kind: 'pass' };
const lfsType = 'application/vnd.git-lfs+json; charset=utf-8';
/** A batch names at most a hundred objects, some of them with long tokens of the client. */
const maxBatchBytes = 1024 * 1024;

/** Undefined if the first two segments cannot name a repository. An escape in them is none of a client that means well. */
export function repositoryIn({ raw: [owner = '', name = ''] }: RequestPath): string | undefined {
  return parseRepository(owner, name);
}

export async function reviewWeb(request: InterceptedRequest, path: RequestPath, rules: GithubRules): Promise<Verdict> {
  const name = repositoryIn(path);
  const { method } = request;
  if (name === undefined) return await refuseWith(request, otherPage(path));
  const below = path.segments.slice(2);
  const service = below.join('/');
  if (service === 'git-receive-pack' && method === 'POST') return await reviewPush(request, name, rules);
  if (!mayRead(rules, name)) return await refuseWith(request, refuseAsText(notReadable(rules, name)));
  if (below[0] === 'info' && below[1] === 'lfs') return await reviewLfs(request, below.slice(2), name, rules);
  if (service === 'git-upload-pack' && method === 'POST') return pass;
  if (service === 'info/refs')
    return isSmart(path) && method === 'GET' ? pass : await refuseWith(request, dumbProtocol);
  const isGitOnly = /\.git$/i.test(path.segments[1] ?? '') && below.length > 0;
  if (isGitOnly || !isRead(method))
    return await refuseWith(request, isGitOnly ? dumbProtocol : otherPage(path, method));
  return pass;
}

const isRead = (method: string) => method === 'GET' || method === 'HEAD';

function isSmart({ query }: RequestPath): boolean {
  const services = query.getAll('service');
  return services.length === 1 && /^git-(?:upload|receive)-pack$/.test(services[0] ?? '');
}

const dumbProtocol = refuseAsText({
  what: 'only the smart protocol of git passes',
  remedy: 'Use git 1.6.6 or newer.',
});

function otherPage({ path }: RequestPath, method = ''): Respond {
  const what = `${method === '' ? '' : `${method} `}${quote(path)} is no page or archive of a repository`;
  return refuseAsText({ what, remedy: 'Use git or the API.' });
}

async function refuseWith({ body }: Pick<InterceptedRequest, 'body'>, response: Respond): Promise<Respond> {
  await drain(body);
  return response;
}

/** Contents of files, beside git. Uploads belong to no branch. */
async function reviewLfs(
  request: InterceptedRequest,
  below: readonly string[],
  name: string,
  rules: GithubRules,
): Promise<Verdict> {
  const { method, body } = request;
  const call = `${method} ${below.join('/')}`;
  const refuse = (what: string, remedy: string) => refuseAsJson({ what, remedy }, 403, lfsType);
  if (call === 'GET locks' || call === 'POST locks/verify') return pass;
  const isOfTask = taskRepository(rules, name) !== undefined;
  const isVerify = /^POST (?:objects\/)?(?:[\da-f]{64}\/)?verify$/.test(call);
  if (isVerify && isOfTask) return pass;
  if (call !== 'POST objects/batch' && !isVerify)
    return await refuseWith(request, refuse(`${quote(call)} of Git LFS`, 'Only objects and the list of locks pass.'));
  const batch = isVerify ? undefined : await readJson(body, maxBatchBytes);
  const operation = (batch as { operation?: unknown } | null | undefined)?.operation;
  if (operation === 'download' || (operation === 'upload' && isOfTask)) return { ...pass, ...jsonBody(batch) };
  if (isVerify || operation === 'upload') {
    const { what, remedy } = notOfTask(name);
    return await refuseWith(request, refuse(what, remedy));
  }
  return refuse('a batch of Git LFS without an operation', 'Use git-lfs.');
}
