/** Opens a pull request with the user's own credentials of git and GitHub. */
import { TurnFailure } from '../../agent/failures.ts';
import { GitError, git, tryGit } from '../../agent/git/git.ts';
import { connectGithub, type Github, GithubFailure } from '../../agent/github/client.ts';
import { ensurePullRequest } from '../../agent/github/pull-request.ts';
import { ExitCode, UserError } from '../../lib/errors.ts';
import { isLoopback } from '../../lib/loopback.ts';
import { runCommand } from '../../lib/run-command.ts';
import { createTransport } from '../../plan42/transport.ts';
import type { CliContext } from '../context.ts';
import type { LocalRepository } from './git/local-repository.ts';

export interface NewPullRequest {
  commit: string;
  branch: string;
  title: string;
  body: string;
}

export interface PullRequestPlan {
  /** Pushes the branch, and opens the pull request or updates it. Returns its URL. @throws UserError */
  open(wanted: NewPullRequest): Promise<string>;
}

/** A repository at GitHub, or at a GitHub Enterprise Server. */
export interface GithubRemote {
  /** The URL of the web page. */
  url: string;
  /** `org/repo` */
  repo: string;
}

/** Parses the URL of a remote, in any form that git knows. Undefined if it is no address of a server. */
export function parseRemote(text: string): URL | undefined {
  const scp = /^(?:[\w.-]+@)?([\w.-]+):(?!\/\/)(.+)$/.exec(text);
  const url = scp === null ? URL.parse(text) : URL.parse(`ssh://${scp[1]}/${scp[2]}`);
  return url !== null && /^(?:https?|ssh|git\+ssh|git):$/.test(url.protocol) ? url : undefined;
}

/** The URL of the remote that a pull request would go to. Undefined without one. */
export async function findRemoteUrl(repository: LocalRepository): Promise<string | undefined> {
  const remote = await remoteOf(repository).catch((error: unknown) => {
    if (error instanceof UserError) return undefined;
    throw error;
  });
  return remote === undefined ? undefined : tryGit(repository.git, ['remote', 'get-url', '--push', remote]);
}

/** The repository at github.com that a pull request would go to, `org/repo`. Undefined if it is elsewhere. */
export async function githubRepoOf(repository: LocalRepository): Promise<string | undefined> {
  const { url, repo } = parseGithubRemote((await findRemoteUrl(repository)) ?? '') ?? {};
  return url === 'https://github.com' ? repo : undefined;
}

