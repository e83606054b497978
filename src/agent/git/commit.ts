import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeDurably } from '../../lib/files.ts';
import { readTextIfExists } from '../../lib/read-file.ts';
import { gitEnvironment } from './environment.ts';
import { type Git, git, tryGit } from './git.ts';
import { submodulePaths } from './submodules.ts';

/** Files that agents keep for themselves. */
const ofAgents = ['.aider*', '.claude/settings.local.json', '.plan42/'];

/**
 * Ignores the untracked files that are there now, such as packages that the setup script installed, and those that agents
 * keep for themselves.
 */
export async function ignoreUntracked(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  const local: Git = { folder, env: gitEnvironment(env) };
  const untracked = await git(local, ['ls-files', '--others', '--exclude-standard', '--directory', '-z']);
  const patterns = untracked
    .split('\0')
    .flatMap((path) => (path === '' || path.includes('\n') ? [] : [`/${escapePattern(path)}`]));
  const file = await git(local, ['rev-parse', '--path-format=absolute', '--git-path', 'info/exclude']);
  await mkdir(dirname(file), { recursive: true });
  await writeDurably(
    file,
    `${(await readTextIfExists(file)) ?? ''}\n${[...ofAgents, ...patterns].join('\n')}\n`,
    0o644,
  );
}

function escapePattern(path: string): string {
  return path.replaceAll(/[\\*?[\]]/g, '\\$&').replace(/ $/, '\\ ');
}

/** Commits all changes. Does nothing if there are none. */
export async function commitAll(
  folder: string,
  { message, env, log }: { message: string; env: NodeJS.ProcessEnv; log: (line: string) => void },
): Promise<void> {
  const local: Git = { folder, env: gitEnvironment(env) };
  // The agent may have been killed in the middle of a command.
  const lock = await git(local, ['rev-parse', '--path-format=absolute', '--git-path', 'index.lock']);
  await rm(lock, { force: true });
  await git(local, ['add', '--all', '--', ':/']);
  await leaveOutNestedRepositories(local, log);
  if ((await tryGit(local, ['diff', '--cached', '--quiet'])) !== undefined) return;
  await git(local, ['commit', '--quiet', '--no-verify', '--file=-'], { input: message });
}

// A repository that the agent has cloned into this one would become a link to a commit that exists only here.
async function leaveOutNestedRepositories(local: Git, log: (line: string) => void): Promise<void> {
  const changes = await git(local, ['diff', '--cached', '--raw', '--diff-filter=A', '-z', '--no-renames']);
  const parts = changes.split('\0');
  const links = parts.filter((_, index) => parts[index - 1]?.startsWith(':000000 160000 '));
  if (links.length === 0) return;
  const submodules = new Set(await submodulePaths(local));
  for (const path of links.filter((path) => !submodules.has(path))) {
    await git(local, ['rm', '--quiet', '--force', '--cached', '--', path]);
    log(`Left out ${path}, because it is a repository of its own.`);
  }
}
