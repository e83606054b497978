/** The rules by which the gateway limits a job to its task on its GitHub. */
import type { Connection } from '../../config/schema.ts';
import { renderKey } from '../../config/toml/render.ts';
import { guardedHosts } from '../../gateway/github-guard/hosts.ts';
import { type GithubRules, parseFullName } from '../../gateway/github-guard/rules.ts';
import { parseHost } from '../../gateway/host-name.ts';
import type { InterceptedHost } from '../../gateway/policy.ts';
import { conflictBranch } from '../../plan42/hosted-repositories.ts';
import type { InvokeAgentRequest } from '../../plan42/messages.ts';
import { githubRepos } from '../github-repos.ts';

export interface GithubGuard {
  rules: GithubRules;
  /** The hosts of this GitHub. */
  guarded: readonly string[];
  /** Those of which TLS has to be intercepted. */
  hosts: InterceptedHost[];
}

export interface GuardRequest {
  /** The GitHub of the job. */
  url: URL;
  /** The table of the configuration for it, with its name; undefined for a GitHub that only the request names. */
  table: { name: string; connection: Pick<Connection, 'push' | 'api' | 'alsoRead'> } | undefined;
  invocation: InvokeAgentRequest | undefined;
}

const strict = { push: 'task-branch', api: 'task', alsoRead: [] } as const;

/** Undefined if the URL has no host that could be compared. */
export function githubGuard({ url, table, invocation }: GuardRequest): GithubGuard | undefined {
  const host = parseHost(url.hostname === 'api.github.com' ? 'github.com' : url.hostname);
  if (host === undefined) return undefined;
  const { push, api, alsoRead } = { ...strict, ...table?.connection };
  const guarded = guardedHosts(host.text);
  const port = Number(url.port) || (url.protocol === 'http:' ? 80 : 443);
  return {
    rules: {
      host: host.text,
      port,
      setting:
        table === undefined
          ? `a [github.NAME] table with url = "${url.origin}"`
          : `[github.${renderKey([table.name])}]`,
      push,
      api,
      repositories: repositoriesOf(invocation),
      alsoRead: alsoRead.map((entry) => entry.toLowerCase()),
    },
    guarded,
    hosts: url.protocol === 'http:' ? [] : guarded.map((name) => ({ host: name, port })),
  };
}

/**
 * Those of the environment that are on GitHub. Two spellings of one name are one repository. An agent can change the task: on
 * some servers it could add a repository for its next turn. So those of the task only count if the environment names none.
 */
function repositoriesOf(invocation: InvokeAgentRequest | undefined): GithubRules['repositories'] {
  const { Task, Turn, Environment } = invocation ?? {};
  const info = Task?.RepoInfo ?? {};
  const { Repos } = Environment ?? {};
  const ofTask = githubRepos(invocation, Object.keys(info));
  const ofEnvironment = githubRepos(invocation);
  const isNamed = Array.isArray(Repos) && Repos.length > 0;
  const named = new Set((isNamed ? ofEnvironment : ofTask).map(parseFullName));
  const branches = new Map<string, Set<string>>();
  for (const spelled of [...ofEnvironment, ...ofTask]) {
    const name = parseFullName(spelled);
    if (name === undefined || !named.has(name)) continue;
    const of = branches.get(name) ?? new Set();
    branches.set(name, of);
    for (const branch of branchesOf(info[spelled], Task?.TaskId ?? Turn?.TaskId, Turn?.TurnIndex)) of.add(branch);
  }
  return [...branches].map(([name, of]) => ({ name, branches: [...of] }));
}

type RepoInfo = { FeatureBranch?: string | null | undefined; TargetBranch?: string | null | undefined };

/** If the task has no branch yet, the agent chooses one that only this task uses. */
function branchesOf(info: RepoInfo | undefined, taskId: unknown, turnIndex: unknown): string[] {
  const { FeatureBranch: branch, TargetBranch: target } = info ?? {};
  const suffix = typeof taskId === 'string' ? taskId.slice(0, 8) : '';
  const chosen = branch || (/^[\w-]{8}$/.test(suffix) ? `plan42/*${suffix}` : '');
  // A `*` of the request would stand for any text. The branch that the work goes into is not for pushes.
  if (chosen === '' || branch?.includes('*') === true || chosen === target) return [];
  const turn = Number(turnIndex);
  // The work of a turn that conflicts with the branch is saved beside it.
  return [chosen, ...(Number.isSafeInteger(turn) ? [conflictBranch(chosen, turn)] : [])];
}
