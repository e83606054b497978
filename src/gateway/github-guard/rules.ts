/** Rules for a job on its GitHub. A part of the policy, which the runner computes. */
import * as v from 'valibot';

const TaskRepository = v.object({
  /** `owner/name` in lower case. */
  name: v.string(),
  /** Branches that pushes may change. A `*` stands for any text without a slash. No branch has one in its name. */
  branches: v.array(v.string()),
});

export const GithubRules = v.object({
  /** The host of the web pages and of git, canonical: `github.com`, or that of a GitHub Enterprise Server. */
  host: v.string(),
  port: v.number(),
  /** The table of the configuration that may allow more, for remedies: `[github.acme]`. */
  setting: v.string(),
  /** `any`: pushes may change every ref of the repositories of environment and task. */
  push: v.picklist(['task-branch', 'any']),
  /** `any`: requests to REST and GraphQL pass without a check. */
  api: v.picklist(['task', 'any']),
  /** Repositories of environment and task, which may be read and written as `push` and `api` say. */
  repositories: v.array(TaskRepository),
  /** Further ones that may be read: `owner/name` in lower case, `owner/*`, or `*`. */
  alsoRead: v.array(v.string()),
});
export type GithubRules = v.InferOutput<typeof GithubRules>;
export type TaskRepository = v.InferOutput<typeof TaskRepository>;

/** Where the rules name a repository that a request is for. The name is canonical, see `parseRepository`. */
export function taskRepository({ repositories }: GithubRules, name: string): TaskRepository | undefined {
  return repositories.find((repository) => repository.name === name);
}

export function mayRead(rules: GithubRules, name: string): boolean {
  if (taskRepository(rules, name) !== undefined) return true;
  const ofOwner = `${name.slice(0, name.indexOf('/'))}/*`;
  return rules.alsoRead.some((entry) => entry === '*' || entry === ofOwner || entry === name);
}

const headPrefix = 'refs/heads/';

/** @param ref with its bytes as Latin-1 */
export function mayPushRef({ push }: GithubRules, { branches }: TaskRepository, ref: string): boolean {
  if (push === 'any') return true;
  return (
    ref.startsWith(headPrefix) && branches.some((branch) => matches(asLatin1(branch), ref.slice(headPrefix.length)))
  );
}

export function isTaskBranch({ branches }: TaskRepository, branch: string): boolean {
  return branches.some((pattern) => matches(pattern, branch));
}

const asLatin1 = (text: string) => Buffer.from(text).toString('latin1');

function matches(pattern: string, branch: string): boolean {
  const star = pattern.indexOf('*');
  if (star < 0) return pattern === branch;
  const [before, after] = [pattern.slice(0, star), pattern.slice(star + 1)];
  if (branch.length < before.length + after.length || !branch.startsWith(before) || !branch.endsWith(after))
    return false;
  return !branch.slice(before.length, branch.length - after.length).includes('/');
}

/** The canonical name of a repository, as paths and the API name it; undefined if there can be none. */
export function parseRepository(owner: string, name: string): string | undefined {
  const bare = name.replace(/\.git$/i, '');
  if (!/^[a-z\d][\w-]{0,99}$/i.test(owner) || !/^[\w.-]{1,100}$/.test(bare) || /^\.{1,2}$/.test(bare)) return undefined;
  return `${owner}/${bare}`.toLowerCase();
}

/** As `parseRepository`, of `owner/name`. */
export function parseFullName(text: string): string | undefined {
  const [owner = '', name = '', ...rest] = text.split('/');
  return rest.length > 0 ? undefined : parseRepository(owner, name);
}
