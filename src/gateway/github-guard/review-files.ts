/** Decides about requests to the hosts that serve archives and files of repositories. */
import type { InterceptedRequest, Verdict } from '../intercept/hooks.ts';
import type { RequestPath } from '../request-path.ts';
import { drain } from './body.ts';
import { notReadable, quote, refuseAsText } from './refuse.ts';
import { repositoryIn } from './review-web.ts';
import { type GithubRules, mayRead } from './rules.ts';

export async function reviewFiles(
  { method, body }: InterceptedRequest,
  path: RequestPath,
  rules: GithubRules,
): Promise<Verdict> {
  const name = repositoryIn(path);
  if (name !== undefined && mayRead(rules, name) && (method === 'GET' || method === 'HEAD')) return { kind: 'pass' };
  await drain(body);
  if (name !== undefined && !mayRead(rules, name)) return refuseAsText(notReadable(rules, name));
  const what = `${method} ${quote(path.path)} is no file of a repository`;
  return refuseAsText({ what, remedy: 'Use git or the API.' });
}
