import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeDurably } from '../../lib/files.ts';
import { readTextIfExists } from '../../lib/read-file.ts';
import { gitEnvironment } from './environment.ts';
import { type Git, git } from './git.ts';

/** Files that agents keep for themselves. */
const ofAgents = ['.aider*', '.claude/settings.local.json', '.plan42/'];

/**
 * Ignores the untracked files that are there now, such as packages that the setup script installed, and those that agents
 * keep for themselves. Returns the patterns.
 */
export async function ignoreUntracked(folder: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  const local: Git = { folder, env: gitEnvironment(env) };
  const untracked = await git(local, ['ls-files', '--others', '--exclude-standard', '--directory', '-z']);
  const patterns = untracked
    .split('\0')
    .flatMap((path) => (path === '' || path.includes('\n') ? [] : [`/${escapePattern(path)}`]));
  const ignored = [...ofAgents, ...patterns];
  await addIgnored(local, ignored);
  return ignored;
}

/** Adds patterns to those that only this clone ignores. */
export async function addIgnored(local: Git, patterns: readonly string[]): Promise<void> {
  const file = await git(local, ['rev-parse', '--path-format=absolute', '--git-path', 'info/exclude']);
  await mkdir(dirname(file), { recursive: true });
  await writeDurably(file, `${(await readTextIfExists(file)) ?? ''}\n${patterns.join('\n')}\n`, 0o644);
}

function escapePattern(path: string): string {
  return path.replaceAll(/[\\*?[\]]/g, '\\$&').replace(/ $/, '\\ ');
}
