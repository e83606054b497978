import type { InvokeAgentRequest } from '../plan42/messages.ts';

type Request = Pick<InvokeAgentRequest, 'Environment' | 'RepoURLs'> | undefined;

/**
 * The repositories of a request that are on GitHub, each once; by default those of its environment. The others are on the
 * server itself, and `RepoURLs` says where. Requests come from outside.
 */
export function githubRepos(request: Request, repos: unknown = request?.Environment?.Repos): string[] {
  const urls = request?.RepoURLs;
  const elsewhere = typeof urls === 'object' && urls !== null ? urls : {};
  const names = Array.isArray(repos) ? repos : [];
  return [...new Set(names)].filter(
    (name): name is string => typeof name === 'string' && isRepoName(name) && !Object.hasOwn(elsewhere, name),
  );
}

function isRepoName(name: string): boolean {
  const parts = name.split('/');
  return (
    name.length <= 200 &&
    parts.length === 2 &&
    parts.every((part) => /^\w[\w.-]*$/.test(part) && !part.endsWith('.git'))
  );
}