/** Parses the URL of a remote, in any form that git knows. Undefined if it cannot be a repository at GitHub. */
export function parseGithubRemote(text: string): GithubRemote | undefined {
  const url = parseRemote(text);
  if (url === undefined) return undefined;
  const [, repo] = /^\/+([\w.-]+\/[\w.-]+?)(?:\.git)?\/*$/.exec(url.pathname) ?? [];
  if (repo === undefined || url.hostname === '') return undefined;
  // GitHub's host for SSH through firewalls.
  const host = url.hostname === 'ssh.github.com' ? 'github.com' : url.hostname;
  const isWeb = /^https?:$/.test(url.protocol);
  return { url: isWeb ? url.origin : `https://${host}`, repo };
}

/**
 * Finds out where the pull request goes, and the token for it.
 * @throws UserError if there is no remote at GitHub, or no token
 */
export async function preparePullRequest(context: CliContext, repository: LocalRepository): Promise<PullRequestPlan> {
  const own = repository.git;
  const remote = await remoteOf(repository);
  const parsed = parseGithubRemote(await git(own, ['remote', 'get-url', '--push', remote]));
  const remedy = 'Omit --pr, and open it yourself.';
  const reject = (why: string) => new UserError(`cannot open a pull request: ${why}`, { remedy });
  if (parsed === undefined) throw reject(`the remote ${remote} is not a repository at GitHub`);
  const { protocol, hostname } = new URL(parsed.url);
  if (protocol === 'http:' && !isLoopback(hostname)) throw reject(`the remote ${remote} is not encrypted`);
  const token = await findToken(context, hostname);
  return { open: (wanted) => open(context, repository, { remote, ...parsed, token }, wanted) };
}

async function remoteOf({ git: own, branch }: LocalRepository): Promise<string> {
  const configured =
    branch === undefined ? undefined : await tryGit(own, ['config', '--get', `branch.${branch}.remote`]);
  const all = (await git(own, ['remote'])).split('\n').filter((name) => name !== '');
  const chosen = [configured, 'origin', all.length === 1 ? all[0] : undefined].find(
    (name) => name !== undefined && all.includes(name),
  );
  if (chosen !== undefined) return chosen;
  throw new UserError('cannot open a pull request: the repository has no remote', {
    remedy: 'Add one with "git remote add origin URL", or omit --pr.',
    exitCode: ExitCode.configuration,
  });
}

const ghTimeoutMs = 10_000;

/** The variables have the order and meaning that GitHub's own command gives them. */
async function findToken({ env, signal }: CliContext, hostname: string): Promise<string> {
  const isPublic = hostname === 'github.com' || hostname.endsWith('.ghe.com');
  const names = isPublic ? ['GH_TOKEN', 'GITHUB_TOKEN'] : ['GH_ENTERPRISE_TOKEN', 'GITHUB_ENTERPRISE_TOKEN'];
  const found = names.map((name) => env[name]).find(Boolean);
  if (found) return found;
  const gh = await runCommand('gh', ['auth', 'token', '--hostname', hostname], {
    env,
    signal,
    timeoutMs: ghTimeoutMs,
  }).catch(() => undefined);
  const token = gh?.exitCode === 0 ? gh.stdout.trim() : '';
  if (token !== '') return token;
  throw new UserError(`cannot open a pull request: there is no token for ${hostname}`, {
    remedy: `Set ${names.join(' or ')}, or run: gh auth login --hostname ${hostname}`,
    exitCode: ExitCode.token,
  });
}

interface Target extends GithubRemote {
  remote: string;
  token: string;
}

async function open(
  { env, signal, stderr }: CliContext,
  repository: LocalRepository,
  { remote, url, repo, token }: Target,
  { commit, branch, title, body }: NewPullRequest,
): Promise<string> {
  const own = repository.git;
  stderr.write(`Pushing ${branch} to ${remote}.\n`);
  // The user's own git may ask for a password.
  const asking = { ...own, env: { ...own.env, GIT_TERMINAL_PROMPT: stderr.isTTY ? '1' : '0' } };
  try {
    await git(asking, ['push', '--quiet', '--no-follow-tags', remote, `${commit}:refs/heads/${branch}`]);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    throw new UserError(`cannot push ${branch} to ${remote}: ${error.message}`, {
      remedy: `Push it yourself: git push ${remote} ${branch}`,
      cause: error,
    });
  }
  const transport = createTransport({ env });
  try {
    const github = connectGithub({ githubUrl: url, githubToken: token }, { transport, signal });
    const targetBranch = await targetOf(repository, github, repo, remote);
    const wanted = { repo, featureBranch: branch, targetBranch, title, section: body };
    return (await ensurePullRequest(github, wanted)).html_url;
  } catch (error) {
    if (!(error instanceof TurnFailure || error instanceof GithubFailure)) throw error;
    throw new UserError(error.message, { cause: error });
  } finally {
    await transport.destroy();
  }
}

/** The branch that the current one follows, or else the default branch of the repository. */
async function targetOf({ git: own, branch }: LocalRepository, github: Github, repo: string, remote: string) {
  const merge = branch === undefined ? undefined : await tryGit(own, ['config', '--get', `branch.${branch}.merge`]);
  const upstream = merge?.replace(/^refs\/heads\//, '');
  if (upstream && (await tryGit(own, ['rev-parse', '--verify', '--quiet', `refs/remotes/${remote}/${upstream}`])))
    return upstream;
  const found = (await github.rest({ path: `/repos/${repo}` })) as { default_branch?: unknown };
  return typeof found.default_branch === 'string' ? found.default_branch : 'main';
}
